//! Killed anywhere and run again, the world is the same as without the kill.

use std::time::Duration;

use anyhow::Result;
use infra_tests::sandbox::Parts;
use infra_tests::stage::{REGION, Stage, becomes, config, ended, signal};

const LONG: Duration = Duration::from_secs(60);

/// Both stacks and the workload are there once, complete, and nothing of ours is left over.
async fn is_whole(stage: &Stage, timeout: u32) -> Result<()> {
    stage.run(&["sync", "--yes"], 0).await?;
    stage.run(&["plan"], 0).await?;
    assert_eq!(stage.stacks().await?, ["jobs", "mail"]);
    for stack in ["jobs", "mail"] {
        assert_eq!(stage.timeout_of(stack).await?, timeout.to_string());
        let sets = stage.owner()?.query("cloudformation", REGION, "ListChangeSets", &[("StackName", stack)]).await?;
        assert!(!sets.contains("<ExecutionStatus>AVAILABLE<"), "{sets}");
    }
    for name in ["web", "more"] {
        let object = stage.object(&format!("/api/v1/namespaces/default/configmaps/{name}")).await?;
        assert_eq!(object.expect("it was made")["data"]["value"], "jobs-jobs");
    }
    Ok(())
}

async fn declare(stage: &Stage, timeout: u32) -> Result<()> {
    stage.queue("jobs", timeout)?;
    stage.queue("mail", timeout)?;
    stage.write("clusters/shop/web/more.yaml", &config("more", "${QUEUE}"))?;
    stage.push().map(drop)
}

#[tokio::test]
async fn a_killed_sync_is_gone_on_with() -> Result<()> {
    let stage = Stage::set(Parts { aws: true, cluster: true, ..Parts::default() }).await?;
    declare(&stage, 30).await?;
    // A change set was made, and nobody heard of it.
    stage.sandbox.proxy().hold("CreateChangeSet", LONG);
    let mut killed = stage.start(&["sync", "--yes"])?;
    becomes("a change set to be made", async || Ok(stage.stacks().await?.contains(&"jobs".to_owned()))).await?;
    killed.kill().await?;
    stage.sandbox.proxy().clear_faults();

    // It was executed, and nobody heard of it.
    stage.sandbox.proxy().hold("ExecuteChangeSet", LONG);
    let mut killed = stage.start(&["sync", "--yes"])?;
    becomes("it to be executed", async || Ok(stage.stack("jobs").await?.contains("<StackStatus>CREATE_"))).await?;
    killed.kill().await?;
    stage.sandbox.proxy().clear_faults();

    // The workload was half applied.
    let mut killed = stage.start(&["sync", "--yes"])?;
    let path = "/api/v1/namespaces/default/configmaps/more";
    becomes("an object to be applied", async || Ok(stage.object(path).await?.is_some())).await?;
    killed.kill().await?;
    is_whole(&stage, 30).await?;

    // An update, the same.
    declare(&stage, 45).await?;
    stage.sandbox.proxy().hold("ExecuteChangeSet", LONG);
    let mut killed = stage.start(&["sync", "--yes"])?;
    becomes("the update", async || Ok(stage.timeout_of("jobs").await? == "45")).await?;
    killed.kill().await?;
    stage.sandbox.proxy().clear_faults();
    is_whole(&stage, 45).await?;

    // An answer that is lost, and an AWS that asks to go slower.
    declare(&stage, 50).await?;
    stage.sandbox.proxy().lose_reply("ExecuteChangeSet");
    stage.sandbox.proxy().refuse("DescribeStacks", 3, "Throttling");
    stage.sandbox.proxy().refuse("CreateChangeSet", 2, "Throttling");
    is_whole(&stage, 50).await
}

#[tokio::test]
async fn asked_to_stop_a_sync_begins_nothing_new_and_the_next_one_completes() -> Result<()> {
    let stage = Stage::set(Parts { aws: true, cluster: true, ..Parts::default() }).await?;
    declare(&stage, 30).await?;
    stage.sandbox.proxy().hold("ExecuteChangeSet", Duration::from_secs(3));
    let mut stopped = stage.start(&["sync", "--yes"])?;
    becomes("a stack to be made", async || Ok(stage.stacks().await?.contains(&"jobs".to_owned()))).await?;
    signal(&stopped, "INT")?;
    let code = ended(&mut stopped).await?;
    let said = std::fs::read_to_string(stage.sandbox.logs().join("started.log"))?;
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("what is under way is left to end"), "{said}");
    assert_eq!(stage.object("/api/v1/namespaces/default/configmaps/web").await?, None, "{said}");
    stage.sandbox.proxy().clear_faults();
    is_whole(&stage, 30).await
}
