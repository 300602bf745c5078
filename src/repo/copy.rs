//! A bare copy of a repository that is elsewhere, brought up to date before each use.
//!
//! The copy's branches and tags are the remote's: what is gone there goes here. A first copy is made
//! beside its place and renamed when whole, so that a process killed halfway leaves nothing that
//! looks like a copy. A file lock keeps two processes from one copy; it ends with its process.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::fetch;
use super::location::{copy_name, shown};
use super::{Access, RepoError};

/// What a fetch gets to stop by itself once it is told to.
const GRACE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Brings the copy of a URL below `cache` up to date, and opens it.
pub(super) fn refreshed(url: &gix::Url, cache: &Path, access: &Access) -> Result<gix::ThreadSafeRepository, RepoError> {
    let after = access.timeout;
    let stop = Arc::new(AtomicBool::new(false));
    let (done, result) = mpsc::channel();
    // On a thread of its own: a read from a dead connection cannot be interrupted, only left behind.
    std::thread::spawn({
        let copy = Copy { url: url.clone(), cache: cache.to_owned(), access: access.clone(), stop: stop.clone() };
        move || {
            // Nobody listens any more where the wait has ended.
            let _ = done.send(copy.refresh());
        }
    });
    match result.recv_timeout(after) {
        Ok(refreshed) => refreshed,
        Err(RecvTimeoutError::Timeout) => {
            stop.store(true, Ordering::SeqCst);
            match result.recv_timeout(GRACE) {
                Ok(Err(busy @ RepoError::Busy { .. })) => Err(busy),
                Ok(Ok(_) | Err(_)) | Err(_) => Err(RepoError::TimedOut { url: shown(url), after }),
            }
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(RepoError::Fetch { url: shown(url), source: "the fetch broke off".into() })
        }
    }
}

struct Copy {
    url: gix::Url,
    cache: PathBuf,
    access: Access,
    stop: Arc<AtomicBool>,
}

impl Copy {
    fn refresh(&self) -> Result<gix::ThreadSafeRepository, RepoError> {
        let name = copy_name(&self.url);
        let place = self.cache.join(format!("{name}.git"));
        fs::create_dir_all(&self.cache).map_err(|error| self.cannot_keep(&self.cache, error))?;
        let _lock = self.lock(&self.cache.join(format!("{name}.lock")))?;
        if let Ok(repository) = options().open(&place) {
            fetch::fetch(&repository.to_thread_local(), &self.url, &self.access, &self.stop)?;
            return options().open(&place).map_err(|error| self.cannot_keep(&place, error));
        }
        self.begin(&place)
    }

    /// Makes the first copy, or replaces one that cannot be opened.
    fn begin(&self, place: &Path) -> Result<gix::ThreadSafeRepository, RepoError> {
        let beside = place.with_extension("new");
        for leftover in [beside.as_path(), place] {
            if leftover.exists() {
                fs::remove_dir_all(leftover).map_err(|error| self.cannot_keep(leftover, error))?;
            }
        }
        let create = gix::create::Options::default();
        let fresh = gix::ThreadSafeRepository::init_opts(&beside, gix::create::Kind::Bare, create, options())
            .map_err(|error| self.cannot_keep(&beside, error))?;
        let fetched = fetch::fetch(&fresh.to_thread_local(), &self.url, &self.access, &self.stop);
        drop(fresh);
        if fetched.is_err() {
            // The error of the fetch is the one to tell; what is left is removed by the next run.
            let _ = fs::remove_dir_all(&beside);
        }
        fetched?;
        fs::rename(&beside, place).map_err(|error| self.cannot_keep(place, error))?;
        options().open(place).map_err(|error| self.cannot_keep(place, error))
    }

    fn lock(&self, path: &Path) -> Result<File, RepoError> {
        let file = File::create(path).map_err(|error| self.cannot_keep(path, error))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if self.stop.load(Ordering::SeqCst) => {
                    return Err(RepoError::Busy { url: shown(&self.url), after: self.access.timeout });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(self.cannot_keep(path, error)),
            }
        }
    }

    fn cannot_keep(&self, path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepoError {
        RepoError::Copy { url: shown(&self.url), path: path.to_owned(), source: error.into() }
    }
}

/// The repository's own configuration and nothing else: no user's, no system's, no environment.
pub(super) fn options() -> gix::open::Options {
    // A replaced object would be another one than its hash says.
    gix::open::Options::isolated().config_overrides([
        "gitoxide.objects.noReplace=true",
        "user.name=groundplan",
        "user.email=groundplan@localhost",
    ])
}
