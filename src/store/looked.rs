//! What is kept of an installation as a whole: its key, and how it stands with its looks.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, read, write};
use crate::cases::InstallKey;
use crate::unit::EnvironmentName;

/// How it stands with the looks at an environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Looked {
    pub repository: String,
    pub environment: String,
    /// When the last one ended, well or not.
    pub at: Timestamp,
    /// When the last one that could read everything it needs ended.
    pub succeeded_at: Option<Timestamp>,
    /// How many in a row could not.
    pub failures: u32,
    pub last_error: Option<String>,
}

impl Store {
    /// The key that digests of live values are made with; it leaves this store for nowhere.
    pub async fn install_key(&self) -> Result<InstallKey, StoreError> {
        let query = sqlx::query("SELECT value FROM setting WHERE name = 'install_key'");
        let row = query.fetch_one(&self.pool).await.map_err(read)?;
        Ok(InstallKey::new(row.get::<String, _>("value").into_bytes()))
    }

    /// How it stands with the looks at an environment; none where nobody has looked yet.
    pub async fn looked(&self, repository: &str, environment: &EnvironmentName) -> Result<Option<Looked>, StoreError> {
        let all = self.all_looked().await?;
        let is_it = |looked: &Looked| looked.repository == repository && looked.environment == environment.as_str();
        Ok(all.into_iter().find(is_it))
    }

    /// How it stands with all looks, by environment.
    pub async fn all_looked(&self) -> Result<Vec<Looked>, StoreError> {
        let all = "SELECT repository, environment, at, succeeded_at, failures, last_error FROM looked
                   ORDER BY repository, environment";
        let rows = sqlx::query(all).fetch_all(&self.pool).await.map_err(read)?;
        let time = |text: String| text.parse::<Timestamp>().unwrap_or(Timestamp::UNIX_EPOCH);
        let looked = |row: sqlx::any::AnyRow| Looked {
            repository: row.get("repository"),
            environment: row.get("environment"),
            at: time(row.get("at")),
            succeeded_at: row.get::<Option<String>, _>("succeeded_at").map(time),
            failures: u32::try_from(row.get::<i64, _>("failures")).unwrap_or(u32::MAX),
            last_error: row.get("last_error"),
        };
        Ok(rows.into_iter().map(looked).collect())
    }

    /// A look ended, and told what it found.
    pub async fn remember_look(
        &self,
        repository: &str,
        environment: &EnvironmentName,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO looked (repository, environment, at, succeeded_at, failures)
                      VALUES ($1, $2, $3, $3, 0)
                      ON CONFLICT (repository, environment) DO UPDATE
                      SET at = excluded.at, succeeded_at = excluded.at, failures = 0, last_error = NULL";
        let query = sqlx::query(insert).bind(repository).bind(environment.as_str()).bind(at.to_string());
        query.execute(&self.pool).await.map(drop).map_err(write)
    }

    /// A look could not be made, so nothing can be said; returns how many in a row could not.
    pub async fn remember_failure(
        &self,
        repository: &str,
        environment: &EnvironmentName,
        at: Timestamp,
        error: &str,
    ) -> Result<u32, StoreError> {
        let insert = "INSERT INTO looked (repository, environment, at, failures, last_error) VALUES ($1, $2, $3, 1, $4)
                      ON CONFLICT (repository, environment) DO UPDATE
                      SET at = excluded.at, failures = looked.failures + 1, last_error = excluded.last_error
                      RETURNING failures";
        let query = sqlx::query(insert).bind(repository).bind(environment.as_str()).bind(at.to_string()).bind(error);
        let row = query.fetch_one(&self.pool).await.map_err(write)?;
        Ok(u32::try_from(row.get::<i64, _>("failures")).unwrap_or(u32::MAX))
    }
}
