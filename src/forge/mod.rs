//! Changes to Git that somebody else decides about: a commit on a branch of its own, and a pull
//! request where a forge is set up.
//!
//! Nothing here merges, and nothing is ever written to a branch that an environment reads. One
//! proposal has one branch: asked for again, it is brought up to date. A branch that somebody else
//! has written to is left alone.

mod branch;
mod error;
mod gitea;
mod open;
mod proposal;
mod push;
mod request;
#[cfg(test)]
mod tests;

pub use error::ForgeError;
pub use open::OpenRequest;
pub use proposal::{Kind, Proposal, Proposed};
pub use request::{ForgeKind, ForgeSettings};

use std::sync::Arc;

use branch::Step;
use push::Target;

use crate::repo::{Author, CommitId, Draft, Repository};
use crate::unit::Secret;

/// The way to the repository's forge, or only to its branches.
#[derive(Clone, Debug)]
pub struct Forge {
    settings: ForgeSettings,
}

impl Forge {
    pub fn new(settings: ForgeSettings) -> Self {
        Self { settings }
    }

    /// Writes a proposal to its branch, and opens or updates its pull request.
    ///
    /// `repository` is as it was read just now, and `read` names the branches that environments read.
    pub async fn propose(
        &self,
        repository: Arc<Repository>,
        proposal: &Proposal,
        read: &[String],
    ) -> Result<Proposed, ForgeError> {
        let branch = proposal.branch();
        if read.contains(&branch) || proposal.into.as_ref() == Some(&branch) {
            return Err(ForgeError::BranchIsRead { branch });
        }
        let (kept, draft) = (Arc::clone(&repository), self.draft(proposal));
        let (name, case) = (branch.clone(), proposal.case.clone());
        let step = tokio::task::spawn_blocking(move || -> Result<Step, ForgeError> {
            let tip = kept.tip(&name)?;
            let new = kept.write(&draft)?;
            branch::step(&name, tip, new, &case, &draft.author.email)
        });
        let step = step.await.expect("writing a commit does not panic")?;
        let commit: CommitId = match step {
            Step::Stands(commit) => commit,
            Step::Push { commit, over } => {
                let target = Target { repository: &repository, token: self.push_token(&repository) };
                target.push(&branch, &commit, over.as_ref()).await?;
                commit
            }
        };
        let link = match &self.settings.kind {
            Some(kind) => {
                Some(kind.request(&self.settings, &repository.push_address(), proposal, &branch, &commit).await?)
            }
            None => None,
        };
        Ok(Proposed { branch, commit, link })
    }

    fn draft(&self, proposal: &Proposal) -> Draft {
        Draft {
            base: proposal.base.clone(),
            files: proposal.files.clone(),
            message: proposal.message(),
            author: Author { name: self.settings.name.clone(), email: self.settings.email.clone() },
            seconds: proposal.at.as_second(),
        }
    }

    /// The token for Git; the forge's own where the repository is kept at the forge.
    fn push_token(&self, repository: &Repository) -> Option<Secret> {
        let of_git = self.settings.git_token.clone();
        let at_forge =
            self.settings.url.as_ref().is_some_and(|url| push::origin(url) == push::origin(&repository.push_address()));
        of_git.or_else(|| self.settings.token.clone().filter(|_| at_forge))
    }
}
