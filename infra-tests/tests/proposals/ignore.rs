//! A drift that is no matter: a rule with a reason and an end, which somebody else merges.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use infra_tests::slack::ALERTS;
use infra_tests::stage::Stage;

use crate::given::{branches, case, drifted, git, id, merge, settings};

const PATH: &str = "/Properties/VisibilityTimeout";
const REASON: &str = "AWS support asked for it: ticket 7";

/// Asks for a rule, and wants this exit code.
async fn ignore(stage: &Stage, reason: &str, more: &[&str], code: i32) -> Result<String> {
    let id = id(stage).await?;
    let arguments = [&["case", "ignore", &id, "--reason", reason], more].concat();
    Ok(stage.run(&arguments, code).await?.stderr)
}

#[tokio::test]
async fn a_drift_is_ignored_when_its_rule_is_merged_and_seen_and_not_before() -> Result<()> {
    let mut stage = drifted("[ignore, recheck]").await?;
    let (id, declared) = (id(&stage).await?, settings("[ignore, recheck]"));
    let branch = format!("groundplan/ignore/{id}");

    // What reaches `git` is written down on the way.
    let shim = stage.sandbox.logs().join("shim");
    std::fs::create_dir(&shim)?;
    let (log, path) = (shim.join("argv"), std::env::var("PATH")?);
    let script = format!("#!/bin/sh\necho \"$@\" >>{}\nPATH='{path}' exec git \"$@\"\n", log.display());
    std::fs::write(shim.join("git"), script)?;
    std::fs::set_permissions(shim.join("git"), std::fs::Permissions::from_mode(0o755))?;
    let there = stage.product.clone();
    stage.product = there.clone().with("PATH", format!("{}:{path}", shim.display()));
    stage.product = stage.product.with("GROUNDPLAN_GIT_TOKEN", "canary-of-the-token");
    let said = ignore(&stage, REASON, &[], 0).await?;
    let arguments = std::fs::read_to_string(&log)?;
    assert!(arguments.starts_with("push "), "{arguments}");
    assert!(!arguments.contains("canary") && !said.contains("canary"), "{arguments}{said}");
    stage.product = there;

    let first = git(&stage, &["rev-parse", &branch])?;
    let file = git(&stage, &["show", &format!("{branch}:groundplan.yaml")])?;
    let rule = file.strip_prefix(&declared).context("every byte before the rule is as it was")?;
    assert!(rule.starts_with("ignore:\n  - unit: stacks/111111111111/eu-west-1/jobs\n"), "{rule}");
    assert!(rule.contains(PATH) && rule.contains(REASON) && rule.contains("until: "), "{rule}");
    let message = git(&stage, &["log", "-1", "--format=%B", &branch])?;
    assert!(
        message.contains(REASON) && message.contains(&format!("Drift-Case: {id}\nRequested-By: login:")),
        "{message}"
    );
    assert_eq!(git(&stage, &["rev-list", "--count", &format!("main..{branch}")])?, "1\n");

    // A change that nobody merged mutes nothing, and asked for twice it is the same.
    let kept = case(&stage).await?;
    assert_eq!(
        (kept["state"]["state"].as_str(), kept["proposal"]["branch"].as_str()),
        (Some("open"), Some(branch.as_str()))
    );
    assert!(stage.sandbox.slack().show(ALERTS).contains(&branch), "{}", stage.sandbox.slack().show(ALERTS));
    stage.run(&["drift", "--notify"], 2).await?;
    ignore(&stage, REASON, &[], 0).await?;
    assert_eq!(git(&stage, &["rev-parse", &branch])?, first, "the same wish is the same commit");
    ignore(&stage, "another reason", &["--until", &days_from_now(10)], 0).await?;
    assert_eq!(git(&stage, &["rev-list", "--count", &format!("main..{branch}")])?, "1\n");
    assert_eq!(branches(&stage)?, [branch.clone(), "main".to_owned()]);
    let audit = stage.run(&["case", "audit"], 0).await?.stdout;
    assert_eq!(audit.matches("proposed on").count(), 3, "{audit}");

    merge(&stage, &branch)?;
    stage.run(&["case", "recheck", &id], 0).await?;
    let state = case(&stage).await?["state"].clone();
    assert_eq!((state["state"].as_str(), state["how"].as_str()), (Some("resolved"), Some("ignored")));
    stage.run(&["drift"], 0).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "77", "nothing was written to the world");
    Ok(())
}

#[tokio::test]
async fn a_rule_needs_a_reason_an_end_a_path_and_somebody_who_may() -> Result<()> {
    let stage = drifted("[ignore, recheck]").await?;
    let id = id(&stage).await?;
    stage.run(&["case", "ignore", &id], 64).await?;
    for (reason, more, why) in [
        ("  ", vec![], "needs a reason"),
        ("the password is hunter2hunter2", vec!["--path", "/Elsewhere"], "no difference of this case"),
        ("key AKIAIOSFODNN7EXAMPLE", vec![], "looks like a secret"),
        (REASON, vec!["--until", "2020-01-01"], "a rule ends between today"),
        (REASON, vec!["--until", &days_from_now(181)], "a rule ends between today"),
        (REASON, vec!["--path", "/Properties/Visibility"], "no difference of this case"),
    ] {
        let said = ignore(&stage, reason, &more, 1).await?;
        assert!(said.contains(why), "{reason} {more:?}: {said}");
    }
    stage.write("groundplan.yaml", &settings("[sync, recheck]"))?;
    stage.push()?;
    let said = ignore(&stage, REASON, &[], 1).await?;
    assert!(said.contains("You may not ignore production"), "{said}");
    assert_eq!(branches(&stage)?, ["main"], "nothing that was refused was pushed");
    assert_eq!(case(&stage).await?["proposal"], serde_json::Value::Null);
    let audit = stage.run(&["case", "audit"], 0).await?.stdout;
    assert_eq!(audit.matches("denied").count(), 7, "{audit}");
    Ok(())
}

fn days_from_now(days: i64) -> String {
    let day = jiff::Zoned::now().date().saturating_add(jiff::SignedDuration::from_hours(24 * days));
    day.to_string()
}
