//! The graph for people and for programs.

use schemars::JsonSchema;
use serde::Serialize;

use super::Graph;
use crate::unit::{KindName, SiteName, UnitId, Why};

/// `graph --format json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Drawing {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Node {
    pub id: UnitId,
    pub kind: KindName,
    pub site: SiteName,
}

/// `to` waits for `from`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Edge {
    pub from: UnitId,
    pub to: UnitId,
    pub why: Why,
}

impl Graph {
    pub fn drawing(&self) -> Drawing {
        let id = |node: petgraph::graph::NodeIndex| self.units[node].declared.id.clone();
        let node = |declared: &crate::unit::Declared| Node {
            id: declared.id.clone(),
            kind: declared.kind.clone(),
            site: declared.site.clone(),
        };
        let mut edges: Vec<_> = self
            .units
            .edge_indices()
            .filter_map(|edge| {
                let (from, to) = self.units.edge_endpoints(edge)?;
                Some(Edge { from: id(from), to: id(to), why: self.units[edge].clone() })
            })
            .collect();
        edges.sort();
        Drawing { nodes: self.members().map(|member| node(&member.declared)).collect(), edges }
    }
}

impl Drawing {
    /// Graphviz: `groundplan graph --format dot | dot -Tsvg`.
    pub fn dot(&self) -> String {
        let nodes = self.nodes.iter().map(|node| format!("  {:?} [shape={}];\n", node.id.as_str(), shape(&node.kind)));
        let edges = self.edges.iter().map(|edge| {
            format!("  {:?} -> {:?} [label={:?}];\n", edge.from.as_str(), edge.to.as_str(), edge.why.to_string())
        });
        format!("digraph groundplan {{\n  rankdir=LR;\n{}{}}}\n", nodes.collect::<String>(), edges.collect::<String>())
    }

    /// Mermaid, as GitHub and GitLab draw it in Markdown.
    pub fn mermaid(&self) -> String {
        let number = |id: &UnitId| self.nodes.iter().position(|node| node.id == *id).unwrap_or_default();
        let nodes = self.nodes.iter().enumerate().map(|(at, node)| format!("  n{at}[\"{}\"]\n", node.id));
        let edges = self
            .edges
            .iter()
            .map(|edge| format!("  n{} -->|{}| n{}\n", number(&edge.from), edge.why, number(&edge.to)));
        format!("graph LR\n{}{}", nodes.collect::<String>(), edges.collect::<String>())
    }

    /// For a terminal: each unit below what it waits for, in an order in which they could run.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut placed: Vec<&UnitId> = Vec::new();
        while placed.len() < self.nodes.len() {
            let before = placed.len();
            for node in &self.nodes {
                let mut upstream = self.edges.iter().filter(|edge| edge.to == node.id).map(|edge| &edge.from);
                if !placed.contains(&&node.id) && upstream.all(|id| placed.contains(&id)) {
                    placed.push(&node.id);
                    text += &format!("{} {}\n", node.kind, node.id);
                    for edge in self.edges.iter().filter(|edge| edge.to == node.id) {
                        text += &format!("  waits for {} ({})\n", edge.from, edge.why);
                    }
                }
            }
            if placed.len() == before {
                // Only a cycle leaves units that cannot be placed, and a cycle has been told already.
                break;
            }
        }
        text
    }
}

fn shape(kind: &KindName) -> &'static str {
    match kind.as_str() {
        "stack" => "box",
        _ => "ellipse",
    }
}
