//! What piled up while Slack took nothing.

use jiff::Timestamp;
use sqlx::Row;

use super::outbox::{milliseconds, want_case, want_notice};
use super::{KeptCase, Notice, Step, Store, StoreError, cases, read, write};
use crate::cases::Case;

impl Store {
    /// The cases whose message to a channel is not sent yet, each with since when; the one that waits longest first.
    pub async fn waiting(&self, alerts: &str) -> Result<Vec<(KeptCase, Timestamp)>, StoreError> {
        let waiting = "SELECT body, channel, message, since FROM drift_case JOIN outbox ON name = id
                       WHERE outbox.alerts = $1 AND thread IS NULL AND notice IS NULL ORDER BY since, number";
        let rows = sqlx::query(waiting).bind(alerts).fetch_all(&self.pool).await.map_err(read)?;
        let waits = |row: sqlx::any::AnyRow| {
            let since = Timestamp::from_millisecond(row.get("since")).unwrap_or(Timestamp::MAX);
            Ok((cases::kept(row)?, since))
        };
        rows.into_iter().map(waits).collect()
    }

    /// Has cases told by `notice`, in the place of messages of their own; one that is being sent, or that somebody
    /// changed meanwhile, keeps its message.
    pub async fn list_instead(&self, listed: &[Case], notice: &Notice, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for case in listed {
            let untaken = "DELETE FROM outbox WHERE name = $1 AND taken_until <= $2";
            let query = sqlx::query(untaken).bind(&case.id).bind(milliseconds(at));
            if query.execute(&mut *transaction).await.map_err(write)?.rows_affected() == 0 {
                continue;
            }
            let quiet = Case { quiet: true, ..case.clone() };
            let step = Step { before: Some(case.revision), case: quiet, tell: false, audit: None };
            if cases::set(&mut transaction, &step).await? {
                let replies = sqlx::query("DELETE FROM outbox WHERE thread = $1").bind(&case.id);
                replies.execute(&mut *transaction).await.map_err(write)?;
            } else {
                want_case(&mut transaction, case, at).await?;
            }
        }
        want_notice(&mut transaction, notice, at).await?;
        transaction.commit().await.map_err(write)
    }
}
