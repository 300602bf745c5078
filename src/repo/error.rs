//! Why a repository, a commit or its files could not be had.

use std::path::PathBuf;
use std::time::Duration;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failure that names what was tried; [`RepoError::hint`] is the next step.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    #[error("`{location}` cannot be read as a URL")]
    Location { location: String, source: Source },
    #[error("`{url}` is of a kind that cannot be fetched")]
    Scheme { url: String },
    #[error("the URL of `{url}` holds a password")]
    PasswordInUrl { url: String },
    #[error("there is no folder `{}`", path.display())]
    NoFolder { path: PathBuf },
    #[error("`{}` is not in a Git repository", path.display())]
    NotARepository { path: PathBuf, source: Source },
    #[error("`{url}` cannot be reached")]
    Unreachable { url: String, source: Source },
    #[error("there is no repository at `{url}`")]
    Missing { url: String, source: Source },
    /// `token`: whether one was sent.
    #[error("`{url}` does not let us read{}", if *token { " with the token given" } else { " without a token" })]
    Denied { url: String, token: bool, source: Source },
    #[error("`{url}` wants a token, and it is not sent over a connection that others can read")]
    ClearText { url: String, source: Source },
    #[error("fetching `{url}` was not done after {} seconds", after.as_secs())]
    TimedOut { url: String, after: Duration },
    #[error("another process is fetching `{url}`, and was not done after {} seconds", after.as_secs())]
    Busy { url: String, after: Duration },
    #[error("cannot fetch `{url}`")]
    Fetch { url: String, source: Source },
    #[error("cannot keep a copy of `{url}` at `{}`", path.display())]
    Copy { url: String, path: PathBuf, source: Source },
    #[error("the repository at `{location}` has no commit yet")]
    Empty { location: String },
    #[error("there is no revision `{revision}` in `{location}`")]
    UnknownRevision { location: String, revision: String, near: Vec<String>, source: Source },
    #[error("cannot read {what} from `{location}`")]
    Read { location: String, what: String, source: Source },
    #[error("cannot write a commit to `{location}`")]
    Write { location: String, source: Source },
    #[error("the path `{path}` of the commit {commit} cannot be used: {why}")]
    Path { path: String, commit: String, why: &'static str },
    #[error("`{path}` has {size} bytes, and a file may have {most}")]
    LargeFile { path: String, size: u64, most: u64 },
    #[error("the files of the commit {commit} have more than {most} {of}")]
    TooMuch { commit: String, most: u64, of: &'static str },
}

impl RepoError {
    /// What to do now, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Location { .. } | Self::Scheme { .. } => {
                Some("write a path, or a URL that begins with `https://`, `http://` or `file://`".to_owned())
            }
            Self::PasswordInUrl { .. } => Some(
                "leave it out of the URL, where logs and process lists show it, and give it as GROUNDPLAN_GIT_TOKEN"
                    .to_owned(),
            ),
            Self::NoFolder { .. } => Some("give the repository's path or URL with `--repo`".to_owned()),
            Self::NotARepository { .. } => Some("only what is committed counts: run `git init` and commit".to_owned()),
            Self::Unreachable { .. } => Some("check the host's name, the network and the proxy".to_owned()),
            Self::Missing { .. } => Some(
                "check the path; a server may also answer so where a token is missing or may not read it".to_owned(),
            ),
            Self::Denied { token: true, .. } => {
                Some("check that the token is valid and may read this repository".to_owned())
            }
            Self::Denied { token: false, .. } => Some("set GROUNDPLAN_GIT_TOKEN".to_owned()),
            Self::ClearText { .. } => Some("use `https://`".to_owned()),
            Self::TimedOut { .. } | Self::Busy { .. } => Some("run it again".to_owned()),
            Self::Empty { .. } => Some("commit something first".to_owned()),
            Self::UnknownRevision { near, .. } if !near.is_empty() => Some(format!(
                "branches with a like name: {}",
                near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )),
            Self::UnknownRevision { .. } => Some("name a branch, a tag or a commit that has been pushed".to_owned()),
            Self::LargeFile { .. } | Self::TooMuch { .. } => {
                Some("keep large files out of `stacks/`, `templates/` and `clusters/`".to_owned())
            }
            Self::Fetch { .. } | Self::Copy { .. } | Self::Read { .. } | Self::Write { .. } | Self::Path { .. } => None,
        }
    }
}
