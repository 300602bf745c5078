//! The kinds a repository can declare. A new one is a folder here and a row in [`all`].

pub mod stack;
pub mod workload;

use std::path::PathBuf;
use std::sync::Arc;

use crate::aws::Aws;
use crate::unit::Kind;

/// Every kind, with its way to the world.
pub fn all(aws: &Aws, kubeconfig: Option<PathBuf>) -> Vec<Arc<dyn Kind>> {
    vec![Arc::new(stack::StackKind::new(aws.clone())), Arc::new(workload::WorkloadKind::new(aws.clone(), kubeconfig))]
}
