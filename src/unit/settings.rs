//! What the repository as a whole says to every kind that reads from it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::yaml::Spanned;

/// The part of `groundplan.yaml` that bears on what is declared.
#[derive(Clone, Debug, Default)]
pub struct ReadSettings {
    /// `repository:`, the first part of every mark, so that two repositories never take each other's
    /// things for their own. Empty where the file does not say.
    pub repository: String,
    pub moved: Vec<Moved>,
    /// By the name under which others refer to it.
    pub external: BTreeMap<String, External>,
    /// None where it is told by what the repository looks like.
    pub dialect: Option<StackDialect>,
    pub template_changes: TemplateChanges,
}

/// What becomes of a stack whose template changes, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TemplateChanges {
    /// It is planned and deployed, as any other change.
    #[default]
    Deployed,
    /// Nothing, as CloudGenesis had it: the template goes with the next change to a parameter, a tag or a
    /// topic of its stack.
    Ignored,
}

/// The tool that a repository's stack files were written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StackDialect {
    Groundplan,
    CloudGenesis,
    Stackctl,
}

/// A unit whose file was renamed: what it brought about stays what it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The unit's id before, as `stacks/prod.111122223333/eu-west-1/net`.
    pub from: Spanned<String>,
    /// Its id now.
    pub to: Spanned<String>,
}

/// A stack that somebody else keeps: its outputs are read, and nothing of it is ever touched.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct External {
    pub account: Spanned<String>,
    pub region: Spanned<String>,
    /// The stack's name, where it is not the name it is given here.
    #[serde(default)]
    pub stack: Option<Spanned<String>>,
}
