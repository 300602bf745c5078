//! Which template a stack was deployed with, remembered by its digest, and what full looks for drift found.
//!
//! A stack says when it last changed, and not what it was made from. To ask for every template at
//! every plan would cost a call a stack; nothing may be written on a stack to spare it, since a tag
//! reaches every resource. So it is kept here, and is worth nothing once the stack says that it
//! changed. Losing the file costs the calls again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::live::Live;
use super::sweep::Swept;
use super::vouch::Types;

/// So often at most is the file written while a run goes on.
const BREATH: Duration = Duration::from_millis(500);
/// So many stacks are remembered at most; past that it begins anew.
const MOST: usize = 20_000;

/// What was read of stacks and holds while they do not change.
#[derive(Default)]
pub(super) struct Memory {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    loaded: bool,
    kept: Kept,
    unsaved: bool,
    saved: Option<Instant>,
}

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    stacks: BTreeMap<String, Known>,
    /// By account and region: of which types drift can be detected there.
    types: BTreeMap<String, Types>,
}

/// What is known of one stack, and as of when.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Known {
    version: String,
    /// The digest of the template it was deployed with.
    template: Option<String>,
    /// What the last full look for drift found.
    #[serde(default)]
    swept: Option<Swept>,
}

impl Memory {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, state: Mutex::default() }
    }

    /// Whether a stack was deployed with this template, where that is known.
    pub(super) fn is_template(&self, live: &Live, text: &str) -> Option<bool> {
        let state = self.state();
        let known = state.kept.stacks.get(&live.id).filter(|known| known.version == live.version())?;
        known.template.as_ref().map(|template| *template == digest(text))
    }

    /// Remembers which template a stack was deployed with.
    pub(super) fn learn(&self, live: &Live, text: &str) {
        self.change(live, |known| known.template = Some(digest(text)));
    }

    /// What the last full look for drift at this version of a stack found, and the looks that go by it.
    pub(super) fn swept(&self, live: &Live) -> Option<Swept> {
        let state = self.state();
        state.kept.stacks.get(&live.id).filter(|known| known.version == live.version())?.swept.clone()
    }

    pub(super) fn sweep(&self, live: &Live, swept: Swept) {
        self.change(live, |known| known.swept = Some(swept));
    }

    /// Of which types drift can be detected in an account and region.
    pub(super) fn types(&self, place: &str) -> Types {
        self.state().kept.types.get(place).cloned().unwrap_or_default()
    }

    pub(super) fn learn_types(&self, place: &str, learn: impl FnOnce(&mut Types)) {
        let mut state = self.state();
        learn(state.kept.types.entry(place.to_owned()).or_default());
        state.unsaved = true;
    }

    fn change(&self, live: &Live, change: impl FnOnce(&mut Known)) {
        let mut state = self.state();
        if state.kept.stacks.len() >= MOST {
            state.kept.stacks.clear();
        }
        let version = live.version();
        let known = state.kept.stacks.get(&live.id).filter(|known| known.version == version).cloned();
        let mut known = known.unwrap_or(Known { version, template: None, swept: None });
        change(&mut known);
        state.unsaved |= state.kept.stacks.insert(live.id.clone(), known.clone()) != Some(known);
        if state.saved.is_none_or(|saved| saved.elapsed() > BREATH) {
            self.save(&mut state);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.loaded {
            state.loaded = true;
            // A file that is not there or is broken only costs what it would have spared.
            let read = self.file.as_ref().and_then(|file| std::fs::read(file).ok());
            state.kept = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        }
        state
    }

    /// Whole or not at all: another process may read it meanwhile.
    fn save(&self, state: &mut State) {
        state.saved = Some(Instant::now());
        let Some(file) = self.file.as_ref().filter(|_| state.unsaved) else { return };
        state.unsaved = false;
        let written = (|| {
            let folder = file.parent().expect("a file stands in a folder");
            std::fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut new, &state.kept)?;
            new.persist(file).map_err(|error| error.error)?;
            std::io::Result::Ok(())
        })();
        if let Err(error) = written {
            tracing::debug!(%error, "what was learned of stacks could not be kept");
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut state = std::mem::take(&mut *self.state());
        self.save(&mut state);
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::live;
    use super::*;

    #[test]
    fn a_template_is_known_until_the_stack_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("deep/stacks.json");
        let before = live("jobs", "UPDATE_COMPLETE");
        let memory = Memory::new(Some(file.clone()));
        assert_eq!(memory.is_template(&before, "a"), None);
        memory.learn(&before, "a");
        drop(memory);

        let memory = Memory::new(Some(file.clone()));
        assert_eq!((memory.is_template(&before, "a"), memory.is_template(&before, "b")), (Some(true), Some(false)));
        let later = Live { revision: "2026-02-02T00:00:00Z".into(), ..before.clone() };
        let rolled_back = live("jobs", "UPDATE_ROLLBACK_COMPLETE");
        assert_eq!((memory.is_template(&later, "a"), memory.is_template(&rolled_back, "a")), (None, None));
        drop(memory);

        std::fs::write(&file, "{broken").expect("writable");
        assert_eq!(Memory::new(Some(file)).is_template(&before, "a"), None);
    }
}
