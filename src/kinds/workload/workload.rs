//! One workload of one cluster, as a unit of the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::ahead::{self, Ahead};
use super::authored::authored;
use super::cluster::{Cluster, Listing, Memory};
use super::connect::{Clusters, Reached, Where};
use super::deed::{Bringing, Remembering, WhenThere};
use super::desired::{Desired, resolve};
use super::discovery::Discovery;
use super::fingerprint;
use super::hooks::{self, Placed};
use super::inventory::Inventory;
use super::leave::{self, LeaveRule};
use super::look::{Subject, look};
use super::mark::Mark;
use super::noted::Key;
use super::object::{Object, ObjectId};
use super::past_hooks;
use super::ready::HealthRules;
use super::recipe::Recipe;
use super::retrace::retrace;
use super::seen::Seen;
use super::settled::{self, Settled};
use super::sources::Source;
use super::spec::ConflictSpec;
use super::tell;
use super::unread::Manifests;
use super::wanted::{Wanted, as_error};
use super::watching::moments;
use crate::problem::Problem;
use crate::repo::{Files, Snapshot};
use crate::unit::{
    Cause, Change, Coverage, Difference, Effect, Inputs, KindError, Look, Moments, Outputs, Planned, Prepared,
    Promised, Reference, Shown, Unit,
};

/// A workload as it is declared.
#[derive(Clone)]
pub(super) struct Workload {
    pub(super) mark: Mark,
    pub(super) clusters: Arc<Clusters>,
    pub(super) place: Where,
    /// Shared: a watch and a deed hold the workload too.
    pub(super) manifests: Arc<Manifests>,
    /// What they came of, where what came of it may be noted on this machine.
    pub(super) key: Option<Key>,
    /// What rendered them; none where they stand in Git themselves.
    pub(super) recipe: Option<Arc<Recipe>>,
    /// What they come to whatever anybody answers, until somebody takes it.
    pub(super) rendered: Arc<Mutex<Option<Wanted>>>,
    pub(super) values: BTreeMap<String, Source>,
    pub(super) references: Vec<Reference>,
    pub(super) namespace: String,
    pub(super) prune: bool,
    pub(super) timeout: Duration,
    /// What its author says of the health of a kind.
    pub(super) rules: HealthRules,
    pub(super) leave: Vec<LeaveRule>,
    pub(super) conflicts: ConflictSpec,
    /// The namespace and name of the service account that objects are applied as.
    pub(super) service_account: Option<(String, String)>,
}

/// What was asked of a cluster before anything is judged.
pub(super) struct Asked {
    pub(super) resolved: Resolved,
    pub(super) discovery: Discovery,
    pub(super) memory: Memory,
    pub(super) ahead: Ahead,
}

/// What is declared, with its place in a cluster.
pub(super) struct Resolved {
    pub(super) desired: Vec<Desired>,
    hooks: Vec<Placed>,
    state: String,
}

#[async_trait]
impl Unit for Workload {
    fn references(&self) -> Vec<Reference> {
        self.references.clone()
    }

    fn promised(&self) -> Promised {
        Promised::Exactly(BTreeSet::new())
    }

    fn authored(&self, snapshot: &Snapshot, difference: &Difference) -> Result<Files, String> {
        match &self.recipe {
            None => {
                let manifests = self.manifests.get().map_err(|error| error.message)?;
                authored(manifests, &self.namespace, snapshot, difference)
            }
            Some(recipe) => retrace(recipe, &self.namespace, snapshot, difference),
        }
    }

    fn is_made_from(&self, file: &str) -> bool {
        match &self.recipe {
            // What cannot be read may be made of anything.
            None => self
                .manifests
                .get()
                .map_or(true, |manifests| manifests.iter().any(|manifest| &*manifest.node.span.file == file)),
            Some(recipe) => recipe.is_made_from(file),
        }
    }

