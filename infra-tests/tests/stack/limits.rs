//! How many calls things cost, and what happens when AWS bears fewer.

use anyhow::{Result, ensure};
use futures::{StreamExt, stream};
use groundplan::unit::{Change, Declared, Look};

use super::stage::{QUEUE, Stage, look, owned, sync};

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
