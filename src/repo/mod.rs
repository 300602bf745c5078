//! The repository at one commit: its files, and nothing that can change.
//!
//! Blobs of a pinned commit are read from a bare copy, never from a work tree. Symlinks,
//! submodules and Git LFS pointers are kept as what they are, so that later rooms can name and
//! refuse them.

mod snapshot;

pub use snapshot::{CommitId, Entry, Snapshot};
