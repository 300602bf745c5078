//! What is asked of a cluster, in its own words.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::discovery::{self, Discovery, Resource};
use super::inventory::{self, Inventory, Run};
use super::kinds;
use super::mark::{INVENTORY_LABEL, Mark, REPOSITORY_LABEL, UNIT_LABEL};
use super::object::ObjectId;
use super::rights::{self, Right};
use super::server::{Answer, Ask, Server, encode};
use super::sift::items;
use super::trace::{self, Trace};
use crate::unit::KindError;

/// How many requests one deed has under way. An API server serves a few hundred at once for all its
/// clients; more of ours would only wait in its queue.
pub(super) const IN_FLIGHT: usize = 24;
const DISCOVERY_AGE: Duration = Duration::from_secs(600);
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/// An open way to a cluster, and what was learned about it.
pub(super) struct Cluster {
    /// For everything about objects.
    pub(super) server: Server,
    /// For what is ours alone, the inventory: as whoever runs this.
    own: Server,
    kinds: Arc<Mutex<Kinds>>,
    /// Whether whoever asks may do everything, and when that was asked.
    pub(super) everything_allowed: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// What is known of the kinds that a cluster serves.
#[derive(Default)]
struct Kinds {
    learned: Option<(Instant, Arc<Discovery>)>,
    /// They were kept by an earlier process, and nobody has asked since.
    are_kept: bool,
    /// What was kept did not fit: from here on only the cluster is asked.
    is_wary: bool,
}

/// What is remembered of a workload in its cluster.
pub(super) struct Memory {
    pub(super) inventory: Option<Inventory>,
    /// At which it was read.
    pub(super) version: String,
    /// The list of the workload's own ConfigMaps, where it came along.
    pub(super) config_maps: Option<String>,
    /// How each part of the inventory stood.
    pub(super) parts: BTreeSet<Trace>,
}

/// A list to ask for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) resource: Resource,
    pub(super) kind: String,
    /// None: every namespace.
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) metadata_only: bool,
}

impl Listing {
    /// What carries a unit's label of one kind, in every namespace.
    pub(super) fn of_unit(mark: &Mark, resource: Resource, kind: &str) -> Self {
        let selector = Some(format!("{UNIT_LABEL}={}", mark.label()));
        Self { resource, kind: kind.to_owned(), namespace: None, selector, metadata_only: false }
    }

    /// Asks for it; where only names are wanted, in this way.
    pub(super) fn ask(&self, metadata_only: &'static str) -> Ask {
        let mut path = self.resource.within(self.namespace.as_deref());
        if let Some(selector) = &self.selector {
            path = format!("{path}?labelSelector={}", encode(selector));
        }
        match self.metadata_only {
            true => Ask::get(path).accept(metadata_only),
            false => Ask::get(path),
        }
    }

    fn right(&self) -> Right {
        Right { verb: "list", resource: self.resource.clone(), namespace: self.namespace.clone() }
    }
}

impl Cluster {
    pub(super) fn new(server: Server) -> Self {
        Self { own: server.clone(), server, kinds: Arc::default(), everything_allowed: Arc::default() }
    }

    /// The same cluster, with all that is asked about objects asked as a service account.
    pub(super) fn standing_for(&self, namespace: &str, account: &str) -> Result<Self, KindError> {
        let server = self.own.standing_for(namespace, account)?;
        Ok(Self { server, own: self.own.clone(), kinds: self.kinds.clone(), everything_allowed: Arc::default() })
    }

    /// The way to it as whoever runs this.
    pub(super) fn own(&self) -> &Server {
        &self.own
    }

