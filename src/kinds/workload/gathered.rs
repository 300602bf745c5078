//! Every file that a rendering is made of.

use std::collections::BTreeSet;

use super::program::Programs;
use super::sealed;
use crate::problem::{Place, Problem};
use crate::repo::{Entry, Files, Snapshot};

/// Every file that is written out, by its path in the repository.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) bytes: Files,
    /// What sops decrypted of them: nothing that is made of these files is kept anywhere.
    pub(super) secrets: BTreeSet<String>,
}

impl Gathered {
    /// Adds a file, decrypted where sops encrypted it.
    pub(super) fn add(&mut self, programs: &Programs, path: &str, bytes: &[u8]) -> Result<(), Problem> {
        let bytes = match sealed::is_sealed(path, bytes) {
            false => bytes.to_vec(),
            true => {
                let opened = sealed::open(programs, path, bytes)?;
                self.secrets.extend(opened.values);
                opened.text.into_bytes()
            }
        };
        self.bytes.insert(path.to_owned(), bytes);
        Ok(())
    }

    /// Adds every file below a folder; what is no plain file is refused.
    pub(super) fn take(&mut self, snapshot: &Snapshot, programs: &Programs, folder: &str) -> Result<(), Problem> {
        for (path, entry) in snapshot.below(folder) {
            match entry {
                Entry::Blob(bytes) => self.add(programs, path, bytes)?,
                Entry::Symlink(_) | Entry::Submodule | Entry::LfsPointer => {
                    return Err(
                        Problem::new(Place::file(path), "this is no plain file").hint("put the file itself here")
                    );
                }
            }
        }
        Ok(())
    }
}

/// A path in the repository, from a folder and a relative path; none where that leaves the repository.
pub(super) fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_from_its_folder_and_never_outside_the_repository() {
        assert_eq!(join("clusters/prod/shop", "../../../bases/web").as_deref(), Some("bases/web"));
        assert_eq!(join("a/b", "./c//d").as_deref(), Some("a/b/c/d"));
        assert_eq!(join("a", "../../etc"), None);
        assert_eq!(join("a", "/etc"), None);
    }
}
