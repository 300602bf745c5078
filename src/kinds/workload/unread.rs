//! The manifests of a workload, read when somebody first needs them.
//!
//! What is wrong with them, and which objects they claim, is noted where they were read before without a word to
//! say: see [`super::noted`]. Then a quiet run never turns them into trees. The note holds for the very bytes of every file
//! below the workload's folder, for what a program renders them from, with that program's version, and for the
//! cluster and the mark. Nothing is noted of a workload that has a Secret, or values that others are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::claims::Claims;
use super::connect::Where;
use super::manifest::{Manifest, read_folder};
use super::mark::Mark;
use super::noted::{self, Key};
use super::object::ObjectId;
use super::program::Programs;
use super::rendering::Rendering;
use super::sources::Source;
use crate::problem::{Place, Problems};
use crate::repo::{Entry, Snapshot};
use crate::unit::KindError;

/// Read, or what to read them from. It has no `Debug`: it may hold Secrets.
pub(super) struct Manifests {
    read: OnceLock<Vec<Manifest>>,
    unread: Option<Unread>,
}

struct Unread {
    making: Making,
    /// The workload's own files.
    files: Snapshot,
    folder: String,
    programs: Arc<Programs>,
}

/// How the files of a folder become manifests.
pub(super) enum Making {
    /// They are manifests.
    Plain,
    /// By a program.
    Rendered(Rendering),
}

impl Making {
    pub(super) fn read(
        &self,
        snapshot: &Snapshot,
        folder: &str,
        programs: &Programs,
        problems: &mut Problems,
    ) -> Vec<Manifest> {
        match self {
            Making::Plain => read_folder(snapshot, programs, folder, problems),
            Making::Rendered(rendering) => rendering.run(programs, problems),
        }
    }

    /// Everything that the manifests, and what is said of them offline, come of; none where that may not be noted.
    pub(super) fn key(
        &self,
        (snapshot, folder): (&Snapshot, &str),
        programs: &Programs,
        (mark, place): (&Mark, &Where),
        values: &BTreeMap<String, Source>,
    ) -> Option<Key> {
        if !values.values().all(Source::is_text) {
            return None;
        }
        let mut key = Key::new("workload").with(folder).with(mark.full_name()).with(format!("{place:?}"));
        for (path, entry) in snapshot.below(folder) {
            key = match entry {
                Entry::Blob(bytes) => key.with(path).with("blob").with(bytes),
                Entry::Symlink(to) => key.with(path).with("link").with(to),
                Entry::Submodule => key.with(path).with("submodule"),
                Entry::LfsPointer => key.with(path).with("pointer"),
            };
        }
        match self {
            Making::Plain => Some(key),
            Making::Rendered(rendering) => Some(key.with(rendering.made_of(programs)?)),
        }
    }
}

impl Default for Manifests {
    /// None at all.
    fn default() -> Self {
        Self::read_already(Vec::new())
    }
}

impl Manifests {
    pub(super) fn read_already(manifests: Vec<Manifest>) -> Self {
        Self { read: OnceLock::from(manifests), unread: None }
    }

    /// Those that were read before without a word to say.
    pub(super) fn unread(making: Making, snapshot: &Snapshot, folder: &str, programs: &Arc<Programs>) -> Self {
        let unread =
            Unread { making, files: snapshot.only(folder), folder: folder.to_owned(), programs: programs.clone() };
        Self { read: OnceLock::new(), unread: Some(unread) }
    }

    pub(super) fn get(&self) -> Result<&[Manifest], KindError> {
        if let (None, Some(unread)) = (self.read.get(), &self.unread) {
            let mut problems = Problems::default();
            let manifests = unread.making.read(&unread.files, &unread.folder, &unread.programs, &mut problems);
            if let Some(problem) = problems.errors.first() {
                return Err(KindError::failed(problem.message.clone()));
            }
            // Another may have been quicker, and read the same.
            _ = self.read.set(manifests);
        }
        Ok(self.read.get().expect("they were read just now, or at first"))
    }

    /// Whether anybody has needed them yet.
    #[cfg(test)]
    pub(super) fn are_read(&self) -> bool {
        self.read.get().is_some()
    }
}

/// What is noted of a workload: the objects that it claims. What is the same in many of them stands once.
#[derive(Serialize, Deserialize)]
struct Note {
    texts: Vec<String>,
    rows: Vec<Row>,
}

/// Group, kind, namespace and file as numbers of texts; the line and the column; the name.
type Row = (usize, usize, Option<usize>, usize, usize, usize, String);

/// What was noted, where it came of the same.
pub(super) fn claims(mark: &Mark, place: &Where, key: &Key) -> Option<Claims> {
    let note: Note = serde_json::from_slice(&noted::read(&name(mark, place), key)?).ok()?;
    let text = |at: usize| note.texts.get(at).cloned();
    let claim = |(group, kind, namespace, file, line, column, object): &Row| {
        let namespace = namespace.map(|at| text(at).ok_or(())).transpose().ok()?;
        let id = ObjectId { group: text(*group)?, kind: text(*kind)?, namespace, name: object.clone() };
        Some((id, Place { file: text(*file)?, line: *line, column: *column }))
    };
    note.rows.iter().map(claim).collect()
}

/// Notes what a workload claims.
pub(super) fn note(mark: &Mark, place: &Where, key: &Key, claims: &Claims) {
    let texts: BTreeSet<&str> = claims
        .iter()
        .flat_map(|(id, place)| [&id.group, &id.kind, &place.file].into_iter().chain(&id.namespace))
        .map(String::as_str)
        .collect();
    let numbers: BTreeMap<&str, usize> = texts.iter().enumerate().map(|(at, text)| (*text, at)).collect();
    let number = |text: &String| numbers[text.as_str()];
    let row = |(id, place): &(ObjectId, Place)| {
        let namespace = id.namespace.as_ref().map(number);
        let (file, line, column) = (number(&place.file), place.line, place.column);
        (number(&id.group), number(&id.kind), namespace, file, line, column, id.name.clone())
    };
    let note = Note { rows: claims.iter().map(row).collect(), texts: texts.into_iter().map(str::to_owned).collect() };
    noted::write(&name(mark, place), key, &serde_json::to_vec(&note).expect("a note is plain text"));
}

/// What the note of a workload is called.
pub(super) fn name(mark: &Mark, place: &Where) -> String {
    format!("what {} declares in {place:?}", mark.full_name())
}
