//! CloudFormation stacks.
//!
//! Reads the stack files of three dialects offline; asks an account and region what differs, by one
//! list shared by all units of a run; changes a stack only through the change set that was shown.
//! A stack is never deleted to get out of a failed update, and a status this program does not know
//! means hands off.

mod absent;
mod action;
mod address;
mod adopted;
mod author;
mod authored;
mod budget;
mod capability;
mod changes;
mod changeset;
mod create;
mod declare;
mod description;
mod detect;
mod dialect;
mod diff;
mod drift;
mod due;
mod events;
mod explain;
mod expression;
mod external;
mod file;
mod given;
mod harvest;
mod iam;
mod import;
mod invoke;
mod leftover;
mod limits;
mod live;
mod memory;
mod moved;
mod nested;
mod policy;
mod present;
mod protection;
mod realm;
mod recover;
mod resources;
mod revert;
mod scalar;
mod site;
mod spec;
mod stateful;
mod status;
mod sweep;
mod template;
mod unit;
mod update;
mod upload;
mod validation;
mod values;
mod veil;
mod vouch;
mod wait;
mod wanted;

use std::sync::Arc;

use schemars::Schema;

use memory::Memory;

use crate::aws::Aws;
use crate::problem::Problems;
use crate::repo::Snapshot;
use crate::unit::{Kind, KindName, ReadSettings, Reading};

/// Reads stacks, and gives them their way to AWS.
pub struct StackKind {
    aws: Aws,
    memory: Arc<Memory>,
}

impl StackKind {
    pub fn new(aws: Aws) -> Self {
        let file = aws.settings().cache.as_ref().map(|folder| folder.join("stacks.json"));
        Self { aws, memory: Arc::new(Memory::new(file)) }
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
        declare::read(&self.aws, &self.memory, snapshot, settings, problems)
    }
}
