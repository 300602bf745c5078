//! `views.open`: a modal, for as long as the trigger lives.

use serde_json::{Value, json};

use super::blocks::{MOST_IN_VIEW, check_blocks, refusal};
use super::findings::{Findings, Markup};
use super::world::{State, TRIGGER_LIFE};
use super::{APP_ID, TEAM_ID};

pub(super) fn open(state: &mut State, arguments: &Value) -> Value {
    let trigger = arguments["trigger_id"].as_str().unwrap_or_default();
    match state.triggers.remove(trigger) {
        None => return refusal("invalid_trigger_id", Vec::new()),
        Some(made) if made.elapsed() > TRIGGER_LIFE => return refusal("expired_trigger_id", Vec::new()),
        Some(_) => {}
    }
    let found = check(&arguments["view"]);
    if !found.is_empty() {
        return refusal("invalid_arguments", found);
    }
    let mut view = arguments["view"].clone();
    view["id"] = json!(format!("V{}", state.next()));
    view["team_id"] = json!(TEAM_ID);
    view["app_id"] = json!(APP_ID);
    view["state"] = json!({"values": {}});
    state.views.push(view.clone());
    json!({"ok": true, "view": view})
}

fn check(view: &Value) -> Vec<String> {
    let mut findings = Findings::default();
    let optional =
        ["close", "submit", "private_metadata", "callback_id", "clear_on_close", "notify_on_close", "external_id"];
    let Some(object) = findings.object("/view", view, &["title", "blocks"], &optional) else { return findings.found };
    findings.one_of("/view", object, "type", &["modal"]);
    for name in ["title", "close", "submit"] {
        findings.text("/view", object, name, Markup::PlainOnly, 24);
    }
    findings.string("/view", object, "callback_id", 255);
    let blocks = object.get("blocks").map(|blocks| check_blocks("/view/blocks", blocks, MOST_IN_VIEW));
    [findings.found, blocks.unwrap_or_default()].concat()
}
