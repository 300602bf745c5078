//! What was sent to CloudFormation, for what the emulator takes and never shows again.

use std::sync::{Mutex, PoisonError};

use super::call::Call;
use super::form::Form;

/// More than this are not kept.
const MOST_KEPT: usize = 10_000;
/// Fields that may be large, and are shown by the emulator.
const LEFT_OUT: [&str; 2] = ["TemplateBody", "StackPolicyBody"];

/// The calls in their order, each with its fields.
#[derive(Default)]
pub(super) struct Record(Mutex<Vec<(String, Form)>>);

impl Record {
    pub(super) fn keep(&self, call: &Call) {
        if call.service != "cloudformation" {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST_KEPT {
            let form = LEFT_OUT.iter().fold(call.form.clone(), |form, field| form.without(field));
            all.push((call.action.clone(), form));
        }
    }

    /// The text of a field in each call of an action.
    pub(super) fn sent(&self, action: &str, field: &str) -> Vec<Option<String>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.iter().filter(|(known, _)| known == action);
        calls.map(|(_, form)| form.get(field).map(str::to_owned)).collect()
    }
}
