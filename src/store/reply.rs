//! Replies in the thread of a case: due whenever the case is told, sent after its own message, and
//! only where they say something new.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::outbox;
use super::{KeptCase, Notice, Store, StoreError, audit, cases, read, write};
use crate::cases::{AuditRecord, Case};

/// What a thread is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Every change in full, where the message of the case has no room for it.
    Changes,
    /// Who asked for what, and what came of it.
    Activity,
}

/// A reply with all that it is made from.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    pub part: Part,
    pub kept: KeptCase,
    /// The last of the case, in order.
    pub records: Vec<AuditRecord>,
    /// What was told already.
    pub told: Option<Told>,
}

/// Where something was told, and a digest of the words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    pub channel: String,
    pub message: String,
    pub words: String,
}

impl Part {
    const ALL: [Part; 2] = [Part::Changes, Part::Activity];

    fn word(self) -> &'static str {
        match self {
            Part::Changes => "changes",
            Part::Activity => "activity",
        }
    }

    fn name(self, case: &str) -> String {
        format!("{case}:{}", self.word())
    }

    pub(super) fn of(name: &str) -> Option<Part> {
        let word = name.rsplit_once(':').map(|(_, word)| word);
        Part::ALL.into_iter().find(|part| Some(part.word()) == word)
    }
}

impl Store {
    /// The reply that an outbox row asks for.
    pub(super) async fn reply(&self, name: &str, case: &str) -> Result<Option<Reply>, StoreError> {
        let (Some(part), Some(kept)) = (Part::of(name), self.case(case).await?) else { return Ok(None) };
        let records = match part {
            Part::Changes => Vec::new(),
            Part::Activity => self.audit_of(case).await?,
        };
        Ok(Some(Reply { part, kept, records, told: self.told_as(name).await? }))
    }

    pub(super) async fn told_as(&self, name: &str) -> Result<Option<Told>, StoreError> {
        let query = sqlx::query("SELECT channel, message, words FROM told WHERE name = $1").bind(name);
        let row = query.fetch_optional(&self.pool).await.map_err(read)?;
        let told =
            |row: AnyRow| Told { channel: row.get("channel"), message: row.get("message"), words: row.get("words") };
        Ok(row.map(told))
    }

    /// Whether a notice was told in just these words, or waits to be.
    pub async fn is_said(&self, notice: &Notice) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT notice FROM outbox WHERE name = $1").bind(&notice.name);
        if let Some(row) = query.fetch_optional(&self.pool).await.map_err(read)? {
            return Ok(row.get::<Option<String>, _>("notice").as_ref() == Some(&notice.text));
        }
        let told = self.told_as(&notice.name).await?;
        Ok(told.is_some_and(|told| told.words == words(&notice.text)))
    }

    /// The last records of a case, in order.
    async fn audit_of(&self, case: &str) -> Result<Vec<AuditRecord>, StoreError> {
        let of_case = "SELECT body FROM audit WHERE body LIKE $1 ORDER BY sequence DESC LIMIT 30";
        let query = sqlx::query(of_case).bind(format!("%\"case\":\"{case}\"%"));
        let rows = query.fetch_all(&self.pool).await.map_err(read)?;
        rows.iter().rev().map(audit::record).collect()
    }
}

/// A digest of what was said, so that the same is not said again.
pub fn words(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

/// Both replies of a case are due after its message.
pub(super) async fn want_replies(connection: &mut AnyConnection, case: &Case, at: Timestamp) -> Result<(), StoreError> {
    for part in Part::ALL {
        outbox::want_reply(connection, &part.name(&case.id), &case.id, case.alerts.as_deref(), at).await?;
    }
    Ok(())
}

/// The activity is another one, though the case is the same: a refusal, a look. Nothing is due
/// where the case itself was never told.
pub(super) async fn want_activity(connection: &mut AnyConnection, case: &str, at: Timestamp) -> Result<(), StoreError> {
    let query = sqlx::query("SELECT body, channel, message FROM drift_case WHERE id = $1 AND channel IS NOT NULL");
    let row = query.bind(case).fetch_optional(&mut *connection).await.map_err(read)?;
    let Some(KeptCase { case, .. }) = row.map(cases::kept).transpose()? else { return Ok(()) };
    let name = Part::Activity.name(&case.id);
    outbox::want_reply(connection, &name, &case.id, case.alerts.as_deref(), at).await
}

/// Remembers where something was told; in the same transaction as what is due no more.
pub(super) async fn remember(connection: &mut AnyConnection, name: &str, told: &Told) -> Result<(), StoreError> {
    let upsert = "INSERT INTO told (name, channel, message, words) VALUES ($1, $2, $3, $4)
                  ON CONFLICT (name) DO UPDATE SET channel = excluded.channel, message = excluded.message,
                      words = excluded.words";
    let query = sqlx::query(upsert).bind(name).bind(&told.channel).bind(&told.message).bind(&told.words);
    query.execute(connection).await.map(drop).map_err(write)
}

/// A thread is gone with the message it hangs on.
pub(super) async fn forget(connection: &mut AnyConnection, case: &str) -> Result<(), StoreError> {
    for part in Part::ALL {
        let query = sqlx::query("DELETE FROM told WHERE name = $1").bind(part.name(case));
        query.execute(&mut *connection).await.map_err(write)?;
    }
    Ok(())
}
