//! What a watch knows of its workload: how each object stood when it was looked at last.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::{Batch, Event, gather};
use super::cluster::{Cluster, Listing, all_at_once};
use super::desired::again;
use super::discovery::Discovery;
use super::follow::{Following, Watches};
use super::inventory::Inventory;
use super::leave;
use super::ledger::{Ledger, Row};
use super::look::{Subject, look};
use super::managed::Head;
use super::object::ObjectId;
use super::seen::Seen;
use super::shelf::Shelf;
use super::sift::{Found, sift_one};
use super::workload::{Asked, Workload};
use crate::unit::{Change, Coverage, Difference, KindError, Planned};

/// What is watched: a workload in a cluster, and what it declares.
pub(super) struct Watched {
    pub(super) workload: Workload,
    pub(super) cluster: Arc<Cluster>,
    pub(super) shelf: Shelf,
}

/// What was seen last, and what tells of changes to it.
pub(super) struct Known {
    ledger: Ledger,
    discovery: Discovery,
    /// Of the inventory that it was judged by.
    inventory: Option<[u8; 16]>,
    /// Whether the last apply went to its end.
    finished: bool,
    /// What is to be told, by the item it is about.
    parts: BTreeMap<String, Part>,
    coverage: Coverage,
    is_new: bool,
    watches: Watches,
}

/// What is to be told of one object.
#[derive(Default, PartialEq)]
struct Part {
    differences: Vec<Difference>,
    foreign: Vec<Difference>,
    /// Why it could not be judged.
    unchecked: Vec<String>,
}

/// What a batch of events came to.
pub(super) enum Judged {
    /// Nothing that anybody must know.
    Same,
    Changed,
    /// Somebody applied the workload.
    Applied,
}

/// An object that became another.
struct Suspect<'a> {
    id: ObjectId,
    row: &'a Row,
    /// None where it went, or lost our label.
    found: Option<Found>,
    /// It was written as we write; then the inventory says so first, wherever that news is by now.
    in_our_name: bool,
}

impl Known {
    /// Looks at everything, and opens the watches where the lists of that look left off.
    pub(super) async fn learn(watched: &Watched) -> Result<Self, KindError> {
        let Watched { workload, cluster, shelf } = watched;
        let Asked { resolved, discovery, memory, ahead } = workload.ask(cluster, &shelf.wanted()).await?;
        let (inventory, written) = (memory.inventory, memory.version);
        let subject = Subject {
            desired: &resolved.desired,
            inventory: inventory.as_ref(),
            config_maps: memory.config_maps.as_deref(),
            ..Subject::of(workload, cluster, &discovery)
        };
        let mut seen = look(&subject, ahead).await?;
        workload.look_for_past_hooks((cluster, &discovery), inventory.as_ref(), &resolved, &mut seen).await?;
        let places = std::mem::take(&mut seen.listed);
        let planned = workload.plan_of(inventory.as_ref(), &resolved, &mut seen);
        let ledger = Ledger::of(&resolved.desired, inventory.as_ref());
        Ok(Self {
            ledger,
            discovery,
            inventory: inventory.as_ref().map(Inventory::digest),
            finished: inventory.as_ref().is_some_and(|inventory| inventory.finished),
            is_new: matches!(planned.change, Change::Create(_)),
            parts: parts_of(&planned),
            coverage: planned.coverage,
            watches: watched.follow(written, places),
        })
    }

