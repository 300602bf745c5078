//! The files of a snapshot, read into environments and declared units.
//!
//! Offline, and all at once: whatever is wrong with any file is told in the same run.

mod access;
mod environment;
mod files;
mod hours;
mod owners;
mod read;
mod schedule;
mod settings;

pub use access::{AccessRule, AccessSettings, Action, Outside};
pub use environment::{Environment, Membership};
pub use hours::{Hours, NoHours};
pub use owners::Owners;
pub use read::{Declaration, read};
pub use schedule::{NoSchedule, Schedule};
pub use settings::{IgnoreRule, RepositorySettings, SyncPolicy};
