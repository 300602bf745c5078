//! One look at a cluster: what of a workload is as we left it, and what is not.
//!
//! One list a kind and the inventory; nothing more while all is quiet. Only what looks suspicious is
//! asked about by a dry run of its own.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::ahead::Ahead;
use super::cluster::{Cluster, all_at_once};
use super::desired::Desired;
use super::discovery::Discovery;
use super::inventory::{Applied, Inventory, Record};
use super::judge::judge;
use super::leave::{self, LeaveRule};
use super::managed::{Entry, Head};
use super::mark::{Mark, UNIT_ANNOTATION, UNIT_LABEL};
use super::object::ObjectId;
use super::policy;
use super::seen::Seen;
use super::sift::Found;
use super::tell;
use super::workload::Workload;
use crate::unit::{Cause, Difference, KindError};

/// What a look is about.
pub(super) struct Subject<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) discovery: &'a Discovery,
    pub(super) mark: &'a Mark,
    pub(super) desired: &'a [Desired],
    pub(super) inventory: Option<&'a Inventory>,
    pub(super) prune: bool,
    /// What is declared and left to somebody else.
    pub(super) leave: &'a [LeaveRule],
    /// The list of its ConfigMaps, where the inventory came with it.
    pub(super) config_maps: Option<&'a str>,
}

/// Looks at every object that is declared or remembered. Some lists may be on their way.
pub(super) async fn look(subject: &Subject<'_>, ahead: Ahead) -> Result<Seen, KindError> {
    let mut seen = Seen::default();
    let mut found = subject.list(ahead, &mut seen).await?;
    seen.is_settled = subject.is_settled(&found);
    subject.fetch_missing(&mut found).await?;
    let mut suspects = Vec::new();
    for desired in subject.desired {
        suspects.extend(subject.see(desired, found.remove(desired.id()), &mut seen)?);
    }
    seen.is_settled &= suspects.is_empty();
    subject.judge_all(suspects, &mut seen).await?;
    subject.find_surplus(found, &mut seen);
    seen.put_in_order();
    Ok(seen)
}

fn cause_of_absence(desired: &Desired, record: Option<&Record>) -> Cause {
    match record.and_then(|record| record.applied.as_ref()) {
        Some(applied) if applied.desired == desired.hash => Cause::Drifted,
        Some(_) | None => Cause::Declared,
    }
}

/// A Job that was waited for to its end, and that its cluster then removed as its author wrote, is done
/// and not missing: made again, it would run again at every sync.
fn finished_and_gone<'a>(
    desired: &Desired,
    record: Option<&'a Record>,
    inventory: Option<&Inventory>,
) -> Option<&'a Applied> {
    let removes_itself = desired.id().is("batch", "Job")
        && !desired.object.json["spec"]["ttlSecondsAfterFinished"].is_null()
        && inventory.is_some_and(|inventory| inventory.finished);
    record?.applied.as_ref().filter(|applied| removes_itself && applied.desired == desired.hash)
}

/// Two units never take an object from each other.
pub(super) fn refuse_anothers(mark: &Mark, id: &ObjectId, live: &Value) -> Result<(), KindError> {
    let text = |section: &str, key: &str| live["metadata"][section][key].as_str();
    match text("labels", UNIT_LABEL) {
        Some(label) if label != mark.label() => {
            let whose = text("annotations", UNIT_ANNOTATION).unwrap_or("another unit");
            Err(KindError::refused(format!("`{id}` belongs to `{whose}`, and `{}` declares it too", mark.unit))
                .hint("declare it in one unit only; to move it, remove that unit's label from the object"))
        }
        _ => Ok(()),
    }
}

/// What others hold of an object beside us.
pub(super) fn foreign(id: &ObjectId, live: &Value, manager: &str) -> Vec<Difference> {
    let text = live.to_string();
    match serde_json::from_str::<Head<'_>>(&text) {
        Ok(head) => {
            let ours = head.ours(manager).map(Entry::tree).unwrap_or_default();
            tell::foreign(id, live, &head, manager, &ours)
        }
        Err(_) => Vec::new(),
    }
}

