//! A look at names alone, where everything was settled when it was last looked at whole.
//!
//! It can only ever say that nothing is to be done. What it cannot say for certain is left to a look at everything:
//! something is missing or new, somebody applied the workload, too many objects moved, or one of them is not as we
//! left it.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::cluster::{Cluster, Listing, all_at_once};
use super::hands::for_each;
use super::heads;
use super::inventory::{self, Inventory};
use super::look::{foreign, refuse_anothers};
use super::managed::Head;
use super::object::ObjectId;
use super::settled::{FEW, Settled, Stood};
use super::sift::{items, sift_listed};
use super::trace::{self, Trace};
use super::workload::Workload;
use crate::unit::{Change, Coverage, Difference, KindError, Outputs, Planned};

/// So many bytes of lists take longer than a thread that helps.
const WORTH_A_THREAD: usize = 256 * 1024;

/// One list as it stands now.
struct Stands {
    version: String,
    count: usize,
    /// The traces that stood before as well.
    same: BTreeSet<Trace>,
    moved: Vec<ObjectId>,
}

/// What came of reading those that moved.
#[derive(Default)]
struct Reread {
    foreign: Vec<Difference>,
    /// By the number of its list.
    traces: Vec<(usize, Trace)>,
}

impl Workload {
    /// What is to be said where nothing is to be done; none where that is not certain.
    pub(super) async fn glance(&self, cluster: &Cluster) -> Result<Option<Planned>, KindError> {
        let Some(settled) = Settled::read(self, cluster) else { return Ok(None) };
        let Some(stands) = Box::pin(self.stands(cluster, &settled)).await? else { return Ok(None) };
        let moved: Vec<(usize, &ObjectId)> =
            stands.iter().enumerate().flat_map(|(at, one)| one.moved.iter().map(move |id| (at, id))).collect();
        let Some(reread) = Box::pin(self.reread(cluster, &settled, &moved)).await? else { return Ok(None) };
        let total = settled.total;
        tracing::debug!(unit = %self.mark.unit, objects = total, reread = moved.len(), "all is settled");
        if !moved.is_empty() {
            self.note_again(cluster, settled, stands, &reread);
        }
        Ok(Some(Planned {
            foreign: reread.foreign,
            coverage: Coverage { checked: total, total, unchecked: Vec::new() },
            outputs: Some(Outputs::new()),
            ..Planned::new(Change::Nothing)
        }))
    }

    /// How all lists stand, where each has as many objects as it had.
    async fn stands(&self, cluster: &Cluster, settled: &Settled) -> Result<Option<Vec<Stands>>, KindError> {
        let asks = settled.lists.iter().enumerate().map(|(at, (stood, own))| async move {
            let server = if *own { cluster.own() } else { &cluster.server };
            let answer = server.fetch(&stood.listing.ask(heads::ACCEPT)).await?;
            Ok((at, (answer.status == 200).then_some(answer.body)))
        });
        let mut answers = all_at_once(asks.collect()).await?;
        answers.sort_by_key(|(at, _)| *at);
        let bytes: usize = answers.iter().filter_map(|(_, body)| body.as_ref()).map(Vec::len).sum();
        let manager = self.mark.field_manager();
        let stands = for_each(&answers, bytes / WORTH_A_THREAD, |(at, body)| {
            let (stood, _) = &settled.lists[*at];
            stands_now(body.as_deref()?, stood, &manager)
                .filter(|now| now.count == stood.count && is_later(&now.version, &stood.version))
        });
        Ok(stands.into_iter().collect())
    }

