//! What goes wrong between this program and CloudFormation, and that no stack is hurt by it.

use std::time::Duration;

use anyhow::{Context, Result};
use groundplan::unit::{Change, ErrorKind, Inputs, Look, Progress};
use serde_json::json;

use super::recovery::event;
use super::stage::{ACCOUNT, QUEUE, REGION, Stage, look, owned, perform, sync};

const FILE: &str = "Template: queue.yaml\n";
const CHANGED: &str = "Template: queue.yaml\nParameters: {Timeout: 60}\n";

async fn change_sets(stage: &Stage) -> Result<Vec<String>> {
    let owner = stage.sandbox.account_owner(ACCOUNT)?;
    let answer = owner.query("cloudformation", REGION, "ListChangeSets", &[("StackName", "jobs")]).await?;
    // The one that was executed last stays in the list.
    let open = answer.split("<member>").filter(|member| member.contains("<ExecutionStatus>AVAILABLE<"));
    let names = open.filter_map(|member| member.split("<ChangeSetName>").nth(1));
    Ok(names.filter_map(|rest| rest.split('<').next()).map(str::to_owned).collect())
}

#[tokio::test]
async fn an_answer_that_got_lost_is_one_effect_only() -> Result<()> {
    let stage = Stage::set().await?;
    let proxy = stage.sandbox.proxy();
    for action in ["CreateChangeSet", "ExecuteChangeSet"] {
        proxy.lose_reply(action);
    }
    sync(&stage.one(QUEUE, FILE)?).await?;
    for action in ["CreateChangeSet", "ExecuteChangeSet", "DeleteChangeSet"] {
        proxy.lose_reply(action);
    }
    sync(&stage.one(QUEUE, CHANGED)?).await?;
    assert_eq!(change_sets(&stage).await?, Vec::<String>::new(), "none is left over");

    let reading = stage.read("shop", QUEUE, &[("jobs", CHANGED)])?;
    let found = owned(&reading).await?;
    proxy.lose_reply("DeleteStack");
    reading.sites[0].destroy(&found[0], &Inputs::default(), &Progress::silent()).await?;
    assert!(owned(&stage.read("shop", QUEUE, &[("jobs", FILE)])?).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_change_set_without_changes_is_no_change_and_is_taken_away() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, FILE)?).await?;
    let commented = stage.one(&format!("{QUEUE}# a word\n"), FILE)?;
    assert_eq!(look(&commented, Look::Quick).await?.planned.change, Change::Nothing);
    assert_eq!(stage.calls("CreateChangeSet"), 2, "it was asked");
    assert_eq!(change_sets(&stage).await?, Vec::<String>::new());
    look(&commented, Look::Quick).await?;
    assert_eq!(stage.calls("CreateChangeSet"), 2, "and is not asked again");
    Ok(())
}

#[tokio::test]
async fn a_failed_first_creation_that_kept_something_is_not_deleted() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, FILE)?).await?;
    // As its resources were kept by their deletion policy when the creation was rolled back.
    stage.sandbox.proxy().pretend("jobs", "ROLLBACK_COMPLETE");
    let unit = stage.one(QUEUE, CHANGED)?;
    let planned = look(&unit, Look::Quick).await?;
    let error = perform(&unit, planned).await.expect_err("it holds a queue");
    assert!(error.kind == ErrorKind::Refused && error.message.contains("kept Jobs"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("delete-stack --stack-name jobs")));
    assert_eq!(stage.calls("DeleteStack"), 0);
    Ok(())
}

#[tokio::test]
async fn a_stack_that_stays_busy_is_told_with_who_works_on_it() -> Result<()> {
    let stage = Stage::set().await?.with_operator(|settings| settings.patience = Some(Duration::from_millis(700)));
    sync(&stage.one(QUEUE, FILE)?).await?;
    stage.sandbox.proxy().pretend("jobs", "UPDATE_IN_PROGRESS");
    stage.sandbox.proxy().pretend_events("jobs", vec![event("jobs", "UPDATE_IN_PROGRESS", "User Initiated")]);
    let error = look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await.err().context("it is busy")?;
    assert!(error.message.contains("is in UPDATE_IN_PROGRESS: somebody else is at work on it"), "{error}");
    assert_eq!(stage.calls("ExecuteChangeSet"), 1, "nothing was begun beside the first deployment");
    Ok(())
}

