//! CloudTrail's event history: the emulator keeps one without the names of resources, which is what
//! AWS is asked by.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;

/// What is told of the history.
#[derive(Default)]
pub(super) struct Trail(Mutex<Vec<Recorded>>);

struct Recorded {
    resource: String,
    event: Value,
}

impl Trail {
    /// `event` as CloudTrail writes it into a log file; younger than all that were told before.
    pub(super) fn record(&self, resource: &str, event: Value) {
        self.all().push(Recorded { resource: resource.to_owned(), event });
    }

    fn all(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `LookupEvents` by one attribute, the newest first.
    pub(super) fn answer(&self, call: &Call, body: &[u8]) -> Option<Answer> {
        if (call.service.as_str(), call.action.as_str()) != ("cloudtrail", "LookupEvents") {
            return None;
        }
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let attribute = &asked["LookupAttributes"][0];
        let is_it = |recorded: &&Recorded| {
            attribute["AttributeKey"] == "ResourceName" && attribute["AttributeValue"] == recorded.resource.as_str()
        };
        let most = usize::try_from(asked["MaxResults"].as_u64().unwrap_or(50)).unwrap_or(50);
        let events: Vec<_> = self.all().iter().rev().filter(is_it).take(most).map(told).collect();
        let body = json!({"Events": events}).to_string();
        Some(Answer::new(StatusCode::OK, "application/x-amz-json-1.1", body))
    }
}

fn told(Recorded { resource, event }: &Recorded) -> Value {
    let time: Option<jiff::Timestamp> = event["eventTime"].as_str().and_then(|time| time.parse().ok());
    json!({
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "EventSource": event["eventSource"],
        "EventTime": time.map(|time| time.as_second()),
        "Username": event["userIdentity"]["userName"],
        "Resources": [{"ResourceName": resource}],
        "CloudTrailEvent": event.to_string(),
    })
}
