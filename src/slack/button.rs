//! What a button carries: enough to find the case again, and nothing that would be worth forging.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text;
use crate::cases::Case;

/// What a button asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Sync,
}

/// The value of a button. Slack shows it to whoever reads payloads, so it names no resource and no
/// command: the server reads everything again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ButtonValue {
    v: u8,
    pub(super) case: String,
    pub(super) rev: u64,
    pub(super) action: Action,
    /// The first letters of the hash of the plan that was shown.
    pub(super) plan: String,
}

const VERSION: u8 = 1;
const PLAN_LETTERS: usize = 16;
/// Slack allows 2,000; ours are far shorter, and a longer one is not ours.
const LONGEST: usize = 512;

impl Action {
    /// The `action_id` of its button.
    pub fn id(self) -> &'static str {
        match self {
            Action::Sync => "case_sync",
        }
    }
}

impl ButtonValue {
    pub(super) fn of(case: &Case, action: Action) -> Self {
        let plan = plan_prefix(&case.plan_hash).to_owned();
        Self { v: VERSION, case: case.id.clone(), rev: case.revision, action, plan }
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        if value.len() > LONGEST {
            return None;
        }
        serde_json::from_str(value).ok().filter(|button: &Self| button.v == VERSION)
    }
}

/// What of a plan's hash people and buttons see.
pub(super) fn plan_prefix(hash: &str) -> &str {
    hash.char_indices().nth(PLAN_LETTERS).map_or(hash, |(end, _)| &hash[..end])
}

/// The row of buttons of a case: none where there is nothing to consent to.
pub(super) fn row(case: &Case) -> Option<Value> {
    if case.plan_hash.is_empty() {
        return None;
    }
    let value = serde_json::to_string(&ButtonValue::of(case, Action::Sync)).expect("words and numbers are JSON");
    let mut sync = json!({
        "type": "button",
        "action_id": Action::Sync.id(),
        "text": plain("Sync"),
        "style": "primary",
        "value": value,
        "confirm": confirm(case),
    });
    sync["accessibility_label"] = json!(format!("Sync {} to Git", case.environment));
    Some(json!({"type": "actions", "block_id": "case_actions", "elements": [sync]}))
}

fn confirm(case: &Case) -> Value {
    let effects = case.effects();
    let warning = match effects.are_gentle() {
        true => "Nothing is replaced or deleted.",
        false => "This may lose what some of them hold.",
    };
    let count = case.differences().len();
    let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
    let environment = text::safe(case.environment.as_str(), 60);
    let mut confirm = json!({
        "title": plain(&format!("Sync {environment}?")),
        "text": plain(&format!("Puts {values} back to what Git says. {warning}")),
        "confirm": plain("Sync"),
        "deny": plain("Cancel"),
    });
    if !effects.are_gentle() {
        confirm["style"] = json!("danger");
    }
    confirm
}

pub(super) fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": true})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_with_another_version_an_extra_word_or_too_many_letters_is_not_ours() {
        let ours = r#"{"v":1,"case":"d_1","rev":7,"action":"sync","plan":"4f0d"}"#;
        assert_eq!(ButtonValue::parse(ours).map(|button| button.rev), Some(7));
        assert_eq!(ButtonValue::parse(&ours.replace("\"v\":1", "\"v\":2")), None);
        assert_eq!(ButtonValue::parse(&ours.replace("sync", "destroy")), None);
        assert_eq!(ButtonValue::parse(&ours.replace('{', r#"{"unit":"vpc","#)), None);
        assert_eq!(ButtonValue::parse(&ours.replace("4f0d", &"4".repeat(600))), None);
    }
}
