//! Where a repository is, as an operator names it.

use std::path::PathBuf;

use gix::url::Scheme;
use sha2::{Digest, Sha256};

use super::RepoError;

/// A location, told apart.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// A folder on this machine, read in place.
    Folder(PathBuf),
    /// Elsewhere: read from a copy.
    Url(gix::Url),
}

impl Location {
    /// Anything with `://` is a URL; all else is a path.
    pub(super) fn parse(location: &str) -> Result<Self, RepoError> {
        if !location.contains("://") {
            return Ok(Self::Folder(PathBuf::from(location)));
        }
        let url = gix::url::parse(location)
            .map_err(|source| RepoError::Location { location: without_user(location), source: source.into() })?;
        if url.password().is_some() {
            return Err(RepoError::PasswordInUrl { url: shown(&url) });
        }
        match url.scheme {
            Scheme::File | Scheme::Http | Scheme::Https => Ok(Self::Url(url)),
            Scheme::Ssh | Scheme::Git | Scheme::Ext | Scheme::Helper(_) | Scheme::HelperUrl(_) => {
                Err(RepoError::Scheme { url: shown(&url) })
            }
        }
    }
}

/// A URL as it may be told: no user, no password.
pub(super) fn shown(url: &gix::Url) -> String {
    let mut url = url.clone();
    url.set_user(None);
    url.set_password(None);
    url.to_bstring().to_string()
}

/// What the parser refused, without what stands before `@`.
fn without_user(location: &str) -> String {
    match (location.split_once("://"), location.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (Some(_) | None, _) => location.to_owned(),
    }
}

/// The name of a URL's copy: the same for every user of the URL.
pub(super) fn copy_name(url: &gix::Url) -> String {
    let digest = hex::encode(Sha256::digest(shown(url)));
    digest[..32].to_owned()
}
