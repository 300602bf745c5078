//! What a running service counts, as Prometheus reads it. The only room with `prometheus_client`.
//!
//! A label holds a word of ours, the name of an environment, or a word that Slack refuses with: never what a person
//! wrote, so that no secret and no endless list of series comes of it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// As an answer that holds [`Metrics::text`] is labelled.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Slack gives up on a press after three seconds.
const ACKNOWLEDGED_WITHIN: [f64; 7] = [0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 3.0];
/// From a minute to a week.
const RESOLVED_WITHIN: [f64; 8] = [60.0, 600.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0];

type Label = [(&'static str, String); 1];
type Number = Gauge<f64, AtomicU64>;

/// The counters of a service. A copy counts into the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    presses: Family<Label, Counter>,
    acknowledged: Histogram,
    slack_errors: Family<Label, Counter>,
    resolved: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            presses: Family::default(),
            acknowledged: Histogram::new(ACKNOWLEDGED_WITHIN),
            slack_errors: Family::default(),
            resolved: Histogram::new(RESOLVED_WITHIN),
        }
    }
}

/// How things stand at the moment in which somebody asks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Standing {
    /// How many messages are not sent yet, and since when the oldest waits.
    pub unsent: u64,
    pub oldest_unsent: Option<Timestamp>,
    /// The cases that are not resolved, by their environment.
    pub open_cases: BTreeMap<String, u64>,
    /// When each environment was seen last; none where it never was.
    pub last_look: BTreeMap<String, Option<Timestamp>>,
}

impl Metrics {
    /// A press came, and this became of it.
    pub fn pressed(&self, outcome: &'static str) {
        self.presses.get_or_create(&[("outcome", outcome.to_owned())]).inc();
    }

    /// A press was acknowledged, so long after it came.
    pub fn acknowledged(&self, after: Duration) {
        self.acknowledged.observe(after.as_secs_f64());
    }

    /// Slack did not take a message, for a reason of one word.
    pub fn slack_error(&self, code: &str) {
        self.slack_errors.get_or_create(&[("code", word(code))]).inc();
    }

    /// A case was resolved, so long after it was first seen.
    pub fn resolved(&self, after: Duration) {
        self.resolved.observe(after.as_secs_f64());
    }

    /// Everything in the form that Prometheus reads.
    pub fn text(&self, standing: &Standing, now: Timestamp) -> String {
        let mut registry = Registry::with_prefix("groundplan");
        registry.register("presses", "Presses of buttons in Slack, by what became of them", self.presses.clone());
        let help = "From a press to its acknowledgement";
        registry.register_with_unit("press_acknowledgement", help, Unit::Seconds, self.acknowledged.clone());
        registry.register("slack_errors", "Messages that Slack did not take, by why", self.slack_errors.clone());
        let help = "From the first sight of a drift to its end";
        registry.register_with_unit("case_resolution", help, Unit::Seconds, self.resolved.clone());
        standing.register(&mut registry, now);
        let mut text = String::new();
        encode(&mut text, &registry).expect("a String takes everything");
        text
    }
}

impl Standing {
    fn register(&self, registry: &mut Registry, now: Timestamp) {
        let depth = Number::default();
        depth.set(self.unsent as f64);
        registry.register("outbox_depth", "Messages that are not sent yet", depth);
        let oldest = Number::default();
        oldest.set(self.oldest_unsent.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0)));
        let help = "How long the oldest of them waits";
        registry.register_with_unit("outbox_oldest_unsent", help, Unit::Seconds, oldest);
        let open = Family::<Label, Number>::default();
        for (environment, count) in &self.open_cases {
            open.get_or_create(&[("environment", environment.clone())]).set(*count as f64);
        }
        registry.register("open_cases", "Cases that are not resolved", open);
        let last = Family::<Label, Number>::default();
        for (environment, at) in &self.last_look {
            let seconds = at.map_or(0.0, |at| at.as_millisecond() as f64 / 1000.0);
            last.get_or_create(&[("environment", environment.clone())]).set(seconds);
        }
        let help = "When an environment with a schedule was seen last, since 1970; 0 for never";
        registry.register_with_unit("last_look_timestamp", help, Unit::Seconds, last);
    }
}

/// A word as Slack's are; anything else is one of many.
fn word(code: &str) -> String {
    let is_word = !code.is_empty() && code.len() <= 40 && code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if is_word { code.to_owned() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn everything_is_told_in_the_form_that_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.pressed("accepted");
        metrics.pressed("accepted");
        metrics.acknowledged(Duration::from_millis(3));
        metrics.slack_error("token_revoked");
        metrics.resolved(Duration::from_secs(300));
        let standing = Standing {
            unsent: 3,
            oldest_unsent: Some(at("2026-11-21T05:59:00Z")),
            open_cases: [("production".to_owned(), 2)].into(),
            last_look: [("production".to_owned(), Some(at("2026-11-21T05:30:00Z")))].into(),
        };
        insta::assert_snapshot!(metrics.text(&standing, at("2026-11-21T06:00:00Z")));
    }

    #[test]
    fn no_words_of_others_become_a_series() {
        assert_eq!(word("channel_not_found"), "channel_not_found");
        for other in ["", "Ada said so", "x\"} 1\n", &"a".repeat(41)] {
            assert_eq!(word(other), "other");
        }
    }
}
