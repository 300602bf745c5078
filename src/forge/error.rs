//! Why a proposal could not be made.

use crate::repo::RepoError;

/// A failure that names what was tried; no token is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    #[error(transparent)]
    Repository(#[from] RepoError),
    #[error("an environment reads the branch `{branch}`, so nothing is proposed on it")]
    BranchIsRead { branch: String },
    #[error("somebody else has written to the branch `{branch}`: merge it, or delete it, and ask again")]
    BranchIsAnothers { branch: String },
    #[error("`{url}` would get the token over a connection that others can read: use `https://`")]
    ClearText { url: String },
    #[error("the program `git`, which pushes, cannot be started")]
    NoGit(#[source] std::io::Error),
    #[error("pushing `{branch}` was not done after {seconds} seconds")]
    PushTimedOut { branch: String, seconds: u64 },
    #[error("`{branch}` could not be pushed: {said}")]
    Push { branch: String, said: String },
    #[error("`{branch}` moved while it was pushed: ask again")]
    Moved { branch: String },
    #[error("`{location}` names no repository of the forge at `{url}`")]
    NotAtForge { location: String, url: String },
    #[error("{outcome}: the forge did not answer")]
    Unreachable { outcome: String, source: reqwest::Error },
    #[error("{outcome}: the forge refused it with {status} {said}")]
    Refused { outcome: String, status: u16, said: String },
    #[error("the branch `{branch}` is pushed, and there is no branch to merge it into: HEAD names none")]
    NoBase { branch: String },
}
