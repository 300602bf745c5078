//! What has still to be told, kept in the same transaction as what it tells.
//!
//! One row a message, and a row says only *that* something has to be told: whoever sends it reads
//! the case as it is then, so the latest wins and nothing queues up while Slack is down.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use sqlx::AssertSqlSafe;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{KeptCase, Reply, Store, StoreError, Told, cases, read, reply, write};
use crate::cases::{Case, Risk};

/// A few words that are no case: a digest, a warning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The same words under the same name are told once.
    pub name: String,
    pub alerts: Option<String>,
    pub text: String,
}

/// One message that is due.
#[derive(Clone, PartialEq, Debug)]
pub struct Outgoing {
    pub name: String,
    pub what: What,
    pub attempts: u32,
    /// Nobody has begun to send it: it stands nowhere yet, and need not be looked for.
    pub is_untried: bool,
    /// Counts what was wanted: what changed while it was sent is still due.
    wanted: i64,
}

#[derive(Clone, PartialEq, Debug)]
pub enum What {
    Case(Box<KeptCase>),
    /// With where these words, or older ones of the same name, were told before.
    Notice(Notice, Option<Told>),
    Reply(Box<Reply>),
}

/// A reply waits for the message that it answers.
const READY: &str = "(thread IS NULL OR EXISTS (
                         SELECT 1 FROM drift_case WHERE id = outbox.thread AND drift_case.channel IS NOT NULL))";

impl Store {
    /// The channels' names for which something is due; an empty name is the default one.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let due = format!("SELECT DISTINCT alerts FROM outbox WHERE next_at <= $1 AND taken_until <= $2 AND {READY}");
        let rows =
            sqlx::query(AssertSqlSafe(due)).bind(milliseconds(now)).bind(milliseconds(now)).fetch_all(&self.pool).await;
        Ok(rows.map_err(read)?.into_iter().map(|row| row.get("alerts")).collect())
    }

    /// Takes the most urgent message of a channel, for as long as `hold`: no other process sends it
    /// meanwhile, and if this one dies, another may then.
    pub async fn take_due(
        &self,
        alerts: &str,
        now: Timestamp,
        hold: SignedDuration,
    ) -> Result<Option<Outgoing>, StoreError> {
        let now_at = milliseconds(now);
        let next = format!(
            "SELECT name, taken_until FROM outbox WHERE alerts = $1 AND next_at <= $2 AND taken_until <= $3 AND {READY}
             ORDER BY urgency, since LIMIT 1"
        );
        let query = sqlx::query(AssertSqlSafe(next)).bind(alerts).bind(now_at).bind(now_at);
        let Some(row) = query.fetch_optional(&self.pool).await.map_err(read)? else { return Ok(None) };
        let (name, before): (String, i64) = (row.get("name"), row.get("taken_until"));
        // Another process may take it in between: then it is theirs.
        let take = "UPDATE outbox SET taken_until = $1 WHERE name = $2 AND taken_until = $3
                    RETURNING notice, thread, wanted, attempts";
        let query = sqlx::query(take).bind(milliseconds(now + hold)).bind(&name).bind(before);
        let Some(row) = query.fetch_optional(&self.pool).await.map_err(write)? else { return Ok(None) };
        let attempts = u32::try_from(row.get::<i64, _>("attempts")).unwrap_or(u32::MAX);
        let Some(what) = self.content(&name, alerts, &row).await? else { return Ok(None) };
        Ok(Some(Outgoing { name, what, attempts, is_untried: attempts == 0 && before == 0, wanted: row.get("wanted") }))
    }

    async fn content(&self, name: &str, alerts: &str, row: &AnyRow) -> Result<Option<What>, StoreError> {
        if let Some(text) = row.get::<Option<String>, _>("notice") {
            let alerts = Some(alerts.to_owned()).filter(|alerts| !alerts.is_empty());
            let notice = Notice { name: name.to_owned(), alerts, text };
            return Ok(Some(What::Notice(notice, self.told_as(name).await?)));
        }
        if let Some(case) = row.get::<Option<String>, _>("thread") {
            return Ok(self.reply(name, &case).await?.map(|reply| What::Reply(Box::new(reply))));
        }
        let query = sqlx::query("SELECT body, channel, message FROM drift_case WHERE id = $1").bind(name);
        let row = query.fetch_optional(&self.pool).await.map_err(read)?;
        row.map(|row| cases::kept(row).map(|kept| What::Case(Box::new(kept)))).transpose()
    }

    /// It was told there, or there was nothing to tell. It stays due where it changed meanwhile.
    pub async fn told(&self, sent: &Outgoing, told: Option<&Told>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        match (&sent.what, told) {
            (What::Case(kept), Some(Told { channel, message, .. })) => {
                let query = sqlx::query("UPDATE drift_case SET channel = $1, message = $2 WHERE id = $3");
                let query = query.bind(channel).bind(message).bind(&kept.case.id);
                query.execute(&mut *transaction).await.map_err(write)?;
            }
            (What::Notice(..) | What::Reply(_), Some(told)) => {
                reply::remember(&mut transaction, &sent.name, told).await?;
            }
            (What::Case(_) | What::Notice(..) | What::Reply(_), None) => {}
        }
        let done = sqlx::query("DELETE FROM outbox WHERE name = $1 AND wanted = $2").bind(&sent.name).bind(sent.wanted);
        done.execute(&mut *transaction).await.map_err(write)?;
        let again = "UPDATE outbox SET attempts = 0, next_at = 0, taken_until = 0, last_error = NULL WHERE name = $1";
        sqlx::query(again).bind(&sent.name).execute(&mut *transaction).await.map_err(write)?;
        transaction.commit().await.map_err(write)
    }

    /// It could not be told: again at `next`.
    pub async fn postpone(&self, sent: &Outgoing, error: &str, next: Timestamp) -> Result<(), StoreError> {
        let later = "UPDATE outbox SET attempts = attempts + 1, next_at = $1, taken_until = 0, last_error = $2
                     WHERE name = $3";
        let query = sqlx::query(later).bind(milliseconds(next)).bind(error).bind(&sent.name);
        query.execute(&self.pool).await.map(drop).map_err(write)
    }

    /// Whatever waits for another try may be tried now: someone asks for it.
    pub async fn hurry(&self) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE outbox SET next_at = 0 WHERE attempts > 0");
        query.execute(&self.pool).await.map(drop).map_err(write)
    }

    /// A message is no more: a new one is due at once, with its thread.
    pub async fn forget_message(&self, sent: &Outgoing) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let query = sqlx::query("UPDATE drift_case SET channel = NULL, message = NULL WHERE id = $1").bind(&sent.name);
        query.execute(&mut *transaction).await.map_err(write)?;
        let query = sqlx::query("DELETE FROM told WHERE name = $1").bind(&sent.name);
        query.execute(&mut *transaction).await.map_err(write)?;
        reply::forget(&mut transaction, &sent.name).await?;
        let query = sqlx::query("UPDATE outbox SET next_at = 0, taken_until = 0 WHERE name = $1").bind(&sent.name);
        query.execute(&mut *transaction).await.map_err(write)?;
        transaction.commit().await.map_err(write)
    }

    /// The cases whose message was tried before `since` and is not sent yet, each with why.
    pub async fn overdue(&self, since: Timestamp) -> Result<Vec<(Case, String)>, StoreError> {
        let overdue = "SELECT body, channel, message, last_error FROM drift_case JOIN outbox ON name = id
                       WHERE since <= $1 AND attempts > 0 AND thread IS NULL AND notice IS NULL ORDER BY number";
        let query = sqlx::query(overdue).bind(milliseconds(since));
        let rows = query.fetch_all(&self.pool).await.map_err(read)?;
        let told = |row: AnyRow| {
            let why: Option<String> = row.get("last_error");
            Ok((cases::kept(row)?.case, why.unwrap_or_default()))
        };
        rows.into_iter().map(told).collect()
    }

    /// Since when the message waits that waits longest, replies aside.
    pub async fn oldest_unsent(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest = "SELECT MIN(since) AS since FROM outbox WHERE thread IS NULL";
        let row = sqlx::query(oldest).fetch_one(&self.pool).await.map_err(read)?;
        let since: Option<i64> = row.get("since");
        Ok(since.and_then(|since| Timestamp::from_millisecond(since).ok()))
    }

    /// How many messages have not been sent, replies aside, and why the last one that failed was not.
    pub async fn unsent(&self) -> Result<(u64, Option<String>), StoreError> {
        let counted = "SELECT COUNT(*) AS unsent, MAX(last_error) AS error FROM outbox WHERE thread IS NULL";
        let row = sqlx::query(counted).fetch_one(&self.pool).await.map_err(read)?;
        Ok((u64::try_from(row.get::<i64, _>("unsent")).unwrap_or(0), row.get("error")))
    }
}

