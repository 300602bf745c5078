//! Declared units to a graph without cycles.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::resolve::{Lost, Names, Resolved};
use super::{Graph, Member, Place, Role, Wanted};
use crate::problem::{Place as FilePlace, Problem, Problems};
use crate::unit::{Declared, Reference, Site, UnitId, Why};

impl Graph {
    /// Follows every reference. What leads nowhere, or round in a circle, is added to `problems`.
    pub fn build(declared: Vec<Declared>, sites: Vec<Arc<dyn Site>>, problems: &mut Problems) -> Self {
        let names = Names::of(&declared, problems);
        let followed: Vec<_> = declared.iter().map(|unit| follow(&names, unit.unit.references(), problems)).collect();
        let places = sites.into_iter().map(|site| {
            let (_, wanted) = follow(&names, site.references(), problems);
            (site.name(), Place { site, wanted })
        });
        let sites = places.collect();
        let mut units = DiGraph::new();
        let mut edges = Vec::new();
        let mut by_id = BTreeMap::new();
        for (unit, (upstream, wanted)) in declared.into_iter().zip(followed) {
            let id = unit.id.clone();
            let node = units.add_node(Member { declared: unit, role: Role::Managed, wanted });
            edges.extend(upstream.into_iter().map(|(from, why)| (from, node, why)));
            by_id.insert(id, node);
        }
        for (from, to, why) in edges {
            if let Some(from) = by_id.get(&from) {
                units.update_edge(*from, to, why);
            }
        }
        tell_cycles(&units, problems);
        Self { units, by_id, sites }
    }
}

type Followed = (Vec<(UnitId, Why)>, Vec<Wanted>);

fn follow(names: &Names<'_>, references: Vec<Reference>, problems: &mut Problems) -> Followed {
    let (mut edges, mut inputs) = (Vec::new(), Vec::new());
    for reference in references {
        match names.follow(&reference) {
            Ok(Resolved { edge, wanted }) => {
                edges.extend(edge);
                inputs.extend(wanted);
            }
            Err(Lost::Error(problem)) => problems.error(problem),
            Err(Lost::Warning(problem)) => problems.warn(problem),
        }
    }
    (edges, inputs)
}

/// One problem a cycle, at the first of its units, with the whole way round.
fn tell_cycles(units: &DiGraph<Member, Why>, problems: &mut Problems) {
    // Of the two algorithms the one that does not recurse: a row of units may be as long as it likes.
    for circle in kosaraju_scc(units) {
        let to_itself = circle.len() == 1 && units.contains_edge(circle[0], circle[0]);
        if circle.len() < 2 && !to_itself {
            continue;
        }
        let round = way_round(units, &circle);
        let first = &units[round[0]].declared;
        let ids: Vec<_> = round.iter().chain(round.first()).map(|node| units[*node].declared.id.as_str()).collect();
        let place =
            reference_to(units, round[0], round[1 % round.len()]).unwrap_or_else(|| FilePlace::file(&first.file));
        let message = format!("these units wait for each other: {}", ids.join(" → "));
        problems.error(Problem::new(place, message).hint(links(units, &round)));
    }
}

/// Where each unit of a circle names the next: any of these places may be the wrong one.
fn links(units: &DiGraph<Member, Why>, round: &[NodeIndex]) -> String {
    let link = |(at, from): (usize, &NodeIndex)| {
        let to = round[(at + 1) % round.len()];
        let place = reference_to(units, *from, to).unwrap_or_else(|| FilePlace::file(&units[*from].declared.file));
        format!("`{}` is named at {}:{}", units[to].declared.id, place.file, place.line)
    };
    let links: Vec<_> = round.iter().enumerate().map(link).collect();
    format!("take one of these out: {}", links.join(", "))
}

/// A cycle inside a strongly connected component: from its smallest id, upstream until it closes.
fn way_round(units: &DiGraph<Member, Why>, circle: &[NodeIndex]) -> Vec<NodeIndex> {
    let id = |node: &NodeIndex| &units[*node].declared.id;
    let start = *circle.iter().min_by_key(|node| id(node)).expect("a component has a node");
    let mut way = vec![start];
    loop {
        let at = *way.last().expect("it begins with one");
        let upstream = units.neighbors_directed(at, petgraph::Incoming).filter(|node| circle.contains(node));
        let next = upstream.min_by_key(|node| id(node)).expect("a component of a cycle has an edge inside");
        if let Some(closed) = way.iter().position(|node| *node == next) {
            return way.split_off(closed);
        }
        way.push(next);
    }
}

/// Where `from` names `to`, so that a cycle is told at a line.
fn reference_to(units: &DiGraph<Member, Why>, from: NodeIndex, to: NodeIndex) -> Option<FilePlace> {
    let why = &units[units.find_edge(to, from)?];
    let references = units[from].declared.unit.references();
    references.into_iter().find(|reference| reference.why == *why).map(|reference| reference.place)
}
