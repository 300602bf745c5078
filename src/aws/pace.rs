//! How many calls of a family a second AWS bears, found out by asking. Pure: it has no clock.
//!
//! AWS publishes no rates. So there is none until AWS first says "slower". What passed between two such
//! words is granted, for there was nothing left at either of them; the rate that was refused is not. The
//! rate goes half the way down from the one to the other, comes back close to the refused one, and creeps
//! from there. Creeping keeps refusals few; to stay much slower than what is granted would waste it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Over which time the calls that were sent before the first word are counted.
const WINDOW: Duration = Duration::from_secs(2);
/// Many calls under way are refused together: that is one word, not many.
const ONE_WORD: Duration = Duration::from_secs(1);
/// So many calls must have passed since the last word to tell what is granted.
const ENOUGH: u32 = 3;
/// Of the middle between what is granted and what was refused.
const LESS: f64 = 0.98;
/// Where a word came too soon after the last one to tell what is granted.
const MUCH_LESS: f64 = 0.7;
/// Never slower than one call in so many seconds.
const SLOWEST: f64 = 0.2;
/// What is safely below the rate that was refused, and the part of the way there that each call makes good.
const SAFE: f64 = 0.97;
const BACK: f64 = 0.05;
/// The growth with each call that passes: close to the rate that was refused, and where none is known.
const CREEP: f64 = 0.0005;
const STRIDE: f64 = 0.05;
/// After so many calls without a word, more may be granted than was.
const LONG_SILENCE: u32 = 100;
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
    word: Option<Word>,
}

/// When AWS last asked to go slower, and what has passed since.
#[derive(Clone, Copy, Debug)]
struct Word {
    at: Instant,
    passed: u32,
    /// When the first of them did.
    since: Instant,
    /// What is too fast; none where there was no rate to refuse.
    refused: Option<f64>,
}

impl Pace {
    /// When the next call may go, at the earliest.
    pub(super) fn opens(&self, now: Instant) -> Instant {
        self.next.map_or(now, |next| next.max(now))
    }

    /// A call goes now.
    pub(super) fn sends(&mut self, now: Instant) {
        self.next = self.rate.map(|rate| now + each(rate));
        while self.sent.front().is_some_and(|sent| *sent + WINDOW < now) {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// AWS asked to go slower.
    pub(super) fn slower(&mut self, now: Instant) {
        if let (Some(word), Some(rate)) = (self.word, self.rate)
            && now < word.at + ONE_WORD
        {
            self.next = self.next.max(Some(now + each(rate) / 2));
            return;
        }
        // What refused a call at a rate that is about right has nearly enough for it: to wait for a whole
        // turn would waste the rest.
        let (rate, refused, turns) = match (self.rate, self.word) {
            (Some(rate), Some(word)) if word.passed >= ENOUGH => {
                let granted = f64::from(word.passed - 1) / now.duration_since(word.since).as_secs_f64();
                (((granted + rate) / 2.0).min(rate) * LESS, Some(rate), 0.4)
            }
            (Some(rate), _) => (rate * MUCH_LESS, Some(rate * 0.8), 0.5),
            (None, _) => {
                let sent = self.sent.iter().filter(|sent| **sent + WINDOW >= now).count();
                (sent as f64 / WINDOW.as_secs_f64() * 0.9, None, 1.0)
            }
        };
        let rate = rate.max(SLOWEST);
        self.next = Some(now + each(rate).mul_f64(turns));
        (self.rate, self.word) = (Some(rate), Some(Word { at: now, passed: 0, since: now, refused }));
    }

    /// A call passed.
    pub(super) fn passed(&mut self, now: Instant) {
        let (Some(word), Some(rate)) = (&mut self.word, self.rate) else { return };
        if word.passed == 0 {
            word.since = now;
        }
        word.passed += 1;
        let safe = word.refused.map(|refused| refused * SAFE).filter(|_| word.passed <= LONG_SILENCE);
        let rate = match safe {
            Some(safe) if rate < safe => rate + (safe - rate) * BACK,
            Some(_) => rate * (1.0 + CREEP),
            None => rate * (1.0 + STRIDE),
        };
        self.rate = Some(rate).filter(|rate| *rate < UNBOUND);
        if self.rate.is_none() {
            (self.word, self.next) = (None, None);
        }
    }
}

/// The time between two calls.
fn each(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many calls go within so many seconds, by those who always want another.
    fn sent(pace: &mut Pace, start: Instant, seconds: u32) -> usize {
        let (mut now, mut count) = (start, 0);
        loop {
            now = pace.opens(now);
            if now >= start + SECOND * seconds || count == 500 {
                return count;
            }
            pace.sends(now);
            count += 1;
        }
    }

    #[test]
    fn until_aws_says_so_nothing_is_held_back() {
        assert_eq!(sent(&mut Pace::default(), Instant::now(), 1), 500);
    }

    #[test]
    fn calls_that_are_refused_together_are_one_word() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        (0..40).for_each(|_| pace.sends(start));
        (0..20).for_each(|_| pace.slower(start));
        assert_eq!(pace.rate, Some(18.0), "forty in two seconds were too many");
    }

    #[test]
    fn what_passed_between_two_words_is_what_is_granted() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        (0..40).for_each(|_| pace.sends(start));
        pace.slower(start);
        // Eleven in two seconds, between the first of them and the word: five a second.
        (0..11).for_each(|_| pace.passed(start));
        let before = pace.rate.expect("there is one");
        pace.slower(start + SECOND * 2);
        let rate = pace.rate.expect("there is one");
        assert!((rate - (5.0 + before) / 2.0 * LESS).abs() < 0.01, "{rate} of {before}");
        // It comes back close to what was refused, and creeps from there.
        (0..90).for_each(|_| pace.passed(start + SECOND * 3));
        let rate = pace.rate.expect("there is one");
        assert!((before * 0.96..before * 0.98).contains(&rate), "{rate} of {before}");
        (0..30).for_each(|_| pace.passed(start + SECOND * 9));
        assert!(pace.rate.is_none_or(|rate| rate > before * 1.5), "after a long silence more may be granted");
    }

    #[test]
    fn it_never_comes_to_a_stop_and_the_bound_is_forgotten_in_the_end() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        (0..50).for_each(|second| pace.slower(start + SECOND * second * 2));
        assert_eq!(pace.rate, Some(SLOWEST));
        (0..20_000).for_each(|_| pace.passed(start));
        assert_eq!((pace.rate, pace.opens(start)), (None, start));
    }
}
