//! A stack as AWS describes it.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The names under which outputs are exported.
    pub(super) exports: Vec<String>,
    pub(super) is_protected: bool,
    pub(super) notifications: BTreeSet<String>,
    /// Part of another stack, and only ever changed through it.
    pub(super) is_nested: bool,
    /// RFC 3339.
    pub(super) created: Option<String>,
    /// When it last changed, RFC 3339.
    pub(super) revision: String,
    pub(super) drift: Drift,
}

/// What the last drift detection said of the stack as a whole.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Drift {
    /// `IN_SYNC`, `DRIFTED`, `UNKNOWN`, `NOT_CHECKED`.
    pub(super) status: String,
    /// RFC 3339; another one once a detection has ended.
    pub(super) checked: Option<String>,
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
        let drift = stack.drift_information.map(|drift| Drift {
            status: drift.stack_drift_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            checked: time(drift.last_check_timestamp),
        });
        Self {
            id: stack.stack_id.unwrap_or_default(),
            name: stack.stack_name.unwrap_or_default(),
            status: Status::of(stack.stack_status.as_ref().map_or("", |status| status.as_str())),
            parameters: pairs(parameters.into_iter().map(|p| (p.parameter_key, p.parameter_value)).collect()),
            tags: pairs(tags.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            exports: outputs.iter().filter_map(|output| output.export_name.clone()).collect(),
            outputs: pairs(outputs.into_iter().map(|output| (output.output_key, output.output_value)).collect()),
            capabilities: words(stack.capabilities),
            notifications: stack.notification_arns.unwrap_or_default().into_iter().collect(),
            is_protected: stack.enable_termination_protection.unwrap_or(false),
            is_nested: stack.parent_id.is_some(),
            revision: time(stack.last_updated_time).or_else(|| created.clone()).unwrap_or_default(),
            created,
            drift: drift.unwrap_or_default(),
        }
    }

    /// Its tags without those that AWS itself gives.
    pub(super) fn own_tags(&self) -> BTreeMap<String, String> {
        let is_own = |key: &str| !key.starts_with("aws:");
        self.tags.iter().filter(|(key, _)| is_own(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Another one whenever the stack changed: how it stands, since when.
    pub(super) fn version(&self) -> String {
        let status = match self.status {
            // What is left to do changes nothing of what the stack is.
            Status::UpdateCompleteCleanupInProgress => &Status::UpdateComplete,
            _ => &self.status,
        };
        format!("{} {}", self.revision, status.as_str())
    }
}

fn words(capabilities: Option<Vec<Capability>>) -> Vec<String> {
    capabilities.unwrap_or_default().iter().map(|capability| capability.as_str().to_owned()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A stack as it may be described.
    pub(in super::super) fn live(name: &str, status: &str) -> Live {
        Live {
            id: format!("arn:aws:cloudformation:eu-west-1:111122223333:stack/{name}/1"),
            name: name.to_owned(),
            status: Status::of(status),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            capabilities: Vec::new(),
            outputs: Outputs::new(),
            exports: Vec::new(),
            is_protected: false,
            notifications: BTreeSet::new(),
            is_nested: false,
            created: Some("2026-01-01T00:00:00Z".to_owned()),
            revision: "2026-01-01T00:00:00Z".to_owned(),
            drift: Drift::default(),
        }
    }
}
