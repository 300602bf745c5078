//! What `groundplan.yaml` says of stacks: files that were renamed, and stacks that somebody else keeps.

use anyhow::Result;
use infra_tests::sandbox::{ACCOUNTS, Parts};
use infra_tests::stage::{REGION, Stage};

use super::story::{assert_says, here};

const JOBS: &str = "Template: queue.yaml\nParameters: {Timeout: 30}\n";

fn moved(from: &str, to: &str) -> String {
    let at = format!("stacks/{}/{REGION}", ACCOUNTS[0]);
    format!("repository: shop\nmoved:\n- {{from: {at}/{from}, to: {at}/{to}}}\n")
}

#[tokio::test]
async fn a_renamed_file_keeps_its_stack_and_marks_it_with_its_next_change() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.remove(&here("jobs"))?;
    stage.write(&here("work/queue"), JOBS)?;
    stage.push()?;
    assert_says(&stage.run(&["plan"], 2).await?, "delete: no longer declared");
    stage.write("groundplan.yaml", &moved("jobs", "work/queue"))?;
    stage.push()?;
    let sets = stage.sandbox.proxy().counts().of("CreateChangeSet");
    stage.run(&["plan"], 0).await?;
    assert_eq!(stage.sandbox.proxy().counts().of("CreateChangeSet"), sets, "no stack is touched for a new mark");

    stage.write(&here("work/queue"), &JOBS.replace("30", "60"))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(stage.stacks().await?, ["jobs"]);
    assert_eq!(stage.timeout_of("jobs").await?, "60");
    assert!(stage.stack("jobs").await?.contains(&format!("<Value>shop/{}</Value>", here("work/queue"))));
    stage.run(&["plan"], 0).await?;

    // Without its entry the file would name another stack, and nobody would declare this one.
    stage.write("groundplan.yaml", "repository: shop\n")?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&ran, "the stack `jobs` was made from this file, which calls it `work-queue` now");
    assert_eq!(stage.stacks().await?, ["jobs"]);
    Ok(())
}

#[tokio::test]
async fn an_entry_that_does_not_fit_the_stack_touches_nothing() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.queue("other", 5)?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.remove(&here("jobs"))?;
    stage.write(&here("work/queue"), JOBS)?;
    let elsewhere = moved("jobs", "work/queue").replace("from: stacks/", "from: stacks/old.");
    stage.write("groundplan.yaml", &elsewhere)?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&ran, "is marked as `shop/stacks/111111111111/eu-west-1/jobs.yaml`, and `moved:` says another path");
    stage.write("groundplan.yaml", &moved("jobs", "work/queues"))?;
    stage.push()?;
    let ran = stage.run(&["check"], 65).await?;
    assert_says(&ran, "nothing is declared at `stacks/111111111111/eu-west-1/work/queues` any more");
    assert_says(&ran, "did you mean `stacks/111111111111/eu-west-1/work/queue`?");
    assert_eq!(stage.stacks().await?, ["jobs", "other"]);
    Ok(())
}

#[tokio::test]
async fn a_stack_of_others_is_read_never_touched_and_awaited_only_by_those_who_need_it() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    let external =
        format!("external:\n  base/shared: {{account: '{}', region: {REGION}, stack: theirs}}\n", ACCOUNTS[0]);
    stage.write("groundplan.yaml", &format!("repository: shop\n{external}"))?;
    let taking = "Template: queue.yaml\nParameters:\n- {Name: Timeout, Type: Output, Value: shared.Seconds}\n";
    stage.write(&here("taking"), taking)?;
    stage.push()?;
    stage.run(&["check"], 0).await?;
    let ran = stage.run(&["sync", "--yes"], 3).await?;
    assert_says(&ran, "the stack `theirs`, which somebody else keeps in account 111111111111, eu-west-1, is not there");
    assert_eq!(stage.stacks().await?, ["jobs"], "what does not wait for it goes on");

    // Even one that carries our mark, as after it was given away, is left alone.
    let template = "Resources: {Q: {Type: 'AWS::SQS::Queue'}}\nOutputs: {Seconds: {Value: '45'}}\n";
    let mark = format!("shop/{}", here("theirs"));
    let made = [
        ("StackName", "theirs"),
        ("TemplateBody", template),
        ("Tags.member.1.Key", "CloudGenesis:stack-file"),
        ("Tags.member.1.Value", &mark),
    ];
    stage.owner()?.query("cloudformation", REGION, "CreateStack", &made).await?;
    let described = async || {
        let told = stage.stack("theirs").await?;
        anyhow::Ok(told.split("<ResponseMetadata>").next().unwrap_or_default().to_owned())
    };
    let before = described().await?;
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(stage.stacks().await?, ["jobs", "taking", "theirs"]);
    assert_eq!(stage.timeout_of("taking").await?, "45");
    stage.run(&["plan"], 0).await?;
    stage.run(&["destroy", "--yes", "--agree", "delete"], 0).await?;
    assert_eq!(stage.stacks().await?, ["theirs"]);
    assert_eq!(described().await?, before);

    stage.write(&here("theirs"), "Template: queue.yaml\nParameters: {Timeout: 5}\n")?;
    stage.push()?;
    assert_says(&stage.run(&["check"], 65).await?, "theirs.yaml` declares this stack, so it is not somebody else's");
    Ok(())
}
