//! Pull requests, whichever forge they are opened at.

use std::collections::BTreeSet;

use super::proposal::{Proposal, TRAILER};
use super::{ForgeError, OpenRequest, gitea};
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
    /// Opens one; its number and its address.
    async fn create(&self, branch: &str, into: &str, words: &Words) -> Result<(u64, String), ForgeError>;
    async fn update(&self, branch: &str, number: u64, words: &Words) -> Result<(), ForgeError>;
    /// Says of a commit that a check of ours has passed.
    async fn pass(&self, branch: &str, commit: &CommitId, check: &Check) -> Result<(), ForgeError>;
    /// Labels one; the label is made where it is not there.
    async fn label(&self, number: u64, label: &Label) -> Result<(), ForgeError>;
    /// Those that are open, the youngest first and `most` at the most, without their files.
    async fn all_open(&self, most: usize) -> Result<Vec<OpenRequest>, ForgeError>;
    /// The paths that one changes.
    async fn files(&self, number: u64) -> Result<BTreeSet<String>, ForgeError>;
}

/// What makes proposals of one kind easy to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub(super) name: &'static str,
    pub(super) color: &'static str,
    pub(super) words: &'static str,
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
                open_or_update(&forge, branch, into, (&words, proposal.kind.label())).await
            }
        }
    }
}

async fn open_or_update(
    forge: &impl Requests,
    branch: &str,
    into: &str,
    (words, label): (&Words, Label),
) -> Result<String, ForgeError> {
    if let Some((number, link)) = forge.open(branch, into).await? {
        return forge.update(branch, number, words).await.map(|()| link);
    }
    let (number, link) = forge.create(branch, into, words).await?;
    // It is open, which is what was asked for; one that lost its label is not given it again.
    if let Err(error) = forge.label(number, &label).await {
        tracing::warn!(%error, "a pull request is open without its label");
    }
    Ok(link)
}
