//! The audit: only ever added to, and the file itself refuses anything else.

use sqlx::AnyConnection;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, read, reply, write};
use crate::cases::{AuditEntry, AuditRecord};

impl Store {
    /// Adds what was asked for and led to no change of a case: a refusal, a look.
    pub async fn note(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let (case, at) = (entry.case.clone(), entry.at);
        append(&mut transaction, entry).await?;
        reply::want_activity(&mut transaction, &case, at).await?;
        transaction.commit().await.map_err(write)
    }

    /// Every record, in order.
    pub async fn audit(&self) -> Result<Vec<AuditRecord>, StoreError> {
        let rows = sqlx::query("SELECT body FROM audit ORDER BY sequence").fetch_all(&self.pool).await.map_err(read)?;
        rows.iter().map(record).collect()
    }
}

/// Behind the last one, inside a transaction that nobody else writes in.
pub(super) async fn append(connection: &mut AnyConnection, entry: AuditEntry) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT body FROM audit ORDER BY sequence DESC LIMIT 1");
    let last = last.fetch_optional(&mut *connection).await.map_err(read)?;
    let record = entry.seal(last.as_ref().map(record).transpose()?.as_ref());
    let query = sqlx::query("INSERT INTO audit (sequence, body) VALUES ($1, $2)");
    let query = query.bind(i64::try_from(record.sequence).unwrap_or(i64::MAX)).bind(serde_json::to_string(&record)?);
    query.execute(connection).await.map(drop).map_err(write)
}

pub(super) fn record(row: &AnyRow) -> Result<AuditRecord, StoreError> {
    Ok(serde_json::from_str(&row.get::<String, _>("body"))?)
}
