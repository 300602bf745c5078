//! Whose turn it is: how many calls of one kind go to one account and region at a time, and how
//! fast one after the other.
//!
//! AWS publishes no rates for CloudFormation; trouble is reported from about twenty pollers on. All
//! units of a run share these turns, so that a hundred stacks are as gentle as ten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::pace::Pace;

/// The families of calls that AWS limits apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Api {
    /// Describe, list, get.
    Read,
    /// What changes the account, change sets included.
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
    write: Arc<Family>,
    drift: Arc<Family>,
    ssm: Arc<Family>,
    s3: Arc<Family>,
    trail: Arc<Family>,
}

#[derive(Debug)]
struct Family {
    permits: Arc<Semaphore>,
    /// Whoever holds it is the next to go.
    front: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
}

impl Family {
    fn of(at_once: usize) -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(at_once)), front: Default::default(), pace: Mutex::default() })
    }

    /// Until the next call may go, for one after the other.
    async fn opens(&self) {
        let _front = self.front.lock().await;
        loop {
            let now = Instant::now();
            let opens = self.pace().opens(now);
            if opens <= now {
                return self.pace().sends(now);
            }
            // Looked at again then: AWS may have asked to go slower meanwhile.
            tokio::time::sleep_until(opens).await;
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Turns {
    fn default() -> Self {
        let of = Family::of;
        Self { read: of(8), write: of(8), drift: of(2), ssm: of(4), s3: of(4), trail: of(1) }
    }
}

impl Turns {
    pub(super) async fn take(&self, api: Api) -> Turn {
        let family = match api {
            Api::Read => &self.read,
            Api::Write => &self.write,
            Api::Drift => &self.drift,
            Api::Ssm => &self.ssm,
            Api::S3 => &self.s3,
            Api::Trail => &self.trail,
        };
        let permit = family.permits.clone().acquire_owned().await.expect("the turns are never closed");
        family.opens().await;
        Turn { _permit: permit, family: family.clone() }
    }
}

impl Turn {
    /// AWS asked to go slower: all who wait for a turn of this family do. Waits for the next one.
    pub(super) async fn again(&self) {
        self.family.pace().slower(Instant::now());
        self.family.opens().await;
    }

    /// The call passed.
    pub(super) fn passed(&self) {
        self.family.pace().passed(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// So many calls a second, with one second's worth at once: what AWS is believed to grant by.
    struct Bucket {
        a_second: f64,
        left: f64,
        filled: Instant,
        refused: u32,
    }

    impl Bucket {
        fn of(a_second: f64) -> Mutex<Self> {
            Mutex::new(Self { a_second, left: a_second, filled: Instant::now(), refused: 0 })
        }

        fn takes(&mut self) -> bool {
            let grown = self.left + self.filled.elapsed().as_secs_f64() * self.a_second;
            (self.left, self.filled) = (grown.min(self.a_second.max(1.0)), Instant::now());
            let takes = self.left >= 1.0;
            if takes {
                self.left -= 1.0
            } else {
                self.refused += 1
            }
            takes
        }
    }

    async fn call(turns: &Turns, api: Api, bucket: &Mutex<Bucket>) {
        let turn = turns.take(api).await;
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if bucket.lock().expect("no holder panics").takes() {
                return turn.passed();
            }
            turn.again().await;
        }
    }

    fn refused(bucket: &Mutex<Bucket>) -> u32 {
        bucket.lock().expect("no holder panics").refused
    }

    #[tokio::test(start_paused = true)]
    async fn a_deployment_takes_no_longer_than_the_writes_that_are_granted() {
        for stacks in [20, 40, 200] {
            let (turns, reads, writes) = (Turns::default(), Bucket::of(5.0), Bucket::of(2.0));
            let began = Instant::now();
            let stack = |_| async {
                call(&turns, Api::Write, &writes).await;
                call(&turns, Api::Read, &reads).await;
                call(&turns, Api::Write, &writes).await;
            };
            let all = futures::future::join_all((0..stacks).map(stack));
            // Meanwhile lists are taken for all who wait.
            let lists = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    call(&turns, Api::Read, &reads).await;
                }
            };
            tokio::select! {
                _ = all => {}
                () = lists => unreachable!("lists have no end"),
            }
            let ratio = began.elapsed().as_secs_f64() / f64::from(stacks);
            assert!(ratio <= 1.1, "{stacks} stacks: {ratio:.3} of the bound");
            let refused = refused(&writes);
            assert!(refused <= 16 + stacks / 20, "{stacks} stacks: {refused} writes were refused");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_takes_no_longer_than_the_detections_that_are_granted() {
        for stacks in [20, 40, 500] {
            let (turns, detections) = (Turns::default(), Bucket::of(1.0));
            let began = Instant::now();
            futures::future::join_all((0..stacks).map(|_| call(&turns, Api::Drift, &detections))).await;
            let ratio = began.elapsed().as_secs_f64() / f64::from(stacks);
            assert!(ratio <= 1.1, "{stacks} stacks: {ratio:.3} of the bound");
            let refused = refused(&detections);
            assert!(refused <= 4 + stacks / 20, "{stacks} stacks: {refused} detections were refused");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_granted_to_others_meanwhile_is_left_to_them_and_taken_up_again() {
        let (turns, bucket) = (Turns::default(), Bucket::of(8.0));
        let rate = async |calls: u32| {
            let began = Instant::now();
            futures::future::join_all((0..calls).map(|_| call(&turns, Api::Read, &bucket))).await;
            f64::from(calls) / began.elapsed().as_secs_f64()
        };
        rate(200).await;
        bucket.lock().expect("no holder panics").a_second = 2.0;
        rate(100).await;
        let before = refused(&bucket);
        assert!(rate(100).await > 1.8);
        assert!(refused(&bucket) - before <= 6, "{} of a hundred", refused(&bucket) - before);
        bucket.lock().expect("no holder panics").a_second = 8.0;
        rate(400).await;
        assert!(rate(200).await > 7.0);
    }
}
