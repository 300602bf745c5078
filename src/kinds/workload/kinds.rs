//! The kinds a cluster serves, kept from one process to the next: asking for them again is two requests.
//!
//! What is kept may be old, and so it only ever makes a look quicker: whoever finds that it does not fit asks again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::discovery::Discovery;
use super::rendering::{cache, keep};

/// Kinds come and go with operators, hardly ever within a day.
const OLDEST: Duration = Duration::from_secs(24 * 3600);

/// Where the kinds of a cluster are kept; the name of the server tells its address.
pub(super) fn place(server: &str) -> Option<PathBuf> {
    let name = hex::encode(&Sha256::digest(server)[..16]);
    Some(cache()?.join("kinds").join(format!("{name}.json")))
}

/// What was kept, where it is whole and not too old.
pub(super) fn read(path: &Path) -> Option<Discovery> {
    let age = fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
    let text = fs::read_to_string(path).ok().filter(|_| age < OLDEST)?;
    Discovery::kept(&text)
}

/// Keeps them. Where a part of the API did not answer, nothing is kept: it is not missing.
pub(super) fn write(path: &Path, discovery: &Discovery) {
    if let Some(text) = discovery.to_keep() {
        // A cache that cannot be written only costs time.
        _ = keep(path, text.as_bytes());
    }
}
