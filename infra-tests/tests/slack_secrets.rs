//! No log of any crate, however chatty, tells a token of Slack's.
//!
//! A program of its own, because what is logged is set once for a whole program.

#[path = "slack/given.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod given;

use std::io::Write;
use std::sync::{Arc, Mutex};

use groundplan::slack::Action;
use infra_tests::slack::{ALERTS, APP_TOKEN, BOT_TOKEN, OPERATOR, SIGNING_SECRET};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics while holding it").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_is_logged_at_the_chattiest_level() {
    let logged = Logged::default();
    let writer = logged.clone();
    tracing_subscriber::fmt().with_env_filter("trace").with_writer(move || writer.clone()).init();
    let simulator = given::simulator().await;
    let slack = given::product(&simulator);
    let posted = slack.post(&given::case()).await.expect("Slack takes it");
    let (listening, _presses) = given::socket(&simulator, &slack, 4).await;
    simulator.press(ALERTS, &posted.ts, Action::Sync.id(), OPERATOR).await.expect("by Socket Mode");
    drop(listening);
    assert!(simulator.connected(0, given::SOON).await);
    let (_open, _, _presses) = given::door(&simulator, 4).await;
    simulator.press(ALERTS, &posted.ts, Action::Sync.id(), OPERATOR).await.expect("by HTTP");
    simulator.refuse("chat.postMessage", "invalid_auth");
    slack.post(&given::case()).await.expect_err("Slack refuses");

    let logged = String::from_utf8_lossy(&logged.0.lock().expect("nobody panics while holding it")).into_owned();
    assert!(logged.contains("slack_morphism"), "the client's own log is there to be searched");
    for token in [BOT_TOKEN, APP_TOKEN, SIGNING_SECRET] {
        let line = logged.lines().find(|line| line.contains(token));
        assert_eq!(line, None);
    }
}
