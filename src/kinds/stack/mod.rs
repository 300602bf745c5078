//! CloudFormation stacks.

use schemars::Schema;

use crate::aws::Aws;
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::unit::{Kind, KindName, ReadSettings, Reading};

pub struct StackKind {
    _aws: Aws,
}

impl StackKind {
    pub fn new(aws: Aws) -> Self {
        Self { _aws: aws }
    }
}

impl Kind for StackKind {
    fn name(&self) -> KindName {
        KindName::new("stack")
    }

    fn schemas(&self) -> Vec<(&'static str, Schema)> {
        Vec::new()
    }

    fn read(&self, _snapshot: &Snapshot, _settings: &ReadSettings, _problems: &mut Problems) -> Reading {
        Reading::default()
    }
}
