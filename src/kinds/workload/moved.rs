//! Workload folders that were renamed: their objects stay what they are, under the mark of their first path.
//!
//! The mark follows from Git alone, for as long as the entry under `moved:` stands: nothing in the cluster
//! is touched for a rename.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problems;
use crate::unit::Moved;

/// Whether an entry under `moved:` is about workloads.
pub fn is_about_workloads(entry: &Moved) -> bool {
    [&entry.from.value, &entry.to.value].iter().any(|id| id.starts_with("clusters/"))
}

/// The first path of each workload that was renamed, by its path now.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Moves(BTreeMap<String, String>);

impl Moves {
    /// Reads the entries against the workloads that there are. A wrong or stale one is a problem.
    pub(super) fn read(entries: &[Moved], declared: &BTreeSet<String>, problems: &mut Problems) -> Self {
        let entries: Vec<&Moved> = entries.iter().filter(|entry| is_about_workloads(entry)).collect();
        let mut moves = BTreeMap::new();
        for entry in &entries {
            let (from, to) = (entry.from.value.trim_end_matches('/'), entry.to.value.trim_end_matches('/'));
            let twin = |other: &&&Moved| other.from.value == entry.from.value || other.to.value == entry.to.value;
            if cluster_of(from).is_none() || cluster_of(from) != cluster_of(to) {
                let hint = "declare it there, sync, and remove the old folder";
                problems.error(entry.to.problem("a workload cannot move to another cluster").hint(hint));
            } else if entries.iter().filter(twin).count() > 1 {
                problems.error(entry.from.problem("the same move stands here twice").hint("keep one of the two"));
            } else if declared.contains(from) {
                let said = format!("`{from}` is still declared, so it was not moved");
                problems.error(entry.from.problem(said).hint("remove the entry, or the old folder"));
            } else {
                _ = moves.insert(to.to_owned(), from.to_owned());
            }
        }
        Self(moves)
    }

    /// The id that a workload was made under.
    pub(super) fn origin<'a>(&'a self, id: &'a str) -> &'a str {
        // As many steps as there are entries: a circle has an end, too.
        let mut origin = id;
        for _ in 0..self.0.len() {
            origin = self.0.get(origin).map_or(origin, String::as_str);
        }
        origin
    }

    /// The id that what was made under this one has now.
    pub(super) fn now<'a>(&'a self, origin: &'a str) -> &'a str {
        let mut now = origin;
        for _ in 0..self.0.len() {
            now = self.0.iter().find(|(_, from)| *from == now).map_or(now, |(to, _)| to.as_str());
        }
        now
    }
}

/// `clusters/prod`
fn cluster_of(id: &str) -> Option<&str> {
    let rest = id.strip_prefix("clusters/")?;
    let (cluster, _) = rest.split_once('/')?;
    Some(&id[..id.len() - rest.len() + cluster.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str, declared: &[&str]) -> (Moves, Vec<String>) {
        let node = yaml::parse_one("groundplan.yaml", text.as_bytes()).expect("valid");
        let entries: Vec<Moved> =
            node.items().iter().map(|item| yaml::read(item).expect("its keys are known")).collect();
        let mut problems = Problems::default();
        let declared = declared.iter().map(|id| (*id).to_owned()).collect();
        let moves = Moves::read(&entries, &declared, &mut problems);
        (moves, problems.errors.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_way_of_many_steps_is_followed_to_both_of_its_ends() {
        let text = "- {from: clusters/prod/a, to: clusters/prod/b}\n- {from: clusters/prod/b, to: clusters/prod/c}\n- {from: stacks/x, to: stacks/y}\n";
        let (moves, told) = read(text, &["clusters/prod/c"]);
        assert_eq!(told, Vec::<String>::new());
        assert_eq!(
            (moves.origin("clusters/prod/c"), moves.now("clusters/prod/a")),
            ("clusters/prod/a", "clusters/prod/c")
        );
        assert_eq!(
            (moves.origin("clusters/prod/d"), moves.now("clusters/prod/d")),
            ("clusters/prod/d", "clusters/prod/d")
        );
    }

    #[test]
    fn a_move_that_is_none_is_told() {
        for (text, why) in [
            ("- {from: clusters/prod/a, to: clusters/test/a}\n", "another cluster"),
            ("- {from: stacks/a, to: clusters/prod/a}\n", "another cluster"),
            ("- {from: clusters/prod/old, to: clusters/prod/b}\n", "still declared"),
            (
                "- {from: clusters/prod/a, to: clusters/prod/b}\n- {from: clusters/prod/a, to: clusters/prod/c}\n",
                "twice",
            ),
        ] {
            let (_, told) = read(text, &["clusters/prod/old"]);
            assert!(told.first().is_some_and(|told| told.contains(why)), "{text}: {told:?}");
        }
    }
}
