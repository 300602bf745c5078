//! Which units may run now. Pure: no clock, no tasks.

use std::collections::{BTreeMap, BinaryHeap};

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};

/// Hands out each unit once all it waits for are done; of several, the one with the longest way
/// still behind it first, because that way decides when the whole run ends.
pub(super) struct Schedule<'a, N, E> {
    units: &'a DiGraph<N, E>,
    waiting: BTreeMap<NodeIndex, usize>,
    /// By length of the way behind it, then by order of declaration.
    ready: BinaryHeap<(usize, std::cmp::Reverse<NodeIndex>)>,
    ways: Vec<usize>,
}

impl<'a, N, E> Schedule<'a, N, E> {
    pub(super) fn new(units: &'a DiGraph<N, E>) -> Self {
        let ways = ways_behind(units);
        let mut schedule = Self { units, waiting: BTreeMap::new(), ready: BinaryHeap::new(), ways };
        for node in units.node_indices() {
            match units.neighbors_directed(node, Incoming).count() {
                0 => schedule.free(node),
                count => _ = schedule.waiting.insert(node, count),
            }
        }
        schedule
    }

    pub(super) fn next(&mut self) -> Option<NodeIndex> {
        self.ready.pop().map(|(_, std::cmp::Reverse(node))| node)
    }

    /// Frees the units that waited for this one alone.
    pub(super) fn done(&mut self, node: NodeIndex) {
        for waiter in self.units.neighbors_directed(node, Outgoing) {
            let Some(count) = self.waiting.get_mut(&waiter) else { continue };
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&waiter);
                self.free(waiter);
            }
        }
    }

    /// Takes out every unit that waits for this one, however far.
    pub(super) fn failed(&mut self, node: NodeIndex) -> Vec<NodeIndex> {
        let mut skipped = Vec::new();
        let mut failed = vec![node];
        while let Some(node) = failed.pop() {
            for waiter in self.units.neighbors_directed(node, Outgoing) {
                if self.waiting.remove(&waiter).is_some() {
                    skipped.push(waiter);
                    failed.push(waiter);
                }
            }
        }
        skipped
    }

    /// Takes out everything that has not been handed out.
    pub(super) fn rest(&mut self) -> Vec<NodeIndex> {
        let ready = std::mem::take(&mut self.ready).into_iter().map(|(_, std::cmp::Reverse(node))| node);
        ready.chain(std::mem::take(&mut self.waiting).into_keys()).collect()
    }

    fn free(&mut self, node: NodeIndex) {
        self.ready.push((self.ways[node.index()], std::cmp::Reverse(node)));
    }
}

/// For each unit, the number of units on the longest way that waits for it. Zero within a cycle,
/// which [`super::Graph::build`] has refused.
fn ways_behind<N, E>(units: &DiGraph<N, E>) -> Vec<usize> {
    let mut ways = vec![0; units.node_count()];
    for node in petgraph::algo::toposort(units, None).unwrap_or_default().into_iter().rev() {
        let behind = units.neighbors_directed(node, Outgoing).map(|waiter| ways[waiter.index()] + 1);
        ways[node.index()] = behind.max().unwrap_or(0);
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(u32, u32)]) -> DiGraph<(), ()> {
        DiGraph::from_edges(edges)
    }

    fn nodes(indices: &[usize]) -> Vec<NodeIndex> {
        indices.iter().map(|index| NodeIndex::new(*index)).collect()
    }

    #[test]
    fn a_unit_is_handed_out_once_all_it_waits_for_are_done() {
        let units = graph(&[(0, 2), (1, 2)]);
        let mut schedule = Schedule::new(&units);
        let first = schedule.next().expect("0 or 1 is free");
        schedule.done(first);
        let second = schedule.next().expect("the other one is free");
        assert_eq!(schedule.next(), None, "2 waits for both");
        schedule.done(second);
        assert_eq!(schedule.next(), Some(NodeIndex::new(2)));
    }

    #[test]
    fn the_longest_way_goes_first() {
        let units = graph(&[(1, 2), (2, 3), (0, 3)]);
        let mut schedule = Schedule::new(&units);
        assert_eq!([schedule.next(), schedule.next()], [Some(NodeIndex::new(1)), Some(NodeIndex::new(0))]);
    }

    #[test]
    fn a_failure_takes_out_all_that_waits_for_it_and_nothing_else() {
        let units = graph(&[(0, 1), (1, 2), (3, 4)]);
        let mut schedule = Schedule::new(&units);
        let mut skipped = schedule.failed(NodeIndex::new(0));
        skipped.sort();
        assert_eq!(skipped, nodes(&[1, 2]));
        schedule.done(NodeIndex::new(3));
        let mut rest = schedule.rest();
        rest.sort();
        assert_eq!(rest, nodes(&[0, 3, 4]));
    }
}
