//! Cases and their audit, for people at a terminal.

use super::plan::author;
use super::style::plain;
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
    let seen = if case.seen == 1 { "once".to_owned() } else { format!("{} times", case.seen) };
    text += &format!("  revision {}, first seen {}, seen {seen}", case.revision, case.first_seen);
    text += &match case.flaps {
        0 => "\n".to_owned(),
        1 => ", came back once\n".to_owned(),
        flaps => format!(", came back {flaps} times\n"),
    };
    if !case.owners.is_empty() {
        text += &format!("  owned by {}\n", plain(&case.owners.join(", ")));
    }
    if !case.weight.why.is_empty() {
        text += &format!("  risky: {}\n", case.weight.why.join(", "));
    }
    if let Some(proposal) = &case.proposal {
        let link = proposal.link.as_deref().map(|link| format!(": {}", plain(link))).unwrap_or_default();
        text += &format!("  {} by {} on {}{link}\n", proposal.word(), plain(&proposal.by), plain(&proposal.branch));
    }
    for request in case.others_requests().unwrap_or_default() {
        text += &format!("  changed by the open pull request #{}: {}\n", request.number, plain(&request.link));
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
    let Difference { item, path, from, to, who, .. } = difference;
    let by = who.as_ref().map(author).unwrap_or_default();
    format!("    {} {}: {} → {}{by}\n", plain(item), plain(path), value(from), value(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CaseUnit, open_case};
    use crate::unit::{Cause, Confidence, Coverage, Difference, Effect, Evidence, Shown, UnitId, Who};

    #[test]
    fn a_case_tells_whose_it_is_what_changed_and_who_it_likely_was() {
        let who = Who {
            name: "ada@example.com".into(),
            operation: "SetQueueAttributes as OpsBreakGlass".into(),
            time: Some("2026-11-21T05:41:00Z".into()),
            evidence: Evidence::CloudTrail,
            confidence: Confidence::High,
        };
        let difference = Difference {
            item: "Jobs (AWS::SQS::Queue)".into(),
            path: "/Properties/VisibilityTimeout".into(),
            from: Some(Shown::text("45")),
            to: Some(Shown::text("30")),
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: Some(who),
        };
        let (id, coverage) = (UnitId::new("stacks/111111111111/queue"), Coverage::default());
        let units = vec![CaseUnit { id, differences: vec![difference], coverage }];
        let case = Case { units, owners: vec!["@shop/oncall".into()], ..open_case() };
        insta::assert_snapshot!(anstream::adapter::strip_str(&case_text(&case)).to_string());
    }
}
