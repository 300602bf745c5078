//! Brings a workload about, step by step; killed anywhere and run again, it comes to the same end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cluster::Cluster;
use super::desired::Desired;
use super::discovery::Resource;
use super::inventory::{Applied, Inventory, Record};
use super::look::Seen;
use super::mark::Mark;
use super::object::ObjectId;
use super::prune::prune;
use super::ready::HealthRules;
use super::rights::{self, Right};
use super::send::{Sending, Sent};
use super::wait::{Awaited, until_ready};
use super::workload::Workload;
use crate::unit::{Change, Deed, Inputs, KindError, Outputs, Owner, Progress};

/// What is being deleted when its turn comes is waited for, and no longer than this.
const LONGEST_REMOVAL: Duration = Duration::from_secs(60);

/// Applies what differs, waits until all is ready, prunes, and remembers.
pub(super) struct Bringing {
    pub(super) cluster: Arc<Cluster>,
    pub(super) mark: Mark,
    pub(super) timeout: Duration,
    pub(super) rules: HealthRules,
    /// What was remembered before.
    pub(super) inventory: Inventory,
    pub(super) desired: Vec<Desired>,
    pub(super) seen: Seen,
}

#[async_trait]
impl Deed for Bringing {
    async fn perform(self: Box<Self>, _owner: &Owner, progress: &Progress) -> Result<Outputs, KindError> {
        rights::demand(&self.cluster, self.rights()).await?;
        let before = self.records(&BTreeMap::new());
        let parts = before.to_config_maps(&self.mark).len().max(self.inventory.parts);
        self.cluster.write_inventory(&self.mark, &before, self.inventory.parts).await?;
        let sent = Sending {
            cluster: &self.cluster,
            manager: &self.mark.field_manager(),
            desired: &self.desired,
            agree: &self.seen.agree,
            live_replicas: &self.seen.live_replicas,
            adopt: &self.seen.adopt,
            replace: &self.seen.replace,
            rules: &self.rules,
            timeout: self.timeout,
            patience: self.timeout.min(LONGEST_REMOVAL),
        }
        .run(progress)
        .await;
        let Sent { applied, waiting, error } = sent;
        let result = match error {
            Some(error) => Err(error),
            None => self.finish(&applied, waiting, progress).await,
        };
        let mut after = self.records(&applied);
        if result.is_ok() {
            after.finished = true;
            for (id, ..) in &self.seen.surplus {
                after.records.remove(id);
            }
        }
        let written = self.cluster.write_inventory(&self.mark, &after, parts).await;
        // The first failure is the one to tell; the inventory written before it still names everything.
        result.and(written)?;
        Ok(Outputs::new())
    }
}

impl Bringing {
    /// All that will be asked for, so that no half is done before the other is refused.
    fn rights(&self) -> BTreeSet<Right> {
        let right = |verb, resource: &Resource, id: &ObjectId| Right {
            verb,
            resource: resource.clone(),
            namespace: id.namespace.clone(),
        };
        let sent = self.desired.iter().filter(|desired| !self.seen.agree.contains_key(desired.id()));
        let sent =
            sent.flat_map(|desired| ["create", "patch"].map(|verb| right(verb, &desired.resource, desired.id())));
        let replaced = self.desired.iter().filter(|desired| self.seen.replace.contains(desired.id()));
        let replaced = replaced.map(|desired| right("delete", &desired.resource, desired.id()));
        let gone = self.seen.surplus.iter().map(|(id, resource, _)| right("delete", resource, id));
        sent.chain(replaced).chain(gone).collect()
    }

    async fn finish(
        &self,
        applied: &BTreeMap<ObjectId, Applied>,
        mut waiting: BTreeSet<ObjectId>,
        progress: &Progress,
    ) -> Result<(), KindError> {
        // What was not sent now may still be on its way from an earlier time.
        let earlier = self.desired.iter().map(Desired::id);
        let earlier = earlier.filter(|id| !applied.contains_key(*id) && self.rules.must_be_asked(id));
        waiting.extend(earlier.cloned());
        let awaited: Awaited = self
            .desired
            .iter()
            .filter(|desired| waiting.contains(desired.id()))
            .map(|desired| (desired.id().clone(), desired.resource.clone()))
            .collect();
        if !awaited.is_empty() {
            until_ready(&self.cluster, &self.mark, &self.rules, awaited, self.timeout, progress).await?;
        }
        prune(&self.cluster, &self.mark, &self.seen.surplus, self.timeout, progress).await
    }

    /// What is remembered once these have been applied. Nothing is forgotten here.
    fn records(&self, applied: &BTreeMap<ObjectId, Applied>) -> Inventory {
        let mut records = self.inventory.records.clone();
        for (id, record) in &mut records {
            record.left = self.seen.left.contains(id);
        }
        // Remembered, not declared, and not found with our mark: it is gone, or is not ours any more.
        if self.inventory.is_whole() {
            let declared: BTreeSet<&ObjectId> = self.desired.iter().map(Desired::id).collect();
            let found = |id: &ObjectId| {
                self.seen.left.contains(id)
                    || self.seen.unseen.contains(id)
                    || self.seen.surplus.iter().any(|(other, ..)| other == id)
            };
            records.retain(|id, _| declared.contains(id) || found(id));
        }
        for desired in &self.desired {
            let id = desired.id();
            let known = applied.get(id).or_else(|| self.seen.agree.get(id)).cloned();
            let earlier = records.get(id).and_then(|record| record.applied.clone());
            let record = Record { version: desired.object.version.clone(), applied: known.or(earlier), left: false };
            records.insert(id.clone(), record);
        }
        Inventory::new(records, false)
    }
}

/// Only writes down what was found to agree, so that the next look is a cheap one.
pub(super) struct Remembering(pub Bringing);

#[async_trait]
impl Deed for Remembering {
    async fn perform(self: Box<Self>, _owner: &Owner, _progress: &Progress) -> Result<Outputs, KindError> {
        let Bringing { cluster, mark, inventory, .. } = &self.0;
        let mut after = self.0.records(&BTreeMap::new());
        after.finished = true;
        cluster.write_inventory(mark, &after, inventory.parts).await?;
        Ok(Outputs::new())
    }
}

/// Waits for the cluster, looks, and brings the workload about.
pub(super) struct WhenThere {
    pub(super) workload: Workload,
    pub(super) inputs: Inputs,
}

#[async_trait]
impl Deed for WhenThere {
    async fn perform(self: Box<Self>, owner: &Owner, progress: &Progress) -> Result<Outputs, KindError> {
        let prepared = Box::pin(self.workload.prepare_when_there(&self.inputs, progress)).await?;
        match (prepared.planned.change, prepared.deed) {
            (Change::Create(_), Some(deed)) => deed.perform(owner, progress).await,
            // The cluster was not empty: nobody has approved changing what is there.
            (Change::Update(_), Some(_)) => {
                Err(KindError::moved("the cluster appeared, and is not empty")
                    .hint("plan again to see what would change"))
            }
            (Change::Nothing | Change::Later(_) | Change::Delete | Change::Create(_) | Change::Update(_), _) => {
                Ok(Outputs::new())
            }
        }
    }
}
