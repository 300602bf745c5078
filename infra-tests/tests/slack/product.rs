//! The product's client against the simulator: posting, updating, being refused.

use groundplan::cases::{Case, CaseState, How};
use groundplan::slack::{Slack, SlackSettings};
use infra_tests::slack::{ALERTS, OPERATOR};
use serde_json::json;

use crate::given::{case, product, simulator};

#[tokio::test]
async fn a_case_is_one_message_for_life() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    let mut case = case();
    let posted = slack.post(&case).await.expect("Slack takes it");
    case.state = CaseState::Resolved { how: How::Synced, by: Some(OPERATOR.to_owned()) };
    slack.update(&case, &posted).await.expect("Slack takes it");
    let messages = simulator.messages(ALERTS);
    assert_eq!((messages.len(), messages[0].versions.len()), (1, 2));
    assert!(messages[0].versions[0].to_string().contains("case_sync"));
    assert!(!messages[0].now().to_string().contains("case_sync"));
    assert_eq!(slack.find(&case).await.expect("Slack answers"), Some(posted));
}

#[tokio::test]
async fn the_channel_shows_what_drifted_and_a_button() {
    let simulator = simulator().await;
    product(&simulator).post(&case()).await.expect("Slack takes it");
    let expected = "\
# alerts

┌
│ 🔴 Drift in production: 1 change in 1 unit
│
│ Environment  production
│ Owner        @platform/oncall
│ Git          9f1c2ab of platform
│ First seen   2026-11-21 06:00 UTC
│ Coverage     12 of 13 checked · not: Role: no permission to read
│
│ Live → Git
│ 🟡 data/queue Jobs (AWS::SQS::Queue) /Properties/VisibilityTimeout: 45 → 30
│
│ Who it was is not known
│ A sync would: 1 changed in place · plan 4f0d12ab34cd56ef
│
│ [Sync] [Acknowledge] [Snooze…] [Recheck] [⋯]
│
│ case d_7q3m9k · rev 7 · seen once
└
";
    assert_eq!(simulator.show(ALERTS), expected);
}

#[tokio::test]
async fn the_channel_is_a_page_that_a_browser_draws_and_no_value_is_markup_in_it() {
    let simulator = simulator().await;
    let mut case = case();
    case.units[0].differences[0].item = "<script>alert(1)</script>".into();
    product(&simulator).post(&case).await.expect("Slack takes it");
    let url = format!("{}/control/page", simulator.url());
    let page = reqwest::get(&url).await.expect("a page").text().await.expect("text");
    assert!(
        page.contains("Drift in production: 1 change in 1 unit") && page.contains("<button class='primary'>Sync"),
        "{page}"
    );
    assert!(!page.contains("<script>"), "{page}");
    let Some(chromium) = infra_tests::sandbox::Chromium::find() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("channel.png");
    chromium.picture(&url, &picture).await.expect("a picture");
    let bytes = std::fs::read(&picture).expect("it is there");
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000, "{} bytes", bytes.len());
}

#[tokio::test]
async fn a_refused_message_is_told_more_plainly_until_it_is_taken() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    for word in ["invalid_blocks", "msg_blocks_too_long", "invalid_blocks"] {
        simulator.refuse("chat.postMessage", word);
    }
    slack.post(&case()).await.expect("the plainest is taken");
    let message = &simulator.messages(ALERTS)[0];
    assert_eq!(message.now().get("blocks"), None);
    assert!(message.now()["text"].as_str().is_some_and(|text| text.contains("d_7q3m9k")));
    let sizes: Vec<_> =
        simulator.calls().iter().map(|call| call.arguments["blocks"].as_array().map(Vec::len)).collect();
    assert_eq!(sizes, [Some(6), Some(5), Some(2), Some(0)]);
}

#[tokio::test]
async fn slack_is_asked_again_after_the_time_it_names_and_not_for_ever() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    simulator.throttle("chat.postMessage", 1);
    let begun = std::time::Instant::now();
    slack.post(&case()).await.expect("the second try is taken");
    assert!(begun.elapsed().as_millis() >= 1000);
    (0..4).for_each(|_| simulator.throttle("chat.postMessage", 0));
    let error = slack.post(&case()).await.expect_err("Slack wants no more");
    assert!(error.will_pass());
    simulator.throttle("chat.postMessage", 3600);
    assert!(slack.post(&case()).await.expect_err("nobody waits an hour").will_pass());
    assert_eq!(simulator.messages(ALERTS).len(), 1);
}

#[tokio::test]
async fn what_a_channel_does_not_take_stands_in_the_default_one() {
    let simulator = simulator().await;
    let channels = [("default", ALERTS), ("platform", "C0GONE")];
    let channels = channels.map(|(name, channel)| (name.to_owned(), channel.to_owned())).into();
    let slack =
        Slack::new(SlackSettings { channels, ..product(&simulator).settings().clone() }).expect("the same address");
    let case = Case { alerts: Some("platform".to_owned()), ..case() };
    let posted = slack.post(&case).await.expect("one of them takes it");
    assert_eq!(posted.channel, ALERTS);
    assert_eq!(slack.find(&case).await.expect("read"), Some(posted));
    let notice = slack.notice(Some("platform"), "daily", "words").await.expect("one of them takes it");
    assert_eq!(slack.find_notice(Some("platform"), "daily").await.expect("read"), Some(notice));
    simulator.revoke_tokens();
    let error = slack.post(&case).await.expect_err("it is no matter of the channel");
    assert_eq!(error.word(), Some("token_revoked"));
}

#[tokio::test]
async fn an_error_names_the_channel_and_slacks_word_and_no_token() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    simulator.archive(ALERTS);
    let error = slack.post(&case()).await.expect_err("the channel is archived");
    assert_eq!(error.to_string(), "cannot post case `d_7q3m9k` in channel `C0ALERTS`: Slack says `is_archived`");
    assert!(!error.will_pass());
    assert!(!format!("{error:?} {slack:?}", slack = slack.settings()).contains("xoxb"));
    simulator.fail("chat.postMessage", 503);
    assert!(slack.post(&case()).await.expect_err("503").will_pass());
}

#[tokio::test]
async fn a_slack_that_is_gone_is_an_error_that_will_pass() {
    let simulator = simulator().await;
    let slack = product(&simulator);
    drop(simulator);
    let error = slack.post(&case()).await.expect_err("nobody is there");
    assert!(error.will_pass(), "{error}");
}

#[tokio::test]
async fn a_person_is_answered_where_nobody_else_reads_it() {
    let simulator = simulator().await;
    product(&simulator).whisper(ALERTS, OPERATOR, "You may not sync `production`.").await.expect("Slack takes it");
    let messages = simulator.messages(ALERTS);
    assert_eq!(messages[0].ephemeral_to.as_deref(), Some(OPERATOR));
    assert_eq!(messages[0].now()["text"], json!("You may not sync production."));
}
