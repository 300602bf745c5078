//! The dialogs that ask why: before a rule is proposed, and before a sync outside the hours of a rule.
//!
//! What has no reason puzzles whoever meets it later.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::dialog::{Dialog, Field};
use super::message::{effects, plan, section};
use super::text::{code, safe};
use super::{Press, Slack, SlackError, confirm};
use crate::cases::{Action, Case};

/// Where the last day stands in what is sent back.
pub(super) const UNTIL: Field = Field { block: "case_until", name: "until" };
/// Where the reason for a sync outside the hours stands.
pub(super) const GLASS: Field = Field { block: "case_glass", name: "reason" };
/// As long as a reason may be.
const LONGEST: usize = 300;

impl Slack {
    /// Asks the one who pressed why the drift is to be ignored, while Slack remembers the press; `until` is the last
    /// day where they say no other.
    pub async fn ask_for_reason(&self, case: &Case, press: &Press, until: Date) -> Result<(), SlackError> {
        self.ask(case, press, to_ignore(case, until)).await
    }

    /// Asks the one who pressed why a sync cannot wait for the hours of its rule. What they have typed before is kept.
    pub async fn ask_to_break_glass(&self, case: &Case, press: &Press, hours: &str) -> Result<(), SlackError> {
        self.ask(case, press, to_break_glass(case, hours)).await
    }
}

fn to_ignore(case: &Case, until: Date) -> Dialog {
    let text = format!(
        "*{}* · case {}\nProposes a rule in Git for what differs now. Nothing is muted before somebody merges it.",
        safe(case.environment.as_str(), 60),
        code(&case.id, 40)
    );
    let day = json!({"type": "datepicker", "initial_date": until.to_string()});
    let blocks = vec![
        section(&text),
        confirm::TYPED.input("Why is it no matter?", words()),
        UNTIL.input("Until the end of", day),
    ];
    Dialog { action: Action::Ignore, title: "Ignore in Git", submit: "Propose", blocks }
}

fn to_break_glass(case: &Case, hours: &str) -> Dialog {
    let text = format!(
        "*{}* · case {}\nYou may sync it within {}, and it is another time now. Your reason is kept in the audit and told in the thread.\nA sync would: {} · plan `{}`",
        safe(case.environment.as_str(), 60),
        code(&case.id, 40),
        code(hours, 100),
        effects(case.effects()),
        plan(case)
    );
    let blocks = vec![section(&text), GLASS.input("Why can it not wait?", words())];
    Dialog { action: Action::Sync, title: "Break the glass", submit: "Sync now", blocks }
}

fn words() -> Value {
    json!({"type": "plain_text_input", "max_length": LONGEST})
}
