//! A sync or a rebuild that is under way in an environment: what is seen in the middle of it is no
//! drift, and nobody is told of it.
//!
//! Kept as a lease in the store, renewed while the process lives. Who shares no store with the one
//! that syncs does not know of it; then the guards of the world itself still hold.

use jiff::Timestamp;

use super::held::{self, Held};
use crate::store::{Store, StoreError};
use crate::unit::EnvironmentName;

/// The word that a sync has begun; taken back by [`end`](Self::end), or soon after it is dropped.
#[derive(Debug)]
pub struct Underway(Held);

/// Somebody else is at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Busy {
    /// Who, as they called themselves: `rebuild by login:ada`.
    pub by: String,
}

fn name(repository: &str, environment: &EnvironmentName) -> String {
    format!("sync:{repository}:{environment}")
}

/// Who is at work in an environment now.
pub async fn busy(store: &Store, repository: &str, environment: &EnvironmentName) -> Result<Option<Busy>, StoreError> {
    let owner = store.held(&name(repository, environment), Timestamp::now()).await?;
    Ok(owner.map(|owner| Busy { by: held::who(&owner).to_owned() }))
}

/// Says that `by` begins; an error where somebody else is at it.
pub async fn begin(
    store: &Store,
    repository: &str,
    environment: &EnvironmentName,
    by: &str,
) -> Result<Result<Underway, Busy>, StoreError> {
    if let Some(held) = Held::take(store, name(repository, environment), by).await? {
        return Ok(Ok(Underway(held)));
    }
    let by = busy(store, repository, environment).await?.map_or_else(|| "somebody".to_owned(), |busy| busy.by);
    Ok(Err(Busy { by }))
}

impl Underway {
    pub async fn end(self) -> Result<(), StoreError> {
        self.0.end().await
    }
}
