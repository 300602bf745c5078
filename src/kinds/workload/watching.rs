//! A workload under watch: no request while all is quiet, and one dry run for each object that became another.
//!
//! The first look is the same as any. From its lists on, one watch a kind tells what happens; an event is
//! judged as a look judges a list, so that a watch and a look never disagree.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::cluster::{Cluster, Listing};
use super::desired::Desired;
use super::discovery::Discovery;
use super::follow::{Following, News, SILENCE};
use super::inventory::Inventory;
use super::look::{Subject, look};
use super::managed::Head;
use super::object::ObjectId;
use super::seen::Seen;
use super::sift::sift_one;
use super::workload::{Wanted, Workload};
use crate::unit::{Change, Coverage, Difference, KindError, Moment, Moments, Planned};

/// Events that wait for their turn; a slow judge lets the server wait, which ends slow watches by itself.
const ROOM: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a watch of one workload stands.
struct Watching {
    workload: Workload,
    cluster: Arc<Cluster>,
    wanted: Wanted,
    known: Option<Known>,
    pause: Duration,
    is_over: bool,
}

/// What was seen last, and what tells of changes to it.
struct Known {
    desired: Vec<Desired>,
    /// Where in `desired` each object stands.
    places: HashMap<ObjectId, usize>,
    discovery: Discovery,
    inventory: Option<Inventory>,
    listings: Vec<Listing>,
    /// What is to be told, by the item it is about.
    parts: BTreeMap<String, Part>,
    /// Of objects that were judged: what they said beside their status.
    judged: HashMap<ObjectId, [u8; 32]>,
    coverage: Coverage,
    is_new: bool,
    /// A watch was lost, which was told.
    is_lost: bool,
    news: mpsc::Receiver<News>,
    // Ends the watches with it.
    _watches: JoinSet<()>,
}

/// What is to be told of one object.
#[derive(Default, PartialEq)]
struct Part {
    differences: Vec<Difference>,
    foreign: Vec<Difference>,
    /// Why it could not be judged.
    unchecked: Vec<String>,
}

/// What an event came to.
enum Turn {
    /// Nothing that anybody must know.
    Same,
    Changed,
    Applied,
    /// Only a look at everything says what is so.
    LookAgain,
}

/// The moments of a workload in a cluster that is there.
pub(super) fn moments(workload: Workload, cluster: Arc<Cluster>, wanted: Wanted) -> Moments {
    let watching = Watching { workload, cluster, wanted, known: None, pause: FIRST_PAUSE, is_over: false };
    Box::pin(stream::unfold(watching, |mut watching| async move {
        let moment = watching.next().await?;
        Some((moment, watching))
    }))
}

impl Watching {
    async fn next(&mut self) -> Option<Moment> {
        if self.is_over {
            return None;
        }
        let Some(known) = &mut self.known else { return Some(self.begin().await) };
        loop {
            let news = known.news.recv().await?;
            let (at, turn) = match news {
                // One is enough: the others were lost with it, or will be.
                News::Lost { .. } if known.is_lost => continue,
                News::Lost { at, error } => {
                    known.is_lost = true;
                    return Some(Moment::Unseen { at, error });
                }
                News::Again { at } => (at, Ok(Turn::LookAgain)),
                News::Put { listing, at, object } => {
                    (at, known.take(&self.workload, &self.cluster, listing, &object, false).await)
                }
                News::Gone { listing, at, object } => {
                    (at, known.take(&self.workload, &self.cluster, listing, &object, true).await)
                }
            };
            match turn {
                Ok(Turn::Same) => {}
                Ok(Turn::Changed) => return Some(Moment::Seen { at, planned: Box::new(known.planned()) }),
                Ok(Turn::Applied) => {
                    self.is_over = true;
                    return Some(Moment::Applied { at });
                }
                Ok(Turn::LookAgain) => {
                    self.known = None;
                    return Some(self.begin().await);
                }
                Err(error) => {
                    // What this event meant is not known: only a look at everything can say it now.
                    (self.known, self.pause) = (None, self.pause * 2);
                    return Some(Moment::Unseen { at, error });
                }
            }
        }
    }

    /// Looks at everything, and watches from there on. Each failure makes the next attempt later.
    async fn begin(&mut self) -> Moment {
        if self.pause > FIRST_PAUSE {
            tokio::time::sleep(self.pause).await;
        }
        let at = Timestamp::now();
        match Box::pin(Known::learn(&self.workload, &self.cluster, self.wanted.clone())).await {
            Ok(known) => {
                let planned = Box::new(known.planned());
                (self.known, self.pause) = (Some(known), FIRST_PAUSE);
                Moment::Seen { at, planned }
            }
            Err(error) => {
                if self.cluster.has_kept_kinds().await {
                    self.cluster.forget_discovery().await;
                }
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                Moment::Unseen { at, error }
            }
        }
    }
}

