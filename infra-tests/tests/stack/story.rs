//! Stacks as a user meets them: a repository is pushed, and commands are run.

use anyhow::Result;
use infra_tests::product::Ran;
use infra_tests::sandbox::{ACCOUNTS, Parts};
use infra_tests::stage::{REGION, Stage};
use serde_json::json;

/// A queue whose timeout others may take.
const CHAIN: &str = "Parameters:
  Timeout: {Type: String}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub '${AWS::StackName}-jobs', VisibilityTimeout: !Ref Timeout}
Outputs:
  Seconds: {Value: !Ref Timeout}
";
const BROKEN: &str = "Resources: {Bad: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: soon}}}\n";

pub(crate) fn here(name: &str) -> String {
    format!("stacks/{}/{REGION}/{name}.yaml", ACCOUNTS[0])
}

/// Told, and nothing else.
pub(crate) fn assert_says(ran: &Ran, words: &str) {
    assert!(ran.stderr.contains(words) || ran.stdout.contains(words), "{words}:\n{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn an_output_crosses_accounts_and_regions_and_follows_its_change() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.write("templates/chain.yaml", CHAIN)?;
    stage.write(&here("first"), "Template: chain.yaml\nParameters: {Timeout: 30}\n")?;
    let there = format!("stacks/{}/eu-central-1/second.yaml", ACCOUNTS[1]);
    let second = "Template: chain.yaml\nParameters:\n- {Name: Timeout, Type: Output, Value: first.Seconds}\n";
    stage.write(&there, second)?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.write(&here("first"), "Template: chain.yaml\nParameters: {Timeout: 60}\n")?;
    stage.push()?;
    let planned = stage.run(&["plan", "--format", "json"], 2).await?.json()?;
    let second = format!("stacks/{}/eu-central-1/second", ACCOUNTS[1]);
    let follows = &planned["units"][second.as_str()]["found"]["follows"];
    assert_eq!(follows, &json!([format!("stacks/{}/{REGION}/first", ACCOUNTS[0])]), "{planned:#}");
    stage.run(&["sync", "--yes"], 0).await?;
    let owner = stage.sandbox.account_owner(ACCOUNTS[1])?;
    let told = owner.query("cloudformation", "eu-central-1", "DescribeStacks", &[("StackName", "second")]).await?;
    assert!(told.contains("<ParameterValue>60</ParameterValue>"), "{told}");
    stage.run(&["plan"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_stack_that_fails_stops_what_waits_for_it_and_nothing_else() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.write("templates/broken.yaml", BROKEN)?;
    stage.write(&here("broken"), "Template: broken.yaml\n")?;
    stage.write(&here("waiting"), "Template: queue.yaml\nParameters: {Timeout: 5}\nDependsOn: [broken]\n")?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 3).await?;
    assert_says(&ran, "`Bad`, AWS::SQS::Queue (templates/broken.yaml:1)");
    assert_eq!(stage.stacks().await?, ["broken", "jobs"]);

    // Deleted by hand it is gone, and made again where it was.
    stage.owner()?.query("cloudformation", REGION, "DeleteStack", &[("StackName", "jobs")]).await?;
    stage.write(&here("broken"), "Template: queue.yaml\nParameters: {Timeout: 5}\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(stage.stacks().await?, ["broken", "jobs", "waiting"]);
    stage.run(&["plan"], 0).await?;
    Ok(())
}

fn data(table: &str, with_bucket: bool) -> String {
    let bucket = if with_bucket { "  Files: {Type: 'AWS::S3::Bucket'}\n" } else { "" };
    format!(
        "Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: {table}
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
      BillingMode: PAY_PER_REQUEST
{bucket}"
    )
}

#[tokio::test]
async fn what_replaces_or_deletes_data_is_named_and_needs_its_word() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.write("templates/data.yaml", &data("items", true))?;
    stage.write(&here("data"), "Template: data.yaml\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.write("templates/data.yaml", &data("other-items", false))?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&ran, "Items (AWS::DynamoDB::Table) would be replaced");
    assert_says(&ran, "Files (AWS::S3::Bucket) would be deleted");
    assert_says(&ran, "--agree delete --agree replace");
    stage.run(&["sync", "--yes", "--agree", "replace"], 1).await?;
    assert_eq!(stage.sandbox.proxy().counts().of("ExecuteChangeSet"), 2, "the two first deployments");
    stage.run(&["sync", "--yes", "--agree", "replace", "--agree", "delete"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_missing_capability_is_told_at_plan_with_its_line() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let role = "Resources:\n  Worker:\n    Type: AWS::IAM::Role\n    Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}}\n";
    stage.write("templates/role.yaml", role)?;
    stage.write(&here("role"), "Template: role.yaml\n")?;
    stage.push()?;
    let ran = stage.run(&["plan"], 1).await?;
    assert_says(&ran, "`Worker`, AWS::IAM::Role (templates/role.yaml:2) needs `CAPABILITY_IAM`");
    assert_says(&ran, "add `Capabilities: [CAPABILITY_IAM]` to stacks/111111111111/eu-west-1/role.yaml");
    assert_eq!(stage.sandbox.proxy().counts().of("CreateChangeSet"), 0);
    Ok(())
}

#[tokio::test]
async fn a_changed_secret_is_told_as_hidden_and_sent() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let template = "Parameters: {Token: {Type: String, NoEcho: true}}\nResources:\n  Kept: {Type: 'AWS::SSM::Parameter', Properties: {Name: /kept, Type: String, Value: !Ref Token}}\n";
    stage.write("templates/secret.yaml", template)?;
    let file = "Template: secret.yaml\nParameters:\n- {Name: Token, Type: SSM, Value: /shared/token}\n";
    stage.write(&here("secret"), file)?;
    stage.push()?;
    let owner = stage.owner()?;
    let put = async |value: &str| {
        let body = json!({"Name": "/shared/token", "Value": value, "Type": "SecureString", "Overwrite": true});
        owner.json("ssm", REGION, "AmazonSSM.PutParameter", &body).await
    };
    put("canary-one").await?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.run(&["plan"], 0).await?;
    put("canary-two").await?;
    let shown = stage.run(&["plan", "--verbose"], 2).await?;
    assert_says(&shown, "(hidden)");
    let synced = stage.run(&["sync", "--yes", "--verbose"], 0).await?;
    for ran in [&shown, &synced] {
        assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"), "{}{}", ran.stdout, ran.stderr);
    }
    let kept = owner.json("ssm", REGION, "AmazonSSM.GetParameter", &json!({"Name": "/kept"})).await?;
    assert!(kept.contains("canary-two"), "{kept}");
    Ok(())
}

#[tokio::test]
async fn a_change_of_rights_needs_its_word_each_time() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let role = |path: &str, timeout: u32| {
        format!(
            "Resources:\n  Worker:\n    Type: AWS::IAM::Role\n    Properties: {{Path: /{path}/, AssumeRolePolicyDocument: {{Version: '2012-10-17', Statement: []}}}}\n  Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: work, VisibilityTimeout: {timeout}}}}}\n"
        )
    };
    stage.write("templates/role.yaml", &role("one", 30))?;
    stage.write(&here("role"), "Template: role.yaml\nCapabilities: [CAPABILITY_IAM]\n")?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&ran, "touches identities and their rights: `Worker` (AWS::IAM::Role), with CAPABILITY_IAM");
    assert_says(&ran, "help: --agree iam");
    assert_eq!(stage.stacks().await?, Vec::<String>::new());
    stage.run(&["sync", "--yes", "--agree", "iam"], 0).await?;

    // Of the same stack, what is no matter of rights asks for nothing.
    stage.write("templates/role.yaml", &role("one", 60))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.write("templates/role.yaml", &role("two", 60))?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes", "--agree", "replace"], 1).await?;
    assert_says(&ran, "help: --agree iam");
    Ok(())
}

#[tokio::test]
async fn a_role_that_is_known_only_later_is_agreed_to_with_the_plan() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let role = "Parameters: {Name: {Type: String}}\nResources:\n  Worker:\n    Type: AWS::IAM::Role\n    Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}, Tags: [{Key: queue, Value: !Ref Name}]}\n";
    stage.write("templates/role.yaml", role)?;
    let file = "Template: role.yaml\nCapabilities: [CAPABILITY_IAM]\nParameters:\n- {Name: Name, Type: Output, Value: jobs.Name}\n";
    stage.write(&here("role"), file)?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&ran, "`Worker` (AWS::IAM::Role)");
    stage.run(&["sync", "--yes", "--agree", "iam"], 0).await?;
    assert_eq!(stage.stacks().await?, ["jobs", "role"]);
    Ok(())
}

