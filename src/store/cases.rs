//! Cases, each with the message it is told in.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};
use crate::cases::{Case, CaseState};
use crate::unit::EnvironmentName;

/// A case and where it was told.
#[derive(Clone, PartialEq, Debug)]
pub struct KeptCase {
    pub case: Case,
    /// The channel and the message's time stamp; none before it was sent.
    pub told: Option<(String, String)>,
}

impl Store {
    /// The case of an environment that is not resolved yet.
    pub async fn open_case(
        &self,
        repository: &str,
        environment: &EnvironmentName,
    ) -> Result<Option<KeptCase>, StoreError> {
        let query = sqlx::query(
            "SELECT body, channel, message FROM drift_case WHERE repository = ? AND environment = ? AND is_open = 1",
        );
        let row = query.bind(repository).bind(environment.as_str()).fetch_optional(&self.pool).await;
        kept(row.map_err(|source| StoreError::Query { deed: "read", source })?)
    }

    pub async fn case(&self, id: &str) -> Result<Option<KeptCase>, StoreError> {
        let query = sqlx::query("SELECT body, channel, message FROM drift_case WHERE id = ?");
        let row = query.bind(id).fetch_optional(&self.pool).await;
        kept(row.map_err(|source| StoreError::Query { deed: "read", source })?)
    }

    /// The cases that a sync was under way for, or asked for, when they were kept.
    pub async fn unfinished_cases(&self) -> Result<Vec<KeptCase>, StoreError> {
        let rows =
            sqlx::query("SELECT body, channel, message FROM drift_case WHERE is_open = 1").fetch_all(&self.pool).await;
        let rows = rows.map_err(|source| StoreError::Query { deed: "read", source })?;
        let all = rows.into_iter().filter_map(|row| kept(Some(row)).transpose());
        let unfinished = |kept: &Result<KeptCase, StoreError>| match kept {
            Ok(kept) => matches!(kept.case.state, CaseState::SyncRequested { .. } | CaseState::Syncing { .. }),
            Err(_) => true,
        };
        all.filter(unfinished).collect()
    }

    /// Adds a case that was not kept before.
    pub async fn add_case(&self, case: &Case) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO drift_case (id, repository, environment, revision, is_open, body) VALUES (?, ?, ?, ?, ?, ?)",
        );
        let query = query.bind(&case.id).bind(&case.repository).bind(case.environment.as_str()).bind(revision(case));
        let query = query.bind(is_open(case)).bind(serde_json::to_string(case)?);
        query.execute(&self.pool).await.map_err(|source| StoreError::Query { deed: "write to", source })?;
        Ok(())
    }

    /// Sets a case in place of one with revision `before`. False where another was quicker: of two
    /// who press one button, one syncs.
    pub async fn set_case(&self, case: &Case, before: u64) -> Result<bool, StoreError> {
        let query =
            sqlx::query("UPDATE drift_case SET revision = ?, is_open = ?, body = ? WHERE id = ? AND revision = ?");
        let query = query.bind(revision(case)).bind(is_open(case)).bind(serde_json::to_string(case)?).bind(&case.id);
        let done = query.bind(i64::try_from(before).unwrap_or(i64::MAX)).execute(&self.pool).await;
        let done = done.map_err(|source| StoreError::Query { deed: "write to", source })?;
        Ok(done.rows_affected() == 1)
    }

    /// Remembers where a case was told.
    pub async fn set_told(&self, id: &str, channel: &str, message: &str) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE drift_case SET channel = ?, message = ? WHERE id = ?");
        let done = query.bind(channel).bind(message).bind(id).execute(&self.pool).await;
        done.map_err(|source| StoreError::Query { deed: "write to", source })?;
        Ok(())
    }
}

fn kept(row: Option<SqliteRow>) -> Result<Option<KeptCase>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let case = serde_json::from_str(row.get::<&str, _>("body"))?;
    let told = row.get::<Option<String>, _>("channel").zip(row.get::<Option<String>, _>("message"));
    Ok(Some(KeptCase { case, told }))
}

fn revision(case: &Case) -> i64 {
    i64::try_from(case.revision).unwrap_or(i64::MAX)
}

fn is_open(case: &Case) -> bool {
    match case.state {
        CaseState::Resolved { .. } => false,
        CaseState::Open
        | CaseState::SyncRequested { .. }
        | CaseState::Syncing { .. }
        | CaseState::SyncFailed { .. }
        | CaseState::Stale { .. } => true,
    }
}
