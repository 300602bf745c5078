//! The life of a case: its states, and the one function that says which follows which.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a case stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CaseState {
    Open,
    /// Somebody looks after it. It opens again when it grows riskier, or when the time is over.
    Acknowledged {
        by: String,
        #[schemars(with = "Option<String>")]
        until: Option<Timestamp>,
    },
    /// Nobody wants to hear of it for a while; when it grows riskier, they do.
    Snoozed {
        by: String,
        #[schemars(with = "String")]
        until: Timestamp,
    },
    /// One of two has asked for a sync; another one has to agree.
    AwaitingApproval {
        by: String,
        #[schemars(with = "String")]
        until: Timestamp,
    },
    /// Someone who may has asked for a sync; it has not begun.
    SyncRequested {
        by: String,
    },
    /// Also after the sync, until two reads found the world clean.
    Syncing {
        by: String,
    },
    Resolved {
        how: How,
        by: Option<String>,
    },
    SyncFailed {
        reason: String,
    },
    /// The world could not be read; what was seen before may or may not hold.
    Stale {
        reason: String,
    },
}

/// How a drift went away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Synced,
    /// The world came back on its own, or someone put it back by hand.
    HealedItself,
    /// A rule in Git says that it is no matter.
    Ignored,
    /// Git does not declare it any more.
    NotDeclared,
    /// It is told in another case, with what it comes from.
    Joined,
}

/// What can happen to a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CaseEvent {
    Acknowledged {
        by: String,
        until: Option<Timestamp>,
    },
    Snoozed {
        by: String,
        until: Timestamp,
    },
    /// A sync was asked for that takes two.
    ApprovalAsked {
        by: String,
        until: Timestamp,
    },
    SyncRequested {
        by: String,
    },
    SyncStarted,
    SyncFailed {
        reason: String,
    },
    /// A complete look found nothing.
    SeenClean,
    /// A look found it, again or still.
    SeenDrifted,
    Unreadable {
        reason: String,
    },
    /// Git, or another case, says that this is no case any more.
    RuledOut {
        how: How,
    },
}

/// What the moment says, beside the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    /// A clean read now is the second of two.
    pub(super) settled: bool,
}

/// An event that has no place in a case's life.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a case that is {state} cannot take this: {event}")]
pub struct NoSuchStep {
    state: &'static str,
    event: &'static str,
}

/// The state that follows.
pub(super) fn next(state: &CaseState, event: &CaseEvent, moment: Moment) -> Result<CaseState, NoSuchStep> {
    match event {
        CaseEvent::SeenClean => Ok(seen_clean(state, moment)),
        CaseEvent::SeenDrifted => Ok(seen_drifted(state, moment)),
        CaseEvent::Unreadable { reason } => Ok(unreadable(state, reason)),
        CaseEvent::RuledOut { how } => Ok(ruled_out(state, *how)),
        CaseEvent::Acknowledged { .. }
        | CaseEvent::Snoozed { .. }
        | CaseEvent::ApprovalAsked { .. }
        | CaseEvent::SyncRequested { .. }
        | CaseEvent::SyncStarted
        | CaseEvent::SyncFailed { .. } => {
            asked(state, event).ok_or(NoSuchStep { state: state.word(), event: event.word() })
        }
    }
}

/// What people and syncs do; none where it has no place.
fn asked(state: &CaseState, event: &CaseEvent) -> Option<CaseState> {
    use CaseState::{Acknowledged, AwaitingApproval, Open, Snoozed, SyncFailed, SyncRequested, Syncing};
    match (state, event) {
        (Open | Acknowledged { .. } | Snoozed { .. }, CaseEvent::Acknowledged { by, until }) => {
            Some(Acknowledged { by: by.clone(), until: *until })
        }
        (Open | Acknowledged { .. } | Snoozed { .. }, CaseEvent::Snoozed { by, until }) => {
            Some(Snoozed { by: by.clone(), until: *until })
        }
        (Open | Acknowledged { .. } | Snoozed { .. }, CaseEvent::ApprovalAsked { by, until }) => {
            Some(AwaitingApproval { by: by.clone(), until: *until })
        }
        (Open | Acknowledged { .. } | Snoozed { .. } | AwaitingApproval { .. }, CaseEvent::SyncRequested { by }) => {
            Some(SyncRequested { by: by.clone() })
        }
        (SyncRequested { by }, CaseEvent::SyncStarted) => Some(Syncing { by: by.clone() }),
        (SyncRequested { .. } | Syncing { .. }, CaseEvent::SyncFailed { reason }) => {
            Some(SyncFailed { reason: reason.clone() })
        }
        (_, _) => None,
    }
}