    /// Reads each that moved; none where one of them is not as we left it.
    async fn reread(
        &self,
        cluster: &Cluster,
        settled: &Settled,
        moved: &[(usize, &ObjectId)],
    ) -> Result<Option<Reread>, KindError> {
        let mut reread = Reread::default();
        let is_ours = |id: &ObjectId| id.namespace.as_deref() != Some(inventory::NAMESPACE) || !id.is("", "ConfigMap");
        if moved.is_empty() {
            return Ok(Some(reread));
        }
        if moved.len() > FEW || !moved.iter().all(|(_, id)| is_ours(id)) {
            return Ok(None);
        }
        let memory = cluster.memory(&self.mark, false).await?;
        let Some(inventory) = memory.inventory.filter(|_| memory.parts == settled.inventory) else { return Ok(None) };
        // Where the first is not as we left it, all is looked at anyway, and the others need not be read.
        let (first, rest) = moved.split_at(1);
        for some in [first, rest] {
            let asks = some.iter().map(|(at, id)| async move {
                let resource = &settled.lists[*at].0.listing.resource;
                Ok((*at, *id, cluster.get(resource, id).await?))
            });
            for (at, id, text) in all_at_once(asks.collect()).await? {
                let Some((trace, foreign)) = text.and_then(|text| self.is_as_left(&inventory, id, &text)) else {
                    return Ok(None);
                };
                reread.foreign.extend(foreign);
                reread.traces.extend(trace.map(|trace| (at, trace)));
            }
        }
        reread.foreign.sort_by(|a, b| (&a.item, &a.path).cmp(&(&b.item, &b.path)));
        Ok(Some(reread))
    }

    /// Its trace and what others hold beside us, where nothing of ours has moved.
    fn is_as_left(&self, inventory: &Inventory, id: &ObjectId, text: &str) -> Option<(Option<Trace>, Vec<Difference>)> {
        let manager = self.mark.field_manager();
        let item: &RawValue = serde_json::from_str(text).ok()?;
        let applied = |id: &ObjectId| inventory.records.get(id)?.applied.as_ref();
        let found = sift_listed(item, &id.group, &id.kind, &manager, applied).ok()?;
        let live = found.live.as_ref();
        let is_nobody_elses = live.is_none_or(|live| refuse_anothers(&self.mark, id, live).is_ok());
        let beside = live.map(|live| foreign(id, live, &manager)).unwrap_or_default();
        (found.kept && found.id == *id && is_nobody_elses).then_some((found.trace, beside))
    }

    fn note_again(&self, cluster: &Cluster, mut settled: Settled, stands: Vec<Stands>, reread: &Reread) {
        for ((stood, _), now) in settled.lists.iter_mut().zip(stands) {
            (stood.version, stood.traces) = (now.version, now.same);
        }
        for (at, trace) in &reread.traces {
            settled.lists[*at].0.traces.insert(*trace);
        }
        settled.note(self, cluster);
    }
}

/// None where the answer is no list.
fn stands_now(body: &[u8], stood: &Stood, manager: &str) -> Option<Stands> {
    let Listing { resource, kind, metadata_only, .. } = &stood.listing;
    let name = |namespace: &str, name: &str| ObjectId {
        group: resource.group.clone(),
        kind: kind.clone(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: name.to_owned(),
    };
    let mut now = Stands { version: String::new(), count: 0, same: BTreeSet::new(), moved: Vec::new() };
    let mut see = |trace: Trace, id: &dyn Fn() -> ObjectId| {
        now.count += 1;
        match stood.traces.contains(&trace) {
            true => _ = now.same.insert(trace),
            false => now.moved.push(id()),
        }
    };
    match metadata_only {
        true => {
            let heads = heads::read(body)?;
            for head in &heads.items {
                see(trace::of_head(head, manager), &|| name(head.namespace, head.name));
            }
            now.version = heads.version.to_owned();
        }
        false => {
            let (items, version) = items(std::str::from_utf8(body).ok()?).ok()?;
            for item in items {
                let head: Head<'_> = serde_json::from_str(item.get()).ok()?;
                let namespace = head.metadata.namespace.as_deref().unwrap_or_default();
                see(trace::of_item(item, &resource.group, &head, manager), &|| name(namespace, &head.metadata.name));
            }
            now.version = version;
        }
    }
    Some(now)
}

/// Whether a list does not show less than another did. What is no number is not compared with anything.
fn is_later(version: &str, before: &str) -> bool {
    match (version.parse::<u64>(), before.parse::<u64>()) {
        (Ok(version), Ok(before)) => version >= before,
        (Err(_), _) | (_, Err(_)) => false,
    }
}
