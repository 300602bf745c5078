//! CloudFormation stacks.
//!
//! Reads the stack files of three dialects offline; asks an account and region what differs, by one
//! list shared by all units of a run; changes a stack only through the change set that was shown.
//! A stack is never deleted to get out of a failed update, and a status this program does not know
//! means hands off.

mod address;
mod changes;
mod changeset;
mod create;
mod declare;
mod description;
mod dialect;
mod diff;
mod drift;
mod events;
mod expression;
mod file;
mod live;
mod realm;
mod revert;
mod scalar;
mod site;
mod spec;
mod ssm;
mod status;
mod template;
mod unit;
mod update;
mod veil;
mod wait;
mod wanted;

use schemars::Schema;

use crate::aws::Aws;
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::unit::{Kind, KindName, ReadSettings, Reading};

/// Reads stacks, and gives them their way to AWS.
pub struct StackKind {
    aws: Aws,
}

impl StackKind {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }
}

fn kind_name() -> KindName {
    KindName::new("stack")
}

impl Kind for StackKind {
    fn name(&self) -> KindName {
        kind_name()
    }

    fn schemas(&self) -> Vec<(&'static str, Schema)> {
        vec![("stack", file::schema())]
    }

    fn read(&self, snapshot: &Snapshot, settings: &ReadSettings, problems: &mut Problems) -> Reading {
        declare::read(&self.aws, snapshot, settings, problems)
    }
}