fn seen_clean(state: &CaseState, moment: Moment) -> CaseState {
    use CaseState::*;
    match state {
        Syncing { by } if moment.settled => Resolved { how: How::Synced, by: Some(by.clone()) },
        Open
        | Acknowledged { .. }
        | Snoozed { .. }
        | AwaitingApproval { .. }
        | SyncRequested { .. }
        | SyncFailed { .. }
        | Stale { .. }
            if moment.settled =>
        {
            Resolved { how: How::HealedItself, by: None }
        }
        Open
        | Acknowledged { .. }
        | Snoozed { .. }
        | AwaitingApproval { .. }
        | SyncRequested { .. }
        | Syncing { .. }
        | SyncFailed { .. }
        | Stale { .. }
        | Resolved { .. } => state.clone(),
    }
}

fn seen_drifted(state: &CaseState, moment: Moment) -> CaseState {
    use CaseState::*;
    match state {
        // A sync under way is judged by its own end, not by a look in the middle of it.
        SyncRequested { .. } | Syncing { .. } => state.clone(),
        Acknowledged { until, .. } if until.is_none_or(|until| moment.at < until) => state.clone(),
        Snoozed { until, .. } | AwaitingApproval { until, .. } if moment.at < *until => state.clone(),
        Open
        | Acknowledged { .. }
        | Snoozed { .. }
        | AwaitingApproval { .. }
        | SyncFailed { .. }
        | Stale { .. }
        | Resolved { .. } => Open,
    }
}

fn unreadable(state: &CaseState, reason: &str) -> CaseState {
    use CaseState::*;
    match state {
        // What was resolved was read twice; a later failure to read is no news about it.
        SyncRequested { .. } | Syncing { .. } | Resolved { .. } => state.clone(),
        Open | Acknowledged { .. } | Snoozed { .. } | AwaitingApproval { .. } | SyncFailed { .. } | Stale { .. } => {
            Stale { reason: reason.to_owned() }
        }
    }
}

fn ruled_out(state: &CaseState, how: How) -> CaseState {
    use CaseState::*;
    match state {
        SyncRequested { .. } | Syncing { .. } | Resolved { .. } => state.clone(),
        Open | Acknowledged { .. } | Snoozed { .. } | AwaitingApproval { .. } | SyncFailed { .. } | Stale { .. } => {
            Resolved { how, by: None }
        }
    }
}

impl CaseState {
    /// The state in one word or a few, for people.
    pub fn word(&self) -> &'static str {
        match self {
            CaseState::Open => "open",
            CaseState::Acknowledged { .. } => "acknowledged",
            CaseState::Snoozed { .. } => "snoozed",
            CaseState::AwaitingApproval { .. } => "waiting for a second approver",
            CaseState::SyncRequested { .. } => "waiting for its sync",
            CaseState::Syncing { .. } => "syncing",
            CaseState::Resolved { .. } => "resolved",
            CaseState::SyncFailed { .. } => "failed",
            CaseState::Stale { .. } => "stale",
        }
    }

    pub fn is_resolved(&self) -> bool {
        matches!(self, CaseState::Resolved { .. })
    }

    /// Whether somebody's word keeps it quiet or half agreed, which a riskier drift ends.
    pub(super) fn is_held(&self) -> bool {
        matches!(self, CaseState::Acknowledged { .. } | CaseState::Snoozed { .. } | CaseState::AwaitingApproval { .. })
    }
}

impl CaseEvent {
    fn word(&self) -> &'static str {
        match self {
            CaseEvent::Acknowledged { .. } => "it was acknowledged",
            CaseEvent::Snoozed { .. } => "it was snoozed",
            CaseEvent::ApprovalAsked { .. } => "a second approval was asked for",
            CaseEvent::SyncRequested { .. } => "a sync was requested",
            CaseEvent::SyncStarted => "the sync started",
            CaseEvent::SyncFailed { .. } => "the sync failed",
            CaseEvent::SeenClean => "a look found nothing",
            CaseEvent::SeenDrifted => "a look found it",
            CaseEvent::Unreadable { .. } => "a look failed",
            CaseEvent::RuledOut { .. } => "it is no case any more",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time in this century")
    }

