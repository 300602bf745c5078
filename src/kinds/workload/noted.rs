//! Notes on this machine: what came of given bytes once, so that nobody works on the same bytes again.
//!
//! A note holds while everything that it came of is the same, byte for byte, and so is this program: all of that is
//! in its [`Key`], and the file begins with a checksum over key and note. Another key, a flipped byte, an end that
//! comes too early: then there is no note. There is one file for each thing that is noted, so they do not pile up;
//! only their owner can read them. Nothing of a Secret is ever noted, nor hashed into the key of what is written.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::rendering::{cache, keep};

/// Changes whenever a note, or what it says, is to be read in another way.
const FORMAT: u8 = 1;
const CHECKSUM: usize = 32;

/// Everything that a note came of, as one hash.
#[derive(Clone)]
pub(super) struct Key(Sha256);

impl Key {
    /// Of what this program makes of what is added.
    pub(super) fn new(about: &str) -> Self {
        static PROGRAM: LazyLock<String> = LazyLock::new(program);
        Self(Sha256::new()).with(about).with([FORMAT]).with(&*PROGRAM)
    }

    pub(super) fn with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.update((bytes.as_ref().len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    fn checksum(&self, note: &[u8]) -> [u8; CHECKSUM] {
        self.clone().with(note).0.finalize().into()
    }
}

/// What stands under a name, where it came of the same.
pub(super) fn read(name: &str, key: &Key) -> Option<Vec<u8>> {
    let file = fs::read(place(name)?).ok()?;
    let (checksum, note) = file.split_at_checked(CHECKSUM)?;
    (checksum == key.checksum(note)).then(|| note.to_vec())
}

/// Writes a note in the place of an older one of its name.
pub(super) fn write(name: &str, key: &Key, note: &[u8]) {
    if let Some(place) = place(name) {
        // Where it cannot be written, the next run takes its time.
        _ = keep(&place, &[&key.checksum(note), note].concat());
    }
}

/// Takes a note away that holds no more.
pub(super) fn forget(name: &str) {
    if let Some(place) = place(name) {
        _ = fs::remove_file(place);
    }
}

fn place(name: &str) -> Option<PathBuf> {
    Some(cache()?.join("noted").join(hex::encode(&Sha256::digest(name)[..16])))
}

/// Its version, and which build of it: one that is not released yet changes without another version.
fn program() -> String {
    let file = std::env::current_exe().and_then(fs::metadata);
    let built = file.and_then(|file| Ok((file.len(), file.modified()?)));
    let built = built.map(|(length, time)| (length, time.duration_since(UNIX_EPOCH).unwrap_or_default()));
    format!("{} {built:?}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_not_at_all_where_anything_is_another() {
        let name = format!("a note of process {}", std::process::id());
        let key = |of: &str| Key::new("test").with(of);
        let file = place(&name).expect("a test has a home");
        write(&name, &key("a"), b"what came of it");
        assert_eq!(read(&name, &key("a")).as_deref(), Some(&b"what came of it"[..]));
        assert!(read(&name, &key("b")).is_none() && read(&name, &key("a").with("")).is_none());
        let written = fs::read(&file).expect("it was written");
        for at in [0, CHECKSUM, written.len() - 1] {
            let mut flipped = written.clone();
            flipped[at] ^= 1;
            fs::write(&file, &flipped).expect("it is ours");
            assert!(read(&name, &key("a")).is_none(), "byte {at}");
            fs::write(&file, &written[..at]).expect("it is ours");
            assert!(read(&name, &key("a")).is_none(), "the first {at} bytes");
        }
        write(&name, &key("a"), b"");
        assert_eq!(read(&name, &key("a")).as_deref(), Some(&b""[..]));
        forget(&name);
        assert!(read(&name, &key("a")).is_none());
    }
}