impl<'a> Subject<'a> {
    /// A workload of which nothing is declared or remembered.
    pub(super) fn of(workload: &'a Workload, cluster: &'a Cluster, discovery: &'a Discovery) -> Self {
        Self {
            cluster,
            discovery,
            mark: &workload.mark,
            desired: &[],
            inventory: None,
            prune: workload.prune,
            leave: &workload.leave,
            config_maps: None,
        }
    }
}

impl Subject<'_> {
    /// One object again, as an event told of it; one that went, or that lost our label, is read.
    pub(super) async fn see_again(
        &self,
        desired: &Desired,
        found: Option<Found>,
        seen: &mut Seen,
    ) -> Result<(), KindError> {
        let mut found: HashMap<_, _> = found.into_iter().map(|found| (found.id.clone(), found)).collect();
        if found.is_empty()
            && let Some(text) = self.cluster.get(&desired.resource, desired.id()).await?
        {
            found.insert(desired.id().clone(), self.read_whole(desired.id(), &text)?);
        }
        let suspect = self.see(desired, found.remove(desired.id()), seen)?;
        self.judge_all(suspect.into_iter().collect(), seen).await?;
        seen.put_in_order();
        Ok(())
    }

    /// What can be said of an object without asking; or the object, where only a dry run can say it.
    fn see<'d>(
        &self,
        desired: &'d Desired,
        found: Option<Found>,
        seen: &mut Seen,
    ) -> Result<Option<(&'d Desired, Option<Value>)>, KindError> {
        let (id, record) = (desired.id(), self.record(desired.id()));
        let policy = policy::sent(&desired.object.json);
        if policy == policy::Sent::Never || (policy == policy::Sent::Once && found.is_some()) {
            // Remembered as far as we ever wrote it: what we did not make is not ours to prune either.
            let known = record.and_then(|record| record.applied.clone()).unwrap_or_default();
            seen.agree.insert(id.clone(), known);
            seen.anything |= found.is_some();
            return Ok(None);
        }
        let Some(found) = found else {
            match finished_and_gone(desired, record, self.inventory) {
                Some(applied) => _ = seen.agree.insert(id.clone(), applied.clone()),
                None => seen.differences.push(tell::missing(id, cause_of_absence(desired, record))),
            }
            return Ok(None);
        };
        seen.anything = true;
        if let Some(live) = &found.live {
            refuse_anothers(self.mark, id, live)?;
        }
        let is_as_left = |applied: &&Applied| {
            found.kept
                && applied.desired == desired.hash
                && desired.holds_secrets(found.live.as_ref())
                && !leave::depends_on_others(self.leave, id)
        };
        match record.and_then(|record| record.applied.as_ref()).filter(is_as_left) {
            Some(applied) => {
                let live = found.live.iter();
                seen.foreign.extend(live.flat_map(|live| foreign(id, live, &self.mark.field_manager())));
                seen.agree.insert(id.clone(), applied.clone());
                Ok(None)
            }
            None => Ok(Some((desired, found.live))),
        }
    }

    /// Whether the lists show what is declared, as we left it, and nothing else; and the inventory names nothing else.
    fn is_settled(&self, found: &HashMap<ObjectId, Found>) -> bool {
        let Some(inventory) = self.inventory else { return false };
        let (declared, parts) = (self.desired.len(), self.config_maps.map_or(0, |_| inventory.parts));
        let is_kept = |desired: &Desired| found.get(desired.id()).is_some_and(|found| found.kept);
        inventory.records.len() == declared
            && found.len() == declared + parts
            && self.desired.iter().all(|desired| is_kept(desired) && self.record(desired.id()).is_some())
    }

    pub(super) fn record(&self, id: &ObjectId) -> Option<&Record> {
        self.inventory?.records.get(id)
    }

    /// Reads what the lists did not show whole: new objects, those that lost our label, those that only
    /// had their name listed.
    async fn fetch_missing(&self, found: &mut HashMap<ObjectId, Found>) -> Result<(), KindError> {
        let is_new = self.inventory.is_none();
        let wanted = self.desired.iter().filter(|desired| match found.get(desired.id()) {
            Some(found) => !found.kept && found.live.is_none(),
            None => !is_new,
        });
        let asks = wanted.map(|desired| async move {
            let text = self.cluster.get(&desired.resource, desired.id()).await?;
            Ok((desired.id().clone(), text))
        });
        for (id, text) in all_at_once(asks.collect()).await? {
            match text {
                None => found.remove(&id),
                Some(text) => {
                    let whole = self.read_whole(&id, &text)?;
                    found.insert(id, whole)
                }
            };
        }
        Ok(())
    }

    fn read_whole(&self, id: &ObjectId, text: &str) -> Result<Found, KindError> {
        let live: Value = serde_json::from_str(text).map_err(|error| self.broken(&error))?;
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        Ok(Found { id: id.clone(), uid, kept: false, live: Some(live), trace: None })
    }

    async fn judge_all(&self, suspects: Vec<(&Desired, Option<Value>)>, seen: &mut Seen) -> Result<(), KindError> {
        let manager = self.mark.field_manager();
        let verdicts = suspects.into_iter().map(|(desired, live)| {
            let manager = &manager;
            async move {
                let live = match live {
                    Some(live) => live,
                    // Kept in the cluster, and declared otherwise: the list was not kept.
                    None => match self.cluster.get(&desired.resource, desired.id()).await? {
                        Some(text) => serde_json::from_str(&text).map_err(|error| self.broken(&error))?,
                        None => return Ok((desired, None)),
                    },
                };
                let verdict =
                    judge(self.cluster, desired, &live, self.record(desired.id()), (manager, self.leave)).await?;
                Ok((desired, Some(verdict)))
            }
        });
        for (desired, verdict) in all_at_once(verdicts.collect()).await? {
            match verdict {
                None => {
                    let cause = cause_of_absence(desired, self.record(desired.id()));
                    seen.differences.push(tell::missing(desired.id(), cause));
                }
                Some(verdict) => seen.take(desired.id(), verdict),
            }
        }
        Ok(())
    }

    /// What is remembered, still carries our label and uid, and is no longer declared. Never from an
    /// inventory that is not whole.
    fn find_surplus(&self, mut found: HashMap<ObjectId, Found>, seen: &mut Seen) {
        let Some(inventory) = self.inventory else { return };
        if !inventory.is_whole() {
            seen.unchecked.push("the inventory has missing parts: nothing is pruned until it is written again".into());
            return;
        }
        let declared: HashSet<&ObjectId> = self.desired.iter().map(Desired::id).collect();
        for (id, record) in inventory.records.iter().filter(|(id, _)| !declared.contains(id)) {
            if self.discovery.is_silent(&id.group) {
                seen.unchecked.push(format!(
                    "`{id}` is no longer declared and is not pruned now: what serves `{}` does not answer",
                    id.group
                ));
                seen.unseen.push(id.clone());
                continue;
            }
            let Some(found) = found.remove(id) else { continue };
            let ours = record.applied.as_ref().is_none_or(|applied| applied.uid == found.uid);
            let Some(resource) = self.discovery.find_any(&id.group, &record.version, &id.kind) else { continue };
            let stays = record.stays.then_some("its annotations say that it stays");
            match (ours, keeps_data(id).or(stays)) {
                (false, _) => {}
                (true, None) if self.prune => {
                    seen.differences.push(tell::surplus(id));
                    seen.surplus.push((id.clone(), resource.clone(), found.uid));
                }
                (true, why) => {
                    let why = why.unwrap_or("workload.yaml says `prune: false`");
                    seen.unchecked.push(format!("`{id}` is no longer declared and is left: {why}"));
                    seen.left.push(id.clone());
                }
            }
        }
    }

    pub(super) fn broken(&self, error: &serde_json::Error) -> KindError {
        self.cluster.server.broken_list(error)
    }
}

/// Why an object is never pruned along the way: more than the object itself would be lost.
pub(super) fn keeps_data(id: &ObjectId) -> Option<&'static str> {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "PersistentVolumeClaim" | "PersistentVolume") => Some("the data of its volume would be lost"),
        ("", "Namespace") => Some("everything in it would be deleted"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Some("every resource of its kind would be deleted"),
        _ => None,
    }
}
