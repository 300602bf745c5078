//! From a commit to its snapshot, out of the object database alone.

use std::collections::BTreeMap;

use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;

use super::{CommitId, Entry, RepoError, Repository, Snapshot};

const MOST_FILE_BYTES: u64 = 1024 * 1024;
const MOST_BYTES: u64 = 256 * 1024 * 1024;
const MOST_ENTRIES: u64 = 100_000;
const DEEPEST: usize = 64;

/// The folders that hold declarations, and what those may stand on.
const FOLDERS: &[&str] = &["stacks", "templates", "clusters", "bases", "charts", "components"];
const FILES: &[&str] = &[
    "groundplan.yaml",
    "groundplan.yml",
    "buildspec-sync.yml",
    "buildspec-pr.yml",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    ".gitlab/CODEOWNERS",
    "docs/CODEOWNERS",
];

impl Repository {
    /// The files of a commit that can matter: declarations, settings, owners.
    ///
    /// A commit that cannot be read whole is an error, never a smaller snapshot.
    pub fn snapshot(&self, commit: &CommitId) -> Result<Snapshot, RepoError> {
        let repository = self.local();
        let failed = |error: gix::Error| self.unread(format!("the commit {commit}"), error);
        let id = gix::ObjectId::from_hex(commit.as_str().as_bytes())
            .map_err(|error| self.unread(format!("the commit {commit}"), error))?;
        let tree = repository.find_commit(id).and_then(|found| found.tree()).map_err(failed)?;
        let mut reading = Reading { from: self, repository: &repository, commit, entries: BTreeMap::new(), bytes: 0 };
        reading.tree(&tree, "", 0)?;
        Ok(Snapshot::new(commit.clone(), reading.entries))
    }
}

/// Whether a path is one that matters, or a folder on the way to one.
fn matters(path: &str, is_folder: bool) -> bool {
    let top = path.split('/').next().unwrap_or(path);
    FOLDERS.contains(&top)
        || top.starts_with(".stackctl")
        || if is_folder {
            FILES.iter().any(|file| file.starts_with(&format!("{path}/")))
        } else {
            FILES.contains(&path)
        }
}

struct Reading<'a> {
    from: &'a Repository,
    repository: &'a gix::Repository,
    commit: &'a CommitId,
    entries: BTreeMap<String, Entry>,
    bytes: u64,
}

impl Reading<'_> {
    fn tree(&mut self, tree: &gix::Tree<'_>, folder: &str, depth: usize) -> Result<(), RepoError> {
        if depth > DEEPEST {
            return Err(self.wrong_path(folder, "it is nested too deep"));
        }
        for entry in tree.iter() {
            let entry = entry.map_err(|error| self.from.unread(format!("the folder `{folder}`"), error))?;
            let path = self.path(folder, entry.filename())?;
            let kind = entry.kind();
            if !matters(&path, kind == EntryKind::Tree) {
                continue;
            }
            if self.entries.len() as u64 >= MOST_ENTRIES {
                return Err(self.too_much(MOST_ENTRIES, "files"));
            }
            let id = entry.object_id();
            match kind {
                EntryKind::Tree => {
                    let below = self.repository.find_tree(id);
                    let below = below.map_err(|error| self.from.unread(format!("the folder `{path}`"), error))?;
                    self.tree(&below, &path, depth + 1)?;
                }
                EntryKind::Commit => self.keep(path, Entry::Submodule),
                EntryKind::Link => {
                    let target = String::from_utf8_lossy(&self.blob(&path, id)?).into_owned();
                    self.keep(path, Entry::Symlink(target));
                }
                EntryKind::Blob | EntryKind::BlobExecutable => {
                    let bytes = self.blob(&path, id)?;
                    self.keep(path, if is_lfs_pointer(&bytes) { Entry::LfsPointer } else { Entry::Blob(bytes) });
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, path: String, entry: Entry) {
        self.entries.insert(path, entry);
    }

    /// The bytes of a file, its size asked first: a small pack can hold a huge file.
    fn blob(&mut self, path: &str, id: gix::ObjectId) -> Result<Vec<u8>, RepoError> {
        let unread = |error: gix::Error| self.from.unread(format!("the file `{path}`"), error);
        let size = self.repository.find_header(id).map_err(unread)?.size();
        if size > MOST_FILE_BYTES {
            return Err(RepoError::LargeFile { path: path.to_owned(), size, most: MOST_FILE_BYTES });
        }
        let mut blob = self.repository.find_blob(id).map_err(unread)?;
        self.bytes += size;
        if self.bytes > MOST_BYTES {
            return Err(self.too_much(MOST_BYTES, "bytes"));
        }
        Ok(blob.take_data())
    }

    /// The path of an entry; a name that would lead out of its folder is refused.
    fn path(&self, folder: &str, name: &gix::bstr::BStr) -> Result<String, RepoError> {
        let join = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Ok(text) = name.to_str() else {
            let path = join(&name.to_str_lossy());
            // Elsewhere in the repository such a name is nobody's concern.
            return if matters(&path, true) { Err(self.wrong_path(&path, "it is not UTF-8")) } else { Ok(path) };
        };
        if matches!(text, "" | "." | "..") || text.eq_ignore_ascii_case(".git") || text.contains(['/', '\\', '\0']) {
            return Err(self.wrong_path(&join(text), "it would lead out of its folder"));
        }
        Ok(join(text))
    }

    fn wrong_path(&self, path: &str, why: &'static str) -> RepoError {
        RepoError::Path { path: path.to_owned(), commit: self.commit.short().to_owned(), why }
    }

    fn too_much(&self, most: u64, of: &'static str) -> RepoError {
        RepoError::TooMuch { commit: self.commit.short().to_owned(), most, of }
    }
}

fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.len() < 1024
        && [b"version https://git-lfs.github.com/spec/".as_slice(), b"version https://hawser.github.com/spec/"]
            .iter()
            .any(|start| bytes.starts_with(start))
}
