//! The same from the message's menu.

use std::time::Duration;

use anyhow::{Context, Result};
use infra_tests::slack::{ALERTS, OPERATOR};
use infra_tests::stage::becomes;

use crate::given::{branches, case, drifted, git, id};

#[tokio::test]
async fn the_menu_asks_for_a_reason_and_adopts_at_once() -> Result<()> {
    let stage = drifted("[ignore, adopt, recheck]").await?;
    let (id, slack) = (id(&stage).await?, stage.sandbox.slack());
    let _service = stage.start(&["serve"])?;
    anyhow::ensure!(slack.connected(1, Duration::from_secs(30)).await, "nobody listens");
    let root = || slack.messages(ALERTS).into_iter().find(|message| message.ephemeral_to.is_none());
    let ts = root().context("the case's message")?.ts;

    slack.press(ALERTS, &ts, "case_more=Ignore: add a rule to Git", OPERATOR).await?;
    becomes("the dialog", async || Ok(!slack.views().is_empty())).await?;
    slack.submit("  ", OPERATOR).await?;
    becomes("the refusal", async || Ok(slack.show(ALERTS).contains("needs a reason"))).await?;
    assert_eq!(branches(&stage)?, ["main"]);
    slack.press(ALERTS, &ts, "case_more=Ignore: add a rule to Git", OPERATOR).await?;
    becomes("another dialog", async || Ok(slack.views().len() == 2)).await?;
    let last_day = jiff::Zoned::now().date().saturating_add(jiff::SignedDuration::from_hours(24 * 7)).to_string();
    slack.submit_until("ticket 7", &last_day, OPERATOR).await?;
    let ignored = format!("groundplan/ignore/{id}");
    becomes("the branch to be told", async || Ok(slack.show(ALERTS).contains(&ignored))).await?;
    let rules = git(&stage, &["show", &format!("{ignored}:groundplan.yaml")])?;
    assert!(rules.contains("ticket 7") && rules.contains(&last_day), "{rules}");

    slack.press(ALERTS, &ts, "case_more=Adopt: let Git say what is there", OPERATOR).await?;
    let adopted = format!("groundplan/adopt/{id}");
    becomes("the other branch to be told", async || Ok(slack.show(ALERTS).contains(&adopted))).await?;
    assert_eq!(branches(&stage)?, [adopted, ignored, "main".to_owned()]);
    assert_eq!(case(&stage).await?["proposal"]["by"], OPERATOR);
    Ok(())
}
