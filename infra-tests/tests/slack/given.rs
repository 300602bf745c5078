//! What the tests start from: a simulator, a case, the product connected to it.

use std::collections::BTreeMap;
use std::time::Duration;

use groundplan::cases::{Case, CaseState, CaseUnit, Weight};
use groundplan::repo::CommitId;
use groundplan::slack::{Inbox, Press, Signatures, Slack, SlackSettings, router};
use groundplan::unit::{Cause, Coverage, Difference, Effect, Secret, Shown, UnitId};
use infra_tests::slack::{ALERTS, Simulator};
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

pub(crate) const SOON: Duration = Duration::from_secs(5);

pub(crate) fn case() -> Case {
    let at = jiff::Timestamp::from_second(1_795_240_800).expect("a time in this century");
    let difference = Difference {
        item: "Jobs (AWS::SQS::Queue)".into(),
        path: "/Properties/VisibilityTimeout".into(),
        from: Some(Shown::text("45")),
        to: Some(Shown::text("30")),
        cause: Cause::Drifted,
        effect: Effect::InPlace,
        who: None,
    };
    let coverage = Coverage { checked: 12, total: 13, unchecked: vec!["Role: no permission to read".into()] };
    Case {
        id: "d_7q3m9k".into(),
        environment: "production".parse().expect("a lowercase word is a name"),
        repository: "platform".into(),
        key: "5eed".into(),
        state_hash: "a1".into(),
        commit: CommitId::new("9f1c2ab04d5e6f708192a3b4c5d6e7f801234567"),
        owners: vec!["@platform/oncall".into()],
        alerts: None,
        state: CaseState::Open,
        revision: 7,
        units: vec![CaseUnit {
            id: UnitId::new("stacks/prod.111122223333/eu-west-1/data/queue"),
            differences: vec![difference],
            coverage,
        }],
        plan_hash: "4f0d12ab34cd56ef7890".into(),
        weight: Weight::default(),
        first_seen: at,
        last_seen: at,
        seen: 1,
        flaps: 0,
        clean_since: None,
        resolved_at: None,
        before_stale: None,
        quiet: false,
        asked_who: 0,
        proposal: None,
        open_requests: None,
    }
}

pub(crate) async fn simulator() -> Simulator {
    Simulator::start().await.expect("a free port")
}

/// The product's client for a simulator.
pub(crate) fn product(simulator: &Simulator) -> Slack {
    let settings = SlackSettings {
        bot_token: Some(Secret::new(simulator.bot_token())),
        app_token: Some(Secret::new(simulator.app_token())),
        signing_secret: Some(Secret::new(simulator.signing_secret())),
        api_url: Some(simulator.api_url()),
        channels: BTreeMap::from([("default".to_owned(), ALERTS.to_owned())]),
    };
    Slack::new(settings).expect("an address on this machine")
}

/// Stops what it holds when a test ends, however it ends.
pub(crate) struct Running(pub(crate) JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The product's way in by HTTP, and where it is.
pub(crate) async fn door(simulator: &Simulator, room: usize) -> (Running, String, Receiver<Press>) {
    let (inbox, presses) = Inbox::new(room, Default::default());
    let app = router(Signatures::new(&Secret::new(simulator.signing_secret())), inbox);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}/slack/interactions", listener.local_addr().expect("it listens"));
    let serve = async move { drop(axum::serve(listener, app).await) };
    simulator.send_presses_to(url.clone());
    (Running(tokio::spawn(serve)), url, presses)
}

/// The product listening by Socket Mode.
pub(crate) async fn socket(simulator: &Simulator, slack: &Slack, room: usize) -> (Running, Receiver<Press>) {
    let (inbox, presses) = Inbox::new(room, Default::default());
    let slack = slack.clone();
    let running = Running(tokio::spawn(async move { drop(slack.listen(inbox).await) }));
    assert!(simulator.connected(1, SOON).await, "the product connects");
    (running, presses)
}

/// One call of the Web API, as any client would make it.
pub(crate) async fn call(simulator: &Simulator, token: &str, method: &str, arguments: Value) -> Value {
    let request = reqwest::Client::new().post(format!("{}/{method}", simulator.api_url())).bearer_auth(token);
    let answer = request.json(&arguments).send().await.expect("the simulator answers");
    answer.json().await.expect("an answer in JSON")
}