    /// The kinds it serves, from memory where that is fresh.
    pub(super) async fn discovery(&self) -> Result<Arc<Discovery>, KindError> {
        let mut known = self.kinds.lock().await;
        if let Some((learned, discovery)) = &known.learned
            && learned.elapsed() < DISCOVERY_AGE
        {
            return Ok(discovery.clone());
        }
        let place = kinds::place(&self.own.name);
        if let Some(kept) = place.as_deref().filter(|_| !known.is_wary).and_then(kinds::read) {
            let kept = Arc::new(kept);
            *known = Kinds { learned: Some((Instant::now(), kept.clone())), are_kept: true, is_wary: false };
            return Ok(kept);
        }
        let mut fresh = Discovery::default();
        let ask = |path: &str| Ask::get(path).accept(discovery::ACCEPT);
        let (core, groups) = (ask("/api"), ask("/apis"));
        let (core, groups) = futures::try_join!(
            self.own.expect(&core, "cannot discover its kinds"),
            self.own.expect(&groups, "cannot discover its kinds")
        )?;
        for answer in [core, groups] {
            fresh.add(&answer).map_err(|error| {
                KindError::failed(format!("{} does not tell its kinds in one answer: {error}", self.server.name))
                    .hint("Kubernetes 1.30 or later is needed")
            })?;
        }
        if let Some(place) = place {
            kinds::write(&place, &fresh);
        }
        let fresh = Arc::new(fresh);
        // What was once asked for is not taken from an older memory again.
        *known = Kinds { learned: Some((Instant::now(), fresh.clone())), are_kept: false, is_wary: true };
        Ok(fresh)
    }

    /// Whether the kinds are only known from an earlier process: a look that fails may do so for that.
    pub(super) async fn has_kept_kinds(&self) -> bool {
        self.kinds.lock().await.are_kept
    }

    pub(super) async fn forget_discovery(&self) {
        *self.kinds.lock().await = Kinds { learned: None, are_kept: false, is_wary: true };
    }

    /// Asks for many lists at once. A kind that is not served has no objects.
    ///
    /// `resourceVersion` is left out, which asks for the newest state; an older one would be cheaper and
    /// would call drifted what was just put right.
    pub(super) async fn list_all(&self, listings: BTreeSet<Listing>) -> Result<Vec<(Listing, String)>, KindError> {
        let rights: BTreeSet<Right> = listings.iter().map(Listing::right).collect();
        let asks = listings.into_iter().map(|listing| async move {
            let answer = self.list(&listing).await?;
            Ok((listing, answer))
        });
        let answers = all_at_once(asks.collect()).await?;
        if answers.iter().any(|(_, answer)| answer.status == 403) {
            rights::demand(self, rights).await?;
        }
        let mut lists = Vec::new();
        for (listing, answer) in answers {
            match answer.status {
                404 if self.has_kept_kinds().await => {
                    return Err(KindError::moved(format!("{} is not served any more", listing.resource.plural)));
                }
                404 => {}
                200 => lists.push((listing, answer.body)),
                _ => {
                    let deed = format!("cannot list {}", listing.resource.plural);
                    return Err(answer.refusal(&self.server.name, &deed, None));
                }
            }
        }
        Ok(lists)
    }

    async fn list(&self, listing: &Listing) -> Result<Answer, KindError> {
        self.server.send(&listing.ask(METADATA_ONLY)).await
    }

    pub(super) async fn get(&self, resource: &Resource, id: &ObjectId) -> Result<Option<String>, KindError> {
        let answer = self.server.send(&Ask::get(resource.one(id))).await?;
        match answer.status {
            404 => Ok(None),
            200 => Ok(Some(answer.body)),
            _ => Err(answer.refusal(&self.server.name, &format!("cannot read `{id}`"), Some(id))),
        }
    }

    /// Server-side apply; the answer may be a refusal.
    pub(super) async fn apply(
        &self,
        resource: &Resource,
        id: &ObjectId,
        manager: &str,
        body: Vec<u8>,
        dry_run: bool,
    ) -> Result<Answer, KindError> {
        self.server.send(&Ask::apply(&resource.one(id), manager, dry_run, body)).await
    }

    /// What stands in the way of an apply that takes nothing from anybody; nothing is written.
    pub(super) async fn conflict(
        &self,
        resource: &Resource,
        id: &ObjectId,
        manager: &str,
        body: Vec<u8>,
    ) -> Result<Option<String>, KindError> {
        let answer = self.server.send(&Ask::apply_gently(&resource.one(id), manager, body)).await?;
        let status: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        Ok((answer.status == 409).then(|| status["message"].as_str().unwrap_or("held by another").to_owned()))
    }

    /// A JSON patch; the answer may be a refusal.
    pub(super) async fn patch(
        &self,
        resource: &Resource,
        id: &ObjectId,
        manager: &str,
        patch: &Value,
    ) -> Result<Answer, KindError> {
        self.server.send(&Ask::patch(&resource.one(id), manager, patch)).await
    }

