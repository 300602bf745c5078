//! Every file of the repository at one commit.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The full hash of a commit, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CommitId(String);

impl CommitId {
    pub fn new(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven letters, for people.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands at one path of a commit.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    Blob(Vec<u8>),
    /// A symbolic link and where it points: refused, because a link can leave the repository.
    Symlink(String),
    Submodule,
    /// A blob that only names a file kept elsewhere.
    LfsPointer,
}

/// Files to be written, by their paths with `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Every file of the repository at one commit, by its path with `/`.
#[derive(Clone, Debug)]
pub struct Snapshot {
    commit: CommitId,
    entries: BTreeMap<String, Entry>,
}

impl Snapshot {
    pub fn new(commit: CommitId, entries: BTreeMap<String, Entry>) -> Self {
        Self { commit, entries }
    }

    /// A snapshot of plain files, for tests.
    pub fn of_files<P: Into<String>, B: Into<Vec<u8>>>(
        commit: CommitId,
        files: impl IntoIterator<Item = (P, B)>,
    ) -> Self {
        let entries = files.into_iter().map(|(path, bytes)| (path.into(), Entry::Blob(bytes.into())));
        Self { commit, entries: entries.collect() }
    }

    /// What stands below a folder, and nothing else.
    pub fn only(&self, folder: &str) -> Self {
        let entries = self.below(folder).map(|(path, entry)| (path.to_owned(), entry.clone()));
        Self { commit: self.commit.clone(), entries: entries.collect() }
    }

    /// The same commit with other bytes in some files: what a change would make of it.
    pub fn with_files(&self, files: &Files) -> Self {
        let mut entries = self.entries.clone();
        entries.extend(files.iter().map(|(path, bytes)| (path.clone(), Entry::Blob(bytes.clone()))));
        Self { commit: self.commit.clone(), entries }
    }

    pub fn commit(&self) -> &CommitId {
        &self.commit
    }

    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The bytes of a plain file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.entries.get(path)? {
            Entry::Blob(bytes) => Some(bytes),
            Entry::Symlink(_) | Entry::Submodule | Entry::LfsPointer => None,
        }
    }

    /// Everything, in order of path.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// The entries below a folder, whose name ends without `/`.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let start = format!("{folder}/");
        self.entries
            .range(start.clone()..)
            .take_while(move |(path, _)| path.starts_with(&start))
            .map(|(path, entry)| (path.as_str(), entry))
    }
}
