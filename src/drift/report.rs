//! A plan that looked closely, as verdicts.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::ignore::{self, Ignored, Today};
use crate::declaration::IgnoreRule;
use crate::plan::{Finding, Plan};
use crate::repo::CommitId;
use crate::unit::{Cause, Change, Coverage, Difference, EnvironmentName, UnitId};

/// `drift --format json`.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct DriftReport {
    pub environment: EnvironmentName,
    pub commit: CommitId,
    pub units: Vec<UnitDrift>,
    /// Things that could be compared, of all that there are.
    pub coverage: Coverage,
}

/// What was found of one unit.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct UnitDrift {
    pub unit: UnitId,
    pub verdict: Verdict,
    /// What others changed of ours: sync puts it back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drifted: Vec<Difference>,
    /// What Git changed and no sync has applied yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Difference>,
    /// What others keep beside ours: never touched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Difference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
    pub coverage: Coverage,
}

/// The gravest thing that can be said of a unit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Clean,
    Foreign,
    Pending,
    /// It was applied once, and is not there any more.
    Gone,
    Drifted,
    /// It could not be asked, for this reason.
    Unverifiable(String),
}

/// Reads a plan that was made with [`Look::Close`](crate::unit::Look::Close).
///
/// `applied` holds the units that the store remembers as applied: only memory can tell a unit that
/// somebody deleted from one that was never made. Where memory is lost, it is pending.
pub fn report(plan: &Plan, applied: &BTreeSet<UnitId>, rules: &[IgnoreRule], today: Today) -> DriftReport {
    let units: Vec<_> = plan.units.iter().map(|(id, finding)| unit(id, finding, applied, rules, today)).collect();
    let mut coverage = Coverage::default();
    for unit in &units {
        coverage.checked += unit.coverage.checked;
        coverage.total += unit.coverage.total;
        coverage.unchecked.extend(unit.coverage.unchecked.iter().map(|what| format!("{}: {what}", unit.unit)));
    }
    DriftReport { environment: plan.environment.clone(), commit: plan.commit.clone(), units, coverage }
}

pub(super) fn unit(
    id: &UnitId,
    finding: &Finding,
    applied: &BTreeSet<UnitId>,
    rules: &[IgnoreRule],
    today: Today,
) -> UnitDrift {
    let bare = |verdict| UnitDrift {
        unit: id.clone(),
        verdict,
        drifted: Vec::new(),
        pending: Vec::new(),
        foreign: Vec::new(),
        ignored: Vec::new(),
        coverage: Coverage { checked: 0, total: 1, unchecked: Vec::new() },
    };
    let (change, foreign, coverage) = match finding {
        Finding::Found { change, foreign, coverage, follows: _, words: _ } => (change, foreign, coverage),
        Finding::Failed(trouble) => return bare(Verdict::Unverifiable(trouble.message.clone())),
        Finding::Blocked(by) => return bare(Verdict::Unverifiable(format!("`{by}` could not be asked"))),
    };
    let was_there = applied.contains(id);
    let (drifted, pending): (Vec<_>, Vec<_>) =
        change.differences().iter().cloned().partition(|difference| difference.cause == Cause::Drifted);
    let (drifted, ignored) = ignore::split(id, drifted, rules, today);
    let verdict = match change {
        Change::Create(_) | Change::Later(_) if was_there => Verdict::Gone,
        Change::Create(_) | Change::Later(_) => Verdict::Pending,
        Change::Nothing | Change::Update(_) | Change::Delete if !drifted.is_empty() => Verdict::Drifted,
        Change::Nothing | Change::Update(_) | Change::Delete if !pending.is_empty() => Verdict::Pending,
        Change::Nothing | Change::Update(_) | Change::Delete if !foreign.is_empty() => Verdict::Foreign,
        Change::Nothing | Change::Update(_) | Change::Delete => Verdict::Clean,
    };
    UnitDrift { drifted, pending, foreign: foreign.clone(), ignored, coverage: coverage.clone(), ..bare(verdict) }
}

impl DriftReport {
    /// The units that others changed or took away.
    pub fn drifted(&self) -> impl Iterator<Item = &UnitDrift> {
        self.units.iter().filter(|unit| match unit.verdict {
            Verdict::Drifted | Verdict::Gone => true,
            Verdict::Clean | Verdict::Foreign | Verdict::Pending | Verdict::Unverifiable(_) => false,
        })
    }

