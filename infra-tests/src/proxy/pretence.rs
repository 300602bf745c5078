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
pub(super) struct Pretences(Mutex<HashMap<String, Pretence>>);

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

    pub(super) fn clear(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Pretence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events of a stack, where they are pretended: the newest first, as the API tells them.
    pub(super) fn answer(&self, call: &Call) -> Option<Answer> {
        if call.action != "DescribeStackEvents" {
            return None;
        }
        let (name, id) = name_and_id(call.form.get("StackName")?);
        let events = self.all().get(&name).map(|pretence| pretence.events.clone()).filter(|all| !all.is_empty())?;
        let members = events.iter().enumerate().rev().map(|(number, event)| event.element(number, &name, &id));
        let list = Element::new("StackEvents").with_all(members);
        Some(Answer::cloudformation("DescribeStackEvents", vec![list]))
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
