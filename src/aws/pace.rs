//! How many calls of a family a second AWS bears, found out by asking.
//!
//! AWS publishes no rates. So there is none until AWS first says "slower": then it is half of what
//! was sent, and creeps up again with each call that passes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over which time the calls that were sent are counted.
const WINDOW: Duration = Duration::from_secs(2);
/// Many calls under way are refused together: that is one word, not many.
const ONE_WORD: Duration = Duration::from_secs(1);
/// Never slower than one call in so many seconds.
const SLOWEST: f64 = 0.2;
/// By so many calls a second does the rate grow in a second.
const GROWTH: f64 = 0.4;
/// From here on it is as if there were none.
const UNBOUND: f64 = 60.0;

/// The pace of one family of calls in one account and region.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Calls a second; none where AWS never said a word.
    rate: Option<f64>,
    sent: VecDeque<Instant>,
    /// The earliest moment of the next call.
    next: Option<Instant>,
    slowed: Option<Instant>,
}

impl Pace {
    /// When a call that is asked for now may go.
    pub(super) fn slot(&mut self, now: Instant) -> Instant {
        let slot = match self.rate {
            Some(rate) => {
                let slot = self.next.map_or(now, |next| next.max(now));
                self.next = Some(slot + Duration::from_secs_f64(1.0 / rate));
                slot
            }
            None => now,
        };
        while self.sent.front().is_some_and(|sent| *sent + WINDOW < now) {
            self.sent.pop_front();
        }
        self.sent.push_back(slot);
        slot
    }

    /// AWS asked to go slower.
    pub(super) fn slower(&mut self, now: Instant) {
        if self.slowed.is_some_and(|slowed| now < slowed + ONE_WORD) {
            return;
        }
        let sent = self.sent.iter().filter(|sent| **sent + WINDOW >= now && **sent <= now).count();
        let rate = self.rate.unwrap_or(sent as f64 / WINDOW.as_secs_f64()) / 2.0;
        self.rate = Some(rate.max(SLOWEST));
        self.slowed = Some(now);
    }

    /// A call passed.
    pub(super) fn passed(&mut self) {
        self.rate = self.rate.map(|rate| rate + GROWTH / rate.max(1.0)).filter(|rate| *rate < UNBOUND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pace: &mut Pace, start: Instant, calls: u32, seconds: f64) -> usize {
        let end = start + Duration::from_secs_f64(seconds);
        (0..calls).filter(|_| pace.slot(start) <= end).count()
    }

    #[test]
    fn until_aws_says_so_nothing_is_held_back() {
        let start = Instant::now();
        assert_eq!(sent(&mut Pace::default(), start, 500, 0.0), 500);
    }

    #[test]
    fn one_word_halves_what_was_sent_and_each_call_that_passes_adds_a_little() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        sent(&mut pace, start, 40, 0.0);
        (0..20).for_each(|_| pace.slower(start));
        let later = start + Duration::from_secs(5);
        assert_eq!(sent(&mut pace, later, 100, 0.95), 10, "forty in two seconds were too many: ten a second");
        pace.slower(later);
        let later = later + Duration::from_secs(20);
        assert_eq!(sent(&mut pace, later, 100, 0.95), 5);
        (0..100).for_each(|_| pace.passed());
        let later = later + Duration::from_secs(60);
        assert!(sent(&mut pace, later, 100, 0.95) > 8, "{pace:?}");
    }

    #[test]
    fn it_never_comes_to_a_stop_and_the_bound_is_forgotten_in_the_end() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        (0..50).for_each(|second| pace.slower(start + Duration::from_secs(second)));
        assert_eq!(pace.rate, Some(SLOWEST));
        (0..20_000).for_each(|_| pace.passed());
        assert_eq!(pace.rate, None);
    }
}