pub(super) async fn want_case(connection: &mut AnyConnection, case: &Case, at: Timestamp) -> Result<(), StoreError> {
    // What somebody waits for, then what is risky, then the rest.
    let urgency = match (case.state.word(), case.weight.risk) {
        ("open" | "stale" | "resolved", Risk::Low | Risk::Medium) => 2,
        ("open" | "stale" | "resolved", Risk::Risky) => 1,
        (_, _) => 0,
    };
    want(
        connection,
        &Wanted { name: &case.id, alerts: case.alerts.as_deref(), notice: None, thread: None, urgency },
        at,
    )
    .await
}

pub(super) async fn want_notice(
    connection: &mut AnyConnection,
    notice: &Notice,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Notice { name, alerts, text } = notice;
    want(connection, &Wanted { name, alerts: alerts.as_deref(), notice: Some(text), thread: None, urgency: 3 }, at)
        .await
}

pub(super) async fn want_reply(
    connection: &mut AnyConnection,
    name: &str,
    case: &str,
    alerts: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    want(connection, &Wanted { name, alerts, notice: None, thread: Some(case), urgency: 4 }, at).await
}

/// One row to be.
struct Wanted<'a> {
    name: &'a str,
    alerts: Option<&'a str>,
    notice: Option<&'a str>,
    thread: Option<&'a str>,
    urgency: i64,
}

async fn want(connection: &mut AnyConnection, wanted: &Wanted<'_>, at: Timestamp) -> Result<(), StoreError> {
    let Wanted { name, alerts, notice, thread, urgency } = wanted;
    let want =
        "INSERT INTO outbox (name, alerts, notice, thread, urgency, wanted, since, attempts, next_at, taken_until)
                VALUES ($1, $2, $3, $4, $5, 1, $6, 0, 0, 0)
                ON CONFLICT (name) DO UPDATE SET wanted = outbox.wanted + 1, urgency = excluded.urgency,
                    notice = excluded.notice, alerts = excluded.alerts";
    let query = sqlx::query(want).bind(name).bind(alerts.unwrap_or("")).bind(notice).bind(thread).bind(urgency);
    query.bind(milliseconds(at)).execute(connection).await.map(drop).map_err(write)
}

pub(super) fn milliseconds(at: Timestamp) -> i64 {
    at.as_millisecond()
}