    /// The units that could not be asked.
    pub fn unverifiable(&self) -> impl Iterator<Item = (&UnitId, &str)> {
        self.units.iter().filter_map(|unit| match &unit.verdict {
            Verdict::Unverifiable(reason) => Some((&unit.unit, reason.as_str())),
            Verdict::Clean | Verdict::Foreign | Verdict::Pending | Verdict::Gone | Verdict::Drifted => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Purpose, Trouble};
    use crate::problem::Place;
    use crate::unit::{Effect, Shown};
    use crate::yaml::Spanned;
    use std::collections::BTreeMap;

    fn difference(path: &str, cause: Cause) -> Difference {
        Difference {
            item: "Jobs (AWS::SQS::Queue)".to_owned(),
            path: path.to_owned(),
            from: Some(Shown::text("60")),
            to: Some(Shown::text("30")),
            cause,
            effect: Effect::InPlace,
            who: None,
        }
    }

    fn plan(finding: Finding) -> Plan {
        Plan {
            environment: "production".parse().expect("a name"),
            commit: CommitId::new("c0ffee"),
            purpose: Purpose::Sync,
            looked_for_drift: true,
            units: BTreeMap::from([(queue(), finding)]),
            deletions: Vec::new(),
            unlisted: BTreeMap::new(),
        }
    }

    fn queue() -> UnitId {
        UnitId::new("stacks/shop.111111111111/eu-west-1/queue")
    }

    fn update(differences: Vec<Difference>) -> Finding {
        Finding::Found {
            change: Change::Update(differences),
            foreign: Vec::new(),
            coverage: Coverage::default(),
            follows: Vec::new(),
            words: Vec::new(),
        }
    }

    fn today() -> Today {
        "2026-11-21".parse().expect("a date")
    }

    fn rule(path: &str, until: &str) -> IgnoreRule {
        let unit = Spanned { value: "queue".to_owned(), place: Place::default(), line_text: None };
        IgnoreRule { unit, path: path.to_owned(), reason: "tuned by hand".to_owned(), until: until.parse().ok() }
    }

    fn verdict(finding: Finding, applied: &[UnitId], rules: &[IgnoreRule]) -> Verdict {
        let applied = applied.iter().cloned().collect();
        report(&plan(finding), &applied, rules, today()).units.remove(0).verdict
    }

    #[test]
    fn what_git_changed_is_pending_and_what_others_changed_is_drifted() {
        assert_eq!(verdict(update(vec![difference("/a", Cause::Declared)]), &[], &[]), Verdict::Pending);
        let both = vec![difference("/a", Cause::Declared), difference("/b", Cause::Drifted)];
        assert_eq!(verdict(update(both), &[], &[]), Verdict::Drifted);
    }

    #[test]
    fn only_memory_tells_a_deleted_unit_from_one_never_made() {
        let create = || Finding::Found {
            change: Change::Create(Vec::new()),
            foreign: Vec::new(),
            coverage: Coverage::default(),
            follows: Vec::new(),
            words: Vec::new(),
        };
        assert_eq!(verdict(create(), &[], &[]), Verdict::Pending);
        assert_eq!(verdict(create(), &[queue()], &[]), Verdict::Gone);
    }

    #[test]
    fn what_could_not_be_asked_is_never_clean() {
        let trouble = Trouble { message: "no answer".to_owned(), hint: None, unreachable: true };
        assert_eq!(verdict(Finding::Failed(trouble), &[], &[]), Verdict::Unverifiable("no answer".to_owned()));
    }

    #[test]
    fn a_rule_takes_out_its_path_until_its_last_day() {
        let drifted = || update(vec![difference("/Properties/VisibilityTimeout", Cause::Drifted)]);
        assert_eq!(verdict(drifted(), &[], &[rule("/Properties/VisibilityTimeout", "2026-11-21")]), Verdict::Clean);
        assert_eq!(verdict(drifted(), &[], &[rule("/Properties", "2026-11-21")]), Verdict::Clean);
        assert_eq!(verdict(drifted(), &[], &[rule("/Properties/Vis", "2026-11-21")]), Verdict::Drifted);
        assert_eq!(verdict(drifted(), &[], &[rule("/Properties", "2026-11-20")]), Verdict::Drifted);
    }
}
