//! A plan for people.

use std::fmt::Write;

use super::style::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, count, paint};
use crate::plan::{Finding, Plan};
use crate::unit::{Cause, Change, Difference, Effect, Shown, UnitId};

/// Of one unit, at most this many differences are shown; the rest is counted.
const MANY: usize = 40;

/// What would change, unit by unit; what stays as it is is only counted.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = format!("{}\n\n", paint(BOLD, format!("Plan for {} at {}", plan.environment, plan.commit.short())));
    for (unit, finding) in &plan.units {
        unit_text(&mut text, unit, finding);
    }
    for deletion in &plan.deletions {
        _ = writeln!(text, "{} {}  {}", paint(RED, "-"), deletion.owned.id, paint(DIM, "delete: no longer declared"));
        for guard in &deletion.owned.guards {
            _ = writeln!(text, "    {guard}");
        }
    }
    for (site, trouble) in &plan.unlisted {
        _ = writeln!(text, "{} {site}  what is there could not be listed, so nothing is deleted", paint(RED, "!"));
        _ = writeln!(text, "    {}", trouble.message);
    }
    if plan.is_quiet() {
        text += "Nothing to do: ";
    } else {
        text.push('\n');
    }
    text + &summary(plan) + "\n"
}

fn unit_text(text: &mut String, unit: &UnitId, finding: &Finding) {
    match finding {
        Finding::Failed(trouble) => {
            _ = writeln!(text, "{} {unit}  {}", paint(RED, "!"), paint(DIM, "could not be asked"));
            _ = writeln!(text, "    {}", trouble.message);
            if let Some(hint) = &trouble.hint {
                _ = writeln!(text, "    {} {hint}", paint(DIM, "help:"));
            }
        }
        Finding::Blocked(by) => {
            _ = writeln!(text, "{} {unit}  {}", paint(RED, "!"), paint(DIM, format!("waits for {by}")))
        }
        Finding::Found { change, follows, .. } => {
            let Some((sign, what)) = headline(change) else { return };
            _ = writeln!(text, "{sign} {unit}  {}", paint(DIM, what));
            if !follows.is_empty() && matches!(change, Change::Update(_)) {
                let upstream = follows.iter().map(UnitId::as_str).collect::<Vec<_>>().join(", ");
                _ = writeln!(text, "    {}", paint(DIM, format!("made from outputs of {upstream}, which change too")));
            }
            *text += &differences_text(change.differences());
        }
    }
}

fn headline(change: &Change) -> Option<(String, String)> {
    match change {
        Change::Nothing => None,
        Change::Create(_) => Some((paint(GREEN, "+"), "create".to_owned())),
        Change::Update(_) => Some((paint(YELLOW, "~"), "change".to_owned())),
        Change::Delete => Some((paint(RED, "-"), "delete".to_owned())),
        Change::Later(units) => {
            let upstream = units.iter().map(UnitId::as_str).collect::<Vec<_>>().join(", ");
            Some((paint(CYAN, "…"), format!("create or change: known after {upstream}")))
        }
    }
}

/// Differences below their items, as `path  old → new`.
pub fn differences_text(differences: &[Difference]) -> String {
    let mut text = String::new();
    let mut item = "";
    for difference in differences.iter().take(MANY) {
        if difference.item != item {
            item = &difference.item;
            _ = writeln!(text, "    {} {item}{}", sign(difference), remark(difference));
        }
        if !difference.path.is_empty() {
            let values = format!("{} → {}", shown(difference.from.as_ref()), shown(difference.to.as_ref()));
            _ = writeln!(text, "        {}  {values}{}", difference.path, cause(difference));
        }
    }
    if differences.len() > MANY {
        _ = writeln!(text, "    … and {}", count(differences.len() - MANY, "more difference"));
    }
    text
}

fn sign(difference: &Difference) -> String {
    match (difference.path.is_empty(), difference.effect) {
        (true, Effect::Create) => paint(GREEN, "+"),
        (_, Effect::Delete) => paint(RED, "-"),
        (_, Effect::Replace | Effect::MayReplace) => paint(RED, "±"),
        (_, Effect::Create | Effect::InPlace) => paint(YELLOW, "~"),
    }
}

fn remark(difference: &Difference) -> String {
    let effect = match difference.effect {
        Effect::Create | Effect::InPlace => "",
        Effect::Delete => "  deletes it",
        Effect::Replace => "  replaces it: what it holds is lost",
        Effect::MayReplace => "  may replace it",
    };
    let cause = if difference.path.is_empty() { cause(difference) } else { String::new() };
    format!("{}{cause}", paint(RED, effect))
}

fn cause(difference: &Difference) -> String {
    let by = difference.who.as_ref().map(|who| match &who.time {
        Some(time) => format!(" by {} ({}, {time})", who.name, who.operation),
        None => format!(" by {} ({})", who.name, who.operation),
    });
    match (
        difference.cause,
        difference.path.is_empty() && difference.from.is_none() && difference.effect == Effect::Create,
    ) {
        (Cause::Declared, _) => String::new(),
        (Cause::Drifted, true) => paint(DIM, format!("  is gone{}", by.unwrap_or_default())),
        (Cause::Drifted, false) => paint(DIM, format!("  changed by hand{}", by.unwrap_or_default())),
    }
}

fn shown(value: Option<&Shown>) -> String {
    value.map_or_else(|| "(not set)".to_owned(), Shown::to_string)
}

fn summary(plan: &Plan) -> String {
    let of = |wanted: fn(&Change) -> bool| plan.changes().filter(|(_, change)| wanted(change)).count();
    let creates = of(|change| matches!(change, Change::Create(_)));
    let updates = of(|change| matches!(change, Change::Update(_)));
    let later = of(|change| matches!(change, Change::Later(_)));
    let troubles = plan.units.values().filter(|finding| !matches!(finding, Finding::Found { .. })).count();
    let quiet = plan.units.len() - creates - updates - later - troubles;
    let parts = [
        (creates, "to create"),
        (updates, "to change"),
        (later, "known later"),
        (plan.deletions.len(), "to delete"),
        (troubles, "could not be asked"),
        (quiet, "as declared"),
    ];
    let told: Vec<_> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    match told.is_empty() {
        true => "nothing is declared.".to_owned(),
        false => format!("{}.", told.join(", ")),
    }
}
