//! Actions that a deployment left to be run, noted before it begins and kept until all of them ended well.
//!
//! A run may be killed between the deployment and its actions, and the next one finds a stack that
//! needs no change. The note says which operation they belong to; they are due once that has ended
//! well, and not where it never began or was rolled back. A note that is lost with its folder is as
//! with stackctl: they are not run again.

use std::io::Write;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::action::Action;
use super::events;
use super::live::Live;
use super::realm::Realm;
use super::status::End;
use crate::unit::KindError;

/// What is noted of one stack.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Note {
    /// That of the operation they follow.
    token: String,
    /// Those that ended well, as a stack file says them.
    done: Vec<String>,
}

/// The note of one stack.
pub(super) struct Due {
    /// None where there is no folder to keep anything in.
    file: Option<PathBuf>,
}

impl Due {
    pub(super) fn of(realm: &Realm, stack_id: &str) -> Self {
        let name = format!("{}.json", hex::encode(Sha256::digest(stack_id)));
        let folder = realm.aws.settings().cache.as_ref().map(|cache| cache.join("actions"));
        Self { file: folder.map(|folder| folder.join(name)) }
    }

    /// Notes that actions follow an operation. Nothing may begin where that cannot be kept.
    pub(super) fn note(&self, token: &str) -> Result<(), KindError> {
        self.write(&Note { token: token.to_owned(), done: Vec::new() })
    }

    /// Notes that one of them ended well.
    pub(super) fn done(&self, action: &Action) -> Result<(), KindError> {
        let Some(mut note) = self.read() else { return Ok(()) };
        note.done.push(action.said());
        self.write(&note)
    }

    /// Nothing is due any more.
    pub(super) fn clear(&self) {
        let Some(file) = &self.file else { return };
        if let Err(error) = std::fs::remove_file(file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a note that actions are due could not be removed");
        }
    }

    /// Which of these an earlier run left over.
    pub(super) async fn left(&self, realm: &Realm, live: &Live, actions: &[Action]) -> Result<Vec<Action>, KindError> {
        let Some(note) = self.read() else { return Ok(Vec::new()) };
        let ended_well =
            live.status.end() == End::Good && !events::of_operation(realm, &live.id, &note.token).await?.is_empty();
        if !ended_well {
            self.clear();
            return Ok(Vec::new());
        }
        let left: Vec<Action> = actions.iter().filter(|action| !note.done.contains(&action.said())).cloned().collect();
        if left.is_empty() {
            self.clear();
        }
        Ok(left)
    }

    fn read(&self) -> Option<Note> {
        serde_json::from_slice(&std::fs::read(self.file.as_ref()?).ok()?).ok()
    }

    /// Whole, and on the disk before it counts: what it speaks of cannot be taken back.
    fn write(&self, note: &Note) -> Result<(), KindError> {
        let Some(file) = &self.file else { return Ok(()) };
        let written = (|| {
            let folder = file.parent().expect("a file stands in a folder");
            std::fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            new.write_all(&serde_json::to_vec(note).expect("texts are JSON"))?;
            new.as_file().sync_all()?;
            new.persist(file).map_err(|error| error.error)?;
            std::io::Result::Ok(())
        })();
        written.map_err(|error| KindError::failed("cannot note that actions follow the deployment").because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_well_is_kept_on_disk_until_all_did() {
        let folder = tempfile::tempdir().expect("a folder");
        let due = || Due { file: Some(folder.path().join("deep/one.json")) };
        assert_eq!(due().read(), None);
        due().note("groundplan-1").expect("writable");
        due().done(&Action::Shell("echo".into())).expect("writable");
        assert_eq!(due().read(), Some(Note { token: "groundplan-1".into(), done: vec!["Shell: echo".into()] }));
        due().clear();
        due().clear();
        assert_eq!(due().read(), None);

        std::fs::write(folder.path().join("flat"), "").expect("writable");
        let nowhere = Due { file: Some(folder.path().join("flat/one.json")) };
        assert!(nowhere.note("groundplan-1").is_err(), "nothing begins that could be forgotten");
    }
}
