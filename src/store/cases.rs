//! Cases, each with the message it is told in.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Notice, Store, StoreError, audit, outbox, read, reply, write};
use crate::cases::{AuditEntry, Case, CaseState};
use crate::unit::EnvironmentName;

/// A case and where it was told.
#[derive(Clone, PartialEq, Debug)]
pub struct KeptCase {
    pub case: Case,
    /// The channel and the message's time stamp; none before it was sent.
    pub told: Option<(String, String)>,
}

/// One case to be kept, in place of the one with revision `before`; none for a new one.
#[derive(Clone, Debug)]
pub struct Step {
    pub before: Option<u64>,
    pub case: Case,
    /// Whether people have to be told.
    pub tell: bool,
    pub audit: Option<AuditEntry>,
}

impl Store {
    /// The cases of an environment that are not resolved yet, the oldest first.
    pub async fn open_cases(
        &self,
        repository: &str,
        environment: &EnvironmentName,
    ) -> Result<Vec<KeptCase>, StoreError> {
        let of_here = "SELECT body, channel, message FROM drift_case
                       WHERE repository = $1 AND environment = $2 AND is_open = 1 ORDER BY number";
        let query = sqlx::query(of_here).bind(repository).bind(environment.as_str());
        query.fetch_all(&self.pool).await.map_err(read)?.into_iter().map(kept).collect()
    }

    /// The last case of a drift, resolved or not.
    pub async fn last_case(
        &self,
        repository: &str,
        environment: &EnvironmentName,
        key: &str,
    ) -> Result<Option<KeptCase>, StoreError> {
        let of_key = "SELECT body, channel, message FROM drift_case
                      WHERE repository = $1 AND environment = $2 AND case_key = $3 ORDER BY number DESC LIMIT 1";
        let query = sqlx::query(of_key).bind(repository).bind(environment.as_str()).bind(key);
        query.fetch_optional(&self.pool).await.map_err(read)?.map(kept).transpose()
    }

    pub async fn case(&self, id: &str) -> Result<Option<KeptCase>, StoreError> {
        let query = sqlx::query("SELECT body, channel, message FROM drift_case WHERE id = $1");
        query.bind(id).fetch_optional(&self.pool).await.map_err(read)?.map(kept).transpose()
    }

    /// Every case there is, the youngest first.
    pub async fn all_cases(&self) -> Result<Vec<KeptCase>, StoreError> {
        let query = sqlx::query("SELECT body, channel, message FROM drift_case ORDER BY number DESC");
        query.fetch_all(&self.pool).await.map_err(read)?.into_iter().map(kept).collect()
    }

    /// The cases that are not resolved yet, of every environment, the oldest first.
    pub async fn every_open_case(&self) -> Result<Vec<KeptCase>, StoreError> {
        let open = "SELECT body, channel, message FROM drift_case WHERE is_open = 1 ORDER BY number";
        sqlx::query(open).fetch_all(&self.pool).await.map_err(read)?.into_iter().map(kept).collect()
    }

    /// The cases that a sync was under way for, or asked for, when they were kept.
    pub async fn unfinished_cases(&self) -> Result<Vec<KeptCase>, StoreError> {
        let mut open = self.every_open_case().await?;
        open.retain(|kept| matches!(kept.case.state, CaseState::SyncRequested { .. } | CaseState::Syncing { .. }));
        Ok(open)
    }

    /// Keeps cases, with what is to be told of them and who asked for it, all in one transaction.
    ///
    /// Says of each whether it was kept: it was not where another was quicker. Of two who press one
    /// button, one syncs.
    pub async fn keep(&self, steps: &[Step], notices: &[Notice], at: Timestamp) -> Result<Vec<bool>, StoreError> {
        let mut transaction = self.begin().await?;
        let mut all = Vec::new();
        for step in steps {
            let kept = set(&mut transaction, step).await?;
            if kept && step.tell {
                outbox::want_case(&mut transaction, &step.case, at).await?;
                reply::want_replies(&mut transaction, &step.case, at).await?;
            }
            if let (true, Some(entry)) = (kept, &step.audit) {
                audit::append(&mut transaction, entry.clone()).await?;
            }
            all.push(kept);
        }
        for notice in notices {
            outbox::want_notice(&mut transaction, notice, at).await?;
        }
        transaction.commit().await.map_err(write)?;
        Ok(all)
    }
}

pub(super) async fn set(connection: &mut AnyConnection, step: &Step) -> Result<bool, StoreError> {
    let Step { before, case, .. } = step;
    let body = serde_json::to_string(case)?;
    let query = match before {
        None => {
            let insert =
                "INSERT INTO drift_case (revision, is_open, body, id, repository, environment, case_key, number)
                          VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT COALESCE(MAX(number), 0) + 1 FROM drift_case))
                          ON CONFLICT DO NOTHING";
            let query = sqlx::query(insert).bind(revision(case.revision)).bind(is_open(case)).bind(body).bind(&case.id);
            query.bind(&case.repository).bind(case.environment.as_str()).bind(&case.key)
        }
        Some(before) => {
            // A case that comes back while another one of the same drift is open stays where it is.
            let update = "UPDATE drift_case SET revision = $1, is_open = $2, body = $3, case_key = $4
                          WHERE id = $5 AND revision = $6 AND ($2 = 0 OR NOT EXISTS (
                              SELECT 1 FROM drift_case AS other
                              WHERE other.repository = $7 AND other.environment = $8 AND other.case_key = $4
                                  AND other.is_open = 1 AND other.id <> $5))";
            let query = sqlx::query(update).bind(revision(case.revision)).bind(is_open(case)).bind(body);
            let query = query.bind(&case.key).bind(&case.id).bind(revision(*before));
            query.bind(&case.repository).bind(case.environment.as_str())
        }
    };
    Ok(query.execute(connection).await.map_err(write)?.rows_affected() == 1)
}

pub(super) fn kept(row: AnyRow) -> Result<KeptCase, StoreError> {
    let case = serde_json::from_str(&row.get::<String, _>("body"))?;
    let told = row.get::<Option<String>, _>("channel").zip(row.get::<Option<String>, _>("message"));
    Ok(KeptCase { case, told })
}

fn revision(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn is_open(case: &Case) -> i64 {
    i64::from(!case.state.is_resolved())
}
