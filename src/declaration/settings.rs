//! What `groundplan.yaml` may say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::access::AccessSettings;
use crate::unit::{External, Moved, StackDialect, TemplateChanges};
use crate::yaml::Spanned;

/// `groundplan.yaml`: optional; without it one environment, `default`, holds everything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositorySettings {
    /// A name for this repository, written into the mark on everything that it brings about, so that
    /// two repositories in one account never take each other's things for their own. Without it
    /// nothing is ever deleted because its file is gone.
    #[serde(default)]
    pub repository: Option<Spanned<String>>,
    /// Parts of the repository that are planned, approved and synced each on its own.
    #[serde(default)]
    pub environments: BTreeMap<String, EnvironmentSettings>,
    /// Differences that are known and not told as drift.
    #[serde(default)]
    pub ignore: Vec<IgnoreRule>,
    /// Stack files that were renamed. CloudFormation cannot rename a stack: it keeps the name of its
    /// first path, and is neither deleted nor made anew.
    #[serde(default)]
    pub moved: Vec<Moved>,
    /// Stacks that somebody else keeps, each by the name under which its outputs are taken. They are
    /// read and never touched.
    #[serde(default)]
    pub external: BTreeMap<String, External>,
    /// The tool that the stack files were written for, where its own files (`.stackctl*`,
    /// `buildspec-sync.yml`) are gone: values are sent as that tool sent them.
    #[serde(default)]
    pub dialect: Option<StackDialect>,
    /// What becomes of a stack whose template changes, and nothing else: `ignored` is CloudGenesis' rule, for
    /// the time of moving over from it.
    #[serde(default, rename = "templateChanges")]
    pub template_changes: TemplateChanges,
    /// Who may sync, acknowledge, snooze and recheck a case; always read from the environment's own
    /// branch.
    #[serde(default)]
    pub access: AccessSettings,
}

/// One environment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// Folders and units that belong to it; `*` stands for any part of a name.
    pub paths: Vec<Spanned<String>>,
    /// The branch it follows; the one that is checked out or the remote's own where it is not said.
    #[serde(default)]
    pub branch: Option<String>,
    /// Whether a sync asks first.
    #[serde(default)]
    pub sync: SyncPolicy,
    /// When to look for drift: a cron expression and a time zone, as `0 6 * * 1-5 Europe/Berlin`.
    #[serde(default)]
    pub schedule: Option<Spanned<String>>,
    /// The name of the channel that drift is told in; the operator says which channel it means.
    #[serde(default)]
    pub alerts: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncPolicy {
    /// Somebody must say yes to each plan.
    #[default]
    Approval,
    /// The merge was the yes. Deletions and replacements are still asked for.
    Automatic,
}

/// A difference that is known and not told as drift.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IgnoreRule {
    /// The unit, by its id or the shortest tail of it that names one unit only.
    pub unit: Spanned<String>,
    /// The beginning of a difference's path, as the plan shows it.
    pub path: String,
    /// Why it is no matter: told whenever the rule is used.
    pub reason: String,
    /// The last day on which it counts, as `2027-03-31`; a rule without an end is for ever.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<jiff::civil::Date>,
}
