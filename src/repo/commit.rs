//! A commit on top of another one, written and pointed at by nothing: whoever wants it pushes it.

use std::path::PathBuf;

use gix::objs::Tree;
use gix::objs::tree::{Entry as TreeEntry, EntryKind};

use super::{CommitId, Files, RepoError, Repository};

/// Who a commit is by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Author {
    pub name: String,
    pub email: String,
}

/// A commit to be written.
#[derive(Clone, PartialEq, Debug)]
pub struct Draft {
    /// The commit it stands on.
    pub base: CommitId,
    /// The whole bytes of each file that changes, by its path; all other files stay.
    pub files: Files,
    pub message: String,
    pub author: Author,
    /// Seconds since 1970, in UTC.
    pub seconds: i64,
}

/// The commit that a branch ends with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tip {
    pub commit: CommitId,
    pub parents: Vec<CommitId>,
    /// The same for the same files.
    pub tree: String,
    pub message: String,
    /// The address of who committed it.
    pub email: String,
}

impl Repository {
    /// Writes a commit and moves no branch.
    pub fn write(&self, draft: &Draft) -> Result<Tip, RepoError> {
        let repository = self.local();
        let failed =
            |error: gix::Error| RepoError::Write { location: self.location().to_owned(), source: error.into() };
        let base = id(self, &draft.base)?;
        let mut tree =
            repository.find_commit(base).and_then(|commit| Ok(commit.tree_id()?.detach())).map_err(failed)?;
        for (path, bytes) in &draft.files {
            let blob = repository.write_blob(bytes).map_err(failed)?.detach();
            let parts: Vec<&str> = path.split('/').collect();
            tree = with_file(&repository, Some(tree), &parts, blob).map_err(failed)?;
        }
        let time = gix::date::Time::new(draft.seconds, 0);
        let signature = gix::actor::Signature {
            name: draft.author.name.as_str().into(),
            email: draft.author.email.as_str().into(),
            time,
        };
        let mut buffer = gix::date::parse::TimeBuf::default();
        let by = signature.to_ref(&mut buffer);
        let commit = repository.new_commit_as(by, by, &draft.message, tree, [base]).map_err(failed)?;
        self.tip_of(commit.id)
    }

    /// What a branch ends with; none where there is no such branch.
    pub fn tip(&self, branch: &str) -> Result<Option<Tip>, RepoError> {
        let repository = self.local();
        let failed = |error: gix::Error| self.unread(format!("the branch `{branch}`"), error);
        let Some(mut reference) = repository.try_find_reference(&format!("refs/heads/{branch}")).map_err(failed)?
        else {
            return Ok(None);
        };
        let commit = reference.peel_to_id().map_err(failed)?.detach();
        self.tip_of(commit).map(Some)
    }

    /// The branch that is meant where none is named; none where HEAD is on no branch.
    pub fn default_branch(&self) -> Option<String> {
        self.local().head_name().ok().flatten().map(|name| name.shorten().to_string())
    }

    /// Where its objects lie, for a program that sends them.
    pub fn objects(&self) -> PathBuf {
        self.local().common_dir().join("objects")
    }

    fn tip_of(&self, id: gix::ObjectId) -> Result<Tip, RepoError> {
        let repository = self.local();
        let failed = |error: gix::Error| self.unread(format!("the commit {id}"), error);
        let commit = repository.find_commit(id).map_err(failed)?;
        let message = commit.message_raw().map_err(failed)?.to_string();
        let tree = commit.tree_id().map_err(failed)?.to_string();
        let email = commit.committer().map_err(failed)?.email.to_string();
        let parents = commit.parent_ids().map(|parent| CommitId::new(parent.to_string())).collect();
        Ok(Tip { commit: CommitId::new(id.to_string()), parents, tree, message, email })
    }
}

fn id(repository: &Repository, commit: &CommitId) -> Result<gix::ObjectId, RepoError> {
    gix::ObjectId::from_hex(commit.as_str().as_bytes())
        .map_err(|error| repository.unread(format!("the commit {commit}"), error))
}

/// The tree with one file in its place; what stood there before keeps its mode.
fn with_file(
    repository: &gix::Repository,
    tree: Option<gix::ObjectId>,
    path: &[&str],
    blob: gix::ObjectId,
) -> gix::Result<gix::ObjectId> {
    let (name, rest) = path.split_first().expect("a path has a name");
    let mut entries: Vec<TreeEntry> = match tree {
        Some(tree) => repository.find_tree(tree)?.decode()?.into_owned().entries,
        None => Vec::new(),
    };
    let at = entries.iter().position(|entry| entry.filename == *name);
    let (oid, kind) = match (rest.is_empty(), at.map(|at| &entries[at])) {
        (true, found) => {
            let is_executable = found.is_some_and(|entry| entry.mode.kind() == EntryKind::BlobExecutable);
            (blob, if is_executable { EntryKind::BlobExecutable } else { EntryKind::Blob })
        }
        (false, found) => {
            let below = found.filter(|entry| entry.mode.is_tree()).map(|entry| entry.oid);
            (with_file(repository, below, rest, blob)?, EntryKind::Tree)
        }
    };
    let new = TreeEntry { mode: kind.into(), filename: (*name).into(), oid };
    match at {
        Some(at) => entries[at] = new,
        None => entries.push(new),
    }
    entries.sort();
    Ok(repository.write_object(Tree { entries })?.detach())
}
