//! No secret that passes through is told anywhere, at the chattiest level.

use std::fs;
use std::path::Path;

use anyhow::Result;
use infra_tests::sandbox::{ACCOUNTS, Parts};
use infra_tests::slack::{ALERTS, APP_TOKEN, BOT_TOKEN, OPERATOR, SIGNING_SECRET};
use infra_tests::stage::{REGION, Stage, becomes};
use serde_json::json;

const HOME: &str = "999999999999";
const IN_SSM: &str = "canary-in-ssm-1";
const IN_STACK: &str = "canary-in-stack-2";
const IN_OBJECT: &str = "canary-in-object-3";
const OF_GIT: &str = "canary-of-git-4";
const TEMPLATE: &str = "Parameters:
  Plain: {Type: String, NoEcho: true}
  Kept: {Type: String, NoEcho: true}
  Timeout: {Type: Number}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub '${AWS::StackName}-jobs', VisibilityTimeout: !Ref Timeout}
Outputs:
  Name: {Value: !GetAtt Jobs.QueueName}
";

async fn declare(stage: &Stage, timeout: u32) -> Result<()> {
    let settings =
        "repository: shop\nenvironments:\n  production: {paths: [stacks/*, clusters/shop], alerts: platform}\n";
    stage.write("groundplan.yaml", settings)?;
    stage.write("templates/secret.yaml", TEMPLATE)?;
    let parameters = format!(
        "Template: secret.yaml\nParameters:\n  - {{Name: Plain, Value: {IN_STACK}}}\n  - {{Name: Kept, Type: SSM, Value: /shop/key}}\n  - {{Name: Timeout, Value: {timeout}}}\n"
    );
    stage.write(&format!("stacks/{}/{REGION}/jobs.yaml", ACCOUNTS[0]), &parameters)?;
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: key, namespace: default}}\nstringData: {{key: {IN_OBJECT}}}\n"
    );
    stage.write("clusters/shop/web/secret.yaml", &secret)?;
    stage.push().map(drop)
}

#[tokio::test]
async fn no_canary_comes_out_anywhere() -> Result<()> {
    let mut stage = Stage::set(Parts::ALL).await?;
    stage.product = stage.product.clone().with("GROUNDPLAN_GIT_TOKEN", OF_GIT).with("GROUNDPLAN_LOG", "trace");
    keep_in_ssm(&stage).await?;
    declare(&stage, 30).await?;
    let mut said = String::new();
    let run = async |stage: &Stage, arguments: &[&str], code: i32| -> Result<String> {
        let ran = stage.run(arguments, code).await?;
        Ok(ran.stdout + &ran.stderr)
    };
    for (arguments, code) in [
        (&["check", "-vvv"][..], 0),
        (&["plan", "-vvv"], 2),
        (&["sync", "--yes", "-vvv"], 0),
        (&["plan", "--format", "json", "-vvv"], 0),
    ] {
        said += &run(&stage, arguments, code).await?;
    }
    assert!(said.contains("DEBUG aws_"), "what the clients log is there to be searched");
    stage.set_timeout_of("jobs", "77").await?;
    let patch = ["-n", "default", "patch", "secret", "key", "-p", "{\"stringData\":{\"key\":\"canary-by-hand-5\"}}"];
    infra_tests::shop::kubectl(&stage.sandbox.kubeconfig(), &patch).await?;
    said += &run(&stage, &["drift", "--notify", "-vvv"], 2).await?;
    said += &run(&stage, &["drift", "--format", "json", "-vvv"], 2).await?;
    let slack = stage.sandbox.slack();
    let service = stage.start(&["serve", "-vvv"])?;
    assert!(slack.connected(1, std::time::Duration::from_secs(30)).await);
    let ts = slack.messages(ALERTS)[0].ts.clone();
    slack.press(ALERTS, &ts, "case_sync", OPERATOR).await?;
    becomes("the case to be resolved", async || Ok(slack.show(ALERTS).contains("esolved"))).await?;
    drop(service);
    said += &fs::read_to_string(stage.sandbox.logs().join("started.log"))?;
    said += &serde_json::to_string(&slack.messages(ALERTS))?;
    for path in fs::read_dir(stage.sandbox.logs())?.flatten().map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("store.db")) {
            said += &String::from_utf8_lossy(&fs::read(path)?);
        }
    }
    said += &all_text(&stage.sandbox.logs().join("cache"))?;
    let encoded = "Y2FuYXJ5LWluLW9iamVjdC0z";
    let key = stage.sandbox.operator().secret.clone();
    let canaries =
        [IN_SSM, IN_STACK, IN_OBJECT, encoded, OF_GIT, "canary-by-hand-5", BOT_TOKEN, APP_TOKEN, SIGNING_SECRET, &key];
    for canary in canaries {
        let line = said.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
    Ok(())
}

/// In the operator's own account, where he may read it, and in the stack's.
async fn keep_in_ssm(stage: &Stage) -> Result<()> {
    let parameter = json!({"Name": "/shop/key", "Type": "SecureString", "Value": IN_SSM});
    for account in [HOME, ACCOUNTS[0]] {
        let owner = stage.sandbox.account_owner(account)?;
        owner.json("ssm", REGION, "AmazonSSM.PutParameter", &parameter).await?;
    }
    let allowed = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "*"},
    ]});
    let allowed = allowed.to_string();
    let policy = [("UserName", "operator"), ("PolicyName", "read"), ("PolicyDocument", allowed.as_str())];
    stage.sandbox.account_owner(HOME)?.query("iam", "us-east-1", "PutUserPolicy", &policy).await.map(drop)
}

/// The plain text of every file below a folder; Git's own objects are packed, and are the repository itself.
fn all_text(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        text += &if path.is_dir() { all_text(&path)? } else { String::from_utf8_lossy(&fs::read(&path)?).into_owned() };
    }
    Ok(text)
}
