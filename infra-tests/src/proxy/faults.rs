//! What goes wrong on purpose: slow answers, throttling, lost answers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No answer is held longer than this.
pub const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// No fault is repeated more often than this.
pub const MOST_TIMES: u32 = 1000;

/// AWS's own words for too many calls.
const RATE_EXCEEDED: &str = "Rate exceeded";

/// The faults that are set, by action.
#[derive(Default)]
pub(super) struct Faults {
    by_action: Mutex<HashMap<String, Fault>>,
    buckets: Mutex<Vec<Bucket>>,
}

/// So many calls a second in each account and region, with one second's worth at once.
struct Bucket {
    actions: Vec<String>,
    per_second: f64,
    /// What is left in a place, and as of when.
    left: HashMap<String, (f64, Instant)>,
}

impl Bucket {
    fn takes(&mut self, action: &str, place: &str, now: Instant) -> bool {
        if !self.actions.iter().any(|known| known == action) {
            return true;
        }
        let full = self.per_second.max(1.0);
        let (left, filled) = self.left.entry(place.to_owned()).or_insert((full, now));
        let grown = *left + now.duration_since(*filled).as_secs_f64() * self.per_second;
        (*left, *filled) = (grown.min(full), now);
        let takes = *left >= 1.0;
        if takes {
            *left -= 1.0;
        }
        takes
    }
}

#[derive(Clone, Default)]
struct Fault {
    hold: Duration,
    refusals: u32,
    code: String,
    message: String,
    losses: u32,
}

/// What to do to one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Let it through, and answer after a while.
    Pass { after: Duration },
    /// Do not let it through; answer with this error.
    Refuse { code: String, message: String },
    /// Let it through, and drop the connection instead of an answer.
    Lose,
}

impl Faults {
    pub(super) fn hold(&self, action: &str, duration: Duration) {
        self.all().entry(action.to_owned()).or_default().hold = duration.min(LONGEST_HOLD);
    }

    pub(super) fn refuse(&self, action: &str, times: u32, code: &str) {
        let message = if code.starts_with("Throttling") { RATE_EXCEEDED } else { "Refused by the test" };
        self.refuse_saying(action, times, code, message);
    }

    pub(super) fn refuse_saying(&self, action: &str, times: u32, code: &str, message: &str) {
        let mut all = self.all();
        let fault = all.entry(action.to_owned()).or_default();
        fault.refusals = times.min(MOST_TIMES);
        code.clone_into(&mut fault.code);
        message.clone_into(&mut fault.message);
    }

    pub(super) fn lose_reply(&self, action: &str) {
        let mut all = self.all();
        let fault = all.entry(action.to_owned()).or_default();
        fault.losses = (fault.losses + 1).min(MOST_TIMES);
    }

    pub(super) fn limit(&self, actions: &[&str], per_second: f64) {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        self.buckets().push(Bucket { actions, per_second, left: HashMap::new() });
    }

    pub(super) fn clear(&self) {
        self.all().clear();
        self.buckets().clear();
    }

    fn buckets(&self) -> MutexGuard<'_, Vec<Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about one call to an account and region, and counts it against what is left of a fault.
    pub(super) fn fate(&self, action: &str, place: &str) -> Fate {
        let now = Instant::now();
        if !self.buckets().iter_mut().all(|bucket| bucket.takes(action, place, now)) {
            return Fate::Refuse { code: "Throttling".to_owned(), message: RATE_EXCEEDED.to_owned() };
        }
        let mut all = self.all();
        let Some(fault) = all.get_mut(action) else { return Fate::Pass { after: Duration::ZERO } };
        if fault.refusals > 0 {
            fault.refusals -= 1;
            return Fate::Refuse { code: fault.code.clone(), message: fault.message.clone() };
        }
        if fault.losses > 0 {
            fault.losses -= 1;
            return Fate::Lose;
        }
        Fate::Pass { after: fault.hold }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Fault>> {
        self.by_action.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_after_its_number_of_calls() {
        let faults = Faults::default();
        faults.refuse("DescribeStacks", 2, "Throttling");
        faults.lose_reply("DescribeStacks");
        let refused = Fate::Refuse { code: "Throttling".to_owned(), message: RATE_EXCEEDED.to_owned() };
        let passed = Fate::Pass { after: Duration::ZERO };
        let fates: Vec<Fate> = (0..4).map(|_| faults.fate("DescribeStacks", "")).collect();
        assert_eq!(fates, [refused.clone(), refused, Fate::Lose, passed.clone()]);
        assert_eq!(faults.fate("ListStacks", ""), passed);
    }

    #[test]
    fn what_one_region_used_up_is_still_there_for_another() {
        let faults = Faults::default();
        faults.limit(&["ListStacks"], 1.0);
        let passed = Fate::Pass { after: Duration::ZERO };
        assert_eq!(faults.fate("ListStacks", "eu-west-1"), passed);
        assert_ne!(faults.fate("ListStacks", "eu-west-1"), passed);
        assert_eq!(faults.fate("ListStacks", "us-east-1"), passed);
    }

    #[test]
    fn a_hold_is_bounded() {
        let faults = Faults::default();
        faults.hold("ListStacks", Duration::MAX);
        assert_eq!(faults.fate("ListStacks", ""), Fate::Pass { after: LONGEST_HOLD });
    }
}