    /// A quick look is a close one here: both are one list a kind.
    async fn prepare(&self, inputs: &Inputs, _look: Look) -> Result<Prepared, KindError> {
        if let Some(planned) = Box::pin(self.glance_at(inputs)).await? {
            return Ok(Prepared { planned, deed: None });
        }
        let wanted = self.render(inputs).await?;
        match self.clusters.reach(&self.place, inputs).await? {
            Reached::There(cluster) => {
                let prepared = Box::pin(self.prepare_in(self.standing_in(cluster)?, wanted)).await;
                if prepared.as_ref().is_err_and(|error| error.kind == crate::unit::ErrorKind::Unreachable) {
                    self.clusters.forget(&self.place, inputs).await;
                }
                prepared
            }
            Reached::NotThere | Reached::BeingMade => Ok(self.for_later(&wanted, inputs)),
        }
    }

    fn rendered(&self) -> Result<Option<Vec<serde_json::Value>>, KindError> {
        self.masked().map(Some)
    }

    async fn watch(&self, inputs: &Inputs) -> Result<Option<Moments>, KindError> {
        let wanted = self.render(inputs).await?;
        match self.clusters.reach(&self.place, inputs).await? {
            Reached::There(cluster) => Ok(Some(moments(self.clone(), self.standing_in(cluster)?, wanted))),
            Reached::NotThere | Reached::BeingMade => Ok(None),
        }
    }
}

impl Workload {
    /// The cluster as its objects are asked for there.
    fn standing_in(&self, cluster: Arc<Cluster>) -> Result<Arc<Cluster>, KindError> {
        match &self.service_account {
            None => Ok(cluster),
            Some((namespace, account)) => cluster.standing_for(namespace, account).map(Arc::new),
        }
    }

    /// What names alone tell of it, where that is enough.
    async fn glance_at(&self, inputs: &Inputs) -> Result<Option<Planned>, KindError> {
        if self.key.is_none() {
            return Ok(None);
        }
        let Reached::There(cluster) = self.clusters.reach(&self.place, inputs).await? else { return Ok(None) };
        let seen = Box::pin(self.glance(&*self.standing_in(cluster)?)).await;
        if seen.as_ref().is_err_and(|error| error.kind == crate::unit::ErrorKind::Unreachable) {
            self.clusters.forget(&self.place, inputs).await;
        }
        match seen {
            // Whatever the server refuses is told by who asks for it again.
            Err(error) if error.kind != crate::unit::ErrorKind::Unreachable => Ok(None),
            seen => seen,
        }
    }

    /// The cluster is not there: all would be created, and the deed waits for it.
    fn for_later(&self, wanted: &Wanted, inputs: &Inputs) -> Prepared {
        let total = wanted.objects.len();
        let differences = wanted.objects.iter().map(|object| tell::missing(&object.id, Cause::Declared)).collect();
        let mut planned = Planned::new(Change::Create(differences));
        planned.coverage = Coverage { checked: total, total, unchecked: Vec::new() };
        Prepared { planned, deed: Some(Box::new(WhenThere { workload: self.clone(), inputs: inputs.clone() })) }
    }

    /// Asks a cluster that is there.
    pub(super) async fn prepare_in(&self, cluster: Arc<Cluster>, wanted: Wanted) -> Result<Prepared, KindError> {
        let prepared = Box::pin(self.prepare_once(cluster.clone(), &wanted)).await;
        let is_answer = |error: &KindError| error.kind != crate::unit::ErrorKind::Unreachable;
        match prepared.as_ref().is_err_and(is_answer) && cluster.has_kept_kinds().await {
            // What an earlier process knew of its kinds may be old: that must not be the reason.
            true => {
                cluster.forget_discovery().await;
                Box::pin(self.prepare_once(cluster, &wanted)).await
            }
            false => prepared,
        }
    }

    /// Whether its inventory may come in the list of its ConfigMaps: asked by the same, about the same kind.
    fn lists_its_memory(&self, wanted: &Wanted) -> bool {
        self.service_account.is_none() && wanted.objects.iter().any(|object| object.id.is("", "ConfigMap"))
    }

