//! A lease that is renewed for as long as whoever took it lives.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use crate::store::{Lease, Store, StoreError};

/// A process that was killed is believed to be at work for no longer.
const HOLD: SignedDuration = SignedDuration::from_mins(2);
const RENEW_EVERY: Duration = Duration::from_secs(30);

/// A lease in the store; given back by [`end`](Self::end), soon after it is dropped, or when it runs out.
#[derive(Debug)]
pub(super) struct Held {
    store: Store,
    lease: Option<Lease>,
    renewal: JoinHandle<()>,
}

impl Held {
    /// Takes a lease in the name of `who`; none where another holds it, be it in this very process.
    pub(super) async fn take(store: &Store, name: String, who: &str) -> Result<Option<Self>, StoreError> {
        // What follows the name tells two holders apart, and nobody else anything.
        let owner = format!("{who}\n{}:{}", std::process::id(), Timestamp::now().as_nanosecond());
        let Some(lease) = store.lease(&name, &owner, Timestamp::now(), HOLD).await? else { return Ok(None) };
        let kept = store.clone();
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                if let Err(error) = kept.lease(&name, &owner, Timestamp::now(), HOLD).await {
                    tracing::warn!(%error, lease = name, "a lease could not be renewed");
                }
            }
        });
        Ok(Some(Self { store: store.clone(), lease: Some(lease), renewal }))
    }

    pub(super) async fn end(mut self) -> Result<(), StoreError> {
        self.renewal.abort();
        match self.lease.take() {
            Some(lease) => self.store.release(&lease).await,
            None => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewal.abort();
        if let (Some(lease), Ok(runtime)) = (self.lease.take(), tokio::runtime::Handle::try_current()) {
            let store = self.store.clone();
            runtime.spawn(async move { _ = store.release(&lease).await });
        }
    }
}

/// Who took a lease, as they called themselves.
pub(super) fn who(owner: &str) -> &str {
    owner.split('\n').next().unwrap_or_default()
}
