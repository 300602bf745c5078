//! The limits of what can be pressed and chosen.

use serde_json::{Map, Value};

use super::findings::{Findings, Markup};

/// Elements that an `actions` block takes.
pub(super) const IN_ACTIONS: &[&str] = &[
    "button",
    "overflow",
    "static_select",
    "external_select",
    "users_select",
    "conversations_select",
    "channels_select",
    "multi_static_select",
    "multi_users_select",
    "multi_conversations_select",
    "multi_channels_select",
    "checkboxes",
    "radio_buttons",
    "datepicker",
    "timepicker",
    "datetimepicker",
];
/// And those that an `input` block takes beside them.
pub(super) const IN_INPUT: &[&str] = &["plain_text_input", "email_text_input", "url_text_input", "number_input"];

/// One element among those that its place takes.
pub(super) fn element(findings: &mut Findings, at: &str, value: &Value, allowed: &[&str]) {
    let Some(kind) = value["type"].as_str() else { return findings.say(at, "missing required field: type") };
    if !allowed.contains(&kind) {
        return findings.say(&format!("{at}/type"), format!("unsupported type: {kind}"));
    }
    let checked = match kind {
        "button" => button(findings, at, value),
        "overflow" => overflow(findings, at, value),
        "image" => image(findings, at, value),
        "checkboxes" | "radio_buttons" => choices(findings, at, value),
        kind if kind.ends_with("select") => select(findings, at, value, kind),
        _ => input(findings, at, value),
    };
    if let Some(object) = checked {
        findings.string(at, object, "action_id", 255);
        if let Some(dialog) = object.get("confirm") {
            confirm(findings, &format!("{at}/confirm"), dialog);
        }
    }
}

fn button<'a>(findings: &mut Findings, at: &str, value: &'a Value) -> Option<&'a Map<String, Value>> {
    let optional = ["action_id", "value", "url", "style", "confirm", "accessibility_label"];
    let object = findings.object(at, value, &["text"], &optional)?;
    findings.text(at, object, "text", Markup::PlainOnly, 75);
    findings.string(at, object, "value", 2000);
    findings.string(at, object, "url", 3000);
    findings.string(at, object, "accessibility_label", 75);
    findings.one_of(at, object, "style", &["primary", "danger"]);
    Some(object)
}

fn overflow<'a>(findings: &mut Findings, at: &str, value: &'a Value) -> Option<&'a Map<String, Value>> {
    let object = findings.object(at, value, &["options"], &["action_id", "confirm"])?;
    options(findings, at, object, 5);
    Some(object)
}

fn choices<'a>(findings: &mut Findings, at: &str, value: &'a Value) -> Option<&'a Map<String, Value>> {
    let optional = ["action_id", "confirm", "initial_option", "initial_options", "focus_on_load"];
    let object = findings.object(at, value, &["options"], &optional)?;
    options(findings, at, object, 10);
    Some(object)
}

fn select<'a>(findings: &mut Findings, at: &str, value: &'a Value, kind: &str) -> Option<&'a Map<String, Value>> {
    let object = findings.object(
        at,
        value,
        &[],
        &[
            "action_id",
            "confirm",
            "placeholder",
            "options",
            "option_groups",
            "initial_option",
            "initial_options",
            "initial_user",
            "initial_users",
            "initial_channel",
            "initial_channels",
            "initial_conversation",
            "initial_conversations",
            "default_to_current_conversation",
            "response_url_enabled",
            "filter",
            "min_query_length",
            "max_selected_items",
            "focus_on_load",
        ],
    )?;
    findings.text(at, object, "placeholder", Markup::PlainOnly, 150);
    match (kind.ends_with("static_select"), object.contains_key("options"), object.contains_key("option_groups")) {
        (true, false, false) => findings.say(at, "missing required field: options"),
        (true, true, true) => findings.say(at, "options and option_groups cannot both be given"),
        (_, true, _) => options(findings, at, object, 100),
        (_, _, _) => {}
    }
    Some(object)
}

fn input<'a>(findings: &mut Findings, at: &str, value: &'a Value) -> Option<&'a Map<String, Value>> {
    let object = findings.object(
        at,
        value,
        &[],
        &[
            "action_id",
            "confirm",
            "placeholder",
            "initial_value",
            "multiline",
            "min_length",
            "max_length",
            "dispatch_action_config",
            "focus_on_load",
            "initial_date",
            "initial_time",
            "initial_date_time",
            "timezone",
            "is_decimal_allowed",
            "min_value",
            "max_value",
        ],
    )?;
    findings.text(at, object, "placeholder", Markup::PlainOnly, 150);
    Some(object)
}

/// An image as an element and as a block.
pub(super) fn image<'a>(findings: &mut Findings, at: &str, value: &'a Value) -> Option<&'a Map<String, Value>> {
    let object = findings.object(at, value, &["alt_text"], &["image_url", "slack_file", "title", "block_id"])?;
    if !object.contains_key("image_url") && !object.contains_key("slack_file") {
        findings.say(at, "missing required field: image_url");
    }
    findings.string(at, object, "image_url", 3000);
    findings.string(at, object, "alt_text", 2000);
    findings.text(at, object, "title", Markup::PlainOnly, 2000);
    Some(object)
}

fn options(findings: &mut Findings, at: &str, object: &Map<String, Value>, most: usize) {
    let Some(value) = object.get("options") else { return };
    for (at, option) in findings.list(&format!("{at}/options"), value, 1, most) {
        if let Some(option) = findings.object(&at, option, &["text", "value"], &["description", "url"]) {
            findings.text(&at, option, "text", Markup::Either, 75);
            findings.string(&at, option, "value", 150);
            findings.text(&at, option, "description", Markup::Either, 75);
        }
    }
}

fn confirm(findings: &mut Findings, at: &str, value: &Value) {
    if let Some(object) = findings.object(at, value, &["title", "text", "confirm", "deny"], &["style"]) {
        findings.text(at, object, "title", Markup::PlainOnly, 100);
        findings.text(at, object, "text", Markup::Either, 300);
        findings.text(at, object, "confirm", Markup::PlainOnly, 30);
        findings.text(at, object, "deny", Markup::PlainOnly, 30);
        findings.one_of(at, object, "style", &["primary", "danger"]);
    }
}
