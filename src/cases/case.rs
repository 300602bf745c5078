//! One drift of one environment, with everything a person needs to decide.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::state::{self, Moment};
use super::{CaseEvent, CaseState, NoSuchStep, Proposal, PullRequest, Risk, Weight};
use crate::repo::CommitId;
use crate::unit::{Coverage, Difference, Effect, EnvironmentName, UnitId};

/// A drift as people see it: plain data, kept by the store and shown by Slack and the terminal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// Short, and the same for as long as people talk about it: `d_7q3m9k`.
    pub id: String,
    pub environment: EnvironmentName,
    /// `repository:` of `groundplan.yaml`.
    pub repository: String,
    /// The same for the same drift in every run: [`case_key`](super::case_key).
    #[serde(default)]
    pub key: String,
    /// What the world held when it was last seen, as a keyed digest.
    #[serde(default)]
    pub state_hash: String,
    /// The commit that the world was compared with last.
    pub commit: CommitId,
    /// Who owns the files of its units, as `CODEOWNERS` names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// The environment's `alerts:`; the operator says which channel that is.
    pub alerts: Option<String>,
    pub state: CaseState,
    /// Counts up with whatever changes in a case, so that a consent given to an old one is refused.
    pub revision: u64,
    pub units: Vec<CaseUnit>,
    /// What a sync would do, as a hash over the plan; empty where there is none to consent to.
    pub plan_hash: String,
    #[serde(default)]
    pub weight: Weight,
    #[schemars(with = "String")]
    pub first_seen: Timestamp,
    #[schemars(with = "String")]
    pub last_seen: Timestamp,
    /// How many looks found it.
    pub seen: u64,
    /// How often it came back within a day after it was resolved.
    #[serde(default)]
    pub flaps: u32,
    /// When the first of the clean reads in a row was made.
    #[schemars(with = "Option<String>")]
    pub clean_since: Option<Timestamp>,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub resolved_at: Option<Timestamp>,
    /// What somebody had said of it before it became unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_stale: Option<CaseState>,
    /// Told in a digest only: it was one of many, or there before anyone looked.
    #[serde(default)]
    pub quiet: bool,
    /// How often the records of the world were asked who it was.
    #[serde(default)]
    pub asked_who: u8,
    /// A change to Git that was asked for: it waits to be merged, and mutes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// The open pull requests that change what its units are made of; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_requests: Option<Vec<PullRequest>>,
}

/// What drifted in one unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CaseUnit {
    pub id: UnitId,
    /// As they may be kept and told: [`redact`](super::redact) was here.
    pub differences: Vec<Difference>,
    pub coverage: Coverage,
}

