//! The arguments that every command takes.

use clap::{Args, ValueEnum};

/// Which repository, which commit of it, and which part.
#[derive(Args, Clone, Debug)]
pub(super) struct Target {
    /// The repository: a path, or a file:// or http(s):// address.
    #[arg(long, default_value = ".", value_name = "PATH|URL", env = "GROUNDPLAN_REPO")]
    pub repo: String,

    /// A branch, tag or commit; the environment's own branch, or HEAD, where it is not said.
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,

    /// The environment; may be left out where the repository has only one.
    #[arg(long, short, value_name = "NAME", env = "GROUNDPLAN_ENVIRONMENT")]
    pub environment: Option<String>,

    /// Only this unit, with what it needs; may be given more than once.
    #[arg(long, value_name = "UNIT")]
    pub only: Vec<String>,

    /// Text for people, or JSON that obeys schemas/.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// How a plan is approved where nobody sits at a terminal.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Approval {
    /// Say yes to whatever the plan is. What is deleted or replaced needs `--agree` as well.
    #[arg(long, short)]
    pub yes: bool,

    /// Say yes to exactly the plan with this digest, as `groundplan plan` prints it.
    #[arg(long, value_name = "DIGEST", conflicts_with = "yes")]
    pub approve: Option<String>,

    /// Agree to what a general yes does not cover, by the word that the refusal names (`delete`,
    /// `replace`, …); may be given more than once.
    #[arg(long, value_name = "WORD")]
    pub agree: Vec<String>,
}
