//! Cases and their audit, for people at a terminal.

use crate::cases::{AuditRecord, Case, CaseState};
use crate::unit::{Difference, Shown};

/// One line a case.
pub fn cases_text(cases: &[Case]) -> String {
    if cases.is_empty() {
        return "There is no open case.\n".to_owned();
    }
    let line = |case: &Case| {
        let units: Vec<_> = case.units.iter().map(|unit| unit.id.as_str()).collect();
        format!("{}  {:<12} {:<14} {}\n", case.id, case.environment, case.state.word(), plain(&units.join(", ")))
    };
    cases.iter().map(line).collect()
}

/// A case with all its differences.
pub fn case_text(case: &Case) -> String {
    let mut text = format!("Case {} in {}: {}\n", case.id, case.environment, standing(case));
    text += &format!("  revision {}, first seen {}, seen {} times", case.revision, case.first_seen, case.seen);
    text += &if case.flaps > 0 { format!(", came back {} times\n", case.flaps) } else { "\n".to_owned() };
    if !case.weight.why.is_empty() {
        text += &format!("  risky: {}\n", case.weight.why.join(", "));
    }
    if let Some(proposal) = &case.proposal {
        let link = proposal.link.as_deref().map(|link| format!(": {}", plain(link))).unwrap_or_default();
        text += &format!("  {} by {} on {}{link}\n", proposal.word(), plain(&proposal.by), plain(&proposal.branch));
    }
    for unit in &case.units {
        text += &format!("  {}\n", plain(unit.id.as_str()));
        unit.differences.iter().for_each(|difference| text += &line(difference));
    }
    text
}

/// One line a record.
pub fn audit_text(records: &[AuditRecord]) -> String {
    let line = |record: &AuditRecord| {
        let entry = &record.entry;
        format!(
            "{} {} {} {} rev {}: {} ({}) {}\n",
            entry.at,
            plain(&entry.who),
            entry.action,
            entry.case,
            entry.revision,
            entry.decision,
            entry.transport,
            plain(&entry.result)
        )
    };
    records.iter().map(line).collect()
}

fn standing(case: &Case) -> String {
    let word = case.state.word();
    match &case.state {
        CaseState::Acknowledged { by, until: Some(until) } => format!("{word} by {by} until {until}"),
        CaseState::Snoozed { by, until } | CaseState::AwaitingApproval { by, until } => {
            format!("{word}, by {by} until {until}")
        }
        CaseState::Acknowledged { by, until: None }
        | CaseState::SyncRequested { by }
        | CaseState::Syncing { by }
        | CaseState::Resolved { by: Some(by), .. } => format!("{word} by {by}"),
        CaseState::SyncFailed { reason } | CaseState::Stale { reason } => format!("{word}: {}", plain(reason)),
        CaseState::Open | CaseState::Resolved { by: None, .. } => word.to_owned(),
    }
}

fn line(difference: &Difference) -> String {
    let value = |shown: &Option<Shown>| shown.as_ref().map_or("(absent)".to_owned(), |shown| plain(&shown.to_string()));
    let Difference { item, path, from, to, .. } = difference;
    format!("    {} {}: {} → {}\n", plain(item), plain(path), value(from), value(to))
}

/// Words of others cannot move the cursor or colour the screen.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}
