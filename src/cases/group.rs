//! Which drifted units are one case: those that follow from one another along the graph.
//!
//! A case's plan holds whatever its units need, so a drift downstream of another one can only be
//! put right together with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::unit::UnitId;

/// Drifted units that are told, and put right, together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The one that waits for no other drifted unit: the drift is named after it.
    pub root: UnitId,
    pub units: BTreeSet<UnitId>,
}

/// Groups drifted units. `above` names all units that one waits for, at any distance; `held` says
/// which case a unit is in already: what is one case stays one.
pub fn group(
    drifted: &BTreeSet<UnitId>,
    above: impl Fn(&UnitId) -> BTreeSet<UnitId>,
    held: &BTreeMap<UnitId, String>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for unit in drifted {
        let drifted_above: BTreeSet<_> = above(unit).intersection(drifted).cloned().collect();
        let together = |group: &Group| {
            let same_case = |other: &UnitId| held.contains_key(unit) && held.get(unit) == held.get(other);
            group
                .units
                .iter()
                .any(|other| drifted_above.contains(other) || same_case(other) || above(other).contains(unit))
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
        let drifted = drifted.iter().map(|name| id(name)).collect();
        let held = held.iter().map(|(unit, case)| (id(unit), (*case).to_owned())).collect();
        let line = |group: Group| {
            let units: Vec<_> = group.units.iter().map(UnitId::as_str).collect();
            format!("{}: {}", group.root, units.join(" "))
        };
        group(&drifted, above, &held).into_iter().map(line).collect()
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
    fn what_is_one_case_stays_one_when_the_drift_upstream_is_gone() {
        assert_eq!(told(&["db", "queue"], &[("db", "d_1"), ("queue", "d_1")]), ["db: db queue"]);
        assert_eq!(told(&["db", "queue"], &[("db", "d_1"), ("queue", "d_2")]), ["db: db", "queue: queue"]);
    }
}