#[tokio::test]
async fn a_change_set_that_somebody_took_or_executed_is_a_stale_plan() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, FILE)?).await?;
    let owner = stage.sandbox.account_owner(ACCOUNT)?;
    for (action, timeout) in [("DeleteChangeSet", "60"), ("ExecuteChangeSet", "90")] {
        let unit = stage.one(QUEUE, &format!("Template: queue.yaml\nParameters: {{Timeout: {timeout}}}\n"))?;
        let planned = look(&unit, Look::Quick).await?;
        let name = change_sets(&stage).await?.pop().context("it waits to be executed")?;
        let set = [("StackName", "jobs"), ("ChangeSetName", name.as_str())];
        owner.query("cloudformation", REGION, action, &set).await?;
        let error = perform(&unit, planned).await.expect_err("the change set is not what it was");
        assert!(error.kind == ErrorKind::Moved && error.hint.as_deref() == Some("plan again"), "{action}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_stack_policy_denies_is_reported_in_its_words() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, FILE)?).await?;
    let unit = stage.one(QUEUE, CHANGED)?;
    let planned = look(&unit, Look::Quick).await?;
    let denied = "Action denied by stack policy: Statement [#1] does not allow [Update:*] for resource [Jobs]";
    let events =
        [event("jobs", "UPDATE_IN_PROGRESS", "User Initiated"), event("Jobs", "UPDATE_FAILED", denied)].to_vec();
    stage.sandbox.proxy().pretend_events("jobs", events);
    stage.sandbox.proxy().pretend("jobs", "UPDATE_ROLLBACK_COMPLETE");
    let error = perform(&unit, planned).await.expect_err("it was denied");
    assert!(error.message.contains(denied) && error.message.contains("templates/queue.yaml:4"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_template_bucket_that_is_denied_is_told_before_any_change() -> Result<()> {
    let stage = Stage::set().await?;
    stage.sandbox.proxy().refuse("PUT /{bucket}/{key}", 1, "AccessDenied");
    let unit = stage.one(&format!("{QUEUE}# {}\n", "x".repeat(60_000)), FILE)?;
    let planned = look(&unit, Look::Quick).await?;
    let error = perform(&unit, planned).await.expect_err("the bucket is somebody else's");
    assert!(error.message.contains("AccessDenied") && error.message.contains("templates-111111111111"), "{error}");
    assert_eq!(stage.calls("CreateChangeSet"), 0);
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_and_a_region_switched_off_are_named() -> Result<()> {
    let denied = Stage::set().await?.with_operator(|settings| settings.external_id = Some("wrong".to_owned()));
    let error = look(&denied.one(QUEUE, FILE)?, Look::Quick).await.err().context("not with that external id")?;
    assert!(error.message.contains("cannot assume role `arn:aws:iam::111111111111:role/groundplan`"), "{error}");
    assert_eq!(denied.calls("DescribeStacks"), 0, "nothing was sent");

    let off = Stage::set().await?;
    off.sandbox.proxy().refuse("GetCallerIdentity", 10, "InvalidClientTokenId");
    let error = look(&off.one(QUEUE, FILE)?, Look::Quick).await.err().context("the region knows no key")?;
    assert_eq!(error.hint.as_deref(), Some("is the region eu-west-1 switched on in account 111111111111?"));
    Ok(())
}

#[tokio::test]
async fn a_failed_detection_is_not_a_clean_stack() -> Result<()> {
    let stage = Stage::set().await?;
    let template = format!("{QUEUE}\n")
        .replace("Outputs:", "  Wait: {Type: 'AWS::CloudFormation::WaitConditionHandle'}\nOutputs:");
    let unit = stage.one(&template, FILE)?;
    sync(&unit).await?;
    let found = look(&unit, Look::Close).await?.planned;
    assert_eq!((found.change, found.coverage.checked, found.coverage.total), (Change::Nothing, 1, 2));
    let unsupported =
        "Wait (AWS::CloudFormation::WaitConditionHandle): CloudFormation cannot detect drift of this type";
    assert_eq!(found.coverage.unchecked, [unsupported]);

    drop(unit);
    stage.forget()?;
    let unit = stage.one(&template, FILE)?;
    let proxy = stage.sandbox.proxy();
    proxy.say("DescribeStackDriftDetectionStatus", "DetectionStatus", "DETECTION_FAILED");
    proxy.say("DescribeStackDriftDetectionStatus", "DetectionStatusReason", "no permission for sqs");
    let coverage = look(&unit, Look::Close).await?.planned.coverage;
    assert!(coverage.unchecked[0].ends_with("the detection failed: no permission for sqs"), "{coverage:?}");
    Ok(())
}

#[tokio::test]
async fn a_detection_that_somebody_else_began_serves_as_well() -> Result<()> {
    let stage = Stage::set().await?;
    let unit = stage.one(QUEUE, FILE)?;
    sync(&unit).await?;
    // Seen by the plan's list before the other one began.
    look(&unit, Look::Quick).await?;
    let running = "Drift detection is already in progress for stack [jobs]";
    stage.sandbox.proxy().refuse_saying("DetectStackDrift", 1, "ValidationError", running);
    let somebody = stage.sandbox.account_owner(ACCOUNT)?;
    let ended = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        somebody.query("cloudformation", REGION, "DetectStackDrift", &[("StackName", "jobs")]).await
    };
    let (found, ended) = tokio::join!(look(&unit, Look::Close), ended);
    ended?;
    let found = found?.planned;
    assert_eq!((found.change, found.coverage.checked), (Change::Nothing, 1));
    assert_eq!(stage.calls("DetectStackDrift"), 1);
    Ok(())
}

#[tokio::test]
async fn drift_that_cannot_be_put_back_is_said_to_be_so() -> Result<()> {
    let stage = Stage::set().await?;
    let unit = stage.one(QUEUE, FILE)?;
    sync(&unit).await?;
    let url = format!("{}/{ACCOUNT}/jobs-jobs", stage.sandbox.aws_endpoint());
    let change = [("QueueUrl", url.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", "99")];
    stage.sandbox.account_owner(ACCOUNT)?.query("sqs", REGION, "SetQueueAttributes", &change).await?;
    let close = look(&unit, Look::Close).await?;
    // As where this API does not know the mode, or the type cannot be read back.
    let proxy = stage.sandbox.proxy();
    proxy.say("DescribeChangeSet", "Status", "FAILED");
    proxy.say("DescribeChangeSet", "StatusReason", "The submitted information didn't contain changes.");
    let error = perform(&unit, close).await.expect_err("there is nothing it could do");
    assert!(error.kind == ErrorKind::Refused && error.message.contains("nothing to put back"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("by hand")));
    Ok(())
}

#[tokio::test]
async fn a_stack_that_is_not_told_of_right_after_its_creation_is_waited_for() -> Result<()> {
    let stage = Stage::set().await?;
    let unit = stage.one(QUEUE, FILE)?;
    let planned = look(&unit, Look::Quick).await?;
    stage.sandbox.proxy().leave_out("jobs", 3);
    assert_eq!(perform(&unit, planned).await?["Name"], "jobs-jobs");
    Ok(())
}

/// More resources than fit on one page of events, the first of which fails.
fn many(count: usize) -> String {
    let one = |number: usize| {
        format!(
            "  P{number}: {{Type: 'AWS::SSM::Parameter', Properties: {{Type: String, Value: x, Name: /p/{number}}}}}\n"
        )
    };
    format!("Resources:\n{}", (0..count).map(one).collect::<String>())
}

#[tokio::test]
async fn a_cause_on_a_later_page_of_events_is_found() -> Result<()> {
    let stage = Stage::set().await?;
    let taken = json!({"Name": "/p/149", "Value": "theirs", "Type": "String"});
    let owner = stage.sandbox.account_owner(ACCOUNT)?;
    owner.json("ssm", REGION, "AmazonSSM.PutParameter", &taken).await?;
    let error = sync(&stage.one(&many(150), FILE)?).await.expect_err("a name is taken");
    assert!(error.message.contains("`P149`, AWS::SSM::Parameter (templates/queue.yaml:151)"), "{error}");
    Ok(())
}
