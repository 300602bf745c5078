//! Which drifted units are one case: those that follow from one another along the graph, and those that one
//! person changed at one time.
//!
//! A case's plan holds whatever its units need, so a drift downstream of another one can only be
//! put right together with it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::unit::{Confidence, Difference, Evidence, UnitId};

/// What one person changed within this time has one cause.
const ONE_TIME: SignedDuration = SignedDuration::from_mins(15);

/// A person who changed a unit, as the world's records say, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hand {
    pub name: String,
    pub at: Timestamp,
}

impl Hand {
    /// Where it is known who it was, and not only with which program.
    pub fn of(difference: &Difference) -> Option<Self> {
        let who = difference.who.as_ref()?;
        let is_known = match who.evidence {
            Evidence::FieldManager => false,
            Evidence::CloudTrail | Evidence::AuditLog => who.confidence == Confidence::High,
        };
        let at = who.time.as_ref()?.parse().ok()?;
        is_known.then(|| Self { name: who.name.clone(), at })
    }

    fn is_one_cause_with(&self, other: &Self) -> bool {
        self.name == other.name && self.at.duration_since(other.at).abs() <= ONE_TIME
    }
}

/// Drifted units that are told, and put right, together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The one that waits for no other drifted unit: the drift is named after it.
    pub root: UnitId,
    pub units: BTreeSet<UnitId>,
}

