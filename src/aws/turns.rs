//! Whose turn it is: a bound on how many calls of one kind go to one account and region at a time.
//!
//! AWS publishes no rates for CloudFormation; trouble is reported from about twenty pollers on. All
//! units of a run share these turns, so that a hundred stacks are as gentle as ten.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The families of calls that AWS limits apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// Describe, list, get.
    Read,
    /// Change sets: made, described, deleted.
    ChangeSet,
    /// What changes the account.
    Write,
    /// Drift detection, which calls many services in turn.
    Drift,
    Ssm,
}

/// Held while a call is under way.
pub struct Turn(#[expect(dead_code, reason = "held until dropped")] OwnedSemaphorePermit);

/// The turns of one account and region.
#[derive(Debug)]
pub(super) struct Turns {
    read: Arc<Semaphore>,
    change_set: Arc<Semaphore>,
    write: Arc<Semaphore>,
    drift: Arc<Semaphore>,
    ssm: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let of = |number| Arc::new(Semaphore::new(number));
        Self { read: of(8), change_set: of(4), write: of(4), drift: of(2), ssm: of(4) }
    }
}

impl Turns {
    pub(super) async fn take(&self, api: Api) -> Turn {
        let semaphore = match api {
            Api::Read => &self.read,
            Api::ChangeSet => &self.change_set,
            Api::Write => &self.write,
            Api::Drift => &self.drift,
            Api::Ssm => &self.ssm,
        };
        Turn(semaphore.clone().acquire_owned().await.expect("the turns are never closed"))
    }
}
