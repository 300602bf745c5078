//! Stacks that take their time: what the emulator ends at once is told as under way until the time
//! that a test set for it is over.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::answer::Answer;
use super::call::Call;
use super::xml::Element;

/// One operation on a stack, as long as it was told to last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub stack: String,
    pub began: Instant,
    pub ended: Instant,
}

/// How long operations on stacks last, by their names, and those that there were.
#[derive(Default)]
pub(super) struct Durations {
    set: Mutex<HashMap<String, Duration>>,
    operations: Mutex<Vec<Operation>>,
}

impl Durations {
    pub(super) fn set(&self, stack: &str, duration: Duration) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).insert(stack.to_owned(), duration);
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        self.all().clone()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an operation where a call that was answered has begun one, and tells none as ended too early.
    pub(super) fn dress(&self, call: &Call, answer: Answer) -> anyhow::Result<Answer> {
        if call.service != "cloudformation" || answer.status != StatusCode::OK {
            return Ok(answer);
        }
        match call.action.as_str() {
            "CreateStack" | "UpdateStack" | "ExecuteChangeSet" => self.begin(call),
            "DescribeStacks" => return self.hide(call, answer, "Stacks"),
            "ListStacks" => return self.hide(call, answer, "StackSummaries"),
            "DescribeStackEvents" => return self.hide(call, answer, "StackEvents"),
            _ => {}
        }
        Ok(answer)
    }

    fn begin(&self, call: &Call) {
        let stack = name_of(call.form.get("StackName").unwrap_or_default());
        let duration = self.set.lock().unwrap_or_else(PoisonError::into_inner).get(stack).copied();
        let Some(duration) = duration else { return };
        let began = Instant::now();
        self.all().push(Operation { stack: stack.to_owned(), began, ended: began + duration });
    }

    fn hide(&self, call: &Call, answer: Answer, list: &str) -> anyhow::Result<Answer> {
        let now = Instant::now();
        let under_way: Vec<String> =
            self.all().iter().filter(|operation| operation.ended > now).map(|one| one.stack.clone()).collect();
        if under_way.is_empty() {
            return Ok(answer);
        }
        let envelope = Element::parse(&answer.text())?;
        let Some(mut result) = envelope.child(&format!("{}Result", call.action)).cloned() else { return Ok(answer) };
        for list in result.children.iter_mut().filter(|child| child.name == list) {
            let is_under_way = |stack: &Element| under_way.iter().any(|name| name == stack.text_of("StackName"));
            list.children.retain(|member| !(is_under_way(member) && is_its_end(member)));
            list.children.iter_mut().filter(|member| is_under_way(member)).for_each(unfinish);
        }
        Ok(Answer::cloudformation(&call.action, result.children))
    }
}

/// By its name, or by its id, which holds the name.
fn name_of(name_or_id: &str) -> &str {
    match name_or_id.starts_with("arn:") {
        true => name_or_id.split('/').nth(1).unwrap_or(name_or_id),
        false => name_or_id,
    }
}

/// Whether it is the event by which a stack says that it is done.
fn is_its_end(member: &Element) -> bool {
    member.text_of("LogicalResourceId") == member.text_of("StackName")
        && member.text_of("ResourceStatus").ends_with("_COMPLETE")
}

/// A stack as it is told before its operation has ended. One that failed says so at once.
fn unfinish(stack: &mut Element) {
    let told = match stack.text_of("StackStatus") {
        "CREATE_COMPLETE" => "CREATE_IN_PROGRESS",
        "UPDATE_COMPLETE" => "UPDATE_IN_PROGRESS",
        _ => return,
    };
    stack.children.retain(|child| child.name != "Outputs");
    for child in stack.children.iter_mut().filter(|child| child.name == "StackStatus") {
        told.clone_into(&mut child.text);
    }
}
