//! Lists that are asked for beside the inventory, so that nobody waits twice.
//!
//! What is listed stands in the inventory, and nearly always it is what is declared. So where this machine has
//! met the workload in that cluster before, the kinds that are declared are listed at once. What an inventory
//! that was read later says otherwise is asked for again: see [`super::listed`].

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::cluster::{Cluster, Listing};
use super::mark::Mark;
use super::rendering::{cache, keep};
use crate::unit::KindError;

type Lists = Vec<(Listing, String)>;

/// Lists under way; they are given up where nobody takes them.
#[derive(Default)]
pub(super) struct Ahead(Option<JoinHandle<Result<Lists, KindError>>>);

impl Ahead {
    /// Asks for these now.
    pub(super) fn of(cluster: &Arc<Cluster>, listings: BTreeSet<Listing>) -> Self {
        let cluster = cluster.clone();
        Self(Some(tokio::spawn(async move { cluster.list_all(listings).await })))
    }

    /// Those of its lists that are wanted; they are wanted no more.
    pub(super) async fn take(mut self, wanted: &mut BTreeSet<Listing>) -> Result<Lists, KindError> {
        let Some(lists) = self.0.as_mut() else { return Ok(Vec::new()) };
        let lists = lists.await.map_err(|error| KindError::failed("no list was read to its end").because(error))??;
        Ok(lists.into_iter().filter(|(listing, _)| wanted.remove(listing)).collect())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(lists) = &self.0 {
            lists.abort();
        }
    }
}

/// Whether this machine has seen an inventory of the workload in that cluster. One that is gone since costs a
/// list for each of its kinds, and nothing else.
pub(super) fn is_met(server: &str, mark: &Mark) -> bool {
    place(server, mark).is_some_and(|place| place.exists())
}

/// Remembers that there is an inventory.
pub(super) fn meet(server: &str, mark: &Mark) {
    if let Some(place) = place(server, mark).filter(|place| !place.exists()) {
        // Where it cannot be written, the next look takes its time.
        _ = keep(&place, b"");
    }
}

fn place(server: &str, mark: &Mark) -> Option<PathBuf> {
    let name = hex::encode(&Sha256::digest(format!("{server}\n{}", mark.label()))[..16]);
    Some(cache()?.join("met").join(name))
}
