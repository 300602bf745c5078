//! What is kept of an installation as a whole: its key, and where it has looked before.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, read, write};
use crate::cases::InstallKey;
use crate::unit::EnvironmentName;

impl Store {
    /// The key that digests of live values are made with; it leaves this file for nowhere.
    pub async fn install_key(&self) -> Result<InstallKey, StoreError> {
        let query = sqlx::query("SELECT value FROM setting WHERE name = 'install_key'");
        let row = query.fetch_one(&self.pool).await.map_err(read)?;
        Ok(InstallKey::new(row.get::<String, _>("value").into_bytes()))
    }

    /// Whether an environment was looked at before.
    pub async fn has_looked(&self, repository: &str, environment: &EnvironmentName) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT at FROM looked WHERE repository = ? AND environment = ?");
        let row = query.bind(repository).bind(environment.as_str()).fetch_optional(&self.pool).await;
        Ok(row.map_err(read)?.is_some())
    }

    pub async fn remember_look(
        &self,
        repository: &str,
        environment: &EnvironmentName,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO looked (repository, environment, at) VALUES (?, ?, ?)
                      ON CONFLICT (repository, environment) DO UPDATE SET at = excluded.at";
        let query = sqlx::query(insert).bind(repository).bind(environment.as_str()).bind(at.to_string());
        query.execute(&self.pool).await.map(drop).map_err(write)
    }
}
