//! What takes minutes to build is built once, outside the checkout, and never seen half done.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// `GROUNDPLAN_CACHE`, else `groundplan` in the user's cache folder.
pub(super) fn folder() -> Result<PathBuf> {
    if let Some(named) = env::var_os("GROUNDPLAN_CACHE").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(named));
    }
    if let Some(caches) = env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        return Ok(Path::new(&caches).join("groundplan"));
    }
    let home = env::home_dir().context("no home directory: set GROUNDPLAN_CACHE to a folder for built parts")?;
    Ok(home.join(".cache/groundplan"))
}

/// The folder `NAME-KEY`, where the key is made of everything that `inputs` says; built on first use.
///
/// `build` fills a folder beside it, which gets its name only when complete. A lock lets a second
/// builder wait for the first and find the work done.
pub(super) fn built(name: &str, inputs: &[&str], build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = folder()?;
    let place = cache.join(format!("{name}-{}", key(inputs)));
    if place.is_dir() {
        return Ok(place);
    }
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock().with_context(|| format!("cannot lock the building of {name}"))?;
    if place.is_dir() {
        return Ok(place);
    }
    let unfinished = tempfile::Builder::new().prefix(&format!("{name}-unfinished-")).tempdir_in(&cache)?;
    build(unfinished.path())?;
    fs::rename(unfinished.path(), &place)?;
    // Renamed away, so there is nothing left for the temporary folder to remove.
    let _ = unfinished.keep();
    Ok(place)
}

fn key(inputs: &[&str]) -> String {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update(input.len().to_le_bytes());
        hash.update(input);
    }
    hex::encode(&hash.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_where_one_input_ends_and_the_next_begins() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_eq!(key(&["ab", "c"]), key(&["ab", "c"]));
    }
}
