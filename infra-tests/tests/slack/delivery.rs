//! A press from the simulator to the product, by both ways, and what is refused on the way.

use groundplan::slack::{Action, Posted, Press};
use infra_tests::slack::{ALERTS, APP_ID, Delivery, OPERATOR, STRANGER, Simulator, TEAM_ID, Transport};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use crate::given::{SOON, case, door, product, simulator, socket};

fn expected(posted: &Posted) -> Press {
    Press {
        case: "d_7q3m9k".into(),
        revision: 7,
        action: Action::Sync,
        plan: "4f0d12ab34cd56ef".into(),
        hours: None,
        trigger: None,
        typed: None,
        until: None,
        break_glass: None,
        user_id: OPERATOR.into(),
        user_team: Some(TEAM_ID.into()),
        team: Some(TEAM_ID.into()),
        app_id: Some(APP_ID.into()),
        channel: posted.channel.clone(),
        ts: posted.ts.clone(),
    }
}

async fn press(simulator: &Simulator, posted: &Posted) -> Delivery {
    simulator.press(ALERTS, &posted.ts, Action::Sync.id(), OPERATOR).await.expect("the button is there")
}

async fn next(presses: &mut Receiver<Press>) -> Press {
    let press = timeout(SOON, presses.recv()).await.expect("soon").expect("the way in is open");
    // Another one for every press: it opens a dialog, once, for three seconds.
    assert!(press.trigger.is_some(), "{press:?}");
    Press { trigger: None, ..press }
}

#[tokio::test]
async fn a_press_arrives_by_socket_mode_and_is_acknowledged_at_once() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    let posted = slack.post(&case()).await.expect("Slack takes it");
    let (_listening, mut presses) = socket(&simulator, &slack, 4).await;
    let delivery = press(&simulator, &posted).await;
    assert_eq!(delivery.transport, Transport::SocketMode);
    assert!(delivery.acknowledged_after.is_some_and(|after| after.as_millis() < 2000), "{delivery:?}");
    assert_eq!(next(&mut presses).await, expected(&posted));
}

#[tokio::test]
async fn a_connection_that_slack_moves_is_opened_again() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    let posted = slack.post(&case()).await.expect("Slack takes it");
    let (_listening, mut presses) = socket(&simulator, &slack, 4).await;
    simulator.disconnect("refresh_requested");
    assert!(simulator.connected(0, SOON).await);
    assert!(simulator.connected(1, SOON).await);
    press(&simulator, &posted).await;
    assert_eq!(next(&mut presses).await, expected(&posted));
}

#[tokio::test]
async fn a_press_that_finds_no_room_is_not_acknowledged() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    let posted = slack.post(&case()).await.expect("Slack takes it");
    let (_listening, _presses) = socket(&simulator, &slack, 1).await;
    assert!(press(&simulator, &posted).await.acknowledged_after.is_some());
    assert!(press(&simulator, &posted).await.acknowledged_after.is_none());
}

#[tokio::test]
async fn a_wrong_app_token_ends_listening_with_slacks_word() {
    let simulator = simulator().await;
    simulator.refuse("apps.connections.open", "invalid_auth");
    let (inbox, _presses) = groundplan::slack::Inbox::new(1, Default::default());
    let ended = timeout(SOON, product(&simulator).listen(inbox)).await.expect("trying again cannot help");
    assert_eq!(ended.to_string(), "cannot open Socket Mode: Slack says `invalid_auth`");
}

#[tokio::test]
async fn a_press_arrives_by_http() {
    let simulator = simulator().await;
    let posted = product(&simulator).post(&case()).await.expect("Slack takes it");
    let (_open, _, mut presses) = door(&simulator, 4).await;
    let delivery = press(&simulator, &posted).await;
    assert_eq!((delivery.transport, delivery.status), (Transport::Http, Some(200)));
    assert_eq!(next(&mut presses).await, expected(&posted));
}