    fn now(second: i64) -> Moment {
        Moment { at: at(second), settled: false }
    }

    const SETTLED: Moment = Moment { at: Timestamp::UNIX_EPOCH, settled: true };

    fn requested(by: &str) -> CaseEvent {
        CaseEvent::SyncRequested { by: by.into() }
    }

    fn every() -> [CaseState; 9] {
        [
            CaseState::Open,
            CaseState::Acknowledged { by: "U1".into(), until: Some(at(100)) },
            CaseState::Snoozed { by: "U1".into(), until: at(100) },
            CaseState::AwaitingApproval { by: "U1".into(), until: at(100) },
            CaseState::SyncRequested { by: "U1".into() },
            CaseState::Syncing { by: "U1".into() },
            CaseState::Resolved { how: How::Synced, by: None },
            CaseState::SyncFailed { reason: "no".into() },
            CaseState::Stale { reason: "no".into() },
        ]
    }

    fn words(event: &CaseEvent, moment: Moment) -> [&'static str; 9] {
        every().map(|state| next(&state, event, moment).map_or("-", |state| state.word()))
    }

    /// One row an event, one column a state of [`every`].
    #[test]
    fn the_table_of_states_and_events() {
        let (by, until) = (String::from("U2"), at(200));
        let second = "waiting for a second approver";
        let sync = "waiting for its sync";
        let table = [
            (
                CaseEvent::Acknowledged { by: by.clone(), until: None },
                ["acknowledged", "acknowledged", "acknowledged", "-", "-", "-", "-", "-", "-"],
            ),
            (
                CaseEvent::Snoozed { by: by.clone(), until },
                ["snoozed", "snoozed", "snoozed", "-", "-", "-", "-", "-", "-"],
            ),
            (
                CaseEvent::ApprovalAsked { by: by.clone(), until },
                [second, second, second, "-", "-", "-", "-", "-", "-"],
            ),
            (requested("U2"), [sync, sync, sync, sync, "-", "-", "-", "-", "-"]),
            (CaseEvent::SyncStarted, ["-", "-", "-", "-", "syncing", "-", "-", "-", "-"]),
            (CaseEvent::SyncFailed { reason: "no".into() }, ["-", "-", "-", "-", "failed", "failed", "-", "-", "-"]),
            (
                CaseEvent::SeenDrifted,
                ["open", "acknowledged", "snoozed", second, sync, "syncing", "open", "open", "open"],
            ),
            (
                CaseEvent::Unreadable { reason: "no".into() },
                ["stale", "stale", "stale", "stale", sync, "syncing", "resolved", "stale", "stale"],
            ),
            (
                CaseEvent::RuledOut { how: How::Ignored },
                ["resolved", "resolved", "resolved", "resolved", sync, "syncing", "resolved", "resolved", "resolved"],
            ),
            (
                CaseEvent::SeenClean,
                ["open", "acknowledged", "snoozed", second, sync, "syncing", "resolved", "failed", "stale"],
            ),
        ];
        for (event, row) in table {
            assert_eq!(words(&event, now(50)), row, "{event:?}");
        }
        assert_eq!(words(&CaseEvent::SeenClean, SETTLED), ["resolved"; 9]);
    }

    #[test]
    fn a_time_that_is_over_opens_a_case_again_when_it_is_seen() {
        assert_eq!(words(&CaseEvent::SeenDrifted, now(100))[..4], ["open"; 4]);
    }

    #[test]
    fn a_second_sync_is_refused_in_words() {
        let error = next(&CaseState::Syncing { by: "U1".into() }, &requested("U2"), SETTLED).expect_err("refused");
        assert_eq!(error.to_string(), "a case that is syncing cannot take this: a sync was requested");
    }

    #[test]
    fn only_a_sync_resolves_in_somebodys_name() {
        let syncing = CaseState::Syncing { by: "U1".into() };
        let synced = CaseState::Resolved { how: How::Synced, by: Some("U1".into()) };
        assert_eq!(next(&syncing, &CaseEvent::SeenClean, SETTLED), Ok(synced));
        let healed = CaseState::Resolved { how: How::HealedItself, by: None };
        assert_eq!(next(&every()[1], &CaseEvent::SeenClean, SETTLED), Ok(healed));
    }
}
