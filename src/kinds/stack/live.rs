//! A stack as AWS describes it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Capability, Stack};

use super::status::Status;
use crate::unit::Outputs;

/// What of a stack's description we go by.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Live {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) capabilities: Vec<String>,
    pub(super) outputs: Outputs,
    pub(super) is_protected: bool,
    /// Part of another stack, and only ever changed through it.
    pub(super) is_nested: bool,
    /// RFC 3339.
    pub(super) created: Option<String>,
    /// Changes whenever the stack does.
    pub(super) revision: String,
}

impl Live {
    pub(super) fn of(stack: Stack) -> Self {
        use aws_sdk_cloudformation::primitives::DateTimeFormat::DateTime as Rfc3339;
        let pairs = |pairs: Vec<(Option<String>, Option<String>)>| {
            pairs.into_iter().filter_map(|(key, value)| Some((key?, value.unwrap_or_default()))).collect()
        };
        let time =
            |time: Option<aws_sdk_cloudformation::primitives::DateTime>| time.and_then(|time| time.fmt(Rfc3339).ok());
        let created = time(stack.creation_time);
        let parameters = stack.parameters.unwrap_or_default();
        let tags = stack.tags.unwrap_or_default();
        let outputs = stack.outputs.unwrap_or_default();
        Self {
            id: stack.stack_id.unwrap_or_default(),
            name: stack.stack_name.unwrap_or_default(),
            status: Status::of(stack.stack_status.as_ref().map_or("", |status| status.as_str())),
            parameters: pairs(parameters.into_iter().map(|p| (p.parameter_key, p.parameter_value)).collect()),
            tags: pairs(tags.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            outputs: pairs(outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect()),
            capabilities: words(stack.capabilities),
            is_protected: stack.enable_termination_protection.unwrap_or(false),
            is_nested: stack.parent_id.is_some(),
            revision: time(stack.last_updated_time).or_else(|| created.clone()).unwrap_or_default(),
            created,
        }
    }
}

fn words(capabilities: Option<Vec<Capability>>) -> Vec<String> {
    capabilities.unwrap_or_default().iter().map(|capability| capability.as_str().to_owned()).collect()
}