/// What one look found of a case.
#[derive(Clone, PartialEq, Debug)]
pub struct Sight {
    pub units: Vec<CaseUnit>,
    pub plan_hash: String,
    pub state_hash: String,
    pub commit: CommitId,
    pub weight: Weight,
    pub owners: Vec<String>,
    pub open_requests: Option<Vec<PullRequest>>,
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
            CaseEvent::SeenDrifted | CaseEvent::Unreadable { .. } | CaseEvent::RuledOut { .. } => None,
            CaseEvent::SyncRequested { .. } | CaseEvent::SyncStarted | CaseEvent::SyncFailed { .. } => None,
            CaseEvent::Acknowledged { .. } | CaseEvent::Snoozed { .. } | CaseEvent::ApprovalAsked { .. } => {
                self.clean_since
            }
        };
        let settled = self.clean_since.is_some_and(|since| at.duration_since(since) >= settle);
        let before = match (&event, &self.state, &self.before_stale) {
            (CaseEvent::SeenDrifted, CaseState::Stale { .. }, Some(before)) => before,
            _ => &self.state,
        };
        let state = state::next(before, &event, Moment { at, settled })?;
        let mut case = Case { clean_since, ..self.clone() };
        if event == CaseEvent::SeenDrifted {
            case.last_seen = at;
            case.seen += 1;
        }
        if state != self.state {
            case.revision += 1;
            case.turn(state, at);
        }
        Ok(case)
    }

    /// Into another state, with what is remembered of the one before.
    fn turn(&mut self, state: CaseState, at: Timestamp) {
        let before = std::mem::replace(&mut self.state, state);
        self.before_stale = match (&self.state, before) {
            (CaseState::Stale { .. }, CaseState::Stale { .. }) => self.before_stale.take(),
            (CaseState::Stale { .. }, before) if before.is_held() => Some(before),
            (_, before) => {
                if before.is_resolved() {
                    self.flaps += 1;
                    self.proposal = None;
                }
                None
            }
        };
        self.resolved_at = self.state.is_resolved().then_some(at);
    }

    /// The case after a look that found it; other values or another plan make a revision of their
    /// own, so that nobody consents to what they did not see. A case that grew riskier, or whose
    /// half-given consent was for something else, is open again.
    pub fn seen_again(&self, sight: Sight, at: Timestamp) -> Result<Case, NoSuchStep> {
        let mut case = self.after(CaseEvent::SeenDrifted, at, SignedDuration::ZERO)?;
        let Sight { mut units, plan_hash, state_hash, commit, weight, owners, open_requests } = sight;
        let open_requests = open_requests.or(case.open_requests.take());
        remember_authors(&mut units, &self.units);
        let other_plan = self.plan_hash != plan_hash;
        let same = (&case.units, &case.commit, &case.state_hash) == (&units, &commit, &state_hash) && !other_plan;
        let half_agreed = matches!(case.state, CaseState::AwaitingApproval { .. });
        if case.state.is_held() && (weight.risk > self.weight.risk || (half_agreed && other_plan)) {
            case.turn(CaseState::Open, at);
        }
        // One of many is told on its own as soon as it is worse than it was in the list.
        let quiet = case.quiet && weight.risk <= self.weight.risk;
        if !same && case.revision == self.revision {
            case.revision += 1;
        }
        Ok(Case { units, plan_hash, state_hash, commit, weight, owners, open_requests, quiet, ..case })
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

    /// Whether a yes to a sync takes the environment's name, typed: it is risky, or may lose what
    /// something holds.
    pub fn wants_name(&self) -> bool {
        self.weight.risk == Risk::Risky || !self.effects().are_gentle()
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

/// What was learnt of who it was is not forgotten by a look that cannot know it.
fn remember_authors(units: &mut [CaseUnit], before: &[CaseUnit]) {
    for unit in units {
        let known = before.iter().filter(|known| known.id == unit.id).flat_map(|known| &known.differences);
        for difference in &mut unit.differences {
            let is_it = |known: &&Difference| {
                Difference { who: None, ..(*known).clone() } == Difference { who: None, ..difference.clone() }
            };
            let author = known.clone().find(is_it).and_then(|known| known.who.clone());
            let surer = author.as_ref().map(|who| who.confidence) > difference.who.as_ref().map(|who| who.confidence);
            if surer {
                difference.who = author;
            }
        }
    }
}

impl Effects {
    /// Whether nothing that the items hold can be lost.
    pub fn are_gentle(&self) -> bool {
        self.may_replace + self.replace + self.delete == 0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cases::How;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time in this century")
    }

    pub(crate) fn open() -> Case {
        Case {
            id: "d_1".into(),
            environment: "production".parse().expect("a lowercase word is a name"),
            repository: "platform".into(),
            key: "5eed".into(),
            state_hash: "a1".into(),
            commit: CommitId::new("9f1c2ab0"),
            owners: Vec::new(),
            alerts: None,
            state: CaseState::Open,
            revision: 1,
            units: Vec::new(),
            plan_hash: "4f0d".into(),
            weight: Weight::default(),
            first_seen: at(0),
            last_seen: at(0),
            seen: 1,
            flaps: 0,
            clean_since: None,
            resolved_at: None,
            before_stale: None,
            quiet: false,
            asked_who: 0,
            proposal: None,
            open_requests: None,
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

    fn sight(state_hash: &str, plan: &str, risk: Risk) -> Sight {
        Sight {
            units: Vec::new(),
            plan_hash: plan.into(),
            state_hash: state_hash.into(),
            commit: CommitId::new("9f1c2ab0"),
            weight: Weight { risk, why: Vec::new() },
            owners: Vec::new(),
            open_requests: None,
        }
    }

    fn after(case: &Case, event: CaseEvent) -> Case {
        case.after(event, at(1), SignedDuration::ZERO).expect("legal")
    }

    #[test]
    fn other_values_make_a_new_revision_and_the_same_ones_do_not() {
        let same = open().seen_again(sight("a1", "4f0d", Risk::Medium), at(5)).expect("legal");
        assert_eq!((same.revision, same.seen), (1, 2));
        let other = same.seen_again(sight("b2", "4f0d", Risk::Medium), at(6)).expect("legal");
        assert_eq!((other.revision, other.state_hash.as_str()), (2, "b2"));
        let other = other.seen_again(sight("b2", "77aa", Risk::Medium), at(7)).expect("legal");
        assert_eq!((other.revision, other.plan_hash.as_str()), (3, "77aa"));
    }

    #[test]
    fn what_somebody_looks_after_is_open_again_only_when_it_grows_riskier() {
        let held = after(&open(), CaseEvent::Acknowledged { by: "U1".into(), until: None });
        let changed = held.seen_again(sight("b2", "77aa", Risk::Medium), at(5)).expect("legal");
        assert_eq!(changed.state.word(), "acknowledged");
        let riskier = changed.seen_again(sight("c3", "77aa", Risk::Risky), at(6)).expect("legal");
        assert_eq!((riskier.state.word(), riskier.revision), ("open", 4));
    }

    #[test]
    fn half_a_consent_is_void_when_the_plan_is_another_one() {
        let asked = after(&open(), CaseEvent::ApprovalAsked { by: "U1".into(), until: at(1800) });
        let same = asked.seen_again(sight("b2", "4f0d", Risk::Medium), at(5)).expect("legal");
        assert_eq!(same.state.word(), "waiting for a second approver");
        let other = same.seen_again(sight("b2", "77aa", Risk::Medium), at(6)).expect("legal");
        assert_eq!(other.state, CaseState::Open);
    }

    #[test]
    fn an_acknowledgement_outlives_a_time_in_which_nothing_could_be_read() {
        let held = after(&open(), CaseEvent::Acknowledged { by: "U1".into(), until: None });
        let stale = after(&held, CaseEvent::Unreadable { reason: "no answer".into() });
        let stale = after(&stale, CaseEvent::Unreadable { reason: "still none".into() });
        assert_eq!(stale.state.word(), "stale");
        assert_eq!(after(&stale, CaseEvent::SeenDrifted).state, held.state);
    }

    #[test]
    fn each_time_it_comes_back_is_counted() {
        let mut case = open();
        for _ in 0..10 {
            case = after(&case, CaseEvent::RuledOut { how: How::HealedItself });
            assert_eq!(case.resolved_at, Some(at(1)));
            case = after(&case, CaseEvent::SeenDrifted);
        }
        assert_eq!((case.flaps, case.resolved_at, &case.id), (10, None, &open().id));
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
