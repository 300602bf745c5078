//! Which units were applied, so that one that somebody deleted is told from one never made.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError};
use crate::repo::CommitId;
use crate::unit::{EnvironmentName, UnitId};

impl Store {
    pub async fn remember_applied(
        &self,
        repository: &str,
        environment: &EnvironmentName,
        units: &[UnitId],
        commit: &CommitId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let failed = |source| StoreError::Query { deed: "write to", source };
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        for unit in units {
            let insert = "INSERT INTO applied (repository, environment, unit, commit_id, at) VALUES ($1, $2, $3, $4, $5)
                          ON CONFLICT (repository, environment, unit) DO UPDATE SET commit_id = excluded.commit_id, at = excluded.at";
            let query = sqlx::query(insert).bind(repository).bind(environment.as_str()).bind(unit.as_str());
            query.bind(commit.as_str()).bind(at.to_string()).execute(&mut *transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    pub async fn forget_applied(
        &self,
        repository: &str,
        environment: &EnvironmentName,
        units: &[UnitId],
    ) -> Result<(), StoreError> {
        for unit in units {
            let query = sqlx::query("DELETE FROM applied WHERE repository = $1 AND environment = $2 AND unit = $3");
            let query = query.bind(repository).bind(environment.as_str()).bind(unit.as_str());
            query.execute(&self.pool).await.map_err(|source| StoreError::Query { deed: "write to", source })?;
        }
        Ok(())
    }

    pub async fn applied(
        &self,
        repository: &str,
        environment: &EnvironmentName,
    ) -> Result<BTreeSet<UnitId>, StoreError> {
        let query = sqlx::query("SELECT unit FROM applied WHERE repository = $1 AND environment = $2");
        let rows = query.bind(repository).bind(environment.as_str()).fetch_all(&self.pool).await;
        let rows = rows.map_err(|source| StoreError::Query { deed: "read", source })?;
        Ok(rows.into_iter().map(|row| UnitId::new(row.get::<String, _>("unit"))).collect())
    }
}
