//! What the last look at everything found settled, so that the next one asks for names alone.
//!
//! Written only where that look had nothing to say: every object that is declared was listed and is as we left it,
//! nothing else carries our label, the inventory is whole and names nothing more. Then the verdict follows from
//! three things alone: what is declared, what the inventory says, and how each object stands. What is declared is in
//! the key of the note; the other two are here, a [`Trace`] for each object and each part of the inventory. Whatever is another
//! by then is looked at again, each object by itself where they are few, and otherwise as if nothing were noted.
//!
//! A list whose version is older than the one noted is that of a cluster that was restored: nothing of the note
//! holds. Another cluster under the same address has other uids, and so other traces.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, Listing, Memory};
use super::mark::Mark;
use super::noted::{self, Key};
use super::seen::Seen;
use super::trace::{Trace, from_text, is_native, to_text};
use super::workload::Workload;

/// More than so many are not read one by one.
pub(super) const FEW: usize = 24;

/// How one list stood.
#[derive(Clone)]
pub(super) struct Stood {
    pub(super) listing: Listing,
    pub(super) version: String,
    /// How many objects it had, and the traces of those that need no second look.
    pub(super) count: usize,
    pub(super) traces: BTreeSet<Trace>,
}

/// How all stood.
pub(super) struct Settled {
    pub(super) total: usize,
    /// Each with whether it is asked for as whoever runs this.
    pub(super) lists: Vec<(Stood, bool)>,
    /// The parts of the inventory, which are in one of the lists.
    pub(super) inventory: BTreeSet<Trace>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    total: usize,
    inventory: String,
    lists: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    listing: Listing,
    own: bool,
    version: String,
    count: usize,
    traces: String,
}

/// From here on everything is looked at whole.
pub(super) fn forget(workload: &Workload, cluster: &Cluster) {
    if workload.key.is_some() {
        noted::forget(&name(&workload.mark, cluster));
    }
}

impl Settled {
    /// How all stood in a look at everything; none where that is not enough to say that nothing is to be done.
    pub(super) fn of_look(mark: &Mark, cluster: &Cluster, memory: &Memory, seen: &mut Seen) -> Option<Self> {
        let Memory { inventory, version, config_maps: _, parts } = memory;
        let inventory = inventory.as_ref().filter(|inventory| inventory.is_whole() && inventory.finished)?;
        if !seen.is_settled || parts.len() != inventory.parts {
            return None;
        }
        let stood = std::mem::take(&mut seen.stood);
        let mut lists: Vec<(Stood, bool)> = stood.into_iter().map(|stood| (stood, false)).collect();
        match lists.iter_mut().find(|(stood, _)| Some(&stood.listing) == seen.with_memory.as_ref()) {
            Some((stood, _)) => {
                stood.listing = cluster.memory_listing(mark);
                stood.traces.extend(parts);
            }
            None => {
                let (listing, version) = (cluster.inventory_listing(mark), version.clone());
                lists.push((Stood { listing, version, count: parts.len(), traces: parts.clone() }, true));
            }
        }
        for (stood, _) in &mut lists {
            stood.listing.metadata_only = is_native(&stood.listing.resource.group);
        }
        let unsettled: usize = lists.iter().map(|(stood, _)| stood.count.saturating_sub(stood.traces.len())).sum();
        let total = inventory.records.len();
        (unsettled <= FEW).then(|| Self { total, lists, inventory: parts.clone() })
    }

    /// What was noted of the same workload in the same cluster.
    pub(super) fn read(workload: &Workload, cluster: &Cluster) -> Option<Self> {
        let note = noted::read(&name(&workload.mark, cluster), &key(workload, cluster)?)?;
        let Note { total, inventory, lists } = serde_json::from_slice(&note).ok()?;
        let stood = |row: Row| {
            let Row { listing, own, version, count, traces } = row;
            Some((Stood { listing, version, count, traces: from_text(&traces)? }, own))
        };
        Some(Self {
            total,
            lists: lists.into_iter().map(stood).collect::<Option<_>>()?,
            inventory: from_text(&inventory)?,
        })
    }

    /// Remembers it for the next look.
    pub(super) fn note(&self, workload: &Workload, cluster: &Cluster) {
        let Some(key) = key(workload, cluster) else { return };
        let row = |(stood, own): &(Stood, bool)| {
            let Stood { listing, version, count, traces } = stood;
            let (listing, version, traces) = (listing.clone(), version.clone(), to_text(traces));
            Row { listing, own: *own, version, count: *count, traces }
        };
        let lists = self.lists.iter().map(row).collect();
        let note = Note { total: self.total, inventory: to_text(&self.inventory), lists };
        noted::write(&name(&workload.mark, cluster), &key, &serde_json::to_vec(&note).expect("a note is plain text"));
    }
}

/// None where nothing may be noted of the workload.
fn key(workload: &Workload, cluster: &Cluster) -> Option<Key> {
    Some(workload.key.clone()?.with("settled").with(&*cluster.server.name))
}

fn name(mark: &Mark, cluster: &Cluster) -> String {
    format!("what of {} is settled in {}", mark.full_name(), cluster.server.name)
}
