//! Who waits for whom, from a VPC to a pod.
//!
//! [`Graph::build`] turns the names that authors wrote into edges, and tells every name that leads
//! nowhere. [`Graph::walk`] visits units as soon as all they wait for is done: there are no phases,
//! "cloud before cluster" is an edge like any other.

mod build;
mod draw;
mod resolve;
mod schedule;
mod select;
mod walk;

pub use draw::{Drawing, Edge, Node};
pub use select::UnknownUnit;
pub use walk::{Stop, Visited};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::unit::{Declared, Inputs, OutputName, Outputs, Site, SiteName, UnitId, Why};

/// The declared units of a repository, the edges between them, and the sites they live at.
#[derive(Clone, Default)]
pub struct Graph {
    units: DiGraph<Member, Why>,
    by_id: BTreeMap<UnitId, NodeIndex>,
    sites: BTreeMap<SiteName, Place>,
}

/// One unit in the graph.
#[derive(Clone)]
pub struct Member {
    pub declared: Declared,
    pub role: Role,
    wanted: Vec<Wanted>,
}

/// Whether a walk may change a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Managed,
    /// Belongs to another environment: its outputs are read, and nothing of it is touched.
    ReadOnly,
}

/// A site in the graph.
#[derive(Clone)]
pub struct Place {
    pub site: Arc<dyn Site>,
    wanted: Vec<Wanted>,
}

/// An output that a unit or a site is made from.
#[derive(Clone, Debug)]
struct Wanted {
    name: OutputName,
    unit: UnitId,
}

/// An output that is not there, although its unit is.
#[derive(Debug, thiserror::Error)]
#[error("`{unit}` has no output `{output}`")]
pub struct NoOutput {
    pub unit: UnitId,
    pub output: String,
}

impl Graph {
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values().map(|node| &self.units[*node])
    }

    pub fn member(&self, id: &UnitId) -> Option<&Member> {
        self.by_id.get(id).map(|node| &self.units[*node])
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.sites.values()
    }

    pub fn place(&self, name: &SiteName) -> Option<&Place> {
        self.sites.get(name)
    }

    /// The units that this one waits for, by one edge.
    pub fn upstream(&self, id: &UnitId) -> BTreeSet<UnitId> {
        self.neighbours(id, Direction::Incoming)
    }

    /// The units that wait for this one, by one edge.
    pub fn downstream(&self, id: &UnitId) -> BTreeSet<UnitId> {
        self.neighbours(id, Direction::Outgoing)
    }

    fn neighbours(&self, id: &UnitId, direction: Direction) -> BTreeSet<UnitId> {
        let neighbours = |node: &NodeIndex| self.units.neighbors_directed(*node, direction);
        let ids = self.by_id.get(id).into_iter().flat_map(neighbours);
        ids.map(|node| self.units[node].declared.id.clone()).collect()
    }
}

impl Member {
    /// The units whose outputs this one is made from.
    pub fn made_from(&self) -> BTreeSet<&UnitId> {
        self.wanted.iter().map(|wanted| &wanted.unit).collect()
    }

    /// Looks up every output this unit is made from.
    pub fn inputs<'a>(&self, outputs: impl Fn(&UnitId) -> Option<&'a Outputs>) -> Result<Inputs, NoOutput> {
        gather(&self.wanted, outputs)
    }
}

impl Place {
    /// The units whose outputs this site is known by.
    pub fn made_from(&self) -> BTreeSet<&UnitId> {
        self.wanted.iter().map(|wanted| &wanted.unit).collect()
    }

    /// Looks up every output this site is known by.
    pub fn inputs<'a>(&self, outputs: impl Fn(&UnitId) -> Option<&'a Outputs>) -> Result<Inputs, NoOutput> {
        gather(&self.wanted, outputs)
    }
}

fn gather<'a>(wanted: &[Wanted], outputs: impl Fn(&UnitId) -> Option<&'a Outputs>) -> Result<Inputs, NoOutput> {
    let mut inputs = Inputs::default();
    for Wanted { name, unit } in wanted {
        match outputs(unit).and_then(|outputs| outputs.get(&name.output)) {
            Some(value) => inputs.insert(name.clone(), value.clone()),
            None => return Err(NoOutput { unit: unit.clone(), output: name.output.clone() }),
        }
    }
    Ok(inputs)
}
