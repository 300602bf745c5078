//! The inventory while a workload is brought about: opened before the first write, closed after the last.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::deed::Bringing;
use super::fight;
use super::hooks::Placed;
use super::inventory::{Applied, HookRecord, Inventory, Record, Run};
use super::object::ObjectId;
use super::policy;
use crate::unit::{KindError, Owner};

/// What was written last, and where.
pub(super) struct Book {
    inventory: Inventory,
    parts: usize,
    version: Option<String>,
}

impl Book {
    /// Writes down everything that will be, before any of it is.
    pub(super) async fn open(deed: &Bringing, owner: &Owner) -> Result<Self, KindError> {
        let mut inventory = records(deed, &BTreeMap::new());
        inventory.run = run_of(deed, owner);
        let parts = inventory.to_config_maps(&deed.mark).len().max(deed.inventory.parts);
        let mut book = Self { inventory, parts: deed.inventory.parts, version: deed.inventory.version.clone() };
        book.write(deed).await?;
        book.parts = parts;
        Ok(book)
    }

    pub(super) fn run(&self) -> &Run {
        &self.inventory.run
    }

    /// A hook has come to its end: from here on it is never run for this state again.
    pub(super) async fn remember_done(&mut self, deed: &Bringing, placed: &Placed) -> Result<(), KindError> {
        let mut hooks = self.inventory.run.hooks();
        let record = hooks.entry(placed.desired.id().clone()).or_default();
        record.version = placed.desired.object.version.clone();
        record.done.insert(placed.hook.mark(&deed.state));
        self.inventory.run.set_hooks(hooks);
        self.write(deed).await
    }

    /// Writes down how it ended.
    pub(super) async fn close(
        mut self,
        deed: &Bringing,
        applied: &BTreeMap<ObjectId, Applied>,
        is_done: bool,
    ) -> Result<(), KindError> {
        let run = self.inventory.run.clone();
        self.inventory = Inventory { run, ..records(deed, applied) };
        if is_done {
            self.inventory.finish(&deed.state);
            for (id, ..) in &deed.seen.surplus {
                self.inventory.records.remove(id);
            }
            forget_hooks(&mut self.inventory.run, deed);
        }
        self.write(deed).await
    }

    /// Nothing was to be changed: what was found is written down.
    pub(super) async fn agreed(deed: &Bringing, owner: &Owner) -> Result<(), KindError> {
        let mut inventory = records(deed, &BTreeMap::new());
        inventory.run = run_of(deed, owner);
        forget_hooks(&mut inventory.run, deed);
        inventory.finish(&deed.state);
        let version = deed.inventory.version.clone();
        Self { inventory, parts: deed.inventory.parts, version }.write(deed).await
    }

    async fn write(&mut self, deed: &Bringing) -> Result<(), KindError> {
        let version = self.version.as_deref();
        self.version = deed.cluster.write_inventory(&deed.mark, &self.inventory, self.parts, version).await?;
        Ok(())
    }
}

/// Those that are no longer declared, and are gone.
fn forget_hooks(run: &mut Run, deed: &Bringing) {
    let mut hooks = run.hooks();
    let cleared = deed.seen.past_hooks.iter().map(|(id, _)| id);
    cleared.chain(&deed.seen.lost_hooks).for_each(|id| _ = hooks.remove(id));
    run.set_hooks(hooks);
}

/// What is remembered of this run. Of hooks only those that were done for this very state count as done.
fn run_of(deed: &Bringing, owner: &Owner) -> Run {
    let mut hooks = deed.inventory.run.hooks();
    for record in hooks.values_mut() {
        record.done.retain(|mark| mark.ends_with(&deed.state));
    }
    for placed in &deed.hooks {
        let record: &mut HookRecord = hooks.entry(placed.desired.id().clone()).or_default();
        record.version = placed.desired.object.version.clone();
    }
    let mut run = Run {
        commit: owner.commit.to_string(),
        state: deed.state.clone(),
        service_account: deed.service_account.clone(),
        ..deed.inventory.run.clone()
    };
    run.set_hooks(hooks);
    run
}

/// What is remembered once these have been applied. Nothing is forgotten here.
fn records(deed: &Bringing, applied: &BTreeMap<ObjectId, Applied>) -> Inventory {
    let seen = &deed.seen;
    let mut records = deed.inventory.records.clone();
    for (id, record) in &mut records {
        record.left = seen.left.contains(id);
    }
    // Remembered, not declared, and not found with our mark: it is gone, or is not ours any more.
    if deed.inventory.is_whole() {
        let declared: BTreeSet<&ObjectId> = deed.desired.iter().map(|desired| desired.id()).collect();
        let found = |id: &ObjectId| {
            seen.left.contains(id) || seen.unseen.contains(id) || seen.surplus.iter().any(|(other, ..)| other == id)
        };
        records.retain(|id, _| declared.contains(id) || found(id));
    }
    let now = Timestamp::now();
    for desired in &deed.desired {
        let id = desired.id();
        let mut known = applied.get(id).or_else(|| seen.agree.get(id)).cloned();
        if let Some(known) = known.as_mut().filter(|_| seen.fought.contains(id)) {
            // What was sent is not what is declared: the next look must not take it for that.
            (known.values, known.resource_version) = (String::new(), String::new());
        }
        let earlier = records.remove(id).unwrap_or_default();
        let mut fights = earlier.fights;
        let put_right = seen.corrections.iter().filter(|(other, ..)| other == id && applied.contains_key(id));
        put_right.for_each(|(_, path, who)| fight::corrected(&mut fights, path, who, now));
        let record = Record {
            version: desired.object.version.clone(),
            applied: known.or(earlier.applied),
            left: false,
            stays: policy::stays(&desired.object.json),
            fights,
        };
        records.insert(id.clone(), record);
    }
    Inventory::new(records, false)
}
