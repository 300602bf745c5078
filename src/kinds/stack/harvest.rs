//! Detections of drift that many stacks wait for at once, seen to end by one list.
//!
//! AWS tells of each stack in that list when it was last checked, so that waiting costs pages and not
//! calls a stack. The list is taken once all who are about to begin have begun, and not before a
//! detection usually ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::realm::{Realm, Stacks};
use crate::unit::KindError;

const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// So long is waited for those who are about to begin, and may be held up.
const MOST_FOR_OTHERS: Duration = Duration::from_secs(5);

/// Of so many looks one may be a full one at a stack that was read before.
const LOOKS_FOR_ONE: usize = 40;

/// What those who wait share.
#[derive(Default)]
pub(super) struct Harvest {
    /// How many are about to begin.
    beginning: AtomicUsize,
    /// How long a detection took, by those that ended.
    usual: Mutex<Option<Duration>>,
    last: tokio::sync::Mutex<Option<(Instant, Arc<Stacks>)>>,
    /// Held by whoever reads a stack that may prove types for the others.
    pub(super) proving: tokio::sync::Mutex<()>,
    /// Whether AWS tells of a detection that goes on as if it were made; asked by whoever begins first.
    pub(super) told_too_early: tokio::sync::OnceCell<bool>,
    is_misled: AtomicBool,
    looks: AtomicUsize,
    again: AtomicUsize,
}

/// Somebody is about to begin, for as long as it lives.
pub(super) struct Beginning<'a>(&'a AtomicUsize);

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Harvest {
    pub(super) fn begin(&self) -> Beginning<'_> {
        self.beginning.fetch_add(1, Ordering::Relaxed);
        Beginning(&self.beginning)
    }

    /// A list taken after `since`, shared with all who ask for one meanwhile.
    pub(super) async fn after(&self, realm: &Realm, since: Instant) -> Result<Arc<Stacks>, KindError> {
        let mut last = self.last.lock().await;
        if let Some((_, stacks)) = last.as_ref().filter(|(taken, _)| *taken > since) {
            return Ok(stacks.clone());
        }
        let asked = Instant::now();
        tokio::time::sleep(self.pause()).await;
        while self.beginning.load(Ordering::Relaxed) > 0 && asked.elapsed() < MOST_FOR_OTHERS {
            tokio::time::sleep(SHORTEST / 3).await;
        }
        let taken = Instant::now();
        let stacks = realm.listed(Duration::ZERO).await?;
        *last = Some((taken, stacks.clone()));
        Ok(stacks)
    }

    /// Counts a look.
    pub(super) fn look(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one more stack that is due may be read in full again: one of many looks.
    pub(super) fn may_read_again(&self) -> bool {
        let most = self.looks.load(Ordering::Relaxed).div_ceil(LOOKS_FOR_ONE);
        self.again
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |again| (again < most).then_some(again + 1))
            .is_ok()
    }

    /// Whether the list tells when a detection has ended, as far as that is known.
    pub(super) fn tells_ends(&self) -> bool {
        !self.is_misled.load(Ordering::Relaxed)
    }

    /// It does not.
    pub(super) fn distrust(&self) {
        self.is_misled.store(true, Ordering::Relaxed);
    }

    /// Remembers how long one took; the newest counts half.
    pub(super) fn took(&self, time: Duration) {
        let mut usual = self.usual();
        *usual = Some(usual.map_or(time, |usual| (usual + time) / 2));
    }

    /// How long the first look at one that has just begun is put off.
    pub(super) fn first_pause(&self) -> Duration {
        self.usual().map_or(Duration::ZERO, |usual| usual * 8 / 10)
    }

    fn pause(&self) -> Duration {
        self.usual().map_or(SHORTEST, |usual| usual / 5).clamp(SHORTEST, LONGEST_PAUSE)
    }

    fn usual(&self) -> std::sync::MutexGuard<'_, Option<Duration>> {
        self.usual.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
