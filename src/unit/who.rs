//! Who is likely to have made a change, and how sure that is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who wrote a value, as far as the world keeps it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// A field manager (`kubectl-edit`), a user, the session name of a role.
    pub name: String,
    /// `Update`, `Apply`, an API call.
    pub operation: String,
    /// RFC 3339, in UTC.
    pub time: Option<String>,
    #[serde(default)]
    pub evidence: Evidence,
    #[serde(default)]
    pub confidence: Confidence,
}

/// What says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// `managedFields`: a program and a time, and no user.
    #[default]
    FieldManager,
    /// CloudTrail's event history.
    CloudTrail,
    /// The audit log of a Kubernetes API server.
    AuditLog,
}

/// How sure it is; never certain, for two may have changed the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A program and a time only.
    #[default]
    Low,
    /// The same thing at the right time, and not surely this part of it.
    Medium,
    /// The record names the thing and the part of it that changed.
    High,
}

impl Who {
    /// A field manager, as `managedFields` keeps it.
    pub fn manager(name: impl Into<String>, operation: impl Into<String>, time: Option<String>) -> Self {
        Self {
            name: name.into(),
            operation: operation.into(),
            time,
            evidence: Evidence::FieldManager,
            confidence: Confidence::Low,
        }
    }
}

impl Evidence {
    pub fn word(self) -> &'static str {
        match self {
            Evidence::FieldManager => "field manager, user unknown",
            Evidence::CloudTrail => "CloudTrail",
            Evidence::AuditLog => "audit log",
        }
    }
}

impl Confidence {
    pub fn word(self) -> &'static str {
        match self {
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}
