//! Every limit of a message: the most that is taken, and one more.

use infra_tests::slack::check_message;
use serde_json::{Value, json};

fn plain(length: usize) -> Value {
    json!({"type": "plain_text", "text": "x".repeat(length)})
}

fn mrkdwn(length: usize) -> Value {
    json!({"type": "mrkdwn", "text": "x".repeat(length)})
}

fn button(name: &str, value: Value) -> Value {
    let mut button = json!({"type": "button", "text": plain(2), "action_id": "go"});
    button[name] = value;
    button
}

fn actions(elements: Vec<Value>) -> Value {
    json!([{"type": "actions", "elements": elements}])
}

fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|number| button("action_id", json!(format!("a{number}")))).collect()
}

fn with_confirm(name: &str, value: Value) -> Value {
    let mut dialog = json!({"title": plain(3), "text": mrkdwn(3), "confirm": plain(3), "deny": plain(3)});
    dialog[name] = value;
    actions(vec![button("confirm", dialog)])
}

fn word(blocks: &Value) -> Option<String> {
    check_message("text", Some(blocks)).map(|answer| answer["error"].as_str().expect("a word").to_owned())
}

/// A limit that takes `most` and refuses one more, saying where.
fn at_most(name: &str, most: usize, pointer: &str, blocks: impl Fn(usize) -> Value) {
    assert_eq!(word(&blocks(most)), None, "{name} of {most}");
    let refused = check_message("text", Some(&blocks(most + 1))).unwrap_or_else(|| panic!("{name} of {}", most + 1));
    assert_eq!(refused["error"], "invalid_blocks", "{name}");
    let found = refused["response_metadata"]["messages"][0].as_str().expect("a finding");
    assert!(found.contains(&format!("[json-pointer:{pointer}]")), "{name}: {found}");
}

#[test]
fn the_most_is_taken_and_one_more_is_refused() {
    let divider = json!({"type": "divider"});
    at_most("blocks", 50, "/blocks", |n| json!(vec![divider.clone(); n]));
    at_most("section text", 3000, "/blocks/0/text/text", |n| json!([{"type": "section", "text": mrkdwn(n)}]));
    at_most("field", 2000, "/blocks/0/fields/0/text", |n| json!([{"type": "section", "fields": [mrkdwn(n)]}]));
    at_most("fields", 10, "/blocks/0/fields", |n| json!([{"type": "section", "fields": vec![mrkdwn(1); n]}]));
    at_most("header", 150, "/blocks/0/text/text", |n| json!([{"type": "header", "text": plain(n)}]));
    at_most("elements", 25, "/blocks/0/elements", |n| actions(numbered(n)));
    at_most("context", 10, "/blocks/0/elements", |n| json!([{"type": "context", "elements": vec![mrkdwn(1); n]}]));
    at_most("button text", 75, "/blocks/0/elements/0/text/text", |n| actions(vec![button("text", plain(n))]));
    at_most("value", 2000, "/blocks/0/elements/0/value", |n| actions(vec![button("value", json!("x".repeat(n)))]));
    at_most("url", 3000, "/blocks/0/elements/0/url", |n| actions(vec![button("url", json!("x".repeat(n)))]));
    at_most("action id", 255, "/blocks/0/elements/0/action_id", |n| {
        actions(vec![button("action_id", json!("x".repeat(n)))])
    });
    at_most("block id", 255, "/blocks/0/block_id", |n| json!([{"type": "divider", "block_id": "x".repeat(n)}]));
    at_most("confirm title", 100, "/blocks/0/elements/0/confirm/title/text", |n| with_confirm("title", plain(n)));
    at_most("confirm text", 300, "/blocks/0/elements/0/confirm/text/text", |n| with_confirm("text", mrkdwn(n)));
    at_most("confirm button", 30, "/blocks/0/elements/0/confirm/deny/text", |n| with_confirm("deny", plain(n)));
}

#[test]
fn what_slack_does_not_know_is_refused() {
    for blocks in [
        json!([{"type": "paragraph"}]),
        json!([{"text": mrkdwn(1)}]),
        json!([{"type": "actions", "elements": [{"type": "lever", "text": plain(1)}]}]),
        json!([{"type": "divider", "colour": "red"}]),
        json!([{"type": "section"}]),
        json!([{"type": "section", "text": {"type": "html", "text": "x"}}]),
        json!([{"type": "section", "text": mrkdwn(0)}]),
        json!([{"type": "section", "text": "x"}]),
        json!([{"type": "header"}]),
        json!([{"type": "actions", "elements": []}]),
        json!([{"type": "context", "elements": [{"type": "button", "text": plain(1)}]}]),
        actions(vec![button("style", json!("pretty"))]),
        with_confirm("style", json!("pretty")),
        json!(["divider"]),
    ] {
        assert_eq!(word(&blocks).as_deref(), Some("invalid_blocks"), "{blocks}");
    }
    assert_eq!(word(&json!({"type": "divider"})).as_deref(), Some("invalid_blocks_format"));
}

#[test]
fn plain_text_is_demanded_where_slack_demands_it() {
    for blocks in [
        json!([{"type": "header", "text": mrkdwn(1)}]),
        actions(vec![button("text", mrkdwn(1))]),
        with_confirm("title", mrkdwn(1)),
        with_confirm("confirm", mrkdwn(1)),
    ] {
        assert_eq!(word(&blocks).as_deref(), Some("invalid_blocks"), "{blocks}");
    }
}

#[test]
fn ids_are_unique_where_slack_wants_them_so() {
    let twice = json!([{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}]);
    assert_eq!(word(&twice).as_deref(), Some("invalid_blocks"));
    let same = button("action_id", json!("a"));
    assert_eq!(word(&actions(vec![same.clone(), same.clone()])).as_deref(), Some("invalid_blocks"));
    let apart = json!([{"type": "actions", "elements": [same.clone()]}, {"type": "actions", "elements": [same]}]);
    assert_eq!(word(&apart), None);
}

#[test]
fn the_whole_message_has_limits_too() {
    let long = json!([
        {"type": "section", "text": mrkdwn(3000)}, {"type": "section", "text": mrkdwn(3000)},
        {"type": "section", "text": mrkdwn(3000)}, {"type": "section", "text": mrkdwn(3000)},
        {"type": "section", "text": mrkdwn(1200)},
    ]);
    assert_eq!(word(&long), None);
    let mut longer = long;
    longer[4]["text"] = mrkdwn(1201);
    assert_eq!(word(&longer).as_deref(), Some("msg_blocks_too_long"));
    let said = |text: &str, blocks: Option<&Value>| check_message(text, blocks).map(|answer| answer["error"].clone());
    assert_eq!(said(&"x".repeat(40_000), None), None);
    assert_eq!(said(&"x".repeat(40_001), None), Some(json!("msg_too_long")));
    assert_eq!(said("", None), Some(json!("no_text")));
    assert_eq!(said("", Some(&json!([]))), Some(json!("no_text")));
}
