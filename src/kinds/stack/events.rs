//! The events of one operation on a stack, from the place where it began.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackEvent;

use super::realm::{Realm, is_absence};
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
    /// What it is outside of the stack: a nested stack's id.
    pub(super) physical_id: Option<String>,
    /// The stack that it happened in.
    pub(super) id_of_stack: Option<String>,
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
            physical_id: event.physical_resource_id.filter(|id| !id.is_empty()),
            id_of_stack: event.stack_id,
            is_of_stack,
        }
    }

    /// The nested stack that this resource is.
    pub(super) fn nested(&self) -> Option<&str> {
        let is_stack = self.r#type == "AWS::CloudFormation::Stack" && !self.is_of_stack;
        self.physical_id.as_deref().filter(|id| is_stack && id.starts_with("arn:"))
    }

    pub(super) fn was_cancelled(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.to_lowercase().contains("cancelled"))
    }

    /// A rollback goes on with what failed; these begin something.
    fn begins_an_operation(&self) -> bool {
        let begins = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];
        self.is_of_stack && begins.contains(&self.status.as_str())
    }
}

/// The events of one operation, told by its token, oldest first; none where it never began.
pub(super) async fn of_operation(realm: &Realm, stack: &str, token: &str) -> Result<Vec<Event>, KindError> {
    let mut ours = Vec::new();
    read_back(realm, stack, |event| {
        let is_ours = event.token.as_deref() == Some(token);
        let is_over = !ours.is_empty() && !is_ours && event.token.is_some();
        if is_ours {
            ours.push(event);
        }
        !is_over
    })
    .await?;
    ours.reverse();
    Ok(ours)
}

/// The events since somebody last began something with the stack, oldest first.
pub(super) async fn of_last_operation(realm: &Realm, stack: &str) -> Result<Vec<Event>, KindError> {
    let mut found = Vec::new();
    read_back(realm, stack, |event| {
        let is_first = event.begins_an_operation();
        found.push(event);
        !is_first
    })
    .await?;
    found.reverse();
    Ok(found)
}

/// The newest event.
pub(super) async fn newest(realm: &Realm, stack: &str) -> Result<Option<Event>, KindError> {
    let mut newest = None;
    read_back(realm, stack, |event| {
        newest = Some(event);
        false
    })
    .await?;
    Ok(newest)
}

/// Reads events, the newest first, for as long as `more` asks for another.
async fn read_back(realm: &Realm, stack: &str, mut more: impl FnMut(Event) -> bool) -> Result<(), KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    let mut next = None;
    for _ in 0..MOST_PAGES {
        let call = || client.describe_stack_events().stack_name(stack).set_next_token(next.clone()).send();
        let page = match session.call(Api::Read, call).await {
            Ok(page) => page,
            Err(error) if is_absence(error.code(), error.message()) => return Ok(()),
            Err(error) => {
                let deed = format!("cannot read the events of the stack `{stack}`");
                return Err(session.name_the_target(failure(deed, error)));
            }
        };
        for event in page.stack_events.unwrap_or_default().into_iter().map(Event::of) {
            if !more(event) {
                return Ok(());
            }
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// What made an operation fail: its first failure that was not merely cancelled by another one.
pub(super) fn cause(events: &[Event]) -> Option<&Event> {
    let failed = |event: &&Event| event.status.ends_with("_FAILED");
    let of_resource = events.iter().filter(failed).find(|event| !event.is_of_stack && !event.was_cancelled());
    of_resource.or_else(|| events.iter().find(failed)).or_else(|| {
        events.iter().find(|event| event.is_of_stack && event.status.contains("ROLLBACK") && event.reason.is_some())
    })
}

/// Old resources that an update left behind, because they could not be deleted.
pub(super) fn left_behind(events: &[Event]) -> impl Iterator<Item = &Event> {
    events
        .iter()
        .filter(|event| !event.is_of_stack && matches!(event.status.as_str(), "DELETE_FAILED" | "DELETE_SKIPPED"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn event(logical_id: &str, status: &str, reason: Option<&str>) -> Event {
        Event {
            id: format!("{logical_id}-{status}"),
            logical_id: logical_id.into(),
            r#type: "AWS::SQS::Queue".into(),
            status: status.into(),
            reason: reason.map(str::to_owned),
            token: None,
            physical_id: None,
            id_of_stack: None,
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
        assert_eq!(left_behind(&events).count(), 1);
        assert_eq!(cause(&events[..1]), None);
    }
}
