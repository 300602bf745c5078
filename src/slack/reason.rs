//! The dialog before a rule is proposed: why a drift is no matter, and until when.
//!
//! A rule without a reason puzzles whoever meets it later. What is sent back carries the press, as the
//! dialog before a sync does.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::button::{ButtonValue, plain};
use super::message::section;
use super::modal::{BLOCK, Carried, FIELD, NAME};
use super::text::{code, safe};
use super::{Press, Slack, SlackError};
use crate::cases::{Action, Case};

/// Where the last day stands in what is sent back.
pub(super) const UNTIL: (&str, &str) = ("case_until", "until");
/// As long as a reason may be.
const LONGEST: usize = 300;

impl Slack {
    /// Asks the one who pressed why the drift is to be ignored, while Slack remembers the press; `until` is the last
    /// day where they say no other.
    pub async fn ask_for_reason(&self, case: &Case, press: &Press, until: Date) -> Result<(), SlackError> {
        self.open_dialog(case, press, modal(case, &press.channel, &press.ts, until)).await
    }
}

/// The view as `views.open` takes it.
fn modal(case: &Case, channel: &str, ts: &str, until: Date) -> Value {
    let button = ButtonValue::of(case, Action::Ignore);
    let carried = Carried { button, channel: channel.to_owned(), ts: ts.to_owned() };
    let environment = safe(case.environment.as_str(), 60);
    let text = format!(
        "*{environment}* · case {}\nProposes a rule in Git for what differs now. Nothing is muted before somebody merges it.",
        code(&case.id, 40)
    );
    json!({
        "type": "modal",
        "callback_id": NAME,
        "private_metadata": serde_json::to_string(&carried).expect("words and numbers are JSON"),
        "title": plain("Ignore in Git"),
        "submit": plain("Propose"),
        "close": plain("Cancel"),
        "blocks": [
            section(&text),
            {
                "type": "input",
                "block_id": BLOCK,
                "label": plain("Why is it no matter?"),
                "element": {"type": "plain_text_input", "action_id": FIELD, "max_length": LONGEST},
            },
            {
                "type": "input",
                "block_id": UNTIL.0,
                "label": plain("Until the end of"),
                "element": {"type": "datepicker", "action_id": UNTIL.1, "initial_date": until.to_string()},
            },
        ],
    })
}