    async fn prepare_once(&self, cluster: Arc<Cluster>, wanted: &Wanted) -> Result<Prepared, KindError> {
        let Asked { resolved, discovery, memory, ahead } = self.ask(&cluster, wanted).await?;
        let inventory = memory.inventory.as_ref();
        let subject = Subject {
            desired: &resolved.desired,
            inventory,
            config_maps: memory.config_maps.as_deref(),
            ..Subject::of(self, &cluster, &discovery)
        };
        let mut seen = look(&subject, ahead).await?;
        self.look_for_past_hooks((&cluster, &discovery), inventory, &resolved, &mut seen).await?;
        let settled =
            Settled::of_look(&self.mark, &cluster, &memory, &mut seen).filter(|_| !resolved.has_past_hooks(inventory));
        let prepared = self.decide(cluster.clone(), resolved, memory.inventory, seen);
        match settled.filter(|_| prepared.is_quiet()) {
            Some(settled) => settled.note(self, &cluster),
            None => settled::forget(self, &cluster),
        }
        Ok(prepared)
    }

    /// What hooks left behind that are declared no more.
    pub(super) async fn look_for_past_hooks(
        &self,
        asked: (&Cluster, &Discovery),
        inventory: Option<&Inventory>,
        resolved: &Resolved,
        seen: &mut Seen,
    ) -> Result<(), KindError> {
        match inventory.filter(|inventory| !inventory.run.hooks.is_empty()) {
            Some(inventory) => past_hooks::look(asked, &self.mark, inventory, &resolved.hooks, self.prune, seen).await,
            None => Ok(()),
        }
    }

    /// All at once: the cluster is asked while what is declared is hashed.
    pub(super) async fn ask(&self, cluster: &Arc<Cluster>, wanted: &Wanted) -> Result<Asked, KindError> {
        let (asked, mark, lists) = (cluster.clone(), self.mark.clone(), self.lists_its_memory(wanted));
        let memory = tokio::spawn(async move { asked.memory(&mark, lists).await });
        let ahead = self.list_ahead(cluster, wanted).await?;
        let (resolved, discovery) = self.resolve(cluster, wanted).await?;
        let memory = memory
            .await
            .map_err(|error| KindError::failed("the inventory was not read to its end").because(error))??;
        if memory.inventory.is_some() {
            ahead::meet(&cluster.server.name, &self.mark);
        }
        Ok(Asked { resolved, discovery, memory, ahead })
    }

    /// Lists the kinds that are declared, where an inventory is to be expected.
    async fn list_ahead(&self, cluster: &Arc<Cluster>, wanted: &Wanted) -> Result<Ahead, KindError> {
        if !ahead::is_met(&cluster.server.name, &self.mark) {
            return Ok(Ahead::default());
        }
        let discovery = cluster.discovery().await?;
        let comes_along = |object: &&Object| self.lists_its_memory(wanted) && object.id.is("", "ConfigMap");
        let listed = wanted.objects.iter().filter(|object| !comes_along(object)).filter_map(|object| {
            let resource = discovery.find(&object.id.group, &object.version, &object.id.kind)?;
            Some(Listing::of_unit(&self.mark, resource.clone(), &object.id.kind))
        });
        Ok(Ahead::of(cluster, listed.collect()))
    }

    async fn resolve(&self, cluster: &Cluster, wanted: &Wanted) -> Result<(Resolved, Discovery), KindError> {
        for last in [false, true] {
            let mut discovery = (*cluster.discovery().await?).clone();
            discovery.add_definitions(&wanted.objects);
            match self.placed(wanted, &discovery) {
                Ok(resolved) => return Ok((resolved, discovery)),
                // Another unit may have brought the kind since the cluster was last asked.
                Err(_) if !last => cluster.forget_discovery().await,
                Err(problems) => return Err(as_error(&problems)),
            }
        }
        unreachable!("the last attempt returns")
    }

    fn placed(&self, wanted: &Wanted, discovery: &Discovery) -> Result<Resolved, Vec<Problem>> {
        let place = |objects: &[Object]| resolve(objects, discovery, &self.namespace, &self.mark);
        let mut desired = place(&wanted.objects)?;
        for one in &mut desired {
            if let Some(said) = leave::said(&self.leave, one.id()) {
                one.hash = fingerprint::of_body(format!("{}\n{said}", one.hash).as_bytes());
            }
        }
        let mut hooks = Vec::with_capacity(wanted.hooks.len());
        for hook in &wanted.hooks {
            // One at a time: the same object may be a hook of both phases.
            hooks.extend(
                place(std::slice::from_ref(&hook.object))?
                    .into_iter()
                    .map(|desired| Placed { hook: hook.clone(), desired }),
            );
        }
        let state = hooks::state_of(&desired, &hooks);
        Ok(Resolved { desired, hooks, state })
    }

