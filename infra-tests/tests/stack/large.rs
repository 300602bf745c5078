//! Templates that are too large to be sent.

use anyhow::{Context, Result};
use groundplan::unit::{Change, Look};

use super::stage::{ACCOUNT, QUEUE, REGION, Stage, look, perform};

const FILE: &str = "Template: queue.yaml\n";

#[tokio::test]
async fn a_large_template_goes_through_the_operators_bucket() -> Result<()> {
    let stage = Stage::set().await?;
    let large = format!("{QUEUE}# {}\n", "x".repeat(60_000));
    let first = look(&stage.one(&large, FILE)?, Look::Quick).await?;
    let unit = stage.one(&large, FILE)?;
    let error = perform(&unit, first).await.expect_err("there is no such bucket yet");
    assert!(error.message.contains(&format!("templates-{ACCOUNT}-{REGION}")), "{error}");
    assert_eq!(stage.calls("CreateChangeSet"), 0, "nothing was begun");

    stage.sandbox.account_owner(ACCOUNT)?.make_bucket(REGION, &format!("templates-{ACCOUNT}-{REGION}")).await?;
    let planned = look(&unit, Look::Quick).await?;
    assert_eq!(perform(&unit, planned).await?.get("Name").context("an output")?, "jobs-jobs");
    assert_eq!(look(&stage.one(&large, FILE)?, Look::Quick).await?.planned.change, Change::Nothing);

    let other = format!("{large}# more\n");
    let unit = stage.one(&other, FILE)?;
    let Change::Nothing = look(&unit, Look::Quick).await?.planned.change else { panic!("only a comment differs") };
    Ok(())
}

#[tokio::test]
async fn without_a_bucket_a_large_template_is_refused_before_anything_is_done() -> Result<()> {
    let stage = Stage::set().await?.with_operator(|settings| settings.template_bucket = None);
    let large = format!("{QUEUE}# {}\n", "x".repeat(60_000));
    let error = look(&stage.one(&large, FILE)?, Look::Quick).await.err().context("there is nowhere to put it")?;
    assert!(error.hint.is_some_and(|hint| hint.contains("templateBucket")));
    Ok(())
}
