//! Answers with one word changed, and stacks that an answer leaves out: what an eventually
//! consistent service says now and then, and an emulator never does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use super::answer::Answer;
use super::call::{Call, Protocol};
use super::xml::Element;

/// What is changed, until the faults are cleared.
#[derive(Default)]
pub(super) struct Alterations(Mutex<Altered>);

#[derive(Default)]
struct Altered {
    /// By action: elements of the result and the text they get.
    words: HashMap<String, Vec<(String, String)>>,
    /// By the names of stacks: how many answers still leave them out.
    absent: HashMap<String, u32>,
}

impl Alterations {
    pub(super) fn word(&self, action: &str, element: &str, text: &str) {
        self.all().words.entry(action.to_owned()).or_default().push((element.to_owned(), text.to_owned()));
    }

    pub(super) fn leave_out(&self, stack: &str, times: u32) {
        self.all().absent.insert(stack.to_owned(), times);
    }

    pub(super) fn clear(&self) {
        *self.all() = Altered::default();
    }

    fn all(&self) -> MutexGuard<'_, Altered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer as it is to be told.
    pub(super) fn apply(&self, call: &Call, answer: Answer) -> anyhow::Result<Answer> {
        if call.protocol != Protocol::Query || answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let words = self.all().words.get(&call.action).cloned().unwrap_or_default();
        let absent = self.take_absent(call);
        if words.is_empty() && absent.is_empty() {
            return Ok(answer);
        }
        let envelope = Element::parse(&answer.text())?;
        let mut result = envelope.child(&format!("{}Result", call.action)).cloned().unwrap_or_default();
        for (name, text) in words {
            if result.child(&name).is_some() || !reword(&mut result, &name, &text) {
                result.children.retain(|child| child.name != name);
                result = result.leaf(&name, &text);
            }
        }
        for list in result.children.iter_mut().filter(|child| child.name == "Stacks") {
            list.children.retain(|stack| !absent.iter().any(|name| name == stack.text_of("StackName")));
            if list.children.is_empty() && call.form.get("StackName").is_some() {
                let said = format!("Stack with id {} does not exist", absent.join(", "));
                return Ok(Answer::error(call.protocol, StatusCode::BAD_REQUEST, "ValidationError", &said));
            }
        }
        Ok(Answer::cloudformation(&call.action, result.children))
    }

    fn take_absent(&self, call: &Call) -> Vec<String> {
        if call.action != "DescribeStacks" {
            return Vec::new();
        }
        let mut all = self.all();
        let left = all.absent.iter_mut().filter(|(_, times)| **times > 0);
        let names = left.map(|(name, times)| {
            *times -= 1;
            name.clone()
        });
        names.collect()
    }
}

/// Gives every element of that name below another text; whether there was one.
fn reword(element: &mut Element, name: &str, text: &str) -> bool {
    let mut found = false;
    for child in &mut element.children {
        if child.name == name {
            text.clone_into(&mut child.text);
            found = true;
        }
        found |= reword(child, name, text);
    }
    found
}
