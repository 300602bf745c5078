//! The order in which to delete what is no longer declared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::unit::{KindName, Owned, UnitId};

/// One thing to delete, and those that must be gone before it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Deletion {
    pub owned: Owned,
    pub after: Vec<UnitId>,
}

/// Puts what waits for others before what it waits for.
///
/// Where the graph still knows both, its edges decide. Where the declaration is gone, so are its
/// edges; then things of another kind than the foundation (`kinds` names it first) go before it,
/// and within a kind the younger goes first, since little depends on what came after it. What takes
/// something from another as the world says (an export in use) goes before it in any case.
pub(super) fn in_order(owned: Vec<Owned>, graph: &Graph, foundation: Option<&KindName>) -> Vec<Deletion> {
    let rules = Rules { graph, foundation };
    let after = |then: &Owned, goes_before: &dyn Fn(&Owned, &Owned) -> bool| {
        let before = owned.iter().filter(|first| first.id != then.id && goes_before(first, then));
        before.map(|first| first.id.clone()).collect::<Vec<_>>()
    };
    let guessed = |first: &Owned, then: &Owned| rules.surely(first, then).unwrap_or_else(|| is_younger(first, then));
    let surely = |first: &Owned, then: &Owned| rules.surely(first, then) == Some(true);
    let mut waiting: Vec<_> =
        owned.iter().map(|then| Deletion { owned: then.clone(), after: after(then, &guessed) }).collect();
    let mut order: Vec<Deletion> = Vec::new();
    while !waiting.is_empty() {
        let mut free = take_free(&mut waiting);
        if free.is_empty() {
            // A guess contradicts what is known: then only that counts.
            waiting.iter_mut().for_each(|deletion| deletion.after = after(&deletion.owned, &surely));
            free = take_free(&mut waiting);
        }
        if free.is_empty() {
            // Marks that wait for each other can only be a leftover; any order serves.
            free = std::mem::take(&mut waiting);
            free.iter_mut().for_each(|deletion| deletion.after.clear());
        }
        order.extend(free);
    }
    order
}

/// Takes out those that wait for none of the others.
fn take_free(waiting: &mut Vec<Deletion>) -> Vec<Deletion> {
    let there: Vec<UnitId> = waiting.iter().map(|deletion| deletion.owned.id.clone()).collect();
    let (free, kept) =
        std::mem::take(waiting).into_iter().partition(|deletion| !deletion.after.iter().any(|id| there.contains(id)));
    *waiting = kept;
    free
}

/// What is known of two things' order.
struct Rules<'a> {
    graph: &'a Graph,
    foundation: Option<&'a KindName>,
}

impl Rules<'_> {
    /// Whether one goes before the other; none where nobody says.
    fn surely(&self, first: &Owned, then: &Owned) -> Option<bool> {
        if first.needed_by.contains(&then.id) || then.needed_by.contains(&first.id) {
            return Some(then.needed_by.contains(&first.id));
        }
        let is_known = |owned: &Owned| self.graph.member(&owned.id).is_some();
        let is_base = |owned: &Owned| Some(&owned.kind) == self.foundation;
        match is_known(first) && is_known(then) {
            true => Some(self.graph.upstream(&first.id).contains(&then.id)),
            false if first.kind != then.kind => Some(!is_base(first) && is_base(then)),
            false => None,
        }
    }
}

fn is_younger(first: &Owned, then: &Owned) -> bool {
    first.site == then.site && (&first.created, &first.id) > (&then.created, &then.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::SiteName;

    fn owned(kind: &'static str, id: &str, created: &str) -> Owned {
        Owned {
            id: UnitId::new(id),
            kind: KindName::new(kind),
            site: SiteName::new("here"),
            handle: id.to_owned(),
            created: Some(created.to_owned()),
            guards: Vec::new(),
            needed_by: Vec::new(),
        }
    }

    #[test]
    fn workloads_go_before_stacks_and_the_younger_before_the_older() {
        let all = vec![
            owned("stack", "vpc", "2026-01-01"),
            owned("stack", "db", "2026-01-02"),
            owned("workload", "shop", "2026-01-03"),
        ];
        let order: Vec<_> = in_order(all, &Graph::default(), Some(&KindName::new("stack")))
            .into_iter()
            .map(|deletion| deletion.owned.id.to_string())
            .collect();
        assert_eq!(order, ["shop", "db", "vpc"]);
    }

    #[test]
    fn what_imports_from_another_goes_first_however_old_it_is() {
        let base = Owned { needed_by: vec![UnitId::new("reader")], ..owned("stack", "base", "2026-01-03") };
        let all = vec![base, owned("stack", "other", "2026-01-02"), owned("stack", "reader", "2026-01-01")];
        let order = in_order(all, &Graph::default(), None);
        let at = |id: &str| order.iter().position(|deletion| deletion.owned.id.as_str() == id).expect("it is there");
        assert!(at("reader") < at("base"), "{order:?}");
        assert_eq!(order[at("base")].after, [UnitId::new("reader")]);
        assert_eq!(order.len(), 3);
    }
}
