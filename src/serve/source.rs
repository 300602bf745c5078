//! The repository as a running service reads it: fetched again whenever it matters what Git says now.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::{ReadError, Service};
use crate::cases::{Case, Policy};
use crate::declaration::{Declaration, Environment};
use crate::plan::chain;
use crate::repo::{self, Access, CommitId, RepoError, Repository, Snapshot};

/// `S0123ABCD`, as Slack names a user group.
fn is_user_group(name: &str) -> bool {
    let rest = name.strip_prefix('S').unwrap_or_default();
    rest.len() >= 6 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// Where the repository is, and the copy that was read last.
pub struct Source {
    location: String,
    cache: PathBuf,
    access: Access,
    last: Mutex<Arc<Repository>>,
}

impl Source {
    pub fn new(location: String, cache: PathBuf, access: Access, repository: Arc<Repository>) -> Self {
        Self { location, cache, access, last: Mutex::new(repository) }
    }

    /// The repository as it was read last.
    fn last(&self) -> Arc<Repository> {
        Arc::clone(&self.last.lock().expect("nobody panics while holding it"))
    }

    /// Where changes are pushed, without what may be secret in it.
    pub(super) fn push_address(&self) -> String {
        self.last().push_address()
    }

    /// The repository as it is now.
    fn refreshed(&self) -> Result<Arc<Repository>, RepoError> {
        let tell = |what: &str| tracing::debug!(what);
        let repository = Arc::new(repo::open(&self.location, &self.cache, &self.access, &tell)?);
        *self.last.lock().expect("nobody panics while holding it") = Arc::clone(&repository);
        Ok(repository)
    }
}

/// What the branch of an environment holds now, and what it declares.
pub(super) struct Current {
    pub(super) repository: Arc<Repository>,
    pub(super) snapshot: Snapshot,
    pub(super) declaration: Declaration,
    /// None where HEAD is on no branch.
    pub(super) branch: Option<String>,
}

impl Service {
    /// The branch of an environment, read now, for a change that stands on it.
    pub(super) async fn read_current(&self, environment: &str) -> Result<Current, ReadError> {
        let head = self.head().await?;
        let named = head.environment(environment).and_then(|environment| environment.branch.clone());
        let repository = self.source.last();
        let from = Arc::clone(&repository);
        let read = move || -> Result<_, RepoError> {
            let commit = from.commit(named.as_deref())?;
            Ok((from.snapshot(&commit)?, named.or_else(|| from.default_branch())))
        };
        let (snapshot, branch) = tokio::task::spawn_blocking(read).await.expect("reading a commit does not panic")?;
        let declaration = self.checked(&snapshot)?;
        Ok(Current { repository, snapshot, declaration, branch })
    }

    /// What the repository declares at a commit.
    pub(super) async fn declaration(&self, commit: &CommitId) -> Result<Declaration, ReadError> {
        let (source, wanted) = (Arc::clone(&self.source), commit.clone());
        let read = move || source.last().snapshot(&wanted);
        let snapshot = tokio::task::spawn_blocking(read).await.expect("reading a commit does not panic")?;
        self.checked(&snapshot)
    }

    /// What the branch of an environment declares now.
    ///
    /// Which branch that is stands on the repository's own head, so that is read first.
    pub(super) async fn current(&self, environment: &str) -> Result<Declaration, ReadError> {
        let head = self.head().await?;
        match head.environment(environment).and_then(|environment| environment.branch.clone()) {
            Some(branch) => self.at(Some(branch), false).await,
            None => Ok(head),
        }
    }

    /// What the repository's own head declares now.
    pub(super) async fn head(&self) -> Result<Declaration, ReadError> {
        self.at(None, true).await
    }

    /// Whether an environment is still what `declaration` says, as far as its branch is the same commit.
    pub(super) async fn is_current(&self, declaration: &Declaration, environment: &Environment) -> bool {
        let (source, branch) = (Arc::clone(&self.source), environment.branch.clone());
        let read = move || source.refreshed()?.commit(branch.as_deref());
        let now = tokio::task::spawn_blocking(read).await.expect("reading a commit does not panic");
        now.is_ok_and(|now| now == declaration.commit)
    }

    async fn at(&self, revision: Option<String>, refresh: bool) -> Result<Declaration, ReadError> {
        let source = Arc::clone(&self.source);
        let read = move || {
            let repository = if refresh { source.refreshed()? } else { source.last() };
            let commit = repository.commit(revision.as_deref())?;
            repository.snapshot(&commit)
        };
        let snapshot = tokio::task::spawn_blocking(read).await.expect("reading a commit does not panic")?;
        self.checked(&snapshot)
    }

    fn checked(&self, snapshot: &repo::Snapshot) -> Result<Declaration, ReadError> {
        let (declaration, problems) = self.engine.check(snapshot);
        match problems.errors.first() {
            None => Ok(declaration),
            Some(problem) => {
                let commit = snapshot.commit().short().to_owned();
                Err(ReadError::Invalid { commit, first: problem.message.clone() })
            }
        }
    }

    /// Who may do what with a case, as the branch of its environment says now. What cannot be read
    /// allows nothing.
    pub(super) async fn policy(&self, case: &Case) -> Result<Policy, ReadError> {
        let Declaration { mut access, .. } = self.current(case.environment.as_str()).await?;
        let mut approvers: Vec<_> = self.approvers.iter().cloned().collect();
        let lists = access.groups.values_mut().chain(access.rules.iter_mut().map(|rule| &mut rule.allow));
        let mut unread = BTreeSet::new();
        for list in lists.chain([&mut approvers]) {
            self.with_members(list, &mut unread).await;
        }
        Ok(Policy { access, approvers: approvers.into_iter().collect(), unread })
    }

    /// Puts those who are in Slack's user groups beside them. A group that cannot be read has nobody
    /// in it: what is not certain allows nothing.
    async fn with_members(&self, list: &mut Vec<String>, unread: &mut BTreeSet<String>) {
        for group in list.iter().filter(|name| is_user_group(name)).cloned().collect::<Vec<_>>() {
            let members = match &self.slack {
                Some(slack) => slack.group(&group).await.map_err(|error| chain(&error)),
                None => Err("Slack is not set up".to_owned()),
            };
            match members {
                Ok(members) => list.extend(members),
                Err(why) => {
                    tracing::warn!(group, why, "a user group of Slack's could not be read");
                    unread.insert(group);
                }
            }
        }
    }
}