    /// What would be there if this stood in place of the live object; nothing is written.
    pub(super) async fn replace_dry(
        &self,
        resource: &Resource,
        id: &ObjectId,
        object: &Value,
    ) -> Result<Answer, KindError> {
        let path = format!("{}?dryRun=All", resource.one(id));
        let body = object.to_string().into_bytes();
        self.server.send(&Ask { method: http::Method::PUT, body, ..Ask::get(path) }).await
    }

    /// Deletes the object with this uid. One that is gone already is no error.
    pub(super) async fn delete(&self, resource: &Resource, id: &ObjectId, uid: &str) -> Result<(), KindError> {
        let answer = self.server.send(&Ask::delete(resource.one(id), uid)).await?;
        match answer.status {
            // 409: another object bears the name by now, and it is not ours.
            404 | 409 => Ok(()),
            _ if answer.is_good() => Ok(()),
            _ => Err(answer.refusal(&self.server.name, &format!("cannot delete `{id}`"), Some(id))),
        }
    }

    /// The inventory of one unit.
    pub(super) async fn inventory(&self, mark: &Mark) -> Result<Option<Inventory>, KindError> {
        Ok(self.memory(mark, false).await?.inventory)
    }

    /// The inventory of one unit. Where the unit has ConfigMaps of its own, both come in one list.
    pub(super) async fn memory(&self, mark: &Mark, has_config_maps: bool) -> Result<Memory, KindError> {
        if has_config_maps && let Some(memory) = self.memory_with_config_maps(mark).await? {
            return Ok(memory);
        }
        let (maps, version) = self.inventories(&format!("{INVENTORY_LABEL}={}", mark.label())).await?;
        let parts = maps.iter().map(how_it_stood).collect();
        Ok(Memory { inventory: Inventory::from_config_maps(&maps), version, config_maps: None, parts })
    }

    /// None where that list may not be asked for, or shows no inventory.
    async fn memory_with_config_maps(&self, mark: &Mark) -> Result<Option<Memory>, KindError> {
        let answer = self.own.send(&self.memory_listing(mark).ask(METADATA_ONLY)).await?;
        if !answer.is_good() {
            return Ok(None);
        }
        let broken = |error| self.own.broken_list(&error);
        let (items, version) = items(&answer.body).map_err(broken)?;
        let label = mark.inventory_label();
        // All others are the unit's own, and are not read here.
        let named = items.into_iter().filter(|item| item.get().contains(&label));
        let mut maps: Vec<Value> =
            named.map(|item| serde_json::from_str(item.get())).collect::<Result<_, _>>().map_err(broken)?;
        maps.retain(|map| {
            map["metadata"]["labels"][UNIT_LABEL] == label.as_str()
                && map["metadata"]["namespace"] == inventory::NAMESPACE
        });
        let parts = maps.iter().map(how_it_stood).collect();
        let config_maps = Some(answer.body);
        Ok(Inventory::from_config_maps(&maps).map(|inventory| Memory {
            inventory: Some(inventory),
            version,
            config_maps,
            parts,
        }))
    }

    /// The list of a unit's own ConfigMaps, in which its inventory comes along.
    pub(super) fn memory_listing(&self, mark: &Mark) -> Listing {
        let selector = Some(format!("{UNIT_LABEL} in ({},{})", mark.label(), mark.inventory_label()));
        Listing { resource: config_maps(), kind: "ConfigMap".into(), namespace: None, selector, metadata_only: false }
    }

    /// What to watch to learn that a unit was applied.
    pub(super) fn inventory_listing(&self, mark: &Mark) -> Listing {
        Listing {
            resource: config_maps(),
            kind: "ConfigMap".into(),
            namespace: Some(inventory::NAMESPACE.into()),
            selector: Some(format!("{INVENTORY_LABEL}={}", mark.label())),
            metadata_only: false,
        }
    }

    /// The ConfigMaps of every inventory of a repository.
    pub(super) async fn inventories_of(&self, repository_label: &str) -> Result<Vec<Value>, KindError> {
        Ok(self.inventories(&format!("{REPOSITORY_LABEL}={repository_label}")).await?.0)
    }

