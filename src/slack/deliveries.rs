//! What was delivered lately, so that nothing is taken twice.

use std::collections::{HashSet, VecDeque};

use jiff::Timestamp;

use super::signature::SKEW_SECONDS;

/// The names of the latest deliveries, by either transport.
#[derive(Default, Debug)]
pub(super) struct Deliveries {
    seen: HashSet<String>,
    in_order: VecDeque<(Timestamp, String)>,
}

/// Twice the time in which a signature is good.
const REMEMBER_SECONDS: i64 = 2 * SKEW_SECONDS;
const MOST: usize = 10_000;

impl Deliveries {
    /// Whether `id` is new. When too many came to remember them all, none is new any more: only a
    /// holder of the secret could have sent so many.
    pub(super) fn is_new(&mut self, id: &str, now: Timestamp) -> bool {
        while self.in_order.front().is_some_and(|(at, _)| now.as_second() - at.as_second() > REMEMBER_SECONDS) {
            let (_, old) = self.in_order.pop_front().expect("there is a front, it was just looked at");
            self.seen.remove(&old);
        }
        self.seen.len() < MOST && !self.seen.contains(id)
    }

    pub(super) fn remember(&mut self, id: &str, now: Timestamp) {
        if self.seen.insert(id.to_owned()) {
            self.in_order.push_back((now, id.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_delivery_is_new_once_and_forgotten_after_ten_minutes() {
        let mut deliveries = Deliveries::default();
        assert!(deliveries.is_new("v0=aa", at(0)));
        deliveries.remember("v0=aa", at(0));
        assert!(!deliveries.is_new("v0=aa", at(600)));
        assert!(deliveries.is_new("v0=aa", at(601)));
    }

    #[test]
    fn a_flood_is_refused_rather_than_forgotten() {
        let mut deliveries = Deliveries::default();
        (0..MOST).for_each(|number| deliveries.remember(&number.to_string(), at(0)));
        assert!(!deliveries.is_new("one more", at(1)));
        assert!(!deliveries.is_new("0", at(1)));
    }
}
