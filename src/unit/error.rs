//! A failure inside a kind, with its causes.

/// What went wrong at a kind's hands.
///
/// The message names the deed and its object; the causes stay in the chain.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct KindError {
    pub kind: ErrorKind,
    pub message: String,
    /// The exact next step, where there is one.
    pub hint: Option<String>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What an error means for the rest of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The other side did not answer at all: nothing at that site can be known.
    Unreachable,
    /// It answered, and this unit failed.
    Failed,
    /// The world moved between the approval and the deed.
    Moved,
    /// Hands off: somebody must look first.
    Refused,
    /// It goes on without us, and nothing is wrong yet: whoever runs again waits for it again.
    Unfinished,
}

impl KindError {
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, message: message.into(), hint: None, source: None }
    }

    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unreachable, ..Self::failed(message) }
    }

    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Refused, ..Self::failed(message) }
    }

    pub fn unfinished(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unfinished, ..Self::failed(message) }
    }

    pub fn moved(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Moved, ..Self::failed(message) }
    }

    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
