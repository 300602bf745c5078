//! The repository at one commit: its files, and nothing that can change.
//!
//! A new commit is written beside what is there, and moves no branch.
//!
//! Blobs of a pinned commit are read from a bare copy, never from a work tree. Symlinks,
//! submodules and Git LFS pointers are kept as what they are, so that later rooms can name and
//! refuse them.
//!
//! Everything here blocks: call it where blocking is allowed. What is not committed does not exist
//! for this room, in a local folder too; whoever wants to warn of it asks `git status`.

mod commit;
mod copy;
mod error;
mod fetch;
mod location;
mod read;
mod revision;
mod snapshot;
#[cfg(test)]
mod tests;

pub use commit::{Author, Draft, Tip};
pub use error::RepoError;
pub use snapshot::{CommitId, Entry, Files, Snapshot};

use std::fmt;
use std::path::Path;
use std::time::Duration;

use location::Location;

/// A repository that can be read: a local one in place, or the copy of a URL.
pub struct Repository {
    /// As it may be told: a path, or a URL without its user.
    location: String,
    /// None for a local one: it is its own origin.
    url: Option<String>,
    inner: gix::ThreadSafeRepository,
}

/// What an operator gives for fetching.
#[derive(Clone, Debug)]
pub struct Access {
    pub token: Option<Token>,
    /// The end of every fetch, waiting for another process included.
    pub timeout: Duration,
}

/// A token for HTTP: sent to the host it is for, and never shown.
#[derive(Clone)]
pub struct Token(String);

/// Opens the repository at a path, or brings the copy of a URL below `cache` up to date and opens it.
///
/// A local repository is found from any folder inside it. `tell` hears what takes time.
pub fn open(location: &str, cache: &Path, access: &Access, tell: &dyn Fn(&str)) -> Result<Repository, RepoError> {
    match Location::parse(location)? {
        Location::Folder(path) => Ok(Repository { location: location.to_owned(), url: None, inner: in_place(&path)? }),
        Location::Url(url) => {
            let location = location::shown(&url);
            tell(&format!("fetching {location}"));
            Ok(Repository { inner: copy::refreshed(&url, cache, access)?, url: Some(location.clone()), location })
        }
    }
}

fn in_place(path: &Path) -> Result<gix::ThreadSafeRepository, RepoError> {
    if !path.is_dir() {
        return Err(RepoError::NoFolder { path: path.to_owned() });
    }
    let trust = gix::sec::trust::Mapping { full: copy::options(), reduced: copy::options() };
    gix::ThreadSafeRepository::discover_opts(path, gix::discover::upwards::Options::default(), trust)
        .map_err(|error| RepoError::NotARepository { path: path.to_owned(), source: error.into() })
}

impl Repository {
    /// Where it is, as it may be told.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Where a push goes: the URL without its user, or the local repository itself.
    pub fn push_address(&self) -> String {
        let own = || {
            let folder = self.local().common_dir().to_owned();
            std::fs::canonicalize(&folder).unwrap_or(folder).display().to_string()
        };
        self.url.clone().unwrap_or_else(own)
    }

    fn local(&self) -> gix::Repository {
        self.inner.to_thread_local()
    }

    fn unread(&self, what: String, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepoError {
        RepoError::Read { location: self.location.clone(), what, source: error.into() }
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repository({})", self.location)
    }
}

impl Default for Access {
    fn default() -> Self {
        Self { token: None, timeout: Duration::from_secs(300) }
    }
}

impl Token {
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}
