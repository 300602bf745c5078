//! How a command ends.

use std::process::ExitCode;

use crate::plan::chain;

/// The exit codes of the contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Nothing to do, or done.
    Done,
    Failed,
    /// There are changes (`plan`) or drift (`drift`).
    Changes,
    /// Some units failed; those that wait for them were skipped.
    Partly,
    /// Wrong usage.
    Usage,
    /// The repository is invalid, and nothing was touched anywhere.
    Invalid,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Changes => 2,
            Exit::Partly => 3,
            Exit::Usage => 64,
            Exit::Invalid => 65,
        })
    }
}

/// A command that could not do what it was asked for.
#[derive(Debug)]
pub(super) struct CommandError {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
    /// Whether the user was told already.
    told: bool,
}

pub(super) type Done = Result<Exit, CommandError>;

impl CommandError {
    pub(super) fn usage(message: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Usage, error: anyhow::anyhow!("{message}"), hint: None, told: false }
    }

    pub(super) fn failed(message: impl std::fmt::Display) -> Self {
        Self { exit: Exit::Failed, error: anyhow::anyhow!("{message}"), hint: None, told: false }
    }

    /// The problems have been printed.
    pub(super) fn invalid() -> Self {
        Self { exit: Exit::Invalid, error: anyhow::anyhow!("the repository is invalid"), hint: None, told: true }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self { exit: Exit::Failed, error: error.into(), hint: None, told: false }
    }
}

/// Tells an error once, on standard error, with its causes and the next step.
pub(super) fn tell(error: CommandError) -> Exit {
    if !error.told {
        anstream::eprintln!("error: {}", chain(error.error.as_ref()));
        if let Some(hint) = &error.hint {
            anstream::eprintln!("  help: {hint}");
        }
    }
    error.exit
}
