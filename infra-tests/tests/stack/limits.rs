//! How many calls things cost, and what happens when AWS bears fewer.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::{StreamExt, stream};
use groundplan::unit::{Change, Declared, Look, Planned};

use super::stage::{ACCOUNT, QUEUE, REGION, Stage, look, owned, sync};

const FILE: &str = "Template: queue.yaml\n";

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("queue-{number}")).collect()
}

fn stacks(names: &[String]) -> Vec<(&str, &str)> {
    names.iter().map(|name| (name.as_str(), FILE)).collect()
}

async fn sync_all(units: &[Declared]) -> Result<()> {
    let done = stream::iter(units).map(sync).buffer_unordered(16).collect::<Vec<_>>().await;
    for result in done {
        result?;
    }
    Ok(())
}

async fn quiet(stage: &Stage, names: &[String]) -> Result<u64> {
    stage.sandbox.proxy().reset_counts();
    let reading = stage.read("shop", QUEUE, &stacks(names))?;
    let looked = stream::iter(&reading.units).map(|unit| look(unit, Look::Quick)).buffer_unordered(16);
    for prepared in looked.collect::<Vec<_>>().await {
        ensure!(prepared?.planned.change == Change::Nothing);
    }
    ensure!(owned(&reading).await?.len() == names.len());
    Ok(stage.sandbox.proxy().counts().total().calls)
}

#[tokio::test]
async fn a_first_deployment_costs_five_calls_a_stack_and_a_quiet_plan_costs_pages() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(60));
    let units = stage.read("shop", QUEUE, &stacks(&names))?.units;
    sync_all(&units).await?;
    drop(units);
    let counts = stage.sandbox.proxy().counts();
    assert!(counts.total().calls <= 5 * 60, "{:#?}", counts.by_action());

    assert!(quiet(&stage, &names).await? <= 2, "{:#?}", stage.sandbox.proxy().counts().by_action());
    assert_eq!(stage.calls("GetTemplate") + stage.calls("CreateChangeSet"), 0);
    Ok(())
}

#[tokio::test]
async fn a_quiet_plan_of_five_hundred_stacks_costs_ten_calls_at_most() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.read("shop", QUEUE, &[("queue", FILE)])?.units[0]).await?;
    stage.sandbox.proxy().gather("queue", 500);
    let names = names(500);
    // Where nothing is remembered of them, each template is read once.
    quiet(&stage, &names).await?;
    assert_eq!(stage.calls("GetTemplate"), 500);
    let calls = quiet(&stage, &names).await?;
    assert!(calls <= 10, "{calls}: {:#?}", stage.sandbox.proxy().counts().by_action());
    assert_eq!(stage.calls("DescribeStacks"), 5, "a page for a hundred, and one list for all who ask");
    Ok(())
}

#[tokio::test]
async fn a_template_is_asked_for_once_where_nothing_is_remembered() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(10));
    sync_all(&stage.read("shop", QUEUE, &stacks(&names))?.units).await?;
    stage.forget()?;
    quiet(&stage, &names).await?;
    assert_eq!(stage.calls("GetTemplate"), 10);
    quiet(&stage, &names).await?;
    assert_eq!(stage.calls("GetTemplate"), 0);
    Ok(())
}

#[tokio::test]
async fn few_calls_a_second_make_it_slow_and_fail_nothing() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(8));
    let proxy = stage.sandbox.proxy();
    proxy.limit(
        &["DescribeStacks", "DescribeStackEvents", "DescribeChangeSet", "GetTemplate", "ListStackResources"],
        5.0,
    );
    proxy.limit(&["CreateChangeSet", "ExecuteChangeSet", "DeleteChangeSet"], 2.0);
    proxy.limit(&["DetectStackDrift"], 1.0);
    let units = stage.read("shop", QUEUE, &stacks(&names))?.units;
    sync_all(&units).await?;
    for looked in stream::iter(&units).map(|unit| look(unit, Look::Close)).buffer_unordered(8).collect::<Vec<_>>().await
    {
        assert_eq!(looked?.planned.change, Change::Nothing);
    }
    let throttled =
        proxy.counts().iter().filter(|(call, _)| call.status == 400).map(|(_, tally)| tally.calls).sum::<u64>();
    assert!(throttled > 0, "the limits were felt");
    // One that asks on as fast as before is refused far more often than it is served.
    let all = proxy.counts().total().calls;
    assert!(throttled * 2 < all, "{throttled} of {all} calls were refused");
    Ok(())
}