    /// From what was seen to a change and its deed.
    fn decide(
        &self,
        cluster: Arc<Cluster>,
        resolved: Resolved,
        inventory: Option<Inventory>,
        mut seen: Seen,
    ) -> Prepared {
        let planned = self.plan_of(inventory.as_ref(), &resolved, &mut seen);
        let due = resolved.due(inventory.as_ref());
        let Resolved { desired, hooks, state } = resolved;
        let (memory_moved, unheld) = (seen.memory_moved, seen.unheld > 0);
        let inventory = inventory.unwrap_or_default();
        let bringing = Bringing {
            cluster,
            mark: self.mark.clone(),
            timeout: self.timeout,
            rules: self.rules.clone(),
            conflicts: self.conflicts,
            service_account: self.service_account.as_ref().map(|(namespace, name)| format!("{namespace}/{name}")),
            inventory,
            desired,
            state,
            hooks,
            due,
            seen,
        };
        let deed: Option<Box<dyn crate::unit::Deed>> = match &planned.change {
            // No value changes, but what others hold of ours would be lost to us unseen later.
            Change::Nothing if unheld => Some(Box::new(bringing)),
            Change::Nothing if memory_moved => Some(Box::new(Remembering(bringing))),
            Change::Nothing => None,
            Change::Create(_) | Change::Update(_) | Change::Later(_) | Change::Delete => Some(Box::new(bringing)),
        };
        Prepared { planned, deed }
    }

    /// What a look says of the whole workload.
    pub(super) fn plan_of(&self, inventory: Option<&Inventory>, resolved: &Resolved, seen: &mut Seen) -> Planned {
        let total = resolved.desired.len();
        seen.differences.extend(resolved.due(inventory).iter().map(hooks::difference));
        let is_new = inventory.is_none() && !seen.anything;
        if !is_new && !inventory.is_some_and(|inventory| inventory.finished) {
            seen.differences.push(unfinished(inventory.is_some()));
        }
        let change = match (is_new, seen.differences.is_empty()) {
            (true, _) => Change::Create(std::mem::take(&mut seen.differences)),
            (false, true) => Change::Nothing,
            (false, false) => Change::Update(std::mem::take(&mut seen.differences)),
        };
        Planned {
            foreign: std::mem::take(&mut seen.foreign),
            coverage: Coverage {
                checked: total.saturating_sub(seen.unchecked.len()),
                total,
                unchecked: std::mem::take(&mut seen.unchecked),
            },
            outputs: (!is_new).then(Outputs::new),
            ..Planned::new(change)
        }
    }

    /// Prepares again once the cluster is there.
    pub(super) async fn prepare_when_there(
        &self,
        inputs: &Inputs,
        progress: &crate::unit::Progress,
    ) -> Result<Prepared, KindError> {
        let wanted = self.render(inputs).await?;
        let cluster = self.clusters.await_cluster(&self.place, inputs, progress).await?;
        self.prepare_in(self.standing_in(cluster)?, wanted).await
    }
}

impl Resolved {
    /// Whether hooks are remembered that are no longer declared: whether they are still there is asked each time.
    fn has_past_hooks(&self, inventory: Option<&Inventory>) -> bool {
        let remembered = inventory.into_iter().flat_map(|inventory| inventory.run.hooks().into_keys());
        let is_declared = |id: &ObjectId| self.hooks.iter().any(|placed| placed.desired.id() == id);
        !remembered.into_iter().all(|id| is_declared(&id))
    }

    fn due(&self, inventory: Option<&Inventory>) -> Vec<Placed> {
        hooks::due(&self.hooks, &self.state, inventory)
    }
}

/// The last apply did not come to its end, or its inventory was lost: the next one finishes it.
fn unfinished(is_there: bool) -> Difference {
    let from = if is_there { "unfinished" } else { "missing" };
    Difference {
        item: "inventory".into(),
        path: String::new(),
        from: Some(Shown::text(from)),
        to: Some(Shown::text("complete")),
        cause: Cause::Declared,
        effect: Effect::InPlace,
        who: None,
    }
}
