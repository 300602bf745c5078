//! How often each call was made, and how many bytes it moved.

use std::collections::BTreeMap;

use serde::Serialize;

/// What calls are told apart by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Counted {
    pub service: String,
    pub action: String,
    /// The access key that signed; for the emulator, twelve digits of it are the account.
    pub caller: String,
    pub status: u16,
}

/// The sum of some calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Tally {
    pub calls: u64,
    /// Bytes of request bodies.
    pub sent: u64,
    /// Bytes of answers' bodies.
    pub received: u64,
}

/// A snapshot of all calls since the start or the last reset.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts(BTreeMap<Counted, Tally>);

impl Counts {
    pub(super) fn add(&mut self, counted: Counted, tally: Tally) {
        self.0.entry(counted).or_default().add(tally);
    }

    /// Every kind of call that was made, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Counted, &Tally)> {
        self.0.iter()
    }

    pub fn total(&self) -> Tally {
        sum(self.0.values())
    }

    /// How often an action was called, by anyone and with any answer.
    pub fn of(&self, action: &str) -> u64 {
        sum(self.0.iter().filter(|(counted, _)| counted.action == action).map(|(_, tally)| tally)).calls
    }

    pub fn by_action(&self) -> BTreeMap<String, Tally> {
        let mut actions: BTreeMap<String, Tally> = BTreeMap::new();
        for (counted, tally) in &self.0 {
            actions.entry(counted.action.clone()).or_default().add(*tally);
        }
        actions
    }

    /// What was called after an earlier snapshot.
    pub fn since(&self, earlier: &Self) -> Self {
        let later = self.0.iter().map(|(counted, tally)| {
            let before = earlier.0.get(counted).copied().unwrap_or_default();
            (counted.clone(), tally.less(before))
        });
        Self(later.filter(|(_, tally)| tally.calls > 0).collect())
    }

    /// The snapshot as rows, as `/_proxy/counts` answers it.
    pub fn json(&self) -> serde_json::Value {
        let rows = self.0.iter().map(|(counted, tally)| {
            serde_json::json!({
                "service": counted.service, "action": counted.action, "caller": counted.caller,
                "status": counted.status, "calls": tally.calls, "sent": tally.sent, "received": tally.received,
            })
        });
        rows.collect()
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.sent += other.sent;
        self.received += other.received;
    }

    fn less(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            sent: self.sent.saturating_sub(other.sent),
            received: self.received.saturating_sub(other.received),
        }
    }
}

fn sum<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Tally {
    tallies.fold(Tally::default(), |mut sum, tally| {
        sum.add(*tally);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(action: &str, status: u16) -> Counted {
        Counted { service: "sqs".into(), action: action.into(), caller: "111122223333".into(), status }
    }

    #[test]
    fn the_difference_of_two_snapshots_is_what_was_called_between() {
        let one = Tally { calls: 1, sent: 10, received: 20 };
        let mut counts = Counts::default();
        counts.add(call("SendMessage", 200), one);
        let earlier = counts.clone();
        counts.add(call("SendMessage", 200), one);
        counts.add(call("SendMessage", 400), one);

        let between = counts.since(&earlier);
        assert_eq!(between.of("SendMessage"), 2);
        assert_eq!(between.total(), Tally { calls: 2, sent: 20, received: 40 });
        assert_eq!(counts.by_action()["SendMessage"].calls, 3);
        assert_eq!(counts.since(&counts), Counts::default());
    }
}
