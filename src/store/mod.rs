//! What is remembered between runs: which units were applied, the cases, what has still to be told
//! of them, and who asked for what.
//!
//! Losing the store loses history, never truth: an empty store never means "create everything",
//! and nothing is deleted because of it. The only room with `sqlx`. Every value that is kept has
//! been masked before it comes here.

mod applied;
mod audit;
mod cases;
mod looked;
mod outbox;
#[cfg(test)]
mod tests;

pub use cases::{KeptCase, Step};
pub use outbox::{Notice, Outgoing, What};

use std::path::{Path, PathBuf};

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

/// A SQLite file.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make the folder of the store `{}`", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot open the store `{}`", path.display())]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("cannot bring the store `{}` up to date", path.display())]
    Migrate { path: PathBuf, source: sqlx::migrate::MigrateError },
    #[error("cannot {deed} the store")]
    Query { deed: &'static str, source: sqlx::Error },
    #[error("the store holds something that cannot be read")]
    Broken(#[from] serde_json::Error),
}

impl Store {
    /// Opens a file, or makes it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        }
        keep_private(path).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A drift run and the service may write in the same moment.
            .busy_timeout(std::time::Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await;
        let pool = pool.map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        migrator().run(&pool).await.map_err(|source| StoreError::Migrate { path: path.to_owned(), source })?;
        Ok(Self { pool })
    }
}

/// The steps from an empty file to today's tables. A step that was released is never edited.
fn migrator() -> Migrator {
    let first = Migration::new(
        1,
        "what was applied, and cases".into(),
        MigrationType::Simple,
        include_str!("1_applied_and_cases.sql").into_sql_str(),
        false,
    );
    let second = Migration::new(
        2,
        "cases by key, outbox, audit".into(),
        MigrationType::Simple,
        include_str!("2_triage.sql").into_sql_str(),
        false,
    );
    Migrator::with_migrations(vec![first, second])
}

/// Makes the file for its owner only, where it is not there yet: it holds the key of digests.
fn keep_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn read(source: sqlx::Error) -> StoreError {
    StoreError::Query { deed: "read", source }
}

fn write(source: sqlx::Error) -> StoreError {
    StoreError::Query { deed: "write to", source }
}
