//! The dialog before a sync that may hurt: what it would do, and the environment's name to type.
//!
//! A dialog to click away is no consent to a deletion. What is sent back carries the button that was
//! pressed, so it is as bound to revision and plan as the press itself.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::button::{ButtonValue, plain};
use super::line::line;
use super::message::{effects, plan, section};
use super::text::{code, safe};
use super::{Press, Slack, SlackError};
use crate::cases::{Action, Case};

/// The `callback_id` of the dialog.
pub(super) const NAME: &str = "case_confirm";
/// Where the typed name stands in what is sent back.
pub(super) const BLOCK: &str = "case_typed";
pub(super) const FIELD: &str = "environment";
const MOST_LINES: usize = 6;

/// What the dialog carries from the press to what is sent back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Carried {
    pub(super) button: ButtonValue,
    pub(super) channel: String,
    pub(super) ts: String,
}

impl Slack {
    /// Asks the one who pressed to type the name of the environment. Slack forgets the press as a
    /// reason for a dialog after three seconds.
    pub async fn ask_for_name(&self, case: &Case, press: &Press) -> Result<(), SlackError> {
        self.open_dialog(case, press, modal(case, &press.channel, &press.ts)).await
    }

    /// Shows a dialog to the one who pressed.
    pub(super) async fn open_dialog(&self, case: &Case, press: &Press, view: Value) -> Result<(), SlackError> {
        let deed = format!("ask about case `{}`", case.id);
        let trigger = press.trigger.as_deref().unwrap_or_default();
        let body = json!({"trigger_id": trigger, "view": view});
        self.call("views.open", &deed, self.bot_token()?, &body).await.map(drop)
    }
}

/// The view as `views.open` takes it.
pub(super) fn modal(case: &Case, channel: &str, ts: &str) -> Value {
    let environment = case.environment.as_str();
    let button = ButtonValue::of(case, Action::Sync);
    let carried = Carried { button, channel: channel.to_owned(), ts: ts.to_owned() };
    let all = case.differences();
    let lines: Vec<_> = all.iter().take(MOST_LINES).map(|(unit, difference)| line(unit, difference)).collect();
    let more = all.len().saturating_sub(MOST_LINES);
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    let risky = match case.weight.why.as_slice() {
        [] => String::new(),
        why => format!("*Risky*: {}\n", safe(&why.join(", "), 300)),
    };
    let consequence = format!("{risky}A sync would: {} · plan `{}`", effects(case.effects()), plan(case));
    let label = format!("Type {} to sync it to Git", safe(environment, 60));
    json!({
        "type": "modal",
        "callback_id": NAME,
        "private_metadata": serde_json::to_string(&carried).expect("words and numbers are JSON"),
        "title": plain("Sync to Git"),
        "submit": plain("Sync"),
        "close": plain("Cancel"),
        "blocks": [
            section(&format!("*{}* · case {}\n{consequence}", safe(environment, 60), code(&case.id, 40))),
            section(&format!("*Live → Git*\n{}{more}", lines.join("\n"))),
            {
                "type": "input",
                "block_id": BLOCK,
                "label": plain(&label),
                "element": {"type": "plain_text_input", "action_id": FIELD},
            },
        ],
    })
}
