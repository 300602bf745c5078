//! Brings a workload about, step by step; killed anywhere and run again, it comes to the same end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::book::Book;
use super::cluster::{Cluster, all_at_once};
use super::desired::Desired;
use super::discovery::Resource;
use super::hook_run::{Running, clear, of_phase};
use super::hooks::{Phase, Placed};
use super::inventory::{Applied, Inventory};
use super::mark::Mark;
use super::object::ObjectId;
use super::policy;
use super::prune::prune;
use super::ready::HealthRules;
use super::rights::{self, Right};
use super::seen::Seen;
use super::send::{Sending, Sent};
use super::spec::ConflictSpec;
use super::wait::{Awaited, until_ready};
use super::workload::Workload;
use crate::unit::{Change, Deed, ErrorKind, Inputs, KindError, Outputs, Owner, Progress};

/// What is being deleted when its turn comes is waited for, and no longer than this.
const LONGEST_REMOVAL: Duration = Duration::from_secs(60);

/// Applies what differs, waits until all is ready, prunes, and remembers.
pub(super) struct Bringing {
    pub(super) cluster: Arc<Cluster>,
    pub(super) mark: Mark,
    pub(super) timeout: Duration,
    pub(super) rules: HealthRules,
    pub(super) conflicts: ConflictSpec,
    pub(super) service_account: Option<String>,
    /// What was remembered before.
    pub(super) inventory: Inventory,
    pub(super) desired: Vec<Desired>,
    /// Of all that is declared.
    pub(super) state: String,
    /// All hooks that are declared, and those that run now.
    pub(super) hooks: Vec<Placed>,
    pub(super) due: Vec<Placed>,
    pub(super) seen: Seen,
}

#[async_trait]
impl Deed for Bringing {
    async fn perform(self: Box<Self>, owner: &Owner, progress: &Progress) -> Result<Outputs, KindError> {
        rights::demand(&self.cluster, self.rights()).await?;
        self.refuse_conflicts().await?;
        let mut book = Book::open(&self, owner).await?;
        let mut applied = BTreeMap::new();
        let result = self.bring(&mut book, &mut applied, progress).await;
        let written = book.close(&self, &applied, result.is_ok()).await;
        // The first failure is the one to tell; the inventory written before it still names everything.
        result.and(written)?;
        Ok(Outputs::new())
    }
}

