//! One drift of one environment, with everything a person needs to decide.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CaseEvent, CaseState, NoSuchStep, state};
use crate::repo::CommitId;
use crate::unit::{Coverage, Difference, Effect, EnvironmentName, UnitId};

/// A drift as people see it: plain data, kept by the store and shown by Slack and the terminal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Case {
    /// Short, and the same for the same drift in every run: `d_7q3m9k`.
    pub id: String,
    pub environment: EnvironmentName,
    /// `repository:` of `groundplan.yaml`, or the last part of where it was fetched from.
    pub repository: String,
    /// The commit that the world was compared with last.
    pub commit: CommitId,
    /// The environment's `alerts:`; the operator says which channel that is.
    pub alerts: Option<String>,
    pub state: CaseState,
    /// Counts up with whatever changes in a case, so that a consent given to an old one is refused.
    pub revision: u64,
    pub units: Vec<CaseUnit>,
    /// What a sync would do, as a hash over the plan; empty where there is none to consent to.
    pub plan_hash: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// How many looks found it.
    pub seen: u64,
    /// When the first of the clean reads in a row was made.
    pub clean_since: Option<Timestamp>,
}

/// What drifted in one unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CaseUnit {
    pub id: UnitId,
    pub differences: Vec<Difference>,
    pub coverage: Coverage,
}

/// What a sync would do, counted by how gentle it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    pub create: usize,
    pub in_place: usize,
    pub may_replace: usize,
    pub replace: usize,
    pub delete: usize,
}

impl Case {
    /// The case after `event`, one revision on; `settle` is how long a clean world must stay clean.
    ///
    /// A first clean read changes nothing that people see, so it does not count as a revision:
    /// else a consent would grow stale while someone reads the message.
    pub fn after(&self, event: CaseEvent, at: Timestamp, settle: SignedDuration) -> Result<Case, NoSuchStep> {
        let clean_since = match event {
            CaseEvent::SeenClean => Some(self.clean_since.unwrap_or(at)),
            CaseEvent::SeenDrifted | CaseEvent::Unreadable { .. } => None,
            CaseEvent::SyncRequested { .. } | CaseEvent::SyncStarted | CaseEvent::SyncFailed { .. } => None,
        };
        let settled = self.clean_since.is_some_and(|since| at.duration_since(since) >= settle);
        let state = state::next(&self.state, &event, settled)?;
        let mut case = Case { clean_since, ..self.clone() };
        if matches!(event, CaseEvent::SeenDrifted) {
            case.last_seen = at;
            case.seen += 1;
        }
        if state != self.state {
            case.revision += 1;
            case.state = state;
        }
        Ok(case)
    }

    /// The case after a look that found `units` drifted; other differences or another plan make a
    /// revision of their own, so that nobody consents to what they did not see.
    pub fn seen_again(
        &self,
        units: Vec<CaseUnit>,
        plan_hash: String,
        commit: CommitId,
        at: Timestamp,
    ) -> Result<Case, NoSuchStep> {
        let mut case = self.after(CaseEvent::SeenDrifted, at, SignedDuration::ZERO)?;
        let same = (&case.units, &case.plan_hash, &case.commit) == (&units, &plan_hash, &commit);
        if !same && case.revision == self.revision {
            case.revision += 1;
        }
        Ok(Case { units, plan_hash, commit, ..case })
    }

    /// Every difference with its unit, those that may lose data first.
    pub fn differences(&self) -> Vec<(&UnitId, &Difference)> {
        let mut all = Vec::new();
        for unit in &self.units {
            all.extend(unit.differences.iter().map(|difference| (&unit.id, difference)));
        }
        all.sort_by_key(|(_, difference)| difference.effect.is_gentle());
        all
    }

    pub fn effects(&self) -> Effects {
        let mut effects = Effects::default();
        for difference in self.units.iter().flat_map(|unit| &unit.differences) {
            match difference.effect {
                Effect::Create => effects.create += 1,
                Effect::InPlace => effects.in_place += 1,
                Effect::MayReplace => effects.may_replace += 1,
                Effect::Replace => effects.replace += 1,
                Effect::Delete => effects.delete += 1,
            }
        }
        effects
    }

