//! What somebody made otherwise becomes part of a stack, without being made anew.

use anyhow::Result;
use infra_tests::sandbox::Parts;
use infra_tests::stage::{REGION, Stage};
use serde_json::json;

use super::story::{assert_says, here};

const ITEMS: &str = "  Items:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: orders
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
";
const WORK: &str = "  Work: {Type: AWS::SQS::Queue, Properties: {QueueName: work}}\n";
const FILE: &str = "Template: data.yaml\nImport: {Items: {TableName: orders}}\n";

/// A table that no stack made, with one item in it.
async fn given() -> Result<Stage> {
    let stage = Stage::set(Parts::AWS).await?;
    let table = json!({
        "TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    });
    let owner = stage.owner()?;
    owner.json("dynamodb", REGION, "DynamoDB_20120810.CreateTable", &table).await?;
    let item = json!({"TableName": "orders", "Item": {"id": {"S": "kept"}}});
    owner.json("dynamodb", REGION, "DynamoDB_20120810.PutItem", &item).await?;
    Ok(stage)
}

async fn assert_kept(stage: &Stage) -> Result<()> {
    let all = json!({"TableName": "orders"});
    let held = stage.owner()?.json("dynamodb", REGION, "DynamoDB_20120810.Scan", &all).await?;
    assert!(held.contains("kept"), "{held}");
    Ok(())
}

#[tokio::test]
async fn a_stack_begins_with_what_is_there_and_grows_afterwards() -> Result<()> {
    let stage = given().await?;
    stage.write("templates/data.yaml", &format!("Resources:\n{ITEMS}"))?;
    stage.write(&here("data"), FILE)?;
    stage.push()?;
    let planned = stage.run(&["plan", "--verbose"], 2).await?;
    assert_says(
        &planned,
        "takes over what is there already: Items (AWS::DynamoDB::Table) as TableName orders (--agree import)",
    );
    let refused = stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&refused, "takes over what is there already: Items (AWS::DynamoDB::Table) as TableName orders");
    assert_says(&refused, "--agree import");
    stage.run(&["sync", "--yes", "--agree", "import"], 0).await?;
    assert!(stage.stack("data").await?.contains("IMPORT_COMPLETE"));
    assert_kept(&stage).await?;

    // The entry may stay, and means nothing more.
    stage.run(&["plan"], 0).await?;
    stage.write("templates/data.yaml", &format!("Resources:\n{ITEMS}{WORK}"))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    assert!(stage.stack("data").await?.contains("UPDATE_COMPLETE"));
    assert_kept(&stage).await
}

#[tokio::test]
async fn a_stack_that_is_there_takes_over_one_thing_and_nothing_else_at_the_same_time() -> Result<()> {
    let stage = given().await?;
    stage.write("templates/data.yaml", &format!("Resources:\n{WORK}"))?;
    stage.write(&here("data"), "Template: data.yaml\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.write("templates/data.yaml", &format!("Resources:\n{WORK}{ITEMS}"))?;
    stage.write(&here("data"), FILE)?;
    stage.push()?;
    assert_says(&stage.run(&["sync", "--yes"], 1).await?, "--agree import");
    stage.run(&["sync", "--yes", "--agree", "import"], 0).await?;
    assert!(stage.stack("data").await?.contains("IMPORT_COMPLETE"));
    assert_kept(&stage).await?;
    stage.run(&["plan"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn an_import_that_cannot_be_is_told_before_anything_is_done() -> Result<()> {
    let stage = given().await?;
    let unsafe_table = ITEMS.replace("    DeletionPolicy: Retain\n", "");
    stage.write("templates/data.yaml", &format!("Resources:\n{unsafe_table}"))?;
    stage.write(&here("data"), FILE)?;
    stage.push()?;
    assert_says(&stage.run(&["check"], 65).await?, "`Items` cannot be imported: its template says no `DeletionPolicy`");
    stage.write("templates/data.yaml", &format!("Resources:\n{ITEMS}{WORK}"))?;
    stage.push()?;
    let ran = stage.run(&["plan"], 1).await?;
    assert_says(&ran, "the stack `data` begins with an import, which cannot also make Work");
    stage.write("templates/data.yaml", &format!("Resources:\n{ITEMS}"))?;
    stage.write(&here("data"), &FILE.replace("Items:", "Item:"))?;
    stage.push()?;
    assert_says(&stage.run(&["check"], 65).await?, "did you mean `Items`?");
    assert_eq!(stage.sandbox.proxy().counts().of("CreateChangeSet"), 0);
    assert_kept(&stage).await
}
