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
/// and within a kind the younger goes first, since nothing can depend on what came after it.
pub(super) fn in_order(owned: Vec<Owned>, graph: &Graph, foundation: Option<&KindName>) -> Vec<Deletion> {
    let goes_before = |first: &Owned, then: &Owned| {
        let known = graph.member(&first.id).is_some() && graph.member(&then.id).is_some();
        let base = |owned: &Owned| Some(&owned.kind) == foundation;
        match known {
            true => graph.upstream(&first.id).contains(&then.id),
            false if first.kind != then.kind => !base(first) && base(then),
            false => first.site == then.site && (&first.created, &first.id) > (&then.created, &then.id),
        }
    };
    let after = |then: &Owned| {
        owned
            .iter()
            .filter(|first| first.id != then.id && goes_before(first, then))
            .map(|first| first.id.clone())
            .collect()
    };
    let mut deletions: Vec<_> = owned.iter().map(|then| Deletion { owned: then.clone(), after: after(then) }).collect();
    let mut order: Vec<Deletion> = Vec::new();
    while !deletions.is_empty() {
        let waiting: Vec<UnitId> = deletions.iter().map(|deletion| deletion.owned.id.clone()).collect();
        let (free, kept): (Vec<_>, Vec<_>) =
            deletions.into_iter().partition(|deletion| !deletion.after.iter().any(|id| waiting.contains(id)));
        if free.is_empty() {
            // Two rules that contradict each other can only meet among leftovers; any order serves.
            order.extend(kept.into_iter().map(|deletion| Deletion { after: Vec::new(), ..deletion }));
            break;
        }
        order.extend(free);
        deletions = kept;
    }
    order
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
}