#[tokio::test]
async fn an_older_stack_that_imports_from_a_younger_one_goes_before_it() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let queue = |name: &str| format!("Resources:\n  Q: {{Type: AWS::SQS::Queue, Properties: {{QueueName: {name}}}}}\n");
    stage.write("templates/reader.yaml", &queue("'read'"))?;
    stage.write(&here("reader"), "Template: reader.yaml\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    let base = format!("{}Outputs: {{Word: {{Value: word, Export: {{Name: base-word}}}}}}\n", queue("base"));
    stage.write("templates/base.yaml", &base)?;
    stage.write(&here("base"), "Template: base.yaml\n")?;
    let more =
        "  More: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub ['${W}-more', {W: !ImportValue base-word}]}}\n";
    stage.write("templates/reader.yaml", &format!("{}{more}", queue("'read'")))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;

    stage.remove(&here("reader"))?;
    stage.remove(&here("base"))?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes", "--agree", "delete"], 1).await?;
    assert_says(&ran, "its export `base-word` is imported by `reader`");
    let base = format!("protected:{}", here("base").trim_end_matches(".yaml"));
    stage.run(&["sync", "--yes", "--agree", "delete", "--agree", &base], 0).await?;
    assert_eq!(stage.stacks().await?, ["jobs"]);
    Ok(())
}
