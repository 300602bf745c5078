//! A cluster as a place where workloads are kept: what is ours there, and its removal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::cluster::{Cluster, Listing};
use super::connect::{Clusters, Reached, Where};
use super::discovery::{Discovery, Resource};
use super::hook_run::clear;
use super::inventory::{Inventory, part_name, unit_of};
use super::look::keeps_data;
use super::mark::{INVENTORY_LABEL, Mark, repository_label};
use super::moved::Moves;
use super::object::ObjectId;
use super::prune::prune;
use super::sift::sift;
use crate::unit::{Inputs, KindError, KindName, Owned, Progress, Reference, Site, SiteName, UnitId};

/// A namespace may take a while to empty itself.
const REMOVAL: Duration = Duration::from_secs(10 * 60);

pub(super) struct ClusterSite {
    pub(super) name: SiteName,
    pub(super) kind: KindName,
    pub(super) repository: String,
    pub(super) moves: Arc<Moves>,
    pub(super) clusters: Arc<Clusters>,
    pub(super) place: Where,
    pub(super) references: Vec<Reference>,
}

#[async_trait]
impl Site for ClusterSite {
    fn name(&self) -> SiteName {
        self.name.clone()
    }

    fn references(&self) -> Vec<Reference> {
        self.references.clone()
    }

    async fn owned(&self, inputs: &Inputs) -> Result<Vec<Owned>, KindError> {
        let cluster = match Box::pin(self.clusters.reach(&self.place, inputs)).await? {
            Reached::There(cluster) => cluster,
            Reached::NotThere | Reached::BeingMade => return Ok(Vec::new()),
        };
        let maps = cluster.inventories_of(&repository_label(&self.repository)).await?;
        let mut units: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for map in maps {
            let label = map["metadata"]["labels"][INVENTORY_LABEL].as_str().unwrap_or_default().to_owned();
            units.entry(label).or_default().push(map);
        }
        units.into_iter().map(|(label, maps)| self.owned_one(&label, &maps)).collect()
    }

    async fn destroy(&self, owned: &Owned, inputs: &Inputs, progress: &Progress) -> Result<(), KindError> {
        let cluster = match Box::pin(self.clusters.reach(&self.place, inputs)).await? {
            Reached::There(cluster) => cluster,
            Reached::NotThere => return Ok(()),
            Reached::BeingMade => return Err(KindError::moved("the cluster is being created")),
        };
        let mark = Mark::new(&self.repository, &UnitId::new(self.moves.origin(owned.id.as_str())));
        if owned.handle != part_name(&mark, 0) {
            return Err(KindError::refused(format!("`{}` is not the inventory of `{}`", owned.handle, owned.id)));
        }
        let Some(inventory) = cluster.inventory(&mark).await? else { return Ok(()) };
        if !inventory.is_whole() {
            return Err(KindError::refused(format!("the inventory of `{}` has missing parts", owned.id))
                .hint("apply the workload once more, which writes it again"));
        }
        let account = inventory.run.service_account.as_deref().and_then(|name| name.split_once('/'));
        let cluster = match account {
            Some((namespace, name)) => Arc::new(cluster.standing_for(namespace, name)?),
            None => cluster,
        };
        // Nothing is removed by what an earlier process knew.
        cluster.forget_discovery().await;
        let discovery = cluster.discovery().await?;
        refuse_the_silent(&discovery, &inventory)?;
        let ours = still_ours(&cluster, &discovery, &mark, &inventory).await?;
        prune(&cluster, &mark, &ours, REMOVAL, progress).await?;
        for (id, record) in inventory.run.hooks() {
            if let Some(resource) = discovery.find_any(&id.group, &record.version, &id.kind) {
                clear(&cluster, &mark, resource, &id).await?;
            }
        }
        cluster.remove_inventory(&mark, inventory.parts).await
    }
}

impl ClusterSite {
    fn owned_one(&self, label: &str, maps: &[Value]) -> Result<Owned, KindError> {
        let named = maps.iter().find_map(unit_of).filter(|(repository, unit)| {
            // The label selects, the data decides: a label can be copied by accident.
            *repository == self.repository && Mark::new(repository, &UnitId::new(unit.as_str())).label() == label
        });
        let (_, unit) = named.ok_or_else(|| {
            KindError::failed(format!("the inventory `{label}` in {} cannot be read", self.name))
                .hint("look at the ConfigMaps in the namespace `groundplan`")
        })?;
        let id = UnitId::new(unit);
        let inventory = Inventory::from_config_maps(maps).unwrap_or_default();
        let holds = |id: &ObjectId| keeps_data(id).map(|why| format!("{id}: {why}"));
        Ok(Owned {
            handle: part_name(&Mark::new(&self.repository, &id), 0),
            id: UnitId::new(self.moves.now(id.as_str())),
            kind: self.kind.clone(),
            site: self.name.clone(),
            created: inventory.created.clone(),
            guards: inventory.records.keys().filter_map(holds).collect(),
            needed_by: Vec::new(),
        })
    }
}

/// What cannot be looked at cannot be removed, and its inventory is all that remembers it.
fn refuse_the_silent(discovery: &Discovery, inventory: &Inventory) -> Result<(), KindError> {
    let unseen = inventory.records.keys().find(|id| discovery.is_silent(&id.group));
    match unseen {
        None => Ok(()),
        Some(id) => {
            Err(KindError::refused(format!("`{id}` cannot be looked at: what serves `{}` does not answer", id.group))
                .hint("bring that API server back, or remove its APIService, then run again"))
        }
    }
}

/// What the inventory names and still carries our label and the uid we remember.
async fn still_ours(
    cluster: &Cluster,
    discovery: &Discovery,
    mark: &Mark,
    inventory: &Inventory,
) -> Result<Vec<(ObjectId, Resource, String)>, KindError> {
    let served = |id: &ObjectId| discovery.find_any(&id.group, &inventory.records[id].version, &id.kind).cloned();
    let listings: BTreeSet<Listing> = inventory
        .records
        .keys()
        .filter_map(|id| Some(Listing { metadata_only: true, ..Listing::of_unit(mark, served(id)?, &id.kind) }))
        .collect();
    let mut ours = Vec::new();
    for (listing, text) in cluster.list_all(listings).await? {
        let sifted = sift(&text, &listing.resource.group, &listing.kind, "", |_| None);
        let (found, _) = sifted.map_err(|error| cluster.server.broken_list(&error))?;
        for one in found {
            let Some(record) = inventory.records.get(&one.id) else { continue };
            if record.applied.as_ref().is_none_or(|applied| applied.uid == one.uid) {
                ours.push((one.id, listing.resource.clone(), one.uid));
            }
        }
    }
    Ok(ours)
}
