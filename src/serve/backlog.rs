//! After a long silence of Slack's, what piled up is told in one list: a channel that fills by itself for minutes is
//! read by nobody. What is risky, what somebody asked for, and what stands in the channel already is told by itself.

use jiff::{SignedDuration, Timestamp};

use super::Service;
use super::digest::count;
use super::lists::line;
use crate::cases::{Case, CaseState, Risk};
use crate::store::{KeptCase, Notice, StoreError};

/// Up to so many messages are sent one by one, however long they have waited.
const MOST: usize = 20;
const MOST_LINES: usize = 20;
/// Slack took nothing for as long as this, and a list is wanted of what piled up.
pub const LIST_AFTER: SignedDuration = SignedDuration::from_mins(10);

impl Service {
    /// Slack takes messages of a channel again: makes a list of what has waited there, where it is too much.
    pub(super) async fn fold(&self, alerts: &str, now: Timestamp) -> Result<(), StoreError> {
        let waiting = self.store.waiting(alerts).await?;
        let Some(oldest) = waiting.first().map(|(_, since)| *since) else { return Ok(()) };
        if waiting.len() <= MOST || now.duration_since(oldest) < self.list_after {
            return Ok(());
        }
        let listed: Vec<Case> =
            waiting.into_iter().filter(|(kept, _)| can_be_listed(kept)).map(|(kept, _)| kept.case).collect();
        if listed.is_empty() {
            return Ok(());
        }
        let notice = Notice {
            name: format!("backlog:{alerts}:{}", oldest.as_millisecond()),
            alerts: Some(alerts.to_owned()).filter(|alerts| !alerts.is_empty()),
            text: list(&listed, oldest),
        };
        self.store.list_instead(&listed, &notice, now).await
    }
}

/// Whether nobody waits for a message of its own.
fn can_be_listed(kept: &KeptCase) -> bool {
    let is_quiet = match kept.case.state {
        CaseState::Open | CaseState::Resolved { .. } | CaseState::Stale { .. } => true,
        CaseState::Acknowledged { .. }
        | CaseState::Snoozed { .. }
        | CaseState::AwaitingApproval { .. }
        | CaseState::SyncRequested { .. }
        | CaseState::Syncing { .. }
        | CaseState::SyncFailed { .. } => false,
    };
    is_quiet && kept.told.is_none() && kept.case.weight.risk != Risk::Risky
}

/// What came and went meanwhile is counted, and what is there still is named.
fn list(cases: &[Case], since: Timestamp) -> String {
    let (over, there): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.state.is_resolved());
    let mut text = format!(
        "\u{1f4ec} Slack took nothing for a while: {} since {} that have no message of their own. `groundplan case list` shows them.",
        count(there.len()),
        since.strftime("%Y-%m-%d %H:%M UTC")
    );
    for case in there.iter().take(MOST_LINES) {
        text += &format!("\n• {} {}", case.environment, line(case));
    }
    if there.len() > MOST_LINES {
        text += &format!("\n… and {} more", there.len() - MOST_LINES);
    }
    if !over.is_empty() {
        text += &format!("\n{} came and went meanwhile.", count(over.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CaseUnit, How, Weight, open_case};
    use crate::unit::{Coverage, UnitId};

    #[test]
    fn what_is_there_is_named_and_what_came_and_went_is_counted() {
        let over = CaseState::Resolved { how: How::HealedItself, by: None };
        let stale = CaseState::Stale { reason: "no answer".into() };
        let with = |id: &str, state| {
            let unit = CaseUnit { id: UnitId::new("web"), differences: Vec::new(), coverage: Coverage::default() };
            Case { id: id.into(), state, units: vec![unit], ..open_case() }
        };
        let cases = [with("d_1", CaseState::Open), with("d_2", over.clone()), with("d_3", stale), with("d_4", over)];
        insta::assert_snapshot!(list(&cases, "2026-11-21T03:10:00Z".parse().expect("a time")));
    }

    #[test]
    fn what_somebody_waits_for_keeps_a_message_of_its_own() {
        let is_listed = |told: Option<(String, String)>, risk, state| {
            can_be_listed(&KeptCase {
                case: Case { state, weight: Weight { risk, why: Vec::new() }, ..open_case() },
                told,
            })
        };
        assert!(is_listed(None, Risk::Medium, CaseState::Open));
        assert!(!is_listed(None, Risk::Risky, CaseState::Open));
        assert!(!is_listed(Some(("C1".into(), "1.0".into())), Risk::Low, CaseState::Open), "an edit makes no noise");
        assert!(!is_listed(None, Risk::Low, CaseState::Syncing { by: "U1".into() }));
    }
}