#[tokio::test]
async fn a_press_tells_when_its_user_belongs_to_another_workspace() {
    let simulator = simulator().await;
    let posted = product(&simulator).post(&case()).await.expect("Slack takes it");
    let (_open, _, mut presses) = door(&simulator, 4).await;
    simulator.press(ALERTS, &posted.ts, Action::Sync.id(), STRANGER).await.expect("the button is there");
    let press = next(&mut presses).await;
    assert_ne!(press.user_team, press.team);
}

/// A request to the product's door, with what a forger may choose.
async fn knock(url: &str, timestamp: i64, signature: &str, body: impl Into<reqwest::Body>) -> Option<u16> {
    let request = reqwest::Client::new().post(url).header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("x-slack-request-timestamp", timestamp).header("x-slack-signature", signature);
    request.body(body).send().await.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn acceptance_10_what_is_forged_old_replayed_or_doubly_signed_is_refused() {
    let simulator = simulator().await;
    let posted = product(&simulator).post(&case()).await.expect("Slack takes it");
    let (_open, url, mut presses) = door(&simulator, 4).await;
    let request = press(&simulator, &posted).await.request.expect("it came by HTTP");
    next(&mut presses).await;
    let now = jiff::Timestamp::now().as_second();
    let body = request.body.as_str();

    let replayed = knock(&url, request.timestamp, &request.signature, body.to_owned()).await;
    assert_eq!(replayed, Some(409), "replayed");
    let forged = knock(&url, now, &format!("v0={}", "0".repeat(64)), body.to_owned()).await;
    assert_eq!(forged, Some(401), "forged");
    let changed = knock(&url, request.timestamp, &request.signature, body.replace("rev", "xev")).await;
    assert_eq!(changed, Some(401), "changed on the way");
    for off in [-310, 310] {
        let old = knock(&url, now + off, &simulator.sign(now + off, body), body.to_owned()).await;
        assert_eq!(old, Some(401), "{off} seconds off");
    }
    let again = knock(&url, now + 1, &simulator.sign(now + 1, "payload=%5B%5D"), "payload=%5B%5D").await;
    assert_eq!(again, Some(400), "signed, and no press");
    let signature = simulator.sign(now + 2, body);
    let twice = reqwest::Client::new().post(&url).header("x-slack-request-timestamp", now + 2);
    let twice = twice.header("x-slack-signature", &signature).header("x-slack-signature", &signature);
    assert_eq!(twice.body(body.to_owned()).send().await.expect("an answer").status(), 401, "signed twice");
    assert!(presses.try_recv().is_err(), "none of them became a press");
}

#[tokio::test]
async fn acceptance_10_a_body_of_fifty_megabytes_is_refused_before_it_is_read() {
    let simulator = simulator().await;
    let (_open, url, mut presses) = door(&simulator, 4).await;
    let now = jiff::Timestamp::now().as_second();
    let body = "x".repeat(50 * 1024 * 1024);
    let signature = simulator.sign(now, &body);
    // The door may close while the rest is still being sent: then there is no answer to read.
    let status = knock(&url, now, &signature, body).await;
    assert!(matches!(status, None | Some(413)), "{status:?}");
    assert!(presses.try_recv().is_err());
}

#[tokio::test]
async fn a_full_inbox_answers_503_and_takes_the_same_press_later() {
    let simulator = simulator().await;
    let posted = product(&simulator).post(&case()).await.expect("Slack takes it");
    let (_open, url, mut presses) = door(&simulator, 1).await;
    press(&simulator, &posted).await;
    let lost = press(&simulator, &posted).await;
    assert_eq!((lost.status, lost.acknowledged_after), (Some(503), None));
    next(&mut presses).await;
    let request = lost.request.expect("it came by HTTP");
    assert_eq!(knock(&url, request.timestamp, &request.signature, request.body).await, Some(200));
    next(&mut presses).await;
}
