//! The pull requests that are open, with the files that each changes: one that is merged may make a drift, or end it.

use std::collections::BTreeSet;

use super::request::Requests;
use super::{Forge, ForgeError, ForgeKind, gitea};

/// More of them are not read: whatever touches a drift is likely among the youngest.
const MOST: usize = 200;

/// An open pull request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenRequest {
    pub number: u64,
    /// Its address, for people.
    pub link: String,
    pub branch: String,
    /// What the branch ends with.
    pub head: String,
    /// The branch that it is to be merged into.
    pub into: String,
    /// Whether that is the one that the repository's HEAD names.
    pub is_into_default: bool,
    /// The paths that it changes, those that it leaves behind too.
    pub files: BTreeSet<String>,
}

impl OpenRequest {
    /// Whether it is to be merged into a branch; none is the one that HEAD names.
    pub fn is_into(&self, branch: Option<&str>) -> bool {
        branch.map_or(self.is_into_default, |branch| self.into == branch)
    }
}

impl Forge {
    /// The open pull requests of a repository, the youngest first; none without a forge.
    ///
    /// `known` is what was read before: of a branch that did not move, the files are not asked for again.
    pub async fn open_requests(
        &self,
        location: &str,
        known: &[OpenRequest],
    ) -> Result<Option<Vec<OpenRequest>>, ForgeError> {
        match self.settings.kind {
            None => Ok(None),
            Some(ForgeKind::Gitea) => read(&gitea::Gitea::new(&self.settings, location)?, known).await.map(Some),
        }
    }
}

async fn read(forge: &impl Requests, known: &[OpenRequest]) -> Result<Vec<OpenRequest>, ForgeError> {
    let mut all = forge.all_open(MOST).await?;
    for request in &mut all {
        let same = |known: &&OpenRequest| (known.number, &known.head) == (request.number, &request.head);
        request.files = match known.iter().find(same) {
            Some(known) => known.files.clone(),
            None => forge.files(request.number).await?,
        };
    }
    Ok(all)
}