    /// How much of all units together the look could compare.
    pub fn coverage(&self) -> Coverage {
        let mut all = Coverage::default();
        for Coverage { checked, total, unchecked } in self.units.iter().map(|unit| &unit.coverage) {
            all.checked += checked;
            all.total += total;
            all.unchecked.extend(unchecked.iter().cloned());
        }
        all
    }
}

impl Effects {
    /// Whether nothing that the items hold can be lost.
    pub fn are_gentle(&self) -> bool {
        self.may_replace + self.replace + self.delete == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::How;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time in this century")
    }

    fn open() -> Case {
        Case {
            id: "d_1".into(),
            environment: "production".parse().expect("a lowercase word is a name"),
            repository: "platform".into(),
            commit: CommitId::new("9f1c2ab0"),
            alerts: None,
            state: CaseState::Open,
            revision: 1,
            units: Vec::new(),
            plan_hash: "4f0d".into(),
            first_seen: at(0),
            last_seen: at(0),
            seen: 1,
            clean_since: None,
        }
    }

    fn walk(events: impl IntoIterator<Item = (i64, CaseEvent)>) -> Case {
        let settle = SignedDuration::from_secs(60);
        events.into_iter().fold(open(), |case, (second, event)| case.after(event, at(second), settle).expect("legal"))
    }

    #[test]
    fn a_case_is_resolved_by_two_clean_reads_a_minute_apart() {
        assert_eq!(walk([(10, CaseEvent::SeenClean)]).state, CaseState::Open);
        assert_eq!(walk([(10, CaseEvent::SeenClean), (69, CaseEvent::SeenClean)]).state, CaseState::Open);
        let resolved = walk([(10, CaseEvent::SeenClean), (69, CaseEvent::SeenClean), (70, CaseEvent::SeenClean)]);
        assert_eq!(resolved.state, CaseState::Resolved { how: How::HealedItself, by: None });
        assert_eq!(resolved.revision, 2);
    }

    #[test]
    fn drift_between_two_clean_reads_starts_the_count_again() {
        let case = walk([(10, CaseEvent::SeenClean), (80, CaseEvent::SeenDrifted), (90, CaseEvent::SeenClean)]);
        assert_eq!((case.state, case.seen, case.revision), (CaseState::Open, 2, 1));
    }

    #[test]
    fn a_failed_look_never_helps_a_case_to_be_resolved() {
        let unreadable = CaseEvent::Unreadable { reason: "no answer".into() };
        let case = walk([(10, CaseEvent::SeenClean), (80, unreadable), (90, CaseEvent::SeenClean)]);
        assert_eq!(case.state, CaseState::Stale { reason: "no answer".into() });
    }

    #[test]
    fn other_values_make_a_new_revision_and_the_same_ones_do_not() {
        let case = open();
        let (units, plan, commit) = (case.units.clone(), case.plan_hash.clone(), case.commit.clone());
        let same = case.seen_again(units.clone(), plan, commit.clone(), at(5)).expect("legal");
        assert_eq!((same.revision, same.seen), (1, 2));
        let other = same.seen_again(units, "77aa".into(), commit, at(6)).expect("legal");
        assert_eq!((other.revision, other.plan_hash.as_str()), (2, "77aa"));
    }

    #[test]
    fn a_sync_that_left_the_world_clean_resolves_in_the_name_of_who_asked() {
        let case = walk([
            (1, CaseEvent::SyncRequested { by: "U1".into() }),
            (2, CaseEvent::SyncStarted),
            (9, CaseEvent::SeenClean),
            (70, CaseEvent::SeenClean),
        ]);
        assert_eq!(case.state, CaseState::Resolved { how: How::Synced, by: Some("U1".into()) });
        assert_eq!(case.revision, 4);
    }
}
