//! Deletes objects in the reverse of their order, each by its uid, and waits until they are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::{Cluster, all_at_once};
use super::discovery::Resource;
use super::mark::Mark;
use super::object::ObjectId;
use super::order::deletion;
use super::wait::until_gone;
use crate::unit::{KindError, Progress};

/// `surplus` was found with our label and the uid we remember; a deletion of any other uid is refused
/// by the server itself.
pub(super) async fn prune(
    cluster: &Cluster,
    mark: &Mark,
    surplus: &[(ObjectId, Resource, String)],
    timeout: Duration,
    progress: &Progress,
) -> Result<(), KindError> {
    let ids: Vec<ObjectId> = surplus.iter().map(|(id, ..)| id.clone()).collect();
    for group in deletion(&ids) {
        progress.say(format!("deleting {} objects, {} first", group.len(), ids[group[0]]));
        let deletions = group.iter().map(|at| {
            let (id, resource, uid) = &surplus[*at];
            cluster.delete(resource, id, uid)
        });
        all_at_once(deletions.collect()).await?;
        let gone: BTreeMap<ObjectId, (Resource, String)> = group
            .iter()
            .map(|at| {
                let (id, resource, uid) = &surplus[*at];
                (id.clone(), (resource.clone(), uid.clone()))
            })
            .collect();
        until_gone(cluster, mark, &gone, timeout, progress).await?;
    }
    Ok(())
}