#[tokio::test]
async fn an_account_that_bears_no_more_operations_at_once_is_waited_for() -> Result<()> {
    let stage = Stage::set().await?;
    let proxy = stage.sandbox.proxy();
    let said = "The maximum number of concurrent resource operations is under way";
    proxy.refuse_saying("ExecuteChangeSet", 2, "ConcurrentResourcesLimitExceeded", said);
    proxy.refuse_saying("CreateChangeSet", 1, "ConcurrentResourcesLimitExceeded", said);
    sync(&stage.read("shop", QUEUE, &[("queue", FILE)])?.units[0]).await?;
    assert_eq!((stage.calls("CreateChangeSet"), stage.calls("ExecuteChangeSet")), (2, 3));
    // A quota does not go away by waiting.
    proxy.refuse_saying("CreateChangeSet", 5, "LimitExceededException", "Limit for stack has been exceeded");
    let refused = sync(&stage.read("shop", QUEUE, &[("other", FILE)])?.units[0]).await;
    assert!(refused.is_err_and(|error| format!("{error:#}").contains("cannot make a change set")));
    assert_eq!(stage.calls("CreateChangeSet"), 3);
    Ok(())
}

/// A look for drift at all of them, as many at a time as a plan takes: each with what was found.
async fn sweep(stage: &Stage, names: &[String]) -> Result<Vec<(String, Planned)>> {
    stage.sandbox.proxy().reset_counts();
    let reading = stage.read("shop", QUEUE, &stacks(names))?;
    let looked = stream::iter(&reading.units)
        .map(|unit| async move { anyhow::Ok((unit.id.to_string(), look(unit, Look::Close).await?.planned)) })
        .buffer_unordered(64);
    let found: Result<Vec<_>> = looked.collect::<Vec<_>>().await.into_iter().collect();
    owned(&reading).await?;
    found
}

fn drifted(found: &[(String, Planned)]) -> Vec<&str> {
    let drifted = found.iter().filter(|(_, planned)| planned.change != Change::Nothing);
    let mut names: Vec<&str> = drifted.filter_map(|(id, _)| id.rsplit('/').next()).collect();
    names.sort_unstable();
    names
}

async fn change_by_hand(stage: &Stage, stack: &str, seconds: &str) -> Result<()> {
    let url = format!("{}/{ACCOUNT}/{stack}-jobs", stage.sandbox.aws_endpoint());
    let change =
        [("QueueUrl", url.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", seconds)];
    stage.sandbox.account_owner(ACCOUNT)?.query("sqs", REGION, "SetQueueAttributes", &change).await.map(drop)
}

#[tokio::test]
async fn a_sweep_for_drift_costs_a_call_a_stack_a_call_a_drifted_one_and_a_few_pages() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(80));
    sync_all(&stage.read("shop", QUEUE, &stacks(&names))?.units).await?;
    for stack in ["queue-3", "queue-41", "queue-77"] {
        change_by_hand(&stage, stack, "99").await?;
    }
    // The first one too: one stack that is read in full proves what can be checked of the others.
    for sweeps in 0..3 {
        let found = sweep(&stage, &names).await?;
        assert_eq!(drifted(&found), ["queue-3", "queue-41", "queue-77"]);
        assert!(found.iter().all(|(_, planned)| (planned.coverage.checked, planned.coverage.total) == (1, 1)));
        let counts = stage.sandbox.proxy().counts();
        let (calls, most) = (counts.total().calls, 80 * 115 / 100 + 3);
        assert!(calls <= most, "sweep {sweeps}: {calls} of {most}: {:#?}", counts.by_action());
        assert_eq!(counts.of("DetectStackDrift"), 80);
    }
    change_by_hand(&stage, "queue-3", "30").await?;
    assert_eq!(drifted(&sweep(&stage, &names).await?), ["queue-41", "queue-77"]);
    Ok(())
}

