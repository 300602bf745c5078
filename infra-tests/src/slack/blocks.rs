//! The limits of a message's blocks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::elements::{IN_ACTIONS, IN_INPUT, element, image};
use super::findings::{Findings, Markup};

const MOST_IN_MESSAGE: usize = 50;
pub(super) const MOST_IN_VIEW: usize = 100;
const LONGEST_TEXT: usize = 40_000;
/// Not documented; longer ones are refused all the same.
const LONGEST_BLOCKS: usize = 13_200;

/// What Slack answers to a message that it does not take; none where it takes it.
pub fn check_message(text: &str, blocks: Option<&Value>) -> Option<Value> {
    if text.chars().count() > LONGEST_TEXT {
        return Some(refusal("msg_too_long", Vec::new()));
    }
    let Some(blocks) = blocks else { return text.is_empty().then(|| refusal("no_text", Vec::new())) };
    if !blocks.is_array() {
        return Some(refusal("invalid_blocks_format", Vec::new()));
    }
    if text.is_empty() && blocks.as_array().is_some_and(Vec::is_empty) {
        return Some(refusal("no_text", Vec::new()));
    }
    let found = check_blocks("/blocks", blocks, MOST_IN_MESSAGE);
    if !found.is_empty() {
        return Some(refusal("invalid_blocks", found));
    }
    (told(blocks) > LONGEST_BLOCKS).then(|| refusal("msg_blocks_too_long", Vec::new()))
}

/// `ok: false` with a word, and with what was found.
pub(super) fn refusal(word: &str, found: Vec<String>) -> Value {
    let mut answer = json!({"ok": false, "error": word});
    if !found.is_empty() {
        answer["errors"] = json!(found);
        answer["response_metadata"] = json!({"messages": found});
    }
    answer
}

pub(super) fn check_blocks(at: &str, blocks: &Value, most: usize) -> Vec<String> {
    let mut findings = Findings::default();
    let mut ids = BTreeSet::new();
    for (at, value) in findings.list(at, blocks, 0, most) {
        block(&mut findings, &at, value);
        if let Some(id) = value["block_id"].as_str() {
            if id.chars().count() > 255 {
                findings.say(&format!("{at}/block_id"), "must be less than 256 characters");
            }
            if !ids.insert(id) {
                findings.say(&at, format!("`block_id` \"{id}\" already exists"));
            }
        }
    }
    findings.found
}

fn block(findings: &mut Findings, at: &str, value: &Value) {
    match value["type"].as_str() {
        None => findings.say(at, "missing required field: type"),
        Some("section") => section(findings, at, value),
        Some("header") => header(findings, at, value),
        Some("actions") => actions(findings, at, value),
        Some("context") => context(findings, at, value),
        Some("divider") => drop(findings.object(at, value, &[], &["block_id"])),
        Some("image") => drop(image(findings, at, value)),
        Some("markdown") => markdown(findings, at, value),
        Some("input") => input(findings, at, value),
        Some(other) => findings.say(&format!("{at}/type"), format!("unsupported type: {other}")),
    }
}

fn section(findings: &mut Findings, at: &str, value: &Value) {
    let optional = ["text", "fields", "accessory", "block_id", "expand"];
    let Some(object) = findings.object(at, value, &[], &optional) else { return };
    if !object.contains_key("text") && !object.contains_key("fields") {
        findings.say(at, "missing required field: text or fields");
    }
    findings.text(at, object, "text", Markup::Either, 3000);
    if let Some(fields) = object.get("fields") {
        for (at, field) in findings.list(&format!("{at}/fields"), fields, 1, 10) {
            findings.text_object(&at, field, Markup::Either, 2000);
        }
    }
    if let Some(accessory) = object.get("accessory") {
        element(findings, &format!("{at}/accessory"), accessory, &[IN_ACTIONS, &["image"]].concat());
    }
}

fn header(findings: &mut Findings, at: &str, value: &Value) {
    if let Some(object) = findings.object(at, value, &["text"], &["block_id"]) {
        findings.text(at, object, "text", Markup::PlainOnly, 150);
    }
}

fn actions(findings: &mut Findings, at: &str, value: &Value) {
    if findings.object(at, value, &["elements"], &["block_id"]).is_none() {
        return;
    }
    let mut ids = BTreeSet::new();
    for (at, one) in findings.list(&format!("{at}/elements"), &value["elements"], 1, 25) {
        element(findings, &at, one, IN_ACTIONS);
        if let Some(id) = one["action_id"].as_str()
            && !ids.insert(id)
        {
            findings.say(&at, format!("`action_id` \"{id}\" already exists"));
        }
    }
}

fn context(findings: &mut Findings, at: &str, value: &Value) {
    if findings.object(at, value, &["elements"], &["block_id"]).is_none() {
        return;
    }
    for (at, one) in findings.list(&format!("{at}/elements"), &value["elements"], 1, 10) {
        match one["type"].as_str() {
            Some("image") => drop(image(findings, &at, one)),
            Some(_) | None => findings.text_object(&at, one, Markup::Either, 3000),
        }
    }
}

fn markdown(findings: &mut Findings, at: &str, value: &Value) {
    if let Some(object) = findings.object(at, value, &["text"], &["block_id"]) {
        findings.string(at, object, "text", 12_000);
    }
}

fn input(findings: &mut Findings, at: &str, value: &Value) {
    let optional = ["block_id", "hint", "optional", "dispatch_action"];
    let Some(object) = findings.object(at, value, &["label", "element"], &optional) else { return };
    findings.text(at, object, "label", Markup::PlainOnly, 2000);
    findings.text(at, object, "hint", Markup::PlainOnly, 2000);
    if let Some(inner) = object.get("element") {
        element(findings, &format!("{at}/element"), inner, &[IN_ACTIONS, IN_INPUT].concat());
    }
}

/// How many characters the blocks hold for people to read.
fn told(value: &Value) -> usize {
    match value {
        Value::Object(members) => {
            let one = |(name, member): (&String, &Value)| match (name.as_str(), member.as_str()) {
                ("text", Some(text)) => text.chars().count(),
                _ => told(member),
            };
            members.iter().map(one).sum()
        }
        Value::Array(items) => items.iter().map(told).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
