//! Statuses and events that an emulator never comes to by itself: stuck rollbacks, failed deletions,
//! somebody at work.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use super::answer::Answer;
use super::call::Call;
use super::xml::Element;

/// What is said of stacks instead of the truth, by their names.
#[derive(Default)]
pub(super) struct Pretences {
    stacks: Mutex<HashMap<String, Pretence>>,
    /// What early validation found: logical id, path and reason.
    invalid: Mutex<Vec<[String; 3]>>,
}

#[derive(Clone, Default)]
struct Pretence {
    status: Option<String>,
    events: Vec<PretendedEvent>,
}

/// One event of a stack that is told instead of the true ones.
#[derive(Clone, Debug)]
pub struct PretendedEvent {
    pub logical_id: String,
    pub r#type: String,
    pub status: String,
    pub reason: String,
    /// The id of the stack itself, or of a nested one.
    pub physical_id: String,
}

impl Pretences {
    pub(super) fn status(&self, stack: &str, status: &str) {
        self.all().entry(stack.to_owned()).or_default().status = Some(status.to_owned());
    }

    /// `events`: the oldest first.
    pub(super) fn events(&self, stack: &str, events: Vec<PretendedEvent>) {
        self.all().entry(stack.to_owned()).or_default().events = events;
    }

    pub(super) fn invalid(&self, logical_id: &str, path: &str, why: &str) {
        let mut invalid = self.invalid.lock().unwrap_or_else(PoisonError::into_inner);
        invalid.push([logical_id, path, why].map(str::to_owned));
    }

    pub(super) fn clear(&self) {
        self.all().clear();
        self.invalid.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Pretence>> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events of a stack, where they are pretended: the newest first, as the API tells them.
    pub(super) fn answer(&self, call: &Call) -> Option<Answer> {
        if call.action == "DescribeEvents" {
            return self.validation(call);
        }
        if call.action != "DescribeStackEvents" {
            return None;
        }
        let (name, id) = name_and_id(call.form.get("StackName")?);
        let events = self.all().get(&name).map(|pretence| pretence.events.clone()).filter(|all| !all.is_empty())?;
        let members = events.iter().enumerate().rev().map(|(number, event)| event.element(number, &name, &id));
        let list = Element::new("StackEvents").with_all(members);
        Some(Answer::cloudformation("DescribeStackEvents", vec![list]))
    }

    /// The failed events of a change set's early validation, where some are pretended.
    fn validation(&self, call: &Call) -> Option<Answer> {
        let invalid = self.invalid.lock().unwrap_or_else(PoisonError::into_inner).clone();
        call.form.get("ChangeSetName").filter(|_| !invalid.is_empty())?;
        let members = invalid.iter().enumerate().map(|(number, [logical_id, path, why])| {
            let event = Element::new("member").leaf("EventId", &format!("validation-{number}"));
            let event = event.leaf("EventType", "VALIDATION_ERROR").leaf("LogicalResourceId", logical_id);
            let event = event.leaf("ValidationName", "PROPERTY_VALIDATION").leaf("ValidationStatus", "FAILED");
            let event = event.leaf("ValidationFailureMode", "FAIL").leaf("ValidationPath", path);
            event.leaf("ValidationStatusReason", why)
        });
        let list = Element::new("OperationEvents").with_all(members);
        Some(Answer::cloudformation("DescribeEvents", vec![list]))
    }

    /// The emulator's answer with the pretended statuses in it.
    pub(super) fn dress(&self, call: &Call, answer: Answer) -> anyhow::Result<Answer> {
        let statuses: HashMap<String, String> = {
            let all = self.all();
            all.iter().filter_map(|(name, pretence)| Some((name.clone(), pretence.status.clone()?))).collect()
        };
        if call.action != "DescribeStacks" || statuses.is_empty() || answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let envelope = Element::parse(&answer.text())?;
        let Some(mut result) = envelope.child("DescribeStacksResult").cloned() else { return Ok(answer) };
        for list in result.children.iter_mut().filter(|child| child.name == "Stacks") {
            for stack in &mut list.children {
                let Some(status) = statuses.get(stack.text_of("StackName")) else { continue };
                for child in stack.children.iter_mut().filter(|child| child.name == "StackStatus") {
                    child.text.clone_from(status);
                }
            }
        }
        Ok(Answer::cloudformation("DescribeStacks", result.children))
    }
}

impl PretendedEvent {
    fn element(&self, number: usize, stack: &str, stack_id: &str) -> Element {
        let physical_id =
            if self.physical_id.is_empty() && self.logical_id == stack { stack_id } else { &self.physical_id };
        let event = Element::new("member").leaf("EventId", &format!("{stack}-{number}"));
        let event =
            event.leaf("StackId", stack_id).leaf("StackName", stack).leaf("LogicalResourceId", &self.logical_id);
        let event = event.leaf("PhysicalResourceId", physical_id).leaf("ResourceType", &self.r#type);
        let event = event.leaf("ResourceStatus", &self.status);
        let event =
            event.leaf_if("ResourceStatusReason", Some(self.reason.as_str()).filter(|reason| !reason.is_empty()));
        event.leaf("Timestamp", "2026-01-01T00:00:00.000Z")
    }
}

/// By its name, or by its id, which holds the name.
fn name_and_id(given: &str) -> (String, String) {
    let id = match given.starts_with("arn:") {
        true => given.to_owned(),
        false => format!("arn:aws:cloudformation:eu-west-1:111111111111:stack/{given}/0"),
    };
    (id.split('/').nth(1).unwrap_or(given).to_owned(), id)
}
