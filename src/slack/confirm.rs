//! The dialog before a sync that may hurt: what it would do, and the environment's name to type.
//!
//! A dialog to click away is no consent to a deletion.

use serde_json::json;

use super::dialog::{Dialog, Field};
use super::line::line;
use super::message::{effects, plan, section};
use super::text::{code, safe};
use super::{Press, Slack, SlackError};
use crate::cases::{Action, Case};

/// Where the typed name stands in what is sent back.
pub(super) const TYPED: Field = Field { block: "case_typed", name: "environment" };
const MOST_LINES: usize = 6;

impl Slack {
    /// Asks the one who pressed to type the name of the environment.
    pub async fn ask_for_name(&self, case: &Case, press: &Press) -> Result<(), SlackError> {
        self.ask(case, press, dialog(case)).await
    }
}

fn dialog(case: &Case) -> Dialog {
    let environment = safe(case.environment.as_str(), 60);
    let all = case.differences();
    let lines: Vec<_> = all.iter().take(MOST_LINES).map(|(unit, difference)| line(unit, difference)).collect();
    let more = all.len().saturating_sub(MOST_LINES);
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    let risky = match case.weight.why.as_slice() {
        [] => String::new(),
        why => format!("*Risky*: {}\n", safe(&why.join(", "), 300)),
    };
    let consequence = format!("{risky}A sync would: {} · plan `{}`", effects(case.effects()), plan(case));
    let blocks = vec![
        section(&format!("*{environment}* · case {}\n{consequence}", code(&case.id, 40))),
        section(&format!("*Live → Git*\n{}{more}", lines.join("\n"))),
        TYPED.input(&format!("Type {environment} to sync it to Git"), json!({"type": "plain_text_input"})),
    ];
    Dialog { action: Action::Sync, title: "Sync to Git", submit: "Sync", blocks }
}