/// Groups drifted units. `above` names all units that one waits for, at any distance; `held` says
/// which case a unit is in already: what is one case stays one. `hands` says who changed a unit: one that is
/// in no case yet comes to those that the same person changed at that time. Two cases that people know of are never
/// made one for that.
pub fn group(
    drifted: &BTreeSet<UnitId>,
    above: impl Fn(&UnitId) -> BTreeSet<UnitId>,
    held: &BTreeMap<UnitId, String>,
    hands: &BTreeMap<UnitId, Vec<Hand>>,
) -> Vec<Group> {
    let of = |unit: &UnitId| hands.get(unit).map(Vec::as_slice).unwrap_or_default();
    let one_cause = |one: &UnitId, other: &UnitId| {
        of(one).iter().any(|hand| of(other).iter().any(|known| hand.is_one_cause_with(known)))
    };
    let mut groups: Vec<Group> = Vec::new();
    for unit in drifted {
        let drifted_above: BTreeSet<_> = above(unit).intersection(drifted).cloned().collect();
        let together = |group: &Group| {
            let same_case = |other: &UnitId| held.contains_key(unit) && held.get(unit) == held.get(other);
            let cases: BTreeSet<&String> = group.units.iter().chain([unit]).filter_map(|unit| held.get(unit)).collect();
            group.units.iter().any(|other| {
                drifted_above.contains(other)
                    || same_case(other)
                    || above(other).contains(unit)
                    || (cases.len() < 2 && one_cause(unit, other))
            })
        };
        let (joined, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(together);
        let mut units: BTreeSet<_> = joined.into_iter().flat_map(|group| group.units).collect();
        units.insert(unit.clone());
        groups = apart;
        groups.push(Group { root: unit.clone(), units });
    }
    for group in &mut groups {
        let first = group.units.iter().find(|unit| above(unit).is_disjoint(&group.units));
        // A graph has no circles; if it had, any unit would serve as a name.
        group.root = first.or(group.units.first()).expect("a group holds the unit it was made for").clone();
    }
    groups.sort_by(|one, other| one.root.cmp(&other.root));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> UnitId {
        UnitId::new(name)
    }

    /// `vpc` ← `db` ← `web`, `vpc` ← `queue` ← `web`, and `bucket` alone.
    fn above(unit: &UnitId) -> BTreeSet<UnitId> {
        let names: &[&str] = match unit.as_str() {
            "db" | "queue" => &["vpc"],
            "web" => &["db", "queue", "vpc"],
            _ => &[],
        };
        names.iter().map(|name| id(name)).collect()
    }

    fn told(drifted: &[&str], held: &[(&str, &str)]) -> Vec<String> {
        told_of(drifted, held, &BTreeMap::new())
    }

    fn told_of(drifted: &[&str], held: &[(&str, &str)], hands: &BTreeMap<UnitId, Vec<Hand>>) -> Vec<String> {
        let drifted = drifted.iter().map(|name| id(name)).collect();
        let held = held.iter().map(|(unit, case)| (id(unit), (*case).to_owned())).collect();
        let line = |group: Group| {
            let units: Vec<_> = group.units.iter().map(UnitId::as_str).collect();
            format!("{}: {}", group.root, units.join(" "))
        };
        group(&drifted, above, &held, hands).into_iter().map(line).collect()
    }

    #[test]
    fn what_follows_from_a_drift_upstream_is_one_case_with_it() {
        assert_eq!(told(&["bucket", "db", "queue", "vpc", "web"], &[]), ["bucket: bucket", "vpc: db queue vpc web"]);
    }

    #[test]
    fn drifts_that_do_not_follow_from_each_other_are_cases_of_their_own() {
        assert_eq!(told(&["db", "queue"], &[]), ["db: db", "queue: queue"]);
    }

    #[test]
    fn a_unit_below_two_drifts_makes_them_one_case_for_it_is_put_right_with_both() {
        assert_eq!(told(&["db", "queue", "web"], &[]), ["db: db queue web"]);
    }

    #[test]
    fn a_unit_between_that_did_not_drift_does_not_part_them() {
        assert_eq!(told(&["vpc", "web"], &[]), ["vpc: vpc web"]);
    }

    #[test]
    fn what_one_person_changed_within_a_quarter_of_an_hour_is_one_case_unless_people_know_two() {
        let hand = |name: &str, minute: i64| {
            vec![Hand { name: name.to_owned(), at: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute) }]
        };
        let hands = BTreeMap::from([
            (id("bucket"), hand("ada", 0)),
            (id("db"), hand("ada", 15)),
            (id("queue"), hand("bob", 0)),
        ]);
        let all = ["bucket", "db", "queue"];
        assert_eq!(told_of(&all, &[], &hands), ["bucket: bucket db", "queue: queue"]);
        assert_eq!(told_of(&all, &[("db", "d_1")], &hands), ["bucket: bucket db", "queue: queue"]);
        let two = [("bucket", "d_1"), ("db", "d_2")];
        assert_eq!(told_of(&all, &two, &hands), ["bucket: bucket", "db: db", "queue: queue"]);
        let late = BTreeMap::from([(id("bucket"), hand("ada", 0)), (id("db"), hand("ada", 16))]);
        assert_eq!(told_of(&["bucket", "db"], &[], &late), ["bucket: bucket", "db: db"]);
    }

    #[test]
    fn a_program_that_anyone_may_run_is_no_person() {
        let of = |evidence, confidence| {
            let time = Some("2026-11-21T05:41:00Z".to_owned());
            let who =
                crate::unit::Who { evidence, confidence, ..crate::unit::Who::manager("kubectl-edit", "Update", time) };
            let difference = Difference {
                item: "ConfigMap shop/web".into(),
                path: "data.color".into(),
                from: None,
                to: None,
                cause: crate::unit::Cause::Drifted,
                effect: crate::unit::Effect::InPlace,
                who: Some(who),
            };
            Hand::of(&difference).is_some()
        };
        assert!(!of(Evidence::FieldManager, Confidence::High));
        assert!(of(Evidence::AuditLog, Confidence::High));
        assert!(!of(Evidence::CloudTrail, Confidence::Medium));
    }

    #[test]
    fn what_is_one_case_stays_one_when_the_drift_upstream_is_gone() {
        assert_eq!(told(&["db", "queue"], &[("db", "d_1"), ("queue", "d_1")]), ["db: db queue"]);
        assert_eq!(told(&["db", "queue"], &[("db", "d_1"), ("queue", "d_2")]), ["db: db", "queue: queue"]);
    }
}
