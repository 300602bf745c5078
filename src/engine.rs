//! The line from a commit to applied state. Every command and every button runs along it.
//!
//! `drift` is the line stopped at the plan; `sync` is that plan, approved, going on; `rebuild` is
//! the line over an empty world; `destroy` is the line with nothing declared.

use std::sync::Arc;

use crate::apply::{self, Report, Run, Watch};
use crate::declaration::{self, Declaration, Environment};
use crate::drift;
use crate::graph::{Graph, Stop, UnknownUnit};
use crate::plan::{self, Approved, Plan, Scope};
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::unit::{Kind, Look};

/// The kinds this process can reach, the foundation of the others first.
pub struct Engine {
    kinds: Vec<Arc<dyn Kind>>,
}

impl Engine {
    pub fn new(kinds: Vec<Arc<dyn Kind>>) -> Self {
        Self { kinds }
    }

    pub fn kinds(&self) -> &[Arc<dyn Kind>] {
        &self.kinds
    }

    /// What the repository declares, and everything that is wrong with it. Needs no client.
    pub fn check(&self, snapshot: &Snapshot) -> (Declaration, Problems) {
        declaration::read(snapshot, &self.kinds)
    }

    /// What would change. Reads the world.
    pub async fn plan(&self, selection: &Selection<'_>, look: Look, stop: &Stop) -> Plan {
        plan::make(&self.scope(selection), look, stop).await
    }

    /// What would go: the plan with nothing declared. Reads the world.
    pub async fn plan_destroy(&self, selection: &Selection<'_>, stop: &Stop) -> Plan {
        plan::destroy(&self.scope(selection), stop).await
    }

    /// What changes from now on of all that can be watched. Reads the world once, and then listens.
    pub async fn watch(&self, selection: &Selection<'_>, stop: &Stop) -> drift::Watch {
        drift::watch(&selection.graph, stop).await
    }

    /// Does what was approved. The only way to a write.
    pub async fn apply(&self, approved: Approved, selection: &Selection<'_>, watch: Watch, stop: Stop) -> Report {
        apply::run(approved, &Run { graph: &selection.graph, watch, stop }).await
    }

    fn scope<'a>(&'a self, selection: &'a Selection<'_>) -> Scope<'a> {
        Scope {
            environment: selection.environment,
            commit: &selection.declaration.commit,
            graph: &selection.graph,
            repository: &selection.declaration.graph,
            part: selection.part,
            foundation: self.kinds.first().map(|kind| kind.name()),
        }
    }
}

/// What one run is about.
pub struct Selection<'a> {
    pub declaration: &'a Declaration,
    pub environment: &'a Environment,
    pub graph: Graph,
    /// Only some units were asked for: then what is no longer declared is left alone.
    pub part: bool,
}

impl<'a> Selection<'a> {
    /// An environment, or `only` some units of it with what they need.
    pub fn new(
        declaration: &'a Declaration,
        environment: &'a Environment,
        only: &[String],
    ) -> Result<Self, UnknownUnit> {
        let whole = declaration.graph.of_environment(|id| environment.holds(id));
        let graph = if only.is_empty() { whole } else { whole.only(only)? };
        Ok(Self { declaration, environment, graph, part: !only.is_empty() })
    }
}
