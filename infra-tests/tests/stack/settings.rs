//! What a stack file says of its stack beside the template: policy, topics, values kept elsewhere.

use anyhow::Result;
use infra_tests::sandbox::{ACCOUNTS, Parts};
use infra_tests::stage::{REGION, Stage};
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
