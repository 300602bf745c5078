//! What a stack file says of its stack beside the template: policy, topics, values kept elsewhere.

use anyhow::Result;
use infra_tests::sandbox::{ACCOUNTS, EXTERNAL_ID, Parts, ROLE};
use infra_tests::stage::{QUEUE_TEMPLATE, REGION, Stage};
use serde_json::json;

use super::story::{assert_says, here};

const KEPT: &str = "Parameters: {Value: {Type: String, NoEcho: true}}
Resources:
  Kept:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub '/${AWS::StackName}', Type: String, Value: !Ref Value}
";

#[tokio::test]
async fn a_stack_policy_is_set_kept_and_put_back() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let keep = r#"{"Statement": [{"Effect": "Deny", "Action": "Update:Delete", "Principal": "*", "Resource": "*"}]}"#;
    stage.write("templates/policies/keep.json", keep)?;
    stage.write(&here("jobs"), "Template: queue.yaml\nParameters: {Timeout: 30}\nStackPolicy: policies/keep.json\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    let owner = stage.owner()?;
    let policy = async || owner.query("cloudformation", REGION, "GetStackPolicy", &[("StackName", "jobs")]).await;
    assert!(policy().await?.contains("Update:Delete"));
    stage.run(&["plan"], 0).await?;

    let open = [("StackName", "jobs"), ("StackPolicyBody", r#"{"Statement": []}"#)];
    owner.query("cloudformation", REGION, "SetStackPolicy", &open).await?;
    assert_says(&stage.run(&["plan"], 2).await?, "/StackPolicy");
    stage.run(&["sync", "--yes"], 0).await?;
    assert!(policy().await?.contains("Update:Delete"));

    stage.write("templates/policies/keep.json", "Statement: []\n")?;
    stage.push()?;
    assert_says(&stage.run(&["check"], 65).await?, "`templates/policies/keep.json` is no JSON");
    Ok(())
}

#[tokio::test]
async fn a_secret_is_read_by_cloudformation_alone_and_ssm_in_another_account() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let owner = stage.owner()?;
    let secret = json!({"Name": "shop/db", "SecretString": r#"{"password": "canary-secret"}"#});
    owner.json("secretsmanager", REGION, "secretsmanager.CreateSecret", &secret).await?;
    let shared = json!({"Name": "/shared/word", "Value": "from-far", "Type": "String"});
    let other = stage.sandbox.account_owner(ACCOUNTS[1])?;
    other.json("ssm", "eu-central-1", "AmazonSSM.PutParameter", &shared).await?;
    stage.write("templates/kept.yaml", KEPT)?;
    stage.write(
        &here("secret"),
        "Template: kept.yaml\nParameters:\n- {Name: Value, Type: Secret, Value: 'shop/db:password'}\n",
    )?;
    let far = format!(
        "Template: kept.yaml\nParameters:\n- {{Name: Value, Type: SSM, Value: /shared/word, At: {}/eu-central-1}}\n",
        ACCOUNTS[1]
    );
    stage.write(&here("far"), &far)?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes", "--verbose", "--verbose"], 0).await?;
    assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"), "{}{}", ran.stdout, ran.stderr);
    let value = async |name: &str| owner.json("ssm", REGION, "AmazonSSM.GetParameter", &json!({"Name": name})).await;
    assert!(value("/secret").await?.contains("canary-secret"));
    assert!(value("/far").await?.contains("from-far"));
    let counts = stage.sandbox.proxy().counts();
    assert_eq!(counts.of("GetSecretValue"), 0, "the value passes through nobody's hands");
    Ok(())
}

/// What each change set was made with.
fn sent(stage: &Stage, field: &str) -> Vec<Option<String>> {
    stage.sandbox.proxy().sent("CreateChangeSet", field)
}

#[tokio::test]
async fn a_service_role_is_sent_where_an_operator_names_one_and_topics_where_a_file_does() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let plain = "Template: queue.yaml\nParameters: {Timeout: 30}\n";
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(sent(&stage, "RoleARN"), [None], "the role of whoever calls, and none that would stick to the stack");
    assert_eq!(sent(&stage, "NotificationARNs.member.1"), [None], "what the stack has stays");

    let aws = json!({"aws": {"role": ROLE, "externalId": EXTERNAL_ID, "serviceRole": "cloudformation"}});
    stage.operator(&aws.to_string())?;
    let topic = format!("arn:aws:sns:{REGION}:{}:stacks", ACCOUNTS[0]);
    stage.write(&here("jobs"), &format!("{}NotificationArns: ['{topic}']\n", plain.replace("30", "60")))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    let role = format!("arn:aws:iam::{}:role/cloudformation", ACCOUNTS[0]);
    assert_eq!(sent(&stage, "RoleARN").last(), Some(&Some(role)));
    assert_eq!(sent(&stage, "NotificationARNs.member.1").last(), Some(&Some(topic)));
    Ok(())
}

#[tokio::test]
async fn by_cloudgenesis_rule_a_changed_template_goes_with_the_next_change_to_its_file() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.write(
        "templates/queue.yaml",
        &QUEUE_TEMPLATE.replace("    Properties:", "    DeletionPolicy: Delete\n    Properties:"),
    )?;
    stage.push()?;
    stage.run(&["plan"], 2).await?;

    stage.write("groundplan.yaml", "repository: shop\ntemplateChanges: ignored\n")?;
    stage.push()?;
    assert_says(&stage.run(&["check"], 0).await?, "a template that changes alone is not deployed");
    let sets = stage.sandbox.proxy().counts().of("CreateChangeSet");
    stage.run(&["plan"], 0).await?;
    assert_eq!(stage.sandbox.proxy().counts().of("CreateChangeSet"), sets, "nothing is asked for it");

    stage.write(&here("jobs"), "Template: queue.yaml\nParameters: {Timeout: 60}\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    let owner = stage.owner()?;
    let deployed = owner.query("cloudformation", REGION, "GetTemplate", &[("StackName", "jobs")]).await?;
    assert!(deployed.contains("DeletionPolicy"), "{deployed}");
    Ok(())
}
