//! What one process does at a time, for all that share a store.
//!
//! A lease only saves double work. What must not happen twice is guarded where it happens: by
//! compare-and-set on a case, and by the idempotency of the world's own interfaces.

use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

use super::outbox::milliseconds;
use super::{Store, StoreError, read, write};

/// A right to do something, until it is given back or runs out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    name: String,
    owner: String,
}

impl Store {
    /// Takes a lease for as long as `hold`, or renews an own one; none where another holds it.
    pub async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Timestamp,
        hold: SignedDuration,
    ) -> Result<Option<Lease>, StoreError> {
        let take = "INSERT INTO lease (name, owner, held_until) VALUES ($1, $2, $3)
                    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, held_until = excluded.held_until
                    WHERE lease.owner = excluded.owner OR lease.held_until <= $4";
        let query = sqlx::query(take).bind(name).bind(owner).bind(milliseconds(now + hold)).bind(milliseconds(now));
        let taken = query.execute(&self.pool).await.map_err(write)?.rows_affected() == 1;
        Ok(taken.then(|| Lease { name: name.to_owned(), owner: owner.to_owned() }))
    }

    /// Who holds a lease now.
    pub async fn held(&self, name: &str, now: Timestamp) -> Result<Option<String>, StoreError> {
        let query = sqlx::query("SELECT owner FROM lease WHERE name = $1 AND held_until > $2");
        let row = query.bind(name).bind(milliseconds(now)).fetch_optional(&self.pool).await.map_err(read)?;
        Ok(row.map(|row| row.get("owner")))
    }

    /// Gives a lease back, where it is still held.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM lease WHERE name = $1 AND owner = $2");
        query.bind(&lease.name).bind(&lease.owner).execute(&self.pool).await.map(drop).map_err(write)
    }
}
