//! The running service, in its first form: drift told as a case, and the presses on its button.
//!
//! A press is a wish. Who pressed is looked up in the operator's list, the case is read again, the
//! world is planned again, and only what was shown is done. Whatever ends in the middle is told in
//! the case's own message.

mod press;
mod run;
mod tell;

pub use run::ServeError;
pub use tell::TellError;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::declaration::Declaration;
use crate::engine::Engine;
use crate::repo::{CommitId, Repository};
use crate::slack::Slack;
use crate::store::Store;

/// Everything that telling and syncing a case takes.
#[derive(Clone)]
pub struct Service {
    pub engine: Arc<Engine>,
    pub repository: Arc<Repository>,
    pub store: Store,
    pub slack: Slack,
    /// The Slack ids of those who may press Sync; nobody where it is empty.
    pub approvers: BTreeSet<String>,
    /// How long a world that was put right must stay so before a case counts as resolved.
    pub settle: jiff::SignedDuration,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Repository(#[from] crate::repo::RepoError),
    #[error("the repository is invalid at {commit}: {first}")]
    Invalid { commit: String, first: String },
}

impl Service {
    /// What the repository declares at a commit.
    async fn declaration(&self, commit: &CommitId) -> Result<Declaration, ReadError> {
        let (repository, wanted) = (Arc::clone(&self.repository), commit.clone());
        let snapshot = tokio::task::spawn_blocking(move || repository.snapshot(&wanted));
        let snapshot = snapshot.await.expect("reading a commit does not panic")?;
        let (declaration, problems) = self.engine.check(&snapshot);
        match problems.errors.first() {
            None => Ok(declaration),
            Some(problem) => {
                Err(ReadError::Invalid { commit: commit.short().to_owned(), first: problem.message.clone() })
            }
        }
    }
}
