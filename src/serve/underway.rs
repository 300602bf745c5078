//! A sync or a rebuild that is under way in an environment: what is seen in the middle of it is no
//! drift, and nobody is told of it.
//!
//! Kept as a lease in the store, renewed while the process lives. Who shares no store with the one
//! that syncs does not know of it; then the guards of the world itself still hold.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use crate::store::{Lease, Store, StoreError};
use crate::unit::EnvironmentName;

/// A process that was killed is believed to be at work for no longer.
const HOLD: SignedDuration = SignedDuration::from_mins(2);
const RENEW_EVERY: Duration = Duration::from_secs(30);

/// The word that a sync has begun; taken back by [`end`](Self::end), or when it runs out.
#[derive(Debug)]
pub struct Underway {
    store: Store,
    lease: Lease,
    renewal: JoinHandle<()>,
}

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
    // What follows the name tells two processes apart, and nobody else anything.
    Ok(owner.map(|owner| Busy { by: owner.split('\n').next().unwrap_or_default().to_owned() }))
}

/// Says that `by` begins; an error where somebody else is at it.
pub async fn begin(
    store: &Store,
    repository: &str,
    environment: &EnvironmentName,
    by: &str,
) -> Result<Result<Underway, Busy>, StoreError> {
    let name = name(repository, environment);
    let owner = format!("{by}\n{}:{}", std::process::id(), Timestamp::now().as_nanosecond());
    let Some(lease) = store.lease(&name, &owner, Timestamp::now(), HOLD).await? else {
        let by = busy(store, repository, environment).await?.map_or_else(|| "somebody".to_owned(), |busy| busy.by);
        return Ok(Err(Busy { by }));
    };
    let kept = store.clone();
    let renewal = tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if let Err(error) = kept.lease(&name, &owner, Timestamp::now(), HOLD).await {
                tracing::warn!(%error, "the word that a sync is under way could not be renewed");
            }
        }
    });
    Ok(Ok(Underway { store: store.clone(), lease, renewal }))
}

impl Underway {
    pub async fn end(self) -> Result<(), StoreError> {
        self.renewal.abort();
        self.store.release(&self.lease).await
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}
