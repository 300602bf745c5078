//! Whose turn it is: how many calls of one kind go to one account and region at a time, and how
//! fast one after the other.
//!
//! AWS publishes no rates for CloudFormation; trouble is reported from about twenty pollers on. All
//! units of a run share these turns, so that a hundred stacks are as gentle as ten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pace::Pace;

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
    S3,
    /// CloudTrail's event history: two look-ups a second in an account and region.
    Trail,
}

/// Held while a call is under way.
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    family: Arc<Family>,
}

/// The turns of one account and region.
#[derive(Debug)]
pub(super) struct Turns {
    read: Arc<Family>,
    change_set: Arc<Family>,
    write: Arc<Family>,
    drift: Arc<Family>,
    ssm: Arc<Family>,
    s3: Arc<Family>,
    trail: Arc<Family>,
}

#[derive(Debug)]
struct Family {
    permits: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

impl Family {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Turns {
    fn default() -> Self {
        let of =
            |number| Arc::new(Family { permits: Arc::new(Semaphore::new(number)), pace: Mutex::new(Pace::default()) });
        Self { read: of(8), change_set: of(4), write: of(4), drift: of(2), ssm: of(4), s3: of(4), trail: of(1) }
    }
}

impl Turns {
    pub(super) async fn take(&self, api: Api) -> Turn {
        let family = match api {
            Api::Read => &self.read,
            Api::ChangeSet => &self.change_set,
            Api::Write => &self.write,
            Api::Drift => &self.drift,
            Api::Ssm => &self.ssm,
            Api::S3 => &self.s3,
            Api::Trail => &self.trail,
        };
        let permit = family.permits.clone().acquire_owned().await.expect("the turns are never closed");
        let slot = family.pace().slot(Instant::now());
        tokio::time::sleep_until(slot.into()).await;
        Turn { _permit: permit, family: family.clone() }
    }
}

impl Turn {
    /// AWS asked to go slower: all who wait for a turn of this family do.
    pub(super) fn slower(&self) {
        self.family.pace().slower(Instant::now());
    }

    /// The call passed.
    pub(super) fn passed(&self) {
        self.family.pace().passed();
    }
}
