//! The events of one operation on a stack, from the place where it began.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackEvent;

use super::realm::{Realm, is_absence};
use super::status::Status;
use crate::aws::{Api, failure};
use crate::unit::KindError;

/// So many pages of events are read back at most.
const MOST_PAGES: usize = 20;

/// One thing that happened to a stack or to one of its resources.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) logical_id: String,
    pub(super) r#type: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) token: Option<String>,
    /// About the stack as a whole.
    pub(super) is_of_stack: bool,
}

impl Event {
    fn of(event: StackEvent) -> Self {
        let is_of_stack = event.physical_resource_id.is_some() && event.physical_resource_id == event.stack_id;
        Self {
            id: event.event_id.unwrap_or_default(),
            logical_id: event.logical_resource_id.unwrap_or_default(),
            r#type: event.resource_type.unwrap_or_default(),
            status: event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
            token: event.client_request_token,
            is_of_stack,
        }
    }
}

/// The events after the one named, oldest first; all of them where none is.
pub(super) async fn since(realm: &Realm, stack: &str, last: Option<&str>) -> Result<Vec<Event>, KindError> {
    let session = realm.session().await?;
    let _turn = session.turn(Api::Read).await;
    let mut pages = realm.reader().await?.describe_stack_events().stack_name(stack).into_paginator().send();
    let mut found = Vec::new();
    'pages: for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { break };
        let page = match page {
            Ok(page) => page,
            Err(error) if is_absence(error.code(), error.message()) => break,
            Err(error) => {
                let deed = format!("cannot read the events of the stack `{stack}`");
                return Err(session.name_the_target(failure(deed, error)));
            }
        };
        for event in page.stack_events.unwrap_or_default().into_iter().map(Event::of) {
            if last == Some(event.id.as_str()) {
                break 'pages;
            }
            found.push(event);
        }
    }
    found.reverse();
    Ok(found)
}

/// The newest event, which marks where an operation begins.
pub(super) async fn newest(realm: &Realm, stack: &str) -> Result<Option<Event>, KindError> {
    let session = realm.session().await?;
    let _turn = session.turn(Api::Read).await;
    let answer = realm.reader().await?.describe_stack_events().stack_name(stack).send().await;
    match answer {
        Ok(answer) => Ok(answer.stack_events.unwrap_or_default().into_iter().next().map(Event::of)),
        Err(error) if is_absence(error.code(), error.message()) => Ok(None),
        Err(error) => {
            let deed = format!("cannot read the events of the stack `{stack}`");
            Err(session.name_the_target(failure(deed, error)))
        }
    }
}

/// What made an operation fail: its first failure that was not merely cancelled by another one.
pub(super) fn cause(events: &[Event]) -> Option<&Event> {
    let failed = |event: &&Event| event.status.ends_with("_FAILED");
    let cancelled = |event: &&Event| event.reason.as_deref().is_some_and(|reason| reason.contains("cancelled"));
    let of_resource = events.iter().filter(failed).find(|event| !event.is_of_stack && !cancelled(event));
    of_resource.or_else(|| events.iter().find(failed)).or_else(|| {
        events.iter().find(|event| event.is_of_stack && event.status.contains("ROLLBACK") && event.reason.is_some())
    })
}

/// How the stack stands by the last event about itself.
pub(super) fn stack_status(events: &[Event]) -> Option<Status> {
    events.iter().rev().find(|event| event.is_of_stack).map(|event| Status::of(&event.status))
}

/// Old resources that an update left behind, because they could not be deleted.
pub(super) fn left_behind(events: &[Event]) -> impl Iterator<Item = &Event> {
    events
        .iter()
        .filter(|event| !event.is_of_stack && matches!(event.status.as_str(), "DELETE_FAILED" | "DELETE_SKIPPED"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, reason: Option<&str>) -> Event {
        Event {
            id: format!("{logical_id}-{status}"),
            logical_id: logical_id.into(),
            r#type: "AWS::SQS::Queue".into(),
            status: status.into(),
            reason: reason.map(str::to_owned),
            token: None,
            is_of_stack: logical_id == "stack",
        }
    }

    #[test]
    fn the_cause_is_the_first_failure_that_was_not_cancelled() {
        let events = [
            event("stack", "CREATE_IN_PROGRESS", None),
            event("Other", "CREATE_FAILED", Some("Resource creation cancelled")),
            event("Queue", "CREATE_FAILED", Some("bad name")),
            event("Late", "DELETE_FAILED", Some("in use")),
            event("stack", "ROLLBACK_COMPLETE", None),
        ];
        assert_eq!(cause(&events).map(|event| event.logical_id.as_str()), Some("Queue"));
        assert_eq!(stack_status(&events), Some(Status::RollbackComplete));
        assert_eq!(left_behind(&events).count(), 1);
        assert_eq!(cause(&events[..1]), None);
    }
}
