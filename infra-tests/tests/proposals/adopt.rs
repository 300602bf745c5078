//! A drift that is to stay: the live value, written to where Git says it, and proven before the push.

use anyhow::{Context, Result};
use infra_tests::sandbox::Parts;
use infra_tests::stage::{QUEUE, Stage, config};
use serde_json::{Value, json};

use crate::given::{branches, case, drifted, drifted_with, git, id, merge, settings};

const MAY: &str = "[adopt, recheck]";

async fn adopt(stage: &Stage, more: &[&str], code: i32) -> Result<String> {
    let id = id(stage).await?;
    let ran = stage.run(&[&["case", "adopt", &id], more].concat(), code).await?;
    Ok(ran.stderr + &ran.stdout)
}

#[tokio::test]
async fn acceptance_18_after_an_adopted_drift_is_merged_a_sync_writes_to_no_resource() -> Result<()> {
    let stage = drifted(MAY).await?;
    let (id, main) = (id(&stage).await?, git(&stage, &["rev-parse", "main"])?);
    let before = stage.sandbox.proxy().counts();
    adopt(&stage, &[], 0).await?;
    let asked = stage.sandbox.proxy().counts().since(&before);
    assert_eq!((asked.of("ExecuteChangeSet"), asked.of("UpdateStack")), (0, 0), "a proof executes nothing");
    let branch = format!("groundplan/adopt/{id}");
    let file = format!("{QUEUE}.yaml");
    assert_eq!(git(&stage, &["diff", "--name-only", "main", &branch])?, format!("{file}\n"));
    let text = git(&stage, &["show", &format!("{branch}:{file}")])?;
    assert_eq!(text, "Template: queue.yaml\nParameters: {Timeout: 77}\n");
    let message = git(&stage, &["log", "-1", "--format=%B", &branch])?;
    assert!(message.contains("30 → 77") && message.contains("Merging changes nothing live."), "{message}");
    assert!(message.contains(&format!("Drift-Case: {id}\nRequested-By: login:")), "{message}");
    let first = git(&stage, &["rev-parse", &branch])?;
    adopt(&stage, &[], 0).await?;
    assert_eq!(git(&stage, &["rev-parse", &branch])?, first, "the same wish is the same commit");
    assert_eq!(git(&stage, &["rev-parse", "main"])?, main);
    stage.run(&["drift"], 2).await?;

    merge(&stage, &branch)?;
    let plan = stage.run(&["plan", "--drift", "--format", "json"], 2).await?.json()?;
    let items = differences(&plan);
    assert_eq!(items, ["Parameters /Timeout"], "no resource is to be written: {plan}");
    let before = stage.sandbox.proxy().counts();
    stage.run(&["sync", "--yes"], 0).await?;
    let written = stage.sandbox.proxy().counts().since(&before);
    assert_eq!((written.of("ExecuteChangeSet"), written.of("UpdateStack")), (1, 0));
    assert_eq!(written.of("SetQueueAttributes"), 0);
    assert_eq!(stage.timeout_of("jobs").await?, "77");
    stage.run(&["drift"], 0).await?;
    let before = stage.sandbox.proxy().counts();
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(stage.sandbox.proxy().counts().since(&before).of("ExecuteChangeSet"), 0, "nothing is left to do");
    stage.run(&["case", "recheck", &id], 0).await?;
    assert_eq!(case(&stage).await?["state"]["state"], "resolved");
    Ok(())
}

fn differences(plan: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    collect(plan, &mut |difference| found.push(format!("{} {}", text(&difference["item"]), text(&difference["path"]))));
    found
}

/// Every difference of a plan, wherever the output keeps them.
fn collect(value: &Value, found: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) if fields.contains_key("item") && fields.contains_key("cause") => found(value),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn what_others_are_made_from_too_or_may_not_be_known_is_refused() -> Result<()> {
    let template = "Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub '${AWS::StackName}-jobs'\n      VisibilityTimeout: 30\n";
    let stage = drifted_with(MAY, |stage| {
        stage.write("templates/literal.yaml", template)?;
        stage.write(&format!("{QUEUE}.yaml"), "Template: literal.yaml\n")?;
        stage.write(&format!("{}.yaml", QUEUE.replace("jobs", "other")), "Template: literal.yaml\n")
    })
    .await?;
    let said = adopt(&stage, &[], 1).await?;
    assert!(said.contains("is made from `templates/literal.yaml` too"), "{said}");
    let said = adopt(&stage, &["--path", "/Properties/Delay"], 1).await?;
    assert!(said.contains("nothing of this case differs"), "{said}");
    stage.write("groundplan.yaml", &settings("[recheck]"))?;
    stage.push()?;
    let said = adopt(&stage, &[], 1).await?;
    assert!(said.contains("You may not adopt production"), "{said}");
    assert_eq!(branches(&stage)?, ["main"], "nothing that was refused was pushed");
    Ok(())
}

#[tokio::test]
async fn a_manifest_is_adopted_by_the_scalar_that_says_it_and_a_secret_is_not() -> Result<()> {
    let parts = Parts { aws: true, git: true, cluster: true, slack: true };
    let stage = Stage::set(parts).await?;
    stage.write("groundplan.yaml", &settings(MAY))?;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: default}\nstringData: {password: canary-declared}\n";
    stage.write("clusters/shop/web/color.yaml", &config("color", "blue"))?;
    stage.write("clusters/shop/web/secret.yaml", secret)?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    change(&stage, "configmaps/color", json!({"data": {"value": "green"}})).await?;
    change(&stage, "secrets/db", json!({"stringData": {"password": "canary-live"}})).await?;
    stage.run(&["drift", "--notify"], 2).await?;

    let said = adopt(&stage, &[], 1).await?;
    assert!(said.contains("it is a secret") && said.contains("--path") && !said.contains("canary"), "{said}");
    assert_eq!(branches(&stage)?, ["main"]);
    adopt(&stage, &["--path", "data.value"], 0).await?;
    let branch = format!("groundplan/adopt/{}", id(&stage).await?);
    let file = "clusters/shop/web/color.yaml";
    assert_eq!(git(&stage, &["show", &format!("{branch}:{file}")])?, config("color", "green"));
    assert_eq!(git(&stage, &["diff", "--name-only", "main", &branch])?, format!("{file}\n"));

    merge(&stage, &branch)?;
    let plan = stage.run(&["plan", "--drift", "--format", "json"], 2).await?.json()?;
    let left = differences(&plan);
    assert!(left.iter().all(|left| left.starts_with("Secret default/db")) && !left.is_empty(), "{left:?}");
    stage.run(&["sync", "--yes"], 0).await?;
    let live = stage.object("/api/v1/namespaces/default/configmaps/color").await?.context("it is there")?;
    assert_eq!(live["data"]["value"], "green");
    stage.run(&["drift"], 0).await?;
    Ok(())
}

/// As somebody with kubectl does.
async fn change(stage: &Stage, object: &str, patch: Value) -> Result<()> {
    let patch = patch.to_string();
    let kind = object.replace('/', " ");
    let mut arguments = vec!["patch"];
    arguments.extend(kind.split(' '));
    arguments.extend(["--type", "merge", "-p", &patch]);
    infra_tests::shop::kubectl(&stage.sandbox.kubeconfig(), &arguments).await.map(drop)
}
