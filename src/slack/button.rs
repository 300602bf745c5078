//! What a button carries: enough to find the case again, and nothing that would be worth forging.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text;
use crate::cases::{Action, Case, CaseState};

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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) plan: String,
    /// For how long, where that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hours: Option<u16>,
}

const VERSION: u8 = 1;
const PLAN_LETTERS: usize = 16;
/// Slack allows 2,000; ours are far shorter, and a longer one is not ours.
const LONGEST: usize = 512;
/// What the menu offers; who wants another time says so at a terminal.
const SNOOZES: [(u16, &str); 4] = [(1, "1 hour"), (4, "4 hours"), (24, "1 day"), (168, "1 week")];

impl Action {
    /// The `action_id` of its button.
    pub fn id(self) -> &'static str {
        match self {
            Action::Sync => "case_sync",
            Action::Acknowledge => "case_acknowledge",
            Action::Snooze => "case_snooze",
            Action::Recheck => "case_recheck",
            // Both stand in one menu.
            Action::Ignore | Action::Adopt => "case_more",
        }
    }
}

impl ButtonValue {
    /// Only a sync is bound to a plan.
    pub(super) fn of(case: &Case, action: Action) -> Self {
        let plan = match action {
            Action::Sync => plan_prefix(&case.plan_hash).to_owned(),
            Action::Acknowledge | Action::Snooze | Action::Recheck | Action::Ignore | Action::Adopt => String::new(),
        };
        Self { v: VERSION, case: case.id.clone(), rev: case.revision, action, plan, hours: None }
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        if value.len() > LONGEST {
            return None;
        }
        serde_json::from_str(value).ok().filter(|button: &Self| button.v == VERSION)
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("words and numbers are JSON")
    }
}

/// What of a plan's hash people and buttons see.
pub(super) fn plan_prefix(hash: &str) -> &str {
    hash.char_indices().nth(PLAN_LETTERS).map_or(hash, |(end, _)| &hash[..end])
}

/// The row of buttons of a case: what may be done with it as it stands.
pub(super) fn row(case: &Case) -> Option<Value> {
    let held = |action| match action {
        Action::Sync => sync(case, "Sync"),
        Action::Acknowledge => Some(button(case, Action::Acknowledge, "Acknowledge")),
        Action::Snooze => Some(snooze(case)),
        Action::Recheck => Some(button(case, Action::Recheck, "Recheck")),
        Action::Ignore | Action::Adopt => Some(more(case)),
    };
    let elements: Vec<Value> = match &case.state {
        CaseState::Open => {
            [Action::Sync, Action::Acknowledge, Action::Snooze, Action::Recheck, Action::Adopt].map(held).into()
        }
        CaseState::Acknowledged { .. } | CaseState::Snoozed { .. } => {
            [Action::Sync, Action::Snooze, Action::Recheck, Action::Adopt].map(held).into()
        }
        CaseState::AwaitingApproval { .. } => vec![sync(case, "Approve sync"), held(Action::Recheck)],
        CaseState::SyncFailed { .. } | CaseState::Stale { .. } => vec![held(Action::Recheck)],
        CaseState::SyncRequested { .. } | CaseState::Syncing { .. } | CaseState::Resolved { .. } => Vec::new(),
    }
    .into_iter()
    .flatten()
    .collect();
    let row = || json!({"type": "actions", "block_id": "case_actions", "elements": elements});
    (!elements.is_empty()).then(row)
}

/// None where there is nothing to consent to.
fn sync(case: &Case, label: &str) -> Option<Value> {
    if case.plan_hash.is_empty() {
        return None;
    }
    let mut sync = button(case, Action::Sync, label);
    sync["style"] = json!("primary");
    // One that may hurt is asked about in a dialog of its own.
    if !case.wants_name() {
        sync["confirm"] = confirm(case);
    }
    sync["accessibility_label"] = json!(format!("{label} of {} to Git", case.environment));
    Some(sync)
}

fn button(case: &Case, action: Action, label: &str) -> Value {
    let value = ButtonValue::of(case, action).json();
    json!({"type": "button", "action_id": action.id(), "text": plain(label), "value": value})
}

fn snooze(case: &Case) -> Value {
    let option = |(hours, label): (u16, &str)| {
        let value = ButtonValue { hours: Some(hours), ..ButtonValue::of(case, Action::Snooze) };
        json!({"text": plain(label), "value": value.json()})
    };
    json!({
        "type": "static_select",
        "action_id": Action::Snooze.id(),
        "placeholder": plain("Snooze…"),
        "options": SNOOZES.map(option),
    })
}

/// What is proposed in Git, where others decide about it.
fn more(case: &Case) -> Value {
    let option =
        |(action, label): (Action, &str)| json!({"text": plain(label), "value": ButtonValue::of(case, action).json()});
    let options = [(Action::Adopt, "Adopt: let Git say what is there"), (Action::Ignore, "Ignore: add a rule to Git")];
    json!({"type": "overflow", "action_id": Action::Adopt.id(), "options": options.map(option)})
}

fn confirm(case: &Case) -> Value {
    let count = case.differences().len();
    let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
    let environment = text::safe(case.environment.as_str(), 60);
    json!({
        "title": plain(&format!("Sync {environment}?")),
        "text": plain(&format!("Puts {values} in {environment} back to what Git says. Nothing is replaced or deleted.")),
        "confirm": plain("Sync"),
        "deny": plain("Cancel"),
    })
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
