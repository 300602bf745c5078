//! Stacks that another tool made: the first plan over them is empty.

use anyhow::Result;
use groundplan::problem::Problems;
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{Change, Kind, Look, ReadSettings, Reading};

use super::stage::{ACCOUNT, QUEUE, REGION, Stage, look};

/// Reads a repository that has no `groundplan.yaml`.
fn read(stage: &Stage, files: &[(&str, &str)]) -> Result<Reading> {
    let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), files.iter().copied());
    let mut problems = Problems::default();
    let reading = stage.kind().read(&snapshot, &ReadSettings::default(), &mut problems);
    anyhow::ensure!(problems.errors.is_empty(), "{:?}", problems.errors);
    Ok(reading)
}

/// Deploys a stack by a change set, as both tools do.
async fn deploy(stage: &Stage, name: &str, template: &str, more: &[(&str, &str)]) -> Result<()> {
    let tool = stage.sandbox.account_owner(ACCOUNT)?;
    let set = [("StackName", name), ("ChangeSetName", "cf-deployer-automation")];
    let made = [&set[..], &[("ChangeSetType", "CREATE"), ("TemplateBody", template)], more].concat();
    tool.query("cloudformation", REGION, "CreateChangeSet", &made).await?;
    tool.query("cloudformation", REGION, "ExecuteChangeSet", &set).await.map(drop)
}

async fn assert_quiet(stage: &Stage, reading: &Reading) -> Result<()> {
    for unit in &reading.units {
        let prepared = look(unit, Look::Quick).await?;
        assert_eq!(prepared.planned.change, Change::Nothing, "{}", unit.id);
    }
    assert_eq!(stage.calls("CreateChangeSet"), 0, "nothing was asked that leaves something behind");
    Ok(())
}

#[tokio::test]
async fn a_stack_of_cloudgenesis_needs_no_change() -> Result<()> {
    let stage = Stage::set().await?;
    let file = "stacks/shop.111111111111/eu-west-1/app/jobs.v2.yaml";
    let text =
        "Template: queue.yaml\nParameters:\n- {Name: Timeout, Value: 60.0}\nTags:\n- {Key: billed, Value: true}\n";
    let sent = [
        ("Parameters.member.1.ParameterKey", "Timeout"),
        ("Parameters.member.1.ParameterValue", "60"),
        ("Tags.member.1.Key", "billed"),
        ("Tags.member.1.Value", "True"),
        ("Tags.member.2.Key", "CloudGenesis:stack-file"),
        ("Tags.member.2.Value", file),
    ];
    deploy(&stage, "app-jobs", QUEUE, &sent).await?;
    let reading = read(&stage, &[("buildspec-sync.yml", ""), ("templates/queue.yaml", QUEUE), (file, text)])?;
    assert_quiet(&stage, &reading).await
}

#[tokio::test]
async fn a_stack_of_stackctl_needs_no_change_and_gets_no_mark_by_itself() -> Result<()> {
    let stage = Stage::set().await?;
    let text =
        "Template: queue.yaml\nDescription: \"the \\\"jobs\\\"\"\nParameters: {Timeout: 60}\nTags: {team: shop}\n";
    let sent = [
        ("Parameters.member.1.ParameterKey", "Timeout"),
        ("Parameters.member.1.ParameterValue", "60"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "shop"),
        ("Tags.member.2.Key", "owner"),
        ("Tags.member.2.Value", "platform"),
    ];
    deploy(&stage, "app-jobs", &format!("Description: \"the \\\"jobs\\\"\"\n{QUEUE}"), &sent).await?;
    let files = [
        (".stackctl/config.yaml", "defaults: {tags: {owner: platform}}\n"),
        ("templates/queue.yaml", QUEUE),
        ("stacks/111111111111.shop/eu-west-1/app/jobs.yaml", text),
    ];
    let reading = read(&stage, &files)?;
    assert_quiet(&stage, &reading).await?;
    assert!(reading.sites[0].owned(&Default::default()).await?.is_empty(), "without a mark it is nobody's to delete");
    Ok(())
}
