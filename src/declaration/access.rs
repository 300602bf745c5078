//! Who may act on a case: rules that are read from the environment's own branch, so that a pull
//! request cannot give itself rights.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hours::Hours;

/// `access:` of `groundplan.yaml`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessSettings {
    /// Each person's names: a Slack user id, `login:NAME` at a terminal, the names under which the
    /// world knows them as an author of changes. Two names of one person never count as two people.
    #[serde(default)]
    pub people: BTreeMap<String, Vec<String>>,
    /// People, their names, or Slack's user groups by their ids (`S0123ABCD`), by the name of a group.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub rules: Vec<AccessRule>,
}

/// Who may do what. What no rule allows is denied; an environment that no rule names at all is left
/// to the operator's approvers.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    /// The environment; every one where it is not said.
    #[serde(default)]
    pub environment: Option<String>,
    pub actions: Vec<Action>,
    /// Groups, people, their names, Slack's user groups, or `everyone` in the workspace; guests never.
    pub allow: Vec<String>,
    /// How many people a sync of a risky drift takes, one or two; two where it is not said.
    #[serde(default)]
    pub approvals: Option<u8>,
    /// When it counts: `Mon-Fri 08:00-18:00 Europe/London`; always where it is not said.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// What those it allows may do outside of its hours; nothing where it is not said.
    #[serde(default)]
    pub outside: Outside,
}

/// What holds outside of the hours of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    #[default]
    Deny,
    /// The same, for who says why it cannot wait: `groundplan case sync CASE --break-glass REASON`.
    BreakGlass,
}

/// What people can do with a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Sync,
    Acknowledge,
    Snooze,
    Recheck,
    /// Ask in Git that it be ignored.
    Ignore,
    /// Ask in Git that what the world holds be declared.
    Adopt,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Action::Sync => "sync",
            Action::Acknowledge => "acknowledge",
            Action::Snooze => "snooze",
            Action::Recheck => "recheck",
            Action::Ignore => "ignore",
            Action::Adopt => "adopt",
        }
    }
}
