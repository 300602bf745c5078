//! The simulator's Web API by itself.

use infra_tests::slack::{ALERTS, OPERATOR, PressError};
use serde_json::json;

use crate::given::{call, simulator};

#[tokio::test]
async fn each_token_opens_its_own_methods_only() {
    let simulator = simulator().await;
    let (bot, app) = (simulator.bot_token(), simulator.app_token());
    for (token, method, word) in [
        (bot, "auth.test", None),
        (app, "apps.connections.open", None),
        (app, "auth.test", Some("not_allowed_token_type")),
        (bot, "apps.connections.open", Some("not_allowed_token_type")),
        ("xoxb-wrong", "auth.test", Some("invalid_auth")),
        (bot, "chat.unheard", Some("unknown_method")),
    ] {
        let answer = call(&simulator, token, method, json!({})).await;
        assert_eq!(answer["error"].as_str(), word, "{method} with {token}");
    }
    let nobody = reqwest::get(format!("{}/auth.test", simulator.api_url())).await.expect("the simulator answers");
    assert_eq!(nobody.json::<serde_json::Value>().await.expect("JSON")["error"], "not_authed");
}

#[tokio::test]
async fn a_message_keeps_every_version_and_its_blocks_unless_told_otherwise() {
    let simulator = simulator().await;
    let bot = simulator.bot_token();
    let divider = json!([{"type": "divider", "block_id": "d"}]);
    let posted =
        call(&simulator, bot, "chat.postMessage", json!({"channel": ALERTS, "text": "one", "blocks": divider})).await;
    let ts = &posted["ts"];
    call(&simulator, bot, "chat.update", json!({"channel": ALERTS, "ts": ts, "text": "two"})).await;
    call(&simulator, bot, "chat.update", json!({"channel": ALERTS, "ts": ts, "text": "three", "blocks": []})).await;
    let messages = simulator.messages(ALERTS);
    assert_eq!(messages.len(), 1);
    let told: Vec<_> = messages[0].versions.iter().map(|version| (&version["text"], version.get("blocks"))).collect();
    assert_eq!(told, [(&json!("one"), Some(&divider)), (&json!("two"), Some(&divider)), (&json!("three"), None)]);
}

#[tokio::test]
async fn what_is_not_there_or_archived_is_refused() {
    let simulator = simulator().await;
    let bot = simulator.bot_token();
    let word = async |method: &str, arguments| call(&simulator, bot, method, arguments).await["error"].clone();
    assert_eq!(word("chat.postMessage", json!({"channel": "C0NOWHERE", "text": "x"})).await, "channel_not_found");
    assert_eq!(word("chat.update", json!({"channel": ALERTS, "ts": "1.0", "text": "x"})).await, "message_not_found");
    assert_eq!(word("users.info", json!({"user": "U0NOBODY"})).await, "user_not_found");
    simulator.archive(ALERTS);
    assert_eq!(word("chat.postMessage", json!({"channel": ALERTS, "text": "x"})).await, "is_archived");
}

#[tokio::test]
async fn only_a_button_that_stands_in_the_message_now_can_be_pressed() {
    let simulator = simulator().await;
    let bot = simulator.bot_token();
    let button = json!({"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"});
    let blocks = json!([{"type": "actions", "elements": [button]}]);
    let posted =
        call(&simulator, bot, "chat.postMessage", json!({"channel": ALERTS, "text": "x", "blocks": blocks})).await;
    let ts = posted["ts"].as_str().expect("a ts");
    assert_eq!(simulator.press(ALERTS, ts, "go", OPERATOR).await, Err(PressError::NobodyListens));
    assert_eq!(simulator.press(ALERTS, ts, "stop", OPERATOR).await, Err(PressError::NoSuchButton));
    assert_eq!(simulator.press(ALERTS, "1.0", "go", OPERATOR).await, Err(PressError::NoSuchMessage));
    assert_eq!(simulator.press(ALERTS, ts, "go", "U0NOBODY").await, Err(PressError::NoSuchUser));
    call(&simulator, bot, "chat.update", json!({"channel": ALERTS, "ts": ts, "text": "x", "blocks": []})).await;
    assert_eq!(simulator.press(ALERTS, ts, "go", OPERATOR).await, Err(PressError::NoSuchButton));
}
