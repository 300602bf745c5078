//! Slack's official SDK runs against the simulator, and validates what the product posts.

use std::time::Duration;

use groundplan::cases::{CaseState, How};
use infra_tests::sandbox::python::interpreter;
use infra_tests::slack::OPERATOR;

use crate::given::{case, product, simulator};

#[tokio::test]
async fn slacks_own_sdk_agrees_with_the_simulator_and_takes_our_messages() {
    let python = tokio::task::spawn_blocking(interpreter).await.expect("it does not panic").expect("Python is there");
    let simulator = simulator().await;
    let slack = product(&simulator);
    let by = || OPERATOR.to_owned();
    for state in [
        CaseState::Open,
        CaseState::SyncRequested { by: by() },
        CaseState::Syncing { by: by() },
        CaseState::Resolved { how: How::Synced, by: Some(by()) },
        CaseState::SyncFailed { reason: "the stack `queue` is locked".into() },
        CaseState::Stale { reason: "no answer".into() },
    ] {
        let case = groundplan::cases::Case { state, ..case() };
        slack.post(&case).await.expect("Slack takes it");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/prove_slack.py");
    let mut command = tokio::process::Command::new(python);
    command.arg(script).arg(simulator.url()).env_remove("HTTP_PROXY").env_remove("http_proxy").kill_on_drop(true);
    let proof = tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("within a minute");
    let proof = proof.expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&proof.stdout), String::from_utf8_lossy(&proof.stderr));
    assert!(proof.status.success(), "{out}\n{err}");
    assert_eq!(out.lines().filter(|line| line.starts_with("proven: ")).count(), 6, "{out}");
}
