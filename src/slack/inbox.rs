//! Where both transports put presses: once each, and never more than can be worked off.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use super::deliveries::Deliveries;
use super::{Press, PressError};
use crate::metrics::Metrics;

/// The way in for presses; every transport holds a copy.
#[derive(Clone)]
pub struct Inbox {
    presses: mpsc::Sender<Press>,
    delivered: Arc<Mutex<Deliveries>>,
    metrics: Metrics,
}

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    Accepted,
    /// It came before: nothing was done a second time.
    Repeated,
    /// Nothing of ours: to be acknowledged and forgotten.
    NotOurs,
    Malformed,
    /// There is no room: not to be acknowledged, so that Slack shows the person that it failed.
    Full,
}

impl Taken {
    fn word(self) -> &'static str {
        match self {
            Taken::Accepted => "accepted",
            Taken::Repeated => "repeated",
            Taken::NotOurs => "not_ours",
            Taken::Malformed => "malformed",
            Taken::Full => "full",
        }
    }
}

impl Inbox {
    /// An inbox that holds at most `room` presses not yet worked off.
    pub fn new(room: usize, metrics: Metrics) -> (Self, mpsc::Receiver<Press>) {
        let (presses, receiver) = mpsc::channel(room);
        (Self { presses, delivered: Arc::default(), metrics }, receiver)
    }

    /// Slack has been told that a press was heard, so long after it came.
    pub(super) fn acknowledged(&self, after: Duration) {
        self.metrics.acknowledged(after);
    }

    /// Takes a payload whose sender was proven; `delivery` names it, and the same name is taken
    /// once. Never waits: Slack gives three seconds for the answer.
    pub fn take(&self, delivery: &str, payload: &Value, now: Timestamp) -> Taken {
        let taken = self.taken(delivery, payload, now);
        self.metrics.pressed(taken.word());
        taken
    }

    fn taken(&self, delivery: &str, payload: &Value, now: Timestamp) -> Taken {
        let mut delivered = self.delivered.lock().expect("nobody panics while holding it");
        if !delivered.is_new(delivery, now) {
            return Taken::Repeated;
        }
        let taken = match Press::parse(payload) {
            Ok(press) => match self.presses.try_send(press) {
                Ok(()) => Taken::Accepted,
                Err(_) => return Taken::Full,
            },
            Err(PressError::NotOurs(_)) => Taken::NotOurs,
            Err(PressError::Malformed) => Taken::Malformed,
        };
        delivered.remember(delivery, now);
        taken
    }
}