    async fn inventories(&self, selector: &str) -> Result<(Vec<Value>, String), KindError> {
        let path = format!("{}?labelSelector={}", config_maps().within(Some(inventory::NAMESPACE)), encode(selector));
        let text = self.own.expect(&Ask::get(path), "cannot read the inventory").await?;
        let mut list: Value = serde_json::from_str(&text).map_err(|error| self.own.broken_list(&error))?;
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        match list["items"].take() {
            Value::Array(maps) => Ok((maps, version)),
            _ => Err(KindError::failed("the inventory's list has no items")),
        }
    }

    /// Which run the inventory was written by last; none where there is no inventory, or it cannot be read.
    pub(super) async fn run(&self, mark: &Mark) -> Result<Option<Run>, KindError> {
        let path = format!("{}/{}", config_maps().within(Some(inventory::NAMESPACE)), inventory::part_name(mark, 0));
        let answer = self.own.send(&Ask::get(path)).await?;
        let map: Option<Value> = answer.is_good().then(|| serde_json::from_str(&answer.body).unwrap_or_default());
        Ok(map.and_then(|map| Inventory::from_config_maps(&[map])).map(|inventory| inventory.run))
    }

    /// Writes an inventory, making its namespace where that is missing, and removes parts it has no more.
    ///
    /// Returns the version of its first part. Where somebody else wrote that since `version`, nothing is written.
    pub(super) async fn write_inventory(
        &self,
        mark: &Mark,
        inventory: &Inventory,
        parts_before: usize,
        version: Option<&str>,
    ) -> Result<Option<String>, KindError> {
        let mut maps = inventory.to_config_maps(mark);
        if let Some(version) = version {
            maps[0]["metadata"]["resourceVersion"] = version.into();
        }
        let mut written = None;
        for (at, map) in maps.iter().enumerate() {
            let path =
                format!("{}/{}", config_maps().within(Some(inventory::NAMESPACE)), inventory::part_name(mark, at));
            let body = map.to_string().into_bytes();
            let ask = Ask::apply(&path, "groundplan", false, body);
            let mut answer = self.own.send(&ask).await?;
            if answer.status == 404 {
                self.make_namespace().await?;
                answer = self.own.send(&ask).await?;
            }
            if answer.status == 409 {
                return Err(KindError::moved("somebody else applies this workload now"));
            }
            if !answer.is_good() {
                return Err(answer.refusal(&self.own.name, "cannot write the inventory", None));
            }
            if at == 0 {
                let map: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                written = map["metadata"]["resourceVersion"].as_str().map(str::to_owned);
            }
        }
        for at in maps.len()..parts_before {
            self.remove_part(mark, at).await?;
        }
        Ok(written)
    }

    /// Removes a unit's inventory.
    pub(super) async fn remove_inventory(&self, mark: &Mark, parts: usize) -> Result<(), KindError> {
        for at in (0..parts).rev() {
            self.remove_part(mark, at).await?;
        }
        Ok(())
    }

    async fn remove_part(&self, mark: &Mark, at: usize) -> Result<(), KindError> {
        let path = format!("{}/{}", config_maps().within(Some(inventory::NAMESPACE)), inventory::part_name(mark, at));
        let ask = Ask { method: http::Method::DELETE, ..Ask::get(path) };
        let answer = self.own.send(&ask).await?;
        match answer.is_good() || answer.status == 404 {
            true => Ok(()),
            false => Err(answer.refusal(&self.own.name, "cannot remove the inventory", None)),
        }
    }

    async fn make_namespace(&self) -> Result<(), KindError> {
        let name = inventory::NAMESPACE;
        let body = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let ask = Ask::apply(&format!("/api/v1/namespaces/{name}"), "groundplan", false, body.to_string().into_bytes());
        self.own.expect(&ask, "cannot make the namespace of the inventories").await.map(drop)
    }
}

/// Awaits many requests, a bounded number of them at a time; one error is the error of all.
pub(super) async fn all_at_once<T>(asks: Vec<impl Future<Output = Result<T, KindError>>>) -> Result<Vec<T>, KindError> {
    let answers: Vec<_> = futures::stream::iter(asks).buffer_unordered(IN_FLIGHT).collect().await;
    answers.into_iter().collect()
}

fn how_it_stood(part: &Value) -> Trace {
    let text = |key: &str| part["metadata"][key].as_str().unwrap_or_default();
    trace::of_names([text("namespace"), text("name")], text("uid"), text("resourceVersion"))
}

fn config_maps() -> Resource {
    Resource { group: String::new(), version: "v1".into(), plural: "configmaps".into(), namespaced: true }
}
