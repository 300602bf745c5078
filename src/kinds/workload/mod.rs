//! Kubernetes workloads.

use schemars::Schema;

use crate::aws::Aws;
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::unit::{Kind, KindName, ReadSettings, Reading};

pub struct WorkloadKind {
    _aws: Aws,
}

impl WorkloadKind {
    pub fn new(aws: Aws, _kubeconfig: Option<std::path::PathBuf>) -> Self {
        Self { _aws: aws }
    }
}

impl Kind for WorkloadKind {
    fn name(&self) -> KindName {
        KindName::new("workload")
    }

    fn schemas(&self) -> Vec<(&'static str, Schema)> {
        Vec::new()
    }

    fn read(&self, _snapshot: &Snapshot, _settings: &ReadSettings, _problems: &mut Problems) -> Reading {
        Reading::default()
    }
}
