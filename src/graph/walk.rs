//! Visits every unit in order, as many at a time as allowed.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{FuturesUnordered, StreamExt};

use super::schedule::Schedule;
use super::{Graph, Member};
use crate::unit::UnitId;

/// How a visit ended.
#[derive(Debug)]
pub enum Visited<T, E> {
    Done(T),
    Failed(E),
    /// Not visited, because this unit failed upstream.
    Skipped(UnitId),
    /// Not visited, because somebody asked to stop.
    Stopped,
}

/// Asks a walk to begin nothing new. What is under way is left to end.
#[derive(Clone, Default, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Graph {
    /// Visits each unit after all it waits for, and hands `visit` what their visits returned.
    pub async fn walk<'a, T, E, V, F>(
        &'a self,
        at_once: usize,
        stop: &Stop,
        visit: V,
    ) -> BTreeMap<UnitId, Visited<T, E>>
    where
        T: Clone,
        V: Fn(&'a Member, BTreeMap<UnitId, T>) -> F,
        F: Future<Output = Result<T, E>> + 'a,
    {
        let mut schedule = Schedule::new(&self.units);
        let mut running = FuturesUnordered::new();
        let mut done: BTreeMap<UnitId, T> = BTreeMap::new();
        let mut visited = BTreeMap::new();
        let id = |node: petgraph::graph::NodeIndex| self.units[node].declared.id.clone();
        loop {
            while running.len() < at_once
                && !stop.is_asked()
                && let Some(node) = schedule.next()
            {
                let upstream =
                    self.upstream(&id(node)).into_iter().filter_map(|id| Some((id.clone(), done.get(&id)?.clone())));
                let visit = visit(&self.units[node], upstream.collect());
                running.push(async move { (node, visit.await) });
            }
            let Some((node, result)) = running.next().await else { break };
            match result {
                Ok(value) => {
                    schedule.done(node);
                    done.insert(id(node), value.clone());
                    visited.insert(id(node), Visited::Done(value));
                }
                Err(error) => {
                    for skipped in schedule.failed(node) {
                        visited.insert(id(skipped), Visited::Skipped(id(node)));
                    }
                    visited.insert(id(node), Visited::Failed(error));
                }
            }
        }
        visited.extend(schedule.rest().into_iter().map(|node| (id(node), Visited::Stopped)));
        visited
    }
}
