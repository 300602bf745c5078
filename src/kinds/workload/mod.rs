//! Kubernetes workloads: a folder of manifests becomes objects in a cluster, and is kept so.
//!
//! Objects are applied by the server (server-side apply) and judged by the server (dry run); nothing
//! here imitates it. What is ours carries a label and stands in an inventory in its own cluster, and
//! nothing else is ever deleted. The pure parts decide: [`order`], [`ready`], [`fingerprint`],
//! [`compare`]. The short parts act: [`look`] reads, [`deed`] writes, [`site`] removes.

mod adopt;
mod ahead;
mod authored;
mod batch;
mod blame;
mod book;
mod chart;
mod check;
mod claims;
mod cluster;
mod cluster_file;
mod compare;
mod connect;
mod deed;
mod depends;
mod desired;
mod discovery;
mod fight;
mod fingerprint;
mod folders;
mod follow;
mod gathered;
mod glance;
mod hands;
mod heads;
mod hook_run;
mod hooks;
mod inventory;
mod judge;
mod kinds;
mod known;
mod kustomization;
mod leave;
mod ledger;
mod listed;
mod logs;
mod look;
mod lookout;
mod managed;
mod manifest;
mod mark;
mod masked;
mod moved;
mod names;
mod noted;
mod object;
mod order;
mod past_hooks;
mod patch;
mod path;
mod pods;
mod policy;
mod program;
mod prune;
mod read;
mod ready;
mod recipe;
mod refuse;
mod release;
mod render;
mod rendering;
mod retrace;
mod rights;
mod said;
mod sealed;
mod seen;
mod send;
mod server;
mod settled;
mod shelf;
mod sift;
mod site;
mod sources;
mod spec;
mod substitute;
mod tell;
mod tokens;
mod trace;
mod unread;
mod wait;
mod wanted;
mod watching;
mod webhooks;
mod wire;
#[expect(clippy::module_inception, reason = "the unit of this kind is called what it is")]
mod workload;
mod workload_file;

pub use moved::is_about_workloads;
pub use program::Programs;
pub use spec::{ClusterSpec, WorkloadSpec};

use std::path::PathBuf;
use std::sync::Arc;

use schemars::{Schema, schema_for};

use crate::aws::Aws;
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::unit::{Kind, KindName, ReadSettings, Reading};
use connect::Clusters;

pub struct WorkloadKind {
    clusters: Arc<Clusters>,
    programs: Arc<Programs>,
}

impl WorkloadKind {
    /// The kubeconfig is the operator's; without one, only EKS clusters can be reached.
    pub fn new(aws: Aws, kubeconfig: Option<PathBuf>) -> Self {
        let programs = Arc::new(Programs::from_environment());
        Self { clusters: Arc::new(Clusters::new(aws, kubeconfig)), programs }
    }

    /// Renders with these programs instead of those that the environment names.
    pub fn rendering_with(self, programs: Programs) -> Self {
        Self { programs: Arc::new(programs), ..self }
    }
}

impl Kind for WorkloadKind {
    fn name(&self) -> KindName {
        KindName::new("workload")
    }

    fn schemas(&self) -> Vec<(&'static str, Schema)> {
        vec![("cluster", schema_for!(ClusterSpec)), ("workload", schema_for!(WorkloadSpec))]
    }

    fn read(&self, snapshot: &Snapshot, settings: &ReadSettings, problems: &mut Problems) -> Reading {
        read::read(snapshot, settings, &self.name(), (&self.clusters, &self.programs), problems)
    }
}