impl Known {
    async fn learn(workload: &Workload, cluster: &Arc<Cluster>, wanted: Wanted) -> Result<Self, KindError> {
        let memory = cluster.memory(&workload.mark, workload.lists_its_memory(&wanted));
        let (resolved, memory) = futures::try_join!(workload.resolve(cluster, wanted), memory)?;
        let (resolved, discovery) = resolved;
        let (inventory, written) = (memory.inventory, memory.version);
        let subject = Subject {
            cluster,
            discovery: &discovery,
            mark: &workload.mark,
            desired: &resolved.desired,
            inventory: inventory.as_ref(),
            prune: workload.prune,
            leave: &workload.leave,
            config_maps: memory.config_maps.as_deref(),
        };
        let mut seen = look(&subject).await?;
        let mut places = std::mem::take(&mut seen.listed);
        let planned = workload.plan_of(inventory.as_ref(), &resolved, &mut seen);
        let desired = resolved.desired;
        // The inventory is the first: who applies the workload writes it before anything else.
        places.insert(0, (cluster.inventory_listing(&workload.mark), written));
        let (send, news) = mpsc::channel(ROOM);
        let mut watches = JoinSet::new();
        let mut listings = Vec::new();
        for (number, (listing, version)) in places.into_iter().enumerate() {
            listings.push(listing.clone());
            let following = Following { listing, number, version, silence: SILENCE };
            let server = if number == 0 { cluster.own() } else { &cluster.server };
            watches.spawn(following.run(server.clone(), send.clone()));
        }
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        for difference in planned.change.differences() {
            parts.entry(difference.item.clone()).or_default().differences.push(difference.clone());
        }
        let is_new = matches!(planned.change, Change::Create(_));
        for foreign in planned.foreign {
            parts.entry(foreign.item.clone()).or_default().foreign.push(foreign);
        }
        let coverage = planned.coverage;
        let places = desired.iter().enumerate().map(|(place, desired)| (desired.id().clone(), place)).collect();
        let (judged, is_lost, _watches) = (HashMap::new(), false, watches);
        Ok(Self {
            desired,
            places,
            discovery,
            inventory,
            listings,
            parts,
            judged,
            coverage,
            is_new,
            is_lost,
            news,
            _watches,
        })
    }

    /// The whole unit as it is known now.
    fn planned(&self) -> Planned {
        let differences: Vec<Difference> = self.parts.values().flat_map(|part| part.differences.clone()).collect();
        let change = match (self.is_new, differences.is_empty()) {
            (true, _) => Change::Create(differences),
            (false, true) => Change::Nothing,
            (false, false) => Change::Update(differences),
        };
        let mut unchecked = self.coverage.unchecked.clone();
        unchecked.extend(self.parts.values().flat_map(|part| part.unchecked.clone()));
        let total = self.coverage.total;
        Planned {
            foreign: self.parts.values().flat_map(|part| part.foreign.clone()).collect(),
            coverage: Coverage { checked: total.saturating_sub(unchecked.len()), total, unchecked },
            ..Planned::new(change)
        }
    }

    /// What one event came to.
    async fn take(
        &mut self,
        workload: &Workload,
        cluster: &Cluster,
        number: usize,
        object: &RawValue,
        is_gone: bool,
    ) -> Result<Turn, KindError> {
        let Some(listing) = self.listings.get(number).filter(|_| number > 0) else { return Ok(Turn::Applied) };
        let subject = Subject {
            cluster,
            discovery: &self.discovery,
            mark: &workload.mark,
            desired: &self.desired,
            inventory: self.inventory.as_ref(),
            prune: workload.prune,
            leave: &workload.leave,
            config_maps: None,
        };
        let manager = workload.mark.field_manager();
        let applied = |id: &ObjectId| subject.record(id).and_then(|record| record.applied.as_ref());
        let found = sift_one(object, &listing.resource.group, &listing.kind, &manager, applied).map_err(|error| {
            KindError::failed(format!("{} told of an object that cannot be read: {error}", cluster.server.name))
        })?;
        let (id, item) = (found.id.clone(), found.id.to_string());
        let Some(desired) = self.places.get(&id).and_then(|place| self.desired.get(*place)) else {
            // Not declared: if it was to be pruned, it is gone now.
            let was_told = is_gone && self.parts.remove(&item).is_some();
            return Ok(if was_told { Turn::Changed } else { Turn::Same });
        };
        let remembered = applied(&id);
        if !is_gone && found.kept && remembered.is_some_and(|applied| applied.desired != desired.hash) {
            // Git is ahead of it, which was told, and nobody else has touched it.
            return Ok(Turn::Same);
        }
        let said = (!is_gone && !found.kept).then(|| said_by(object));
        if said.is_some() && self.judged.get(&id) == said.as_ref() {
            // Its status moved, and nothing else.
            return Ok(Turn::Same);
        }
        // Somebody applied it in our name: then the inventory says so first, wherever that news is by now.
        let in_our_name = said.is_some()
            && time_of(object, &manager).is_some_and(|time| remembered.is_none_or(|applied| applied.time != time));
        if in_our_name && cluster.inventory(&workload.mark).await? != self.inventory {
            return Ok(Turn::Applied);
        }
        let mut seen = Seen::default();
        subject.see_again(desired, (!is_gone).then_some(found), &mut seen).await?;
        let part = Part { differences: seen.differences, foreign: seen.foreign, unchecked: seen.unchecked };
        match said {
            Some(said) => _ = self.judged.insert(id, said),
            None => _ = self.judged.remove(&id),
        }
        // What the first look could not judge begins with the object's name.
        let name = format!("`{item}`");
        let before = self.coverage.unchecked.len();
        self.coverage.unchecked.retain(|text| !text.starts_with(&name));
        let was_unchecked = self.coverage.unchecked.len() != before;
        let is_same = !was_unchecked && self.parts.remove(&item).unwrap_or_default() == part;
        if part != Part::default() {
            self.parts.insert(item, part);
        }
        Ok(if is_same { Turn::Same } else { Turn::Changed })
    }
}

/// A hash of all that an object says beside its status and who wrote what when.
fn said_by(object: &RawValue) -> [u8; 32] {
    let mut live: Value = serde_json::from_str(object.get()).unwrap_or_default();
    if let Some(object) = live.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = live["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    Sha256::digest(live.to_string()).into()
}

/// When our own entry of an object was written, by the server's clock.
fn time_of(object: &RawValue, manager: &str) -> Option<String> {
    let head: Head<'_> = serde_json::from_str(object.get()).ok()?;
    head.ours(manager)?.time.as_deref().map(str::to_owned)
}
