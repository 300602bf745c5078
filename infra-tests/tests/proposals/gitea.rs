//! A real forge: the change is a pull request, opened once and brought up to date.

use anyhow::{Context, Result};
use infra_tests::sandbox::{Gitea, OPERATOR_FILE};
use infra_tests::slack::{ALERTS, Message};
use infra_tests::stage::Stage;

use crate::given::{case, drifted, git, id, settings};

/// A drift of a repository that is kept at a forge.
async fn drifted_at_a_forge() -> Result<(Stage, Gitea)> {
    let mut stage = drifted("[ignore, adopt, recheck]").await?;
    let gitea = Gitea::start(&stage.sandbox.logs().join("gitea")).await?;
    gitea.push(&stage.sandbox.git().repository("shop"), "shop").await?;
    let operator = std::fs::read_to_string(stage.sandbox.logs().join(OPERATOR_FILE))?;
    stage.operator(&format!("{operator}forge: {{kind: gitea, url: '{}'}}\n", gitea.url()))?;
    stage.product = stage.product.clone().with("GROUNDPLAN_REPO", gitea.repository("shop"));
    Ok((stage, gitea))
}

#[tokio::test]
async fn an_open_pull_request_that_changes_what_drifted_is_told_and_another_one_is_not() -> Result<()> {
    let (stage, gitea) = drifted_at_a_forge().await?;
    let look = async || -> Result<String> {
        stage.run(&["drift", "--notify"], 2).await?;
        Ok(stage.sandbox.slack().show(ALERTS))
    };
    let told = look().await?;
    assert!(told.contains("no open pull request changes it"), "{told}");
    let settings = format!("{}# another\n", settings("[ignore, adopt, recheck]"));
    gitea.propose("shop", "another", "groundplan.yaml", &settings).await?;
    let told = look().await?;
    assert!(told.contains("no open pull request changes it"), "{told}");
    let jobs = "stacks/111111111111/eu-west-1/jobs.yaml";
    let text = git(&stage, &["show", &format!("main:{jobs}")])?.replace("30", "77");
    let number = gitea.propose("shop", "longer", jobs, &text).await?;
    let told = look().await?;
    assert!(told.contains(&format!("changed by #{number}")), "{told}");
    let link = format!("<{}/pulls/{number}|#{number}>", web(&gitea));
    let is_root = |message: &&Message| message.now()["thread_ts"].is_null();
    let roots: Vec<_> =
        stage.sandbox.slack().messages(ALERTS).into_iter().filter(|message| is_root(&message)).collect();
    let [root] = &roots[..] else { panic!("it is edited: {roots:?}") };
    assert!(root.now().to_string().contains(&link), "{}", root.now());
    let shown = stage.run(&["case", "show", &id(&stage).await?], 0).await?.stdout;
    assert!(shown.contains(&format!("changed by the open pull request #{number}")), "{shown}");
    gitea.close("shop", &number).await?;
    let told = look().await?;
    assert!(told.contains("no open pull request changes it"), "{told}");
    Ok(())
}

/// Where people read the repository.
fn web(gitea: &Gitea) -> String {
    gitea.repository("shop").trim_end_matches(".git").to_owned()
}

#[tokio::test]
async fn a_pull_request_is_opened_updated_and_merged() -> Result<()> {
    let (mut stage, gitea) = drifted_at_a_forge().await?;
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
    let label = |pull: &serde_json::Value| pull["labels"][0]["name"].as_str().unwrap_or_default().to_owned();
    assert_eq!((label(updated), label(adopting)), ("drift-ignore".to_owned(), "drift-adopt".to_owned()));

    gitea.merge("shop", &updated["number"]).await?;
    stage.run(&["case", "recheck", &id], 0).await?;
    let resolved = case(&stage).await?["state"].clone();
    assert_eq!(resolved["how"], "ignored", "{resolved}");
    Ok(())
}
