//! What is remembered between runs: which units were applied, the cases, what has still to be told
//! of them, and who asked for what.
//!
//! Losing the store loses history, never truth: an empty store never means "create everything",
//! and nothing is deleted because of it. The only room with `sqlx`. Every value that is kept has
//! been masked before it comes here.

mod applied;
mod audit;
mod backlog;
mod cases;
mod lease;
mod looked;
mod open;
mod outbox;
mod reply;
#[cfg(test)]
mod tests;

pub use cases::{KeptCase, Step};
pub use lease::Lease;
pub use looked::Looked;
pub use open::StoreLocation;
pub use outbox::{Notice, Outgoing, What};
pub use reply::{Part, Reply, Told, words};

use sqlx::AnyPool;
use sqlx::{Any, Transaction};

/// A SQLite file, or a PostgreSQL database that several processes share. A copy shares its
/// connections.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Store")
    }
}

/// Where the two databases differ, and nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dialect {
    Sqlite,
    Postgres,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make the folder of the store `{location}`")]
    Folder { location: String, source: std::io::Error },
    #[error("cannot open the store `{location}`")]
    Open { location: String, source: sqlx::Error },
    #[error("cannot bring the store `{location}` up to date")]
    Migrate { location: String, source: sqlx::migrate::MigrateError },
    #[error("cannot {deed} the store")]
    Query { deed: &'static str, source: sqlx::Error },
    #[error("the store holds something that cannot be read")]
    Broken(#[from] serde_json::Error),
}

impl Store {
    /// Begins a transaction that no other writer comes between.
    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(write),
            Dialect::Postgres => {
                let mut transaction = self.pool.begin().await.map_err(write)?;
                // The chain of the audit has one end, and cases are counted: writers take turns, readers go on.
                let lock = sqlx::query("LOCK TABLE audit IN EXCLUSIVE MODE");
                lock.execute(&mut *transaction).await.map_err(write)?;
                Ok(transaction)
            }
        }
    }
}

fn read(source: sqlx::Error) -> StoreError {
    StoreError::Query { deed: "read", source }
}

fn write(source: sqlx::Error) -> StoreError {
    StoreError::Query { deed: "write to", source }
}