#[tokio::test]
async fn a_stack_that_may_hold_what_was_never_checked_is_read_in_full() -> Result<()> {
    const MORE: &str = "Conditions: {Never: !Equals [a, b]}
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Wait: {Type: AWS::CloudFormation::WaitConditionHandle}
  Perhaps: {Type: AWS::SQS::Queue, Condition: Never}
";
    let (stage, names) = (Stage::set().await?, names(6));
    sync_all(&stage.read("shop", QUEUE, &stacks(&names))?.units).await?;
    sweep(&stage, &names).await?;
    let more = stage.read("shop", MORE, &[("more", FILE)])?;
    sync(&more.units[0]).await?;
    drop(more);
    stage.sandbox.proxy().reset_counts();
    let found = look(&stage.read("shop", MORE, &[("more", FILE)])?.units[0], Look::Close).await?.planned;
    assert_eq!((found.coverage.checked, found.coverage.total), (1, 2), "{:?}", found.coverage);
    assert!(found.coverage.unchecked[0].starts_with("Wait ("), "{:?}", found.coverage);
    assert_eq!(stage.calls("DescribeStackResourceDrifts"), 1);
    Ok(())
}

#[tokio::test]
async fn a_word_that_is_kinder_than_the_truth_is_not_gone_by() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(2));
    sync_all(&stage.read("shop", QUEUE, &stacks(&names))?.units).await?;
    for stack in &names {
        change_by_hand(&stage, stack, "99").await?;
    }
    // As AWS was seen to do: in sync as a whole, and a resource that is not.
    stage.sandbox.proxy().say("DescribeStackDriftDetectionStatus", "StackDriftStatus", "IN_SYNC");
    stage.sandbox.proxy().say("DescribeStacks", "StackDriftStatus", "IN_SYNC");
    for _ in 0..3 {
        assert_eq!(drifted(&sweep(&stage, &names).await?), ["queue-0", "queue-1"]);
    }
    assert_eq!(stage.calls("DescribeStackResourceDrifts"), 2, "nothing vouches for either");
    Ok(())
}

#[tokio::test]
async fn a_list_that_tells_a_detection_before_it_has_ended_is_not_gone_by() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(4));
    sync_all(&stage.read("shop", QUEUE, &stacks(&names))?.units).await?;
    change_by_hand(&stage, "queue-2", "99").await?;
    let proxy = stage.sandbox.proxy();
    // What the list says is of the time before, and each detection goes on for a while.
    proxy.say("DescribeStacks", "StackDriftStatus", "IN_SYNC");
    proxy.say("DescribeStackDriftDetectionStatus", "DetectionStatus", "DETECTION_IN_PROGRESS");
    let ends = async {
        while proxy.counts().of("DescribeStackDriftDetectionStatus") < 8 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        proxy.clear_faults();
    };
    let (found, ()) = tokio::join!(sweep(&stage, &names), ends);
    assert_eq!(drifted(&found?), ["queue-2"]);
    Ok(())
}

#[tokio::test]
async fn what_was_believed_is_read_again_before_long() -> Result<()> {
    let (stage, names) = (Stage::set().await?, names(1));
    sync_all(&stage.read("shop", QUEUE, &stacks(&names))?.units).await?;
    let mut read = 0;
    for _ in 0..62 {
        sweep(&stage, &names).await?;
        read += stage.calls("DescribeStackResourceDrifts");
    }
    assert!((2..=7).contains(&read), "{read}");
    Ok(())
}