impl Bringing {
    async fn bring(
        &self,
        book: &mut Book,
        applied: &mut BTreeMap<ObjectId, Applied>,
        progress: &Progress,
    ) -> Result<(), KindError> {
        self.run_hooks(Phase::Before, book, progress).await?;
        let sending = Sending {
            names: OnceLock::new(),
            cluster: &self.cluster,
            manager: &self.mark.field_manager(),
            desired: &self.desired,
            agree: &self.seen.agree,
            kept: &self.seen.kept,
            adopt: &self.seen.adopt,
            replace: &self.seen.replace,
            rules: &self.rules,
            timeout: self.timeout,
            patience: self.timeout.min(LONGEST_REMOVAL),
        };
        let Sent { applied: sent, waiting, error } = sending.run(progress).await;
        *applied = sent;
        if let Some(error) = error {
            return Err(error);
        }
        self.await_all(applied, waiting, book, progress).await?;
        self.run_hooks(Phase::After, book, progress).await?;
        prune(&self.cluster, &self.mark, &self.seen.surplus, self.timeout, progress).await?;
        for (id, resource) in &self.seen.past_hooks {
            clear(&self.cluster, &self.mark, resource, id).await?;
        }
        Ok(())
    }

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
        let hooks = self.due.iter().flat_map(|placed| {
            ["get", "create", "patch", "delete"].map(|verb| right(verb, &placed.desired.resource, placed.desired.id()))
        });
        let replaced = self.desired.iter().filter(|desired| self.seen.replace.contains(desired.id()));
        let replaced = replaced.map(|desired| right("delete", &desired.resource, desired.id()));
        let gone = self.seen.surplus.iter().map(|(id, resource, _)| (id, resource));
        let gone = gone.chain(self.seen.past_hooks.iter().map(|(id, resource)| (id, resource)));
        let gone = gone.map(|(id, resource)| right("delete", resource, id));
        sent.chain(hooks).chain(replaced).chain(gone).collect()
    }

    /// Asks for each object whether it could be applied without taking anything from anybody, where that is wanted.
    async fn refuse_conflicts(&self) -> Result<(), KindError> {
        match self.conflicts {
            ConflictSpec::Take => return Ok(()),
            ConflictSpec::Refuse => {}
        }
        let sent = self.desired.iter().filter(|desired| !self.seen.agree.contains_key(desired.id()));
        let asks = sent.map(|desired| async move {
            let id = desired.id();
            let body = desired.body(self.seen.kept.get(id).map_or(&[], Vec::as_slice));
            let conflict = self.cluster.conflict(&desired.resource, id, &self.mark.field_manager(), body).await?;
            Ok(conflict.map(|why| format!("`{id}`: {why}")))
        });
        let found: Vec<String> = all_at_once(asks.collect()).await?.into_iter().flatten().collect();
        match found.is_empty() {
            true => Ok(()),
            false => Err(KindError::refused(found.join("; ")).hint(
                "workload.yaml says `conflicts: refuse`: nothing was changed; give the field up with `leave:`, or take it with `conflicts: take`",
            )),
        }
    }

    async fn await_all(
        &self,
        applied: &BTreeMap<ObjectId, Applied>,
        answers: BTreeMap<ObjectId, Value>,
        book: &Book,
        progress: &Progress,
    ) -> Result<(), KindError> {
        let mut waiting: BTreeSet<ObjectId> = answers.keys().cloned().collect();
        // What was not sent now may still be on its way from an earlier time; what we never made is not waited for.
        let earlier = self.desired.iter().filter(|desired| {
            let is_theirs = self.seen.agree.get(desired.id()).is_some_and(|known| known.uid.is_empty());
            !is_theirs && policy::sent(&desired.object.json) != policy::Sent::Never
        });
        let earlier = earlier.map(Desired::id);
        let earlier = earlier.filter(|id| !applied.contains_key(*id) && self.rules.must_be_asked(id));
        waiting.extend(earlier.cloned());
        let awaited: Awaited = self
            .desired
            .iter()
            .filter(|desired| waiting.contains(desired.id()))
            .map(|desired| (desired.id().clone(), desired.resource.clone()))
            .collect();
        if awaited.is_empty() {
            return Ok(());
        }
        let times = (self.timeout, book.run());
        until_ready(&self.cluster, &self.mark, &self.rules, (awaited, answers), times, progress).await
    }

    /// Runs what is due in this phase, and remembers each before its object may go.
    async fn run_hooks(&self, phase: Phase, book: &mut Book, progress: &Progress) -> Result<(), KindError> {
        let (cluster, mark, rules) = (&*self.cluster, &self.mark, &self.rules);
        let running = Running { cluster, mark, rules, state: &self.state, timeout: self.timeout };
        for placed in of_phase(&self.due, phase) {
            let result = running.run(placed, progress).await;
            if result.is_ok() {
                book.remember_done(self, placed).await?;
            }
            let goes = match &result {
                Ok(()) => placed.hook.removal.succeeded,
                Err(error) => placed.hook.removal.failed && error.kind == ErrorKind::Failed,
            };
            if goes {
                clear(cluster, mark, &placed.desired.resource, placed.desired.id()).await?;
            }
            result?;
        }
        Ok(())
    }
}

/// Only writes down what was found to agree, so that the next look is a cheap one.
pub(super) struct Remembering(pub Bringing);

#[async_trait]
impl Deed for Remembering {
    async fn perform(self: Box<Self>, owner: &Owner, _progress: &Progress) -> Result<Outputs, KindError> {
        Book::agreed(&self.0, owner).await?;
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
