//! Operations that take longer than somebody is ready to wait: told as under way, and picked up again.

use std::time::Duration;

use anyhow::{Context, Result};
use groundplan::unit::{ErrorKind, Look};
use infra_tests::sandbox::{EXTERNAL_ID, Parts, ROLE};

use super::recovery::event;
use super::stage::{QUEUE, Stage, look, perform, sync};
use super::story::assert_says;

const FILE: &str = "Template: queue.yaml\n";
const CHANGED: &str = "Template: queue.yaml\nParameters: {Timeout: 60}\n";

#[tokio::test]
async fn an_operation_that_outlives_the_wait_is_under_way_and_not_failed() -> Result<()> {
    let stage = Stage::set().await?.with_operator(|settings| settings.longest = Some(Duration::from_millis(900)));
    let unit = stage.one(QUEUE, FILE)?;
    let planned = look(&unit, Look::Quick).await?;
    stage.sandbox.proxy().pretend("jobs", "CREATE_IN_PROGRESS");
    let error = perform(&unit, planned).await.expect_err("it takes long");
    assert_eq!(error.kind, ErrorKind::Unfinished, "{error}");
    assert!(error.message.contains("the stack `jobs` is still in CREATE_IN_PROGRESS after"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("run again")));

    // The next run waits for it again, and again says so; it makes no other one.
    let again = look(&stage.one(QUEUE, FILE)?, Look::Quick).await.err().context("it still goes on")?;
    assert_eq!(again.kind, ErrorKind::Unfinished, "{again}");
    assert_eq!(stage.calls("ExecuteChangeSet"), 1);
    stage.sandbox.proxy().clear_faults();
    assert!(look(&stage.one(QUEUE, FILE)?, Look::Quick).await?.deed.is_none(), "what was picked up is whole");

    let unit = stage.one(QUEUE, CHANGED)?;
    let planned = look(&unit, Look::Quick).await?;
    stage.sandbox.proxy().pretend("jobs", "UPDATE_IN_PROGRESS");
    let error = perform(&unit, planned).await.expect_err("it takes long");
    let give_up = "aws cloudformation cancel-update-stack --stack-name jobs --region eu-west-1";
    assert!(error.kind == ErrorKind::Unfinished && error.hint.is_some_and(|hint| hint.ends_with(give_up)));
    Ok(())
}

#[tokio::test]
async fn a_stack_file_says_how_long_and_its_word_counts_before_the_operators() -> Result<()> {
    let stage = Stage::set().await?.with_operator(|settings| {
        settings.longest = Some(Duration::from_millis(100));
        settings.patience = Some(Duration::from_secs(60));
    });
    let patient = "Template: queue.yaml\nTimeoutMinutes: 5\n";
    let unit = stage.one(QUEUE, patient)?;
    let planned = look(&unit, Look::Quick).await?;
    stage.sandbox.proxy().pretend("jobs", "CREATE_IN_PROGRESS");
    let ended = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        stage.sandbox.proxy().clear_faults();
    };
    let (done, ()) = tokio::join!(perform(&unit, planned), ended);
    done?;
    for wrong in ["0", "soon", "1441"] {
        let text = format!("Template: queue.yaml\nTimeoutMinutes: {wrong}\n");
        let error = stage.one(QUEUE, &text).err().context("no such time")?;
        assert!(error.to_string().contains("from 1 to 1440"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_sync_that_cannot_wait_ends_partly_done_and_the_next_one_completes_it() -> Result<()> {
    let mut stage = infra_tests::stage::Stage::set(Parts::AWS).await?;
    let there = stage.product.clone();
    // A minute is the least an operator can say: patience is tried by somebody else's operation instead.
    let operator = stage.sandbox.logs().join("hurried.yaml");
    std::fs::write(&operator, format!("aws: {{role: {ROLE}, externalId: {EXTERNAL_ID}, timeoutMinutes: 0}}\n"))?;
    stage.product = there.clone().with("GROUNDPLAN_CONFIG", operator.display().to_string());
    stage.sandbox.proxy().pretend("jobs", "CREATE_IN_PROGRESS");
    let ran = stage.run(&["sync", "--yes"], 3).await?;
    assert_says(&ran, "the stack `jobs` is still in ");
    assert_says(&ran, "1 still under way");
    stage.sandbox.proxy().clear_faults();
    stage.product = there;
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(stage.sandbox.proxy().counts().of("ExecuteChangeSet"), 1, "it was picked up, not begun again");
    Ok(())
}

#[tokio::test]
async fn every_status_of_somebody_at_work_is_waited_for_and_then_told_with_the_next_command() -> Result<()> {
    let stage = Stage::set().await?.with_operator(|settings| settings.patience = Some(Duration::from_millis(1)));
    sync(&stage.one(QUEUE, FILE)?).await?;
    let busy = [
        "CREATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "IMPORT_IN_PROGRESS",
        "IMPORT_ROLLBACK_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    ];
    for status in busy {
        stage.sandbox.proxy().pretend("jobs", status);
        stage.sandbox.proxy().pretend_events("jobs", vec![event("jobs", status, "")]);
        let error = look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await.err().context("it is busy")?;
        assert!(error.message.contains(&format!("is in {status}: somebody else is at work on it")), "{error}");
        let hint = error.hint.context("a next step")?;
        let watch = "aws cloudformation describe-stack-events --stack-name jobs --region eu-west-1";
        assert!(hint.contains("run again") && hint.contains(watch), "{status}: {hint}");
    }
    assert_eq!((stage.calls("ExecuteChangeSet"), stage.calls("DeleteStack")), (1, 0));
    Ok(())
}
