//! Stacks on a real CloudFormation API: planned, brought about, drifted, put back, destroyed.

mod actions;
mod adoption;
mod dialects;
mod imports;
mod large;
mod limits;
mod memory;
mod mishaps;
mod nested;
mod offline;
mod outside;
mod recovery;
mod refused;
mod safety;
mod settings;
mod stage;
mod story;
mod timeouts;

use std::sync::Arc;

use anyhow::{Context, Result};
use groundplan::unit::{Cause, Change, Effect, ErrorKind, Inputs, Look, Progress, Shown};

use stage::{ACCOUNT, QUEUE, REGION, Stage, look, owned, perform, sync};

#[tokio::test]
async fn a_stack_is_planned_created_changed_and_then_left_alone() -> Result<()> {
    let stage = Stage::set().await?;
    let unit = stage.one(QUEUE, "Template: queue.yaml\n")?;
    let planned = look(&unit, Look::Quick).await?;
    assert!(matches!(planned.planned.change, Change::Create(ref items) if items[0].item == "Jobs (AWS::SQS::Queue)"));
    assert_eq!(stage.calls("CreateChangeSet"), 0, "a plan of a new stack leaves nothing behind");
    assert_eq!(perform(&unit, planned).await?["Name"], "jobs-jobs");

    stage.sandbox.proxy().reset_counts();
    let reading = stage.read("shop", QUEUE, &[("jobs", "Template: queue.yaml\n")])?;
    let quiet = look(&reading.units[0], Look::Quick).await?;
    assert_eq!((&quiet.planned.change, quiet.deed.is_none()), (&Change::Nothing, true));
    assert_eq!(quiet.planned.outputs.context("it is there")?["Name"], "jobs-jobs");
    assert_eq!(owned(&reading).await?.len(), 1);
    assert_eq!((stage.calls("DescribeStacks"), stage.calls("CreateChangeSet")), (1, 0));

    let unit = stage.one(QUEUE, "Template: queue.yaml\nParameters: {Timeout: 60}\n")?;
    let planned = look(&unit, Look::Quick).await?;
    let Change::Update(items) = &planned.planned.change else { panic!("it differs: {:?}", planned.planned.change) };
    assert_eq!((items[0].item.as_str(), items[0].path.as_str()), ("Parameters", "/Timeout"));
    assert!(items.iter().all(|item| item.effect == Effect::InPlace && item.cause == Cause::Declared));
    // The change was made, only its answer got lost.
    stage.sandbox.proxy().lose_reply("ExecuteChangeSet");
    perform(&unit, planned).await?;
    let unit = stage.one(QUEUE, "Template: queue.yaml\nParameters: {Timeout: 60}\n")?;
    assert_eq!(look(&unit, Look::Quick).await?.planned.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn drift_is_found_and_only_it_is_put_back() -> Result<()> {
    let stage = Stage::set().await?;
    let unit = stage.one(QUEUE, "Template: queue.yaml\n")?;
    sync(&unit).await?;
    let by_hand = stage.sandbox.account_owner(ACCOUNT)?;
    let url = format!("{}/{ACCOUNT}/jobs-jobs", stage.sandbox.aws_endpoint());
    let change = [("QueueUrl", url.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", "99")];
    by_hand.query("sqs", REGION, "SetQueueAttributes", &change).await?;

    assert_eq!(look(&unit, Look::Quick).await?.planned.change, Change::Nothing);
    let close = look(&unit, Look::Close).await?;
    assert_eq!((close.planned.coverage.checked, close.planned.coverage.total), (1, 1));
    let Change::Update(items) = &close.planned.change else { panic!("it drifted") };
    assert_eq!((items[0].path.as_str(), items[0].cause), ("/Properties/VisibilityTimeout", Cause::Drifted));
    assert_eq!((&items[0].from, &items[0].to), (&Some(Shown::text("99")), &Some(Shown::text("30"))));

    perform(&unit, close).await?;
    assert_eq!(look(&unit, Look::Close).await?.planned.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn a_first_creation_that_failed_is_explained_and_made_again() -> Result<()> {
    let stage = Stage::set().await?;
    let broken = stage.one(QUEUE, "Template: queue.yaml\nParameters: {Timeout: soon}\n")?;
    let error = sync(&broken).await.expect_err("no such timeout");
    assert!(error.message.contains("`Jobs`") && error.message.contains("templates/queue.yaml:4"), "{error}");

    let mended = stage.one(QUEUE, "Template: queue.yaml\n")?;
    assert_eq!(sync(&mended).await?["Name"], "jobs-jobs");
    Ok(())
}

#[tokio::test]
async fn only_what_carries_our_mark_is_ours_to_change_or_destroy() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, "Template: queue.yaml\n")?).await?;

    let theirs = stage.read("other", QUEUE, &[("jobs", "Template: queue.yaml\nParameters: {Timeout: 60}\n")])?;
    assert!(owned(&theirs).await?.is_empty());
    let refused = look(&theirs.units[0], Look::Quick).await.err().context("another repository's")?;
    assert_eq!(refused.kind, ErrorKind::Refused, "{refused}");

    let ours = stage.read("shop", QUEUE, &[("jobs", "Template: queue.yaml\n")])?;
    let found = owned(&ours).await?;
    assert_eq!(found[0].id, ours.units[0].id);
    assert!(found[0].guards.is_empty(), "{:?}", found[0].guards);
    ours.sites[0].destroy(&found[0], &Inputs::default(), &Progress::silent()).await?;
    ours.sites[0].destroy(&found[0], &Inputs::default(), &Progress::silent()).await?;
    let later = stage.read("shop", QUEUE, &[("jobs", "Template: queue.yaml\n")])?;
    assert!(owned(&later).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn one_list_answers_for_all_stacks_of_an_account_and_region() -> Result<()> {
    let stage = Stage::set().await?;
    let names: Vec<String> = (0..20).map(|number| format!("queue-{number}")).collect();
    let stacks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "Template: queue.yaml\n")).collect();
    let reading = Arc::new(stage.read("shop", QUEUE, &stacks)?);
    for unit in &reading.units {
        let planned = look(unit, Look::Quick).await?;
        assert!(matches!(planned.planned.change, Change::Create(_)));
    }
    assert_eq!(stage.calls("DescribeStacks"), 1);
    Ok(())
}
