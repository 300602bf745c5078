//! A real forge: the change is a pull request, opened once and brought up to date.

use anyhow::{Context, Result};
use infra_tests::sandbox::Gitea;

use crate::given::{case, drifted, id};

#[tokio::test]
async fn a_pull_request_is_opened_updated_and_merged() -> Result<()> {
    let mut stage = drifted("[ignore, adopt, recheck]").await?;
    let gitea = Gitea::start(&stage.sandbox.logs().join("gitea")).await?;
    gitea.push(&stage.sandbox.git().repository("shop"), "shop").await?;
    let operator = std::fs::read_to_string(stage.sandbox.logs().join("operator.yaml"))?;
    let config = stage.sandbox.logs().join("with-forge.yaml");
    std::fs::write(&config, format!("{operator}forge: {{kind: gitea, url: '{}'}}\n", gitea.url()))?;
    stage.product = stage.product.clone().with("GROUNDPLAN_REPO", gitea.repository("shop"));
    stage.product = stage.product.with("GROUNDPLAN_CONFIG", config.display().to_string());

    let id = id(&stage).await?;
    let ignore = ["case", "ignore", &id, "--reason", "ticket 7"];
    let refused = stage.run(&ignore, 1).await?.stderr;
    assert!(refused.contains("could not be pushed"), "without a token nobody may push: {refused}");
    stage.product = stage.product.with("GROUNDPLAN_FORGE_TOKEN", gitea.token());
    let said = stage.run(&ignore, 0).await?.stdout;

    let [opened] = &gitea.pulls("shop").await?[..] else { panic!("not one pull request") };
    let link = opened["html_url"].as_str().context("an address")?;
    assert!(said.contains(link), "{said}");
    let branch = format!("groundplan/ignore/{id}");
    assert_eq!((opened["head"]["ref"].as_str(), opened["base"]["ref"].as_str()), (Some(branch.as_str()), Some("main")));
    let body = opened["body"].as_str().unwrap_or_default();
    assert!(body.contains("ticket 7") && body.contains(&format!("Drift-Case: {id}")), "{body}");

    stage.run(&["case", "ignore", &id, "--reason", "ticket 8"], 0).await?;
    let [updated] = &gitea.pulls("shop").await?[..] else { panic!("a second pull request") };
    assert_eq!((&updated["number"], &updated["state"]), (&opened["number"], &"open".into()));
    assert!(updated["body"].as_str().unwrap_or_default().contains("ticket 8"), "{updated}");

    stage.run(&["case", "adopt", &id], 0).await?;
    let pulls = gitea.pulls("shop").await?;
    let of_adopt = |pull: &&serde_json::Value| pull["head"]["ref"] == format!("groundplan/adopt/{id}");
    let adopting = pulls.iter().find(of_adopt).context("a pull request of its own")?;
    let commit = adopting["head"]["sha"].as_str().context("a commit")?;
    let [proof] = &gitea.checks("shop", commit).await?[..] else { panic!("not one check") };
    assert_eq!((&proof["context"], &proof["status"]), (&"adopt/no-op-proof".into(), &"success".into()), "{proof}");
    let ignoring = updated["head"]["sha"].as_str().context("a commit")?;
    assert!(gitea.checks("shop", ignoring).await?.is_empty(), "a rule is not proven to change nothing");

    gitea.merge("shop", &updated["number"]).await?;
    stage.run(&["case", "recheck", &id], 0).await?;
    let resolved = case(&stage).await?["state"].clone();
    assert_eq!(resolved["how"], "ignored", "{resolved}");
    Ok(())
}
