//! How often the stacks of an account and region are listed for all who wait there. Pure: it has no clock.
//!
//! A list answers for everybody at once, but has a page for every hundred stacks. So each operation
//! brings a few pages with it, and whoever waits spends them: quickly while much is left, and slowly
//! where one stack takes an hour. What is spent beyond that is a debt, and the larger it is the longer
//! everybody waits for the next list. So however long stacks take, each costs about the same.

use std::time::{Duration, Instant};

/// Pages that are there at first: one stack alone is watched closely for a while.
const AT_FIRST: f64 = 40.0;
/// Pages that an operation brings with it: less for the first few, which live on what is there at first.
const BROUGHT: f64 = 1.6;
const BROUGHT_AT_FIRST: f64 = 0.9;
const FIRST: u32 = 40;
const MOST: f64 = 200.0;
/// Words about what goes on in one stack, a call each, that are there at first, and that an operation brings: what
/// takes long is spoken of, and a thousand stacks that take long do not cost a thousand calls more.
const WORDS_AT_FIRST: f64 = 10.0;
const WORDS_BROUGHT: f64 = 0.05;
/// What is left is spent as if it had to last for so many seconds, and a second more for each of the first operations:
/// what is spent soon is missed by those that end last.
const LAST: f64 = 35.0;
const LAST_MORE: u32 = 25;
/// So many pages of debt make each pause as much longer as the shortest one without anything left.
const DEBT: f64 = 5.0;
const QUICKEST: Duration = Duration::from_millis(300);
/// With nothing left, a list is still taken so often, and so often in debt.
const SLOW: Duration = Duration::from_secs(5);
const SLOWEST: Duration = Duration::from_secs(60);

/// What is left for lists.
#[derive(Debug)]
pub(super) struct Budget {
    /// Less than nothing in debt.
    left: f64,
    words: f64,
    /// How many operations have begun.
    begun: u32,
    /// Of the last list.
    pages: f64,
    taken: Option<Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: AT_FIRST, words: WORDS_AT_FIRST, begun: 0, pages: 1.0, taken: None }
    }
}

impl Budget {
    /// An operation begins, and will be waited for.
    pub(super) fn begin(&mut self) {
        let brought = if self.begun < FIRST { BROUGHT_AT_FIRST } else { BROUGHT };
        self.begun = self.begun.saturating_add(1);
        self.left = (self.left + brought).min(MOST);
        self.words += WORDS_BROUGHT;
    }

    /// A list was taken, with so many pages.
    pub(super) fn spend(&mut self, pages: u32, now: Instant) {
        (self.pages, self.taken) = (f64::from(pages), Some(now));
        self.left -= self.pages;
    }

    /// Whether the next list may be taken.
    pub(super) fn has_a_list(&self, now: Instant) -> bool {
        self.taken.is_none_or(|taken| now >= taken + self.pause())
    }

    fn pause(&self) -> Duration {
        match self.left >= self.pages {
            true => {
                let last = LAST + f64::from(self.begun.min(LAST_MORE));
                Duration::from_secs_f64(last * self.pages / self.left).clamp(QUICKEST, SLOW)
            }
            false => SLOW.mul_f64(1.0 + (-self.left).max(0.0) / DEBT).min(SLOWEST),
        }
    }

    /// Takes a call for a word about one stack.
    pub(super) fn take_word(&mut self) -> bool {
        let has_one = self.words >= 1.0;
        if has_one {
            self.words -= 1.0;
        }
        has_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages that are spent in so many seconds by those who always want another list.
    fn spent(budget: &mut Budget, start: Instant, seconds: u32, pages: u32, begins: impl Fn(u32) -> bool) -> u32 {
        let mut spent = 0;
        for tenth in 0..seconds * 10 {
            let now = start + Duration::from_millis(100) * tenth;
            if tenth % 10 == 0 && begins(tenth / 10) {
                budget.begin();
            }
            if budget.has_a_list(now) {
                budget.spend(pages, now);
                spent += pages;
            }
        }
        spent
    }

    #[test]
    fn many_stacks_cost_less_than_two_pages_each_however_long_they_take() {
        for (stacks, every) in [(50, 1), (50, 10), (200, 1), (200, 10), (200, 30)] {
            let mut budget = Budget::default();
            let pages = 1 + stacks / 200;
            let spent = spent(&mut budget, Instant::now(), stacks * every, pages, |second| second % every == 0);
            assert!(spent < stacks * 2, "{spent} pages for {stacks} stacks, one every {every} s");
            assert!(spent * 3 > stacks * 2, "{spent} pages for {stacks} stacks, one every {every} s");
        }
    }

    #[test]
    fn one_stack_is_watched_closely_at_first_and_slowly_for_an_hour() {
        let (mut budget, start) = (Budget::default(), Instant::now());
        assert!(spent(&mut budget, start, 20, 1, |second| second == 0) >= 15);
        let later = spent(&mut budget, start + Duration::from_secs(20), 3600, 1, |_| false);
        assert!((80..=140).contains(&later), "{later}");
        assert!(budget.pause() <= SLOWEST);
    }

    #[test]
    fn a_stack_that_takes_an_hour_is_spoken_of_and_two_hundred_are_so_now_and_then() {
        let words = |stacks: u32| {
            let mut budget = Budget::default();
            (0..stacks).for_each(|_| budget.begin());
            std::iter::from_fn(|| budget.take_word().then_some(())).count()
        };
        assert_eq!((words(1), words(200)), (10, 20));
    }
}
