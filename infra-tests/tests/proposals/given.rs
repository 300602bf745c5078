//! A drift that somebody wants Git to know of.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use infra_tests::sandbox::{Parts, clean_environment};
use infra_tests::stage::Stage;
use serde_json::Value;

pub(crate) const PARTS: Parts = Parts { aws: true, git: true, cluster: false, slack: true };

/// A queue that was changed by hand, in an environment where everyone may do this with a case.
pub(crate) async fn drifted(actions: &str) -> Result<Stage> {
    drifted_with(actions, |_| Ok(())).await
}

/// With other files, too.
pub(crate) async fn drifted_with(actions: &str, write: impl FnOnce(&Stage) -> Result<()>) -> Result<Stage> {
    let stage = Stage::set(PARTS).await?;
    write(&stage)?;
    stage.write("groundplan.yaml", &settings(actions))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.set_timeout_of("jobs", "77").await?;
    stage.run(&["drift", "--notify"], 2).await?;
    Ok(stage)
}

/// With a comment and spaces that a program must leave alone.
pub(crate) fn settings(actions: &str) -> String {
    format!(
        "repository: shop   # ours\nenvironments:\n  production: {{paths: [stacks/*, clusters/*], alerts: platform}}\n\
         access:\n  rules:\n    - {{actions: {actions}, allow: [everyone]}}\n"
    )
}

/// The only case there is.
pub(crate) async fn case(stage: &Stage) -> Result<Value> {
    let cases = stage.run(&["case", "list", "--all", "--format", "json"], 0).await?.json()?;
    let cases = cases["cases"].as_array().context("a list")?.clone();
    ensure!(cases.len() == 1, "not one case: {cases:?}");
    cases.into_iter().next().context("it has one")
}

pub(crate) async fn id(stage: &Stage) -> Result<String> {
    Ok(case(stage).await?["id"].as_str().context("an id")?.to_owned())
}

/// Runs Git in the repository that everybody pushes to.
pub(crate) fn git(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let folder = stage.sandbox.git().repository("shop");
    let output = Command::new("git").current_dir(folder).envs(clean_environment()).args(arguments).output()?;
    ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As somebody who reviewed it does.
pub(crate) fn merge(stage: &Stage, branch: &str) -> Result<()> {
    git(stage, &["update-ref", "refs/heads/main", branch]).map(drop)
}

pub(crate) fn branches(stage: &Stage) -> Result<Vec<String>> {
    Ok(git(stage, &["for-each-ref", "--format=%(refname:short)"])?.lines().map(str::to_owned).collect())
}
