//! `workload.yaml`: what the manifests of a folder cannot say.

use super::program::Programs;
use super::read::document;
use super::rendering::{Rendering, rendering_of};
use super::spec::WorkloadSpec;
use crate::problem::{Problem, Problems};
use crate::repo::Snapshot;
use crate::yaml::{self, Node};

/// Where it stands in a workload's folder.
pub(super) fn path(folder: &str) -> String {
    format!("{folder}/workload.yaml")
}

/// The file as it was read, with its node for the places of what it says.
pub(super) struct WorkloadFile {
    pub(super) spec: WorkloadSpec,
    /// None where there is no such file, or it cannot be read.
    pub(super) node: Option<Node>,
}

impl WorkloadFile {
    /// A folder without one says nothing.
    pub(super) fn read(snapshot: &Snapshot, folder: &str, problems: &mut Problems) -> Self {
        let node = document(snapshot, &path(folder), problems);
        let spec = node.as_ref().and_then(|node| problems.keep(yaml::read(node))).unwrap_or_default();
        Self { spec, node }
    }

    /// The namespace of objects that name none.
    pub(super) fn namespace(&self) -> &str {
        self.spec.namespace.as_deref().unwrap_or("default")
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.node.as_ref()?.get(key)
    }

    /// What makes the folder's manifests, where it is not the folder itself.
    pub(super) fn rendering(
        &self,
        snapshot: &Snapshot,
        programs: &Programs,
        folder: &str,
    ) -> Option<Result<Rendering, Problem>> {
        let chart = self.spec.chart.as_ref().zip(self.get("chart"));
        rendering_of(snapshot, programs, folder, chart, self.namespace())
    }
}
