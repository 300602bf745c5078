//! Pull requests, whichever forge they are opened at.

use super::proposal::{Proposal, TRAILER};
use super::{ForgeError, gitea};
use crate::repo::CommitId;
use crate::unit::Secret;

/// What an operator says of where changes are proposed.
#[derive(Clone, Debug)]
pub struct ForgeSettings {
    /// None: a branch is pushed, and nothing more.
    pub kind: Option<ForgeKind>,
    /// Where the forge is, as `https://git.example.com`.
    pub url: Option<String>,
    pub token: Option<Secret>,
    pub git_token: Option<Secret>,
    /// Who commits are by.
    pub name: String,
    pub email: String,
}

/// The forges that pull requests can be opened at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForgeKind {
    Gitea,
}

impl Default for ForgeSettings {
    fn default() -> Self {
        Self {
            kind: None,
            url: None,
            token: None,
            git_token: None,
            name: "Groundplan".to_owned(),
            email: "groundplan@localhost".to_owned(),
        }
    }
}

/// One forge, as far as proposals go.
pub(super) trait Requests {
    /// The number and the address of the open pull request from a branch, where there is one.
    async fn open(&self, branch: &str, into: &str) -> Result<Option<(u64, String)>, ForgeError>;
    /// Opens one; its address.
    async fn create(&self, branch: &str, into: &str, words: &Words) -> Result<String, ForgeError>;
    async fn update(&self, branch: &str, number: u64, words: &Words) -> Result<(), ForgeError>;
    /// Says of a commit that a check of ours has passed.
    async fn pass(&self, branch: &str, commit: &CommitId, check: &Check) -> Result<(), ForgeError>;
}

/// A check that was made before the push; of one commit, so that a later one has not passed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) words: &'static str,
}

/// What a pull request says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Words {
    pub(super) title: String,
    pub(super) body: String,
}

impl ForgeKind {
    /// Opens the pull request of a proposal, or brings its words up to date; its address.
    pub(super) async fn request(
        self,
        settings: &ForgeSettings,
        location: &str,
        proposal: &Proposal,
        branch: &str,
        commit: &CommitId,
    ) -> Result<String, ForgeError> {
        let into = proposal.into.as_deref().ok_or_else(|| ForgeError::NoBase { branch: branch.to_owned() })?;
        let Proposal { title, body, case, .. } = proposal;
        let words = Words { title: title.clone(), body: format!("{}\n\n{TRAILER}{case}\n", body.trim()) };
        match self {
            ForgeKind::Gitea => {
                let forge = gitea::Gitea::new(settings, location)?;
                if let Some(check) = proposal.kind.check() {
                    forge.pass(branch, commit, &check).await?;
                }
                open_or_update(&forge, branch, into, &words).await
            }
        }
    }
}

async fn open_or_update(forge: &impl Requests, branch: &str, into: &str, words: &Words) -> Result<String, ForgeError> {
    match forge.open(branch, into).await? {
        Some((number, link)) => forge.update(branch, number, words).await.map(|()| link),
        None => forge.create(branch, into, words).await,
    }
}
