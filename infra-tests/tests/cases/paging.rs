//! What Slack does not take: told to a real Alertmanager, where it is risky.

use std::time::Duration;

use groundplan::alertmanager::{Alertmanager, AlertmanagerSettings};
use groundplan::unit::UnitId;
use infra_tests::sandbox;
use infra_tests::sandbox::until;
use jiff::SignedDuration;
use serde_json::Value;

use crate::given::{QUEUE, VPC, given};

#[tokio::test]
async fn a_risky_case_that_slack_does_not_take_fires_in_alertmanager_until_it_is_resolved() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = sandbox::Alertmanager::start(&folder.path().join("alertmanager")).await.expect("it starts");
    let mut given = given("").await;
    let settings = AlertmanagerSettings { url: there.url().to_owned(), after: SignedDuration::from_millis(100) };
    given.service.alertmanager = Some(Alertmanager::new(settings).expect("a client"));
    given.slack.revoke_tokens();
    // A lost queue is risky; a changed network is not.
    given.world.state().things.remove(&UnitId::new(QUEUE));
    given.change(VPC, "canary-4711 by hand");
    let cases = given.look().await;
    let service = tokio::spawn(given.service.clone().run(None, false));
    let firing = async |count: usize| {
        until("Alertmanager to know", Duration::from_secs(30), async || {
            let firing = there.firing().await?;
            Ok((firing.len() == count).then_some(firing))
        })
        .await
        .expect("it knows")
    };
    let alert: Value = firing(1).await.remove(0);
    let risky = cases.iter().find(|case| case.units.iter().any(|unit| unit.id.as_str() == QUEUE)).expect("a case");
    assert_eq!(alert["labels"]["alertname"], "GroundplanDrift");
    assert_eq!(
        (&alert["labels"]["environment"], &alert["labels"]["case"]),
        (&"default".into(), &risky.id.clone().into())
    );
    let text = alert.to_string();
    assert!(text.contains(QUEUE) && text.contains("token_revoked") && !text.contains("canary"), "{text}");

    // The world is as declared again: two clean looks, and nobody is called any more.
    given.sync().await;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        given.look().await;
    }
    assert!(given.case(&risky.id).await.state.is_resolved());
    firing(0).await;
    service.abort();
}
