//! The life of a case: its states, and the one function that says which follows which.

use serde::{Deserialize, Serialize};

/// Where a case stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CaseState {
    Open,
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Synced,
    /// The world came back on its own, or someone put it back by hand.
    HealedItself,
}

/// What can happen to a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CaseEvent {
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
}

/// An event that has no place in a case's life.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a case that is {state} cannot take this: {event}")]
pub struct NoSuchStep {
    state: &'static str,
    event: &'static str,
}

/// The state that follows, where `settled` says that a clean read now is the second of two.
pub(super) fn next(state: &CaseState, event: &CaseEvent, settled: bool) -> Result<CaseState, NoSuchStep> {
    use CaseState::{Open, Resolved, Stale, SyncFailed, SyncRequested, Syncing};
    let stay = || Ok(state.clone());
    match (state, event) {
        (Open, CaseEvent::SyncRequested { by }) => Ok(SyncRequested { by: by.clone() }),
        (SyncRequested { by }, CaseEvent::SyncStarted) => Ok(Syncing { by: by.clone() }),
        (SyncRequested { .. } | Syncing { .. }, CaseEvent::SyncFailed { reason }) => {
            Ok(SyncFailed { reason: reason.clone() })
        }

        (Syncing { by }, CaseEvent::SeenClean) if settled => Ok(Resolved { how: How::Synced, by: Some(by.clone()) }),
        (Open | SyncRequested { .. } | SyncFailed { .. } | Stale { .. }, CaseEvent::SeenClean) if settled => {
            Ok(Resolved { how: How::HealedItself, by: None })
        }
        (_, CaseEvent::SeenClean) => stay(),

        // A sync under way is judged by its own end, not by a look in the middle of it.
        (SyncRequested { .. } | Syncing { .. }, CaseEvent::SeenDrifted | CaseEvent::Unreadable { .. }) => stay(),
        (Open | SyncFailed { .. } | Stale { .. } | Resolved { .. }, CaseEvent::SeenDrifted) => Ok(Open),
        (Open | SyncFailed { .. } | Stale { .. }, CaseEvent::Unreadable { reason }) => {
            Ok(Stale { reason: reason.clone() })
        }
        // What was resolved was read twice; a later failure to read is no news about it.
        (Resolved { .. }, CaseEvent::Unreadable { .. }) => stay(),

        (
            SyncRequested { .. } | Syncing { .. } | Resolved { .. } | SyncFailed { .. } | Stale { .. },
            CaseEvent::SyncRequested { .. },
        )
        | (Open | Syncing { .. } | Resolved { .. } | SyncFailed { .. } | Stale { .. }, CaseEvent::SyncStarted)
        | (Open | Resolved { .. } | SyncFailed { .. } | Stale { .. }, CaseEvent::SyncFailed { .. }) => {
            Err(NoSuchStep { state: state.word(), event: event.word() })
        }
    }
}

impl CaseState {
    /// The state in one word or two, for people.
    pub fn word(&self) -> &'static str {
        match self {
            CaseState::Open => "open",
            CaseState::SyncRequested { .. } => "waiting for its sync",
            CaseState::Syncing { .. } => "syncing",
            CaseState::Resolved { .. } => "resolved",
            CaseState::SyncFailed { .. } => "failed",
            CaseState::Stale { .. } => "stale",
        }
    }
}

impl CaseEvent {
    fn word(&self) -> &'static str {
        match self {
            CaseEvent::SyncRequested { .. } => "a sync was requested",
            CaseEvent::SyncStarted => "the sync started",
            CaseEvent::SyncFailed { .. } => "the sync failed",
            CaseEvent::SeenClean => "a look found nothing",
            CaseEvent::SeenDrifted => "a look found it",
            CaseEvent::Unreadable { .. } => "a look failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(by: &str) -> CaseEvent {
        CaseEvent::SyncRequested { by: by.into() }
    }

    #[test]
    fn only_an_open_case_can_be_asked_to_sync() {
        assert_eq!(next(&CaseState::Open, &requested("U1"), false), Ok(CaseState::SyncRequested { by: "U1".into() }));
        let others = [
            CaseState::SyncRequested { by: "U1".into() },
            CaseState::Syncing { by: "U1".into() },
            CaseState::Resolved { how: How::Synced, by: None },
            CaseState::SyncFailed { reason: "no".into() },
            CaseState::Stale { reason: "no".into() },
        ];
        for state in others {
            let error = next(&state, &requested("U2"), true).expect_err("a second sync is refused");
            assert!(error.to_string().contains(state.word()), "{error}");
        }
    }

    #[test]
    fn a_sync_under_way_is_not_reopened_by_a_look_in_the_middle_of_it() {
        let syncing = CaseState::Syncing { by: "U1".into() };
        assert_eq!(next(&syncing, &CaseEvent::SeenDrifted, false), Ok(syncing.clone()));
    }

    #[test]
    fn a_failed_sync_and_a_resolved_case_are_open_again_when_drift_is_seen() {
        let failed = CaseState::SyncFailed { reason: "no".into() };
        let resolved = CaseState::Resolved { how: How::Synced, by: None };
        assert_eq!(next(&failed, &CaseEvent::SeenDrifted, false), Ok(CaseState::Open));
        assert_eq!(next(&resolved, &CaseEvent::SeenDrifted, false), Ok(CaseState::Open));
    }

    #[test]
    fn what_cannot_be_read_is_stale_and_not_resolved() {
        let unreadable = CaseEvent::Unreadable { reason: "no answer".into() };
        let stale = CaseState::Stale { reason: "no answer".into() };
        assert_eq!(next(&CaseState::Open, &unreadable, true), Ok(stale.clone()));
        assert_eq!(next(&stale, &CaseEvent::SeenClean, false), Ok(stale));
    }
}