    /// What happens next, with all that has happened by then.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        gather(&mut self.watches.news).await
    }

    /// The whole unit as it is known now.
    pub(super) fn planned(&self) -> Planned {
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

    /// Judges what became another, all of it at once, as a look judges a list.
    pub(super) async fn judge(
        &mut self,
        watched: &Watched,
        events: BTreeMap<ObjectId, Event>,
    ) -> Result<Judged, KindError> {
        let (mut suspects, mut is_same) = (Vec::new(), true);
        for (id, event) in events {
            let Some(row) = self.ledger.row(&id) else {
                // Not declared: if it was to be pruned, it is gone now.
                is_same &= !(event.is_gone && self.parts.remove(&id.to_string()).is_some());
                continue;
            };
            suspects.extend(self.suspect(watched, id, row, &event)?);
        }
        let in_our_name = suspects.iter().any(|suspect| suspect.in_our_name);
        if in_our_name {
            let now = watched.cluster.inventory(&watched.workload.mark).await?;
            if now.as_ref().map(Inventory::digest) != self.inventory {
                return Ok(Judged::Applied);
            }
        }
        let asks = suspects.into_iter().map(|suspect| self.part_of(watched, suspect)).collect();
        for (item, part) in all_at_once(asks).await? {
            is_same &= self.keep(item, part);
        }
        Ok(if is_same { Judged::Same } else { Judged::Changed })
    }

    /// None where Git is ahead of the object, which was told, and nobody else has touched it.
    fn suspect<'a>(
        &self,
        watched: &Watched,
        id: ObjectId,
        row: &'a Row,
        event: &Event,
    ) -> Result<Option<Suspect<'a>>, KindError> {
        let applied = self.ledger.record(row).and_then(|record| record.applied);
        if event.is_gone {
            return Ok(Some(Suspect { id, row, found: None, in_our_name: false }));
        }
        let manager = watched.workload.mark.field_manager();
        let (group, kind) = (&id.group, &id.kind);
        let found = sift_one(&event.object, group, kind, &manager, |_| applied.as_ref());
        let found = found.map_err(|error| watched.cannot_be_read(&error))?;
        if found.kept && applied.as_ref().is_some_and(|applied| applied.desired != row.hash()) {
            return Ok(None);
        }
        let in_our_name = !found.kept && {
            let head: Head<'_> =
                serde_json::from_str(event.object.get()).map_err(|error| watched.cannot_be_read(&error))?;
            let time = head.ours(&manager).and_then(|entry| entry.time.as_deref());
            time.is_some_and(|time| applied.as_ref().is_none_or(|applied| applied.time != time))
        };
        Ok(Some(Suspect { id, row, found: Some(found), in_our_name }))
    }

    /// What is to be told of it now.
    async fn part_of(&self, watched: &Watched, suspect: Suspect<'_>) -> Result<(ObjectId, Part), KindError> {
        let Suspect { id, row, found, in_our_name: _ } = suspect;
        let Watched { workload, cluster, shelf } = watched;
        // As we left it, and nobody beside us: then nothing of what is declared has to be unfolded.
        if found.as_ref().is_some_and(|found| found.kept && found.live.is_none())
            && !leave::depends_on_others(&workload.leave, &id)
        {
            return Ok((id, Part::default()));
        }
        let object = shelf.object(row.place as usize).expect("what is in the ledger is on the shelf");
        let desired = again(object, (row.hash(), row.scaled), &self.discovery, &workload.namespace, &workload.mark)
            .map_err(|problem| KindError::failed(problem.message))?;
        let records = self.ledger.record(row).map(|record| (id.clone(), record)).into_iter().collect();
        let inventory = self.inventory.map(|_| Inventory::new(records, self.finished));
        let subject = Subject { inventory: inventory.as_ref(), ..Subject::of(workload, cluster, &self.discovery) };
        let mut seen = Seen::default();
        subject.see_again(&desired, found, &mut seen).await?;
        let part = Part { differences: seen.differences, foreign: seen.foreign, unchecked: seen.unchecked };
        Ok((id, part))
    }

    /// Whether nothing else is to be told than before.
    fn keep(&mut self, id: ObjectId, part: Part) -> bool {
        let item = id.to_string();
        // What the first look could not judge begins with the object's name.
        let name = format!("`{item}`");
        let before = self.coverage.unchecked.len();
        self.coverage.unchecked.retain(|text| !text.starts_with(&name));
        let was_unchecked = self.coverage.unchecked.len() != before;
        let is_same = !was_unchecked && self.parts.remove(&item).unwrap_or_default() == part;
        if part != Part::default() {
            self.parts.insert(item, part);
        }
        is_same
    }
}

fn parts_of(planned: &Planned) -> BTreeMap<String, Part> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for difference in planned.change.differences() {
        parts.entry(difference.item.clone()).or_default().differences.push(difference.clone());
    }
    for foreign in &planned.foreign {
        parts.entry(foreign.item.clone()).or_default().foreign.push(foreign.clone());
    }
    parts
}

impl Watched {
    /// Opens a watch for each list, from the version on that it shows.
    fn follow(&self, written: String, places: Vec<(Listing, String)>) -> Watches {
        // The inventory is the first: who applies the workload writes it before anything else.
        let inventory = (self.cluster.inventory_listing(&self.workload.mark), written);
        let follow = |(number, (listing, version)): (usize, (Listing, String))| {
            let following = Following::new(listing, number, version);
            let server = if number == 0 { self.cluster.own() } else { &self.cluster.server };
            (following.without_statuses(self.workload.mark.field_manager()), server.clone())
        };
        Watches::open(std::iter::once(inventory).chain(places).enumerate().map(follow))
    }

    fn cannot_be_read(&self, error: &serde_json::Error) -> KindError {
        KindError::failed(format!("{} told of an object that cannot be read: {error}", self.cluster.server.name))
    }
}
