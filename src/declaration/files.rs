//! What may not stand in a repository at all.

use std::collections::BTreeMap;

use crate::problem::{Place, Problem, Problems};
use crate::repo::{Entry, Snapshot};

/// Names every entry that is no plain file.
///
/// A symbolic link can lead out of the repository, a submodule and an LFS pointer name content that
/// the commit does not hold; all three would make a plan depend on more than the commit.
pub(super) fn refuse_what_is_no_file(snapshot: &Snapshot, problems: &mut Problems) {
    for (path, entry) in snapshot.entries() {
        let (what, hint) = match entry {
            Entry::Blob(_) => continue,
            Entry::Symlink(target) => (
                format!("a symbolic link to `{target}` is not followed"),
                "a link can leave the repository: put the file itself here",
            ),
            Entry::Submodule => ("a submodule is not read".to_owned(), "put the files into this repository"),
            Entry::LfsPointer => ("a Git LFS pointer is not followed".to_owned(), "take the file out of LFS"),
        };
        problems.error(Problem::new(Place::file(path), what).hint(hint));
    }
}

/// Names two files whose paths differ by case alone: where the two are told apart depends on the
/// machine that somebody edits them on, and one of them is lost without a word on others.
pub(super) fn refuse_case_twins(snapshot: &Snapshot, problems: &mut Problems) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (path, _) in ["stacks", "templates", "clusters"].iter().flat_map(|folder| snapshot.below(folder)) {
        if let Some(first) = seen.insert(path.to_lowercase(), path) {
            let said = format!("`{first}` differs from it by upper and lower case alone");
            problems.error(Problem::new(Place::file(path), said).hint("rename one of the two files"));
        }
    }
}
