//! From the name of a revision to its commit.

use super::{CommitId, RepoError, Repository};

/// Names told when a revision is not there.
const MOST_NEAR: usize = 5;

impl Repository {
    /// The commit that a branch, a tag or a hash stands for; none means HEAD.
    ///
    /// In a copy of a URL, the branches are the remote's.
    pub fn commit(&self, revision: Option<&str>) -> Result<CommitId, RepoError> {
        let repository = self.local();
        let Some(revision) = revision else {
            return match repository.head_commit() {
                Ok(commit) => Ok(CommitId::new(commit.id().to_string())),
                Err(error) if repository.head().is_ok_and(|head| head.is_unborn()) => {
                    tracing::debug!(%error, "HEAD has no commit");
                    Err(RepoError::Empty { location: self.location().to_owned() })
                }
                Err(error) => Err(self.unread("HEAD".to_owned(), error)),
            };
        };
        let found = repository.rev_parse_single(revision).and_then(|id| id.object()?.peel_to_commit());
        found.map(|commit| CommitId::new(commit.id().to_string())).map_err(|error| RepoError::UnknownRevision {
            location: self.location().to_owned(),
            revision: revision.to_owned(),
            near: near(revision, &branches(&repository)),
            source: error.into(),
        })
    }
}

/// The names of all branches; none where they cannot be listed, since they only help an error.
fn branches(repository: &gix::Repository) -> Vec<String> {
    let Ok(references) = repository.references() else { return Vec::new() };
    let Ok(branches) = references.local_branches() else { return Vec::new() };
    branches.flatten().map(|branch| branch.name().shorten().to_string()).collect()
}

fn near(revision: &str, branches: &[String]) -> Vec<String> {
    let far = |name: &&String| strsim::damerau_levenshtein(&revision.to_lowercase(), &name.to_lowercase());
    let mut near: Vec<&String> = branches
        .iter()
        .filter(|name| far(name) <= 1 + revision.chars().count() / 3 || name.contains(revision))
        .collect();
    near.sort_by_key(|name| (far(name), (*name).clone()));
    near.into_iter().take(MOST_NEAR).cloned().collect()
}
