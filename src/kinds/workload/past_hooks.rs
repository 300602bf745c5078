//! Hooks that are declared no more: what they left behind goes, by the same rules as everything else.

use std::collections::BTreeSet;

use super::cluster::{Cluster, all_at_once};
use super::discovery::{Discovery, Resource};
use super::hook_run::is_there;
use super::hooks::Placed;
use super::inventory::Inventory;
use super::mark::Mark;
use super::object::ObjectId;
use super::seen::Seen;
use super::tell;
use crate::unit::KindError;

/// Looks whether they are still there: one request for each that is remembered, and none where there are none.
pub(super) async fn look(
    (cluster, discovery): (&Cluster, &Discovery),
    mark: &Mark,
    inventory: &Inventory,
    hooks: &[Placed],
    prune: bool,
    seen: &mut Seen,
) -> Result<(), KindError> {
    let declared: BTreeSet<&ObjectId> = hooks.iter().map(|placed| placed.desired.id()).collect();
    let past = inventory.run.hooks().into_iter().filter(|(id, _)| !declared.contains(id));
    let mut asked: Vec<(ObjectId, Resource)> = Vec::new();
    for (id, record) in past {
        match discovery.find_any(&id.group, &record.version, &id.kind) {
            Some(resource) => asked.push((id, resource.clone())),
            // What serves it may come back.
            None if discovery.is_silent(&id.group) => {}
            None => seen.lost_hooks.push(id),
        }
    }
    let asks = asked.into_iter().map(|(id, resource)| async move {
        let found = is_there(cluster, mark, &resource, &id).await?;
        Ok((id, resource, found))
    });
    for (id, resource, found) in all_at_once(asks.collect()).await? {
        match (found, prune) {
            (false, _) => seen.lost_hooks.push(id),
            (true, true) => {
                seen.differences.push(tell::past_hook(&id));
                seen.past_hooks.push((id, resource));
            }
            (true, false) => seen.unchecked.push(format!(
                "`{id}` is a hook that is no longer declared and is left: workload.yaml says `prune: false`"
            )),
        }
    }
    seen.memory_moved |= !seen.lost_hooks.is_empty();
    seen.put_in_order();
    Ok(())
}
