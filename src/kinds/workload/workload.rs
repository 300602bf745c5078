//! One workload of one cluster, as a unit of the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::authored::authored;
use super::cluster::Cluster;
use super::connect::{Clusters, Reached, Where};
use super::deed::{Bringing, Remembering, WhenThere};
use super::desired::{Desired, resolve};
use super::discovery::Discovery;
use super::inventory::Inventory;
use super::look::{Seen, Subject, look};
use super::manifest::Manifest;
use super::mark::Mark;
use super::masked::masked;
use super::object::Object;
use super::ready::HealthRules;
use super::render::render;
use super::substitute::Values;
use super::tell;
use super::watching::moments;
use crate::problem::Problem;
use crate::repo::Snapshot;
use crate::unit::{
    Cause, Change, Coverage, Difference, Effect, Inputs, KindError, Look, Moments, OutputName, Outputs, Planned,
    Prepared, Promised, Reference, Shown, Unit,
};
use crate::yaml::Edit;

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Text(String),
    Output(OutputName),
}

/// A workload as it is declared.
#[derive(Clone)]
pub(super) struct Workload {
    pub(super) mark: Mark,
    pub(super) clusters: Arc<Clusters>,
    pub(super) place: Where,
    pub(super) manifests: Vec<Manifest>,
    pub(super) values: BTreeMap<String, Source>,
    pub(super) references: Vec<Reference>,
    pub(super) namespace: String,
    pub(super) prune: bool,
    pub(super) timeout: Duration,
    /// What its author says of the health of a kind.
    pub(super) rules: HealthRules,
}

#[async_trait]
impl Unit for Workload {
    fn references(&self) -> Vec<Reference> {
        self.references.clone()
    }

    fn promised(&self) -> Promised {
        Promised::Exactly(BTreeSet::new())
    }

    fn authored(&self, snapshot: &Snapshot, difference: &Difference) -> Result<(String, Edit), String> {
        authored(&self.manifests, &self.namespace, snapshot, difference)
    }

    fn is_made_from(&self, file: &str) -> bool {
        self.manifests.iter().any(|manifest| &*manifest.node.span.file == file)
    }

    /// A quick look is a close one here: both are one list a kind.
    async fn prepare(&self, inputs: &Inputs, _look: Look) -> Result<Prepared, KindError> {
        let objects = self.render(inputs)?;
        match self.clusters.reach(&self.place, inputs).await? {
            Reached::There(cluster) => {
                let prepared = Box::pin(self.prepare_in(cluster, objects)).await;
                if prepared.as_ref().is_err_and(|error| error.kind == crate::unit::ErrorKind::Unreachable) {
                    self.clusters.forget(&self.place, inputs).await;
                }
                prepared
            }
            Reached::NotThere | Reached::BeingMade => Ok(self.for_later(objects, inputs)),
        }
    }

    fn rendered(&self) -> Result<Option<Vec<serde_json::Value>>, KindError> {
        let value = |(name, source): (&String, &Source)| match source {
            Source::Text(text) => (name.clone(), text.clone()),
            Source::Output(_) => (name.clone(), format!("${{{name}}}")),
        };
        let rendered = render(&self.manifests, &self.values.iter().map(value).collect());
        match rendered.problems.is_empty() {
            true => Ok(Some(rendered.objects.iter().map(masked).collect())),
            false => Err(as_error(&rendered.problems)),
        }
    }

    async fn watch(&self, inputs: &Inputs) -> Result<Option<Moments>, KindError> {
        let objects = self.render(inputs)?;
        match self.clusters.reach(&self.place, inputs).await? {
            Reached::There(cluster) => Ok(Some(moments(self.clone(), cluster, objects))),
            Reached::NotThere | Reached::BeingMade => Ok(None),
        }
    }
}

impl Workload {
    fn render(&self, inputs: &Inputs) -> Result<Vec<Object>, KindError> {
        let mut values = Values::new();
        for (name, source) in &self.values {
            let value = match source {
                Source::Text(text) => text.clone(),
                Source::Output(output) => inputs
                    .get(output)
                    .ok_or_else(|| KindError::failed(format!("`{output}` for `${{{name}}}` is not known yet")))?
                    .to_owned(),
            };
            values.insert(name.clone(), value);
        }
        let rendered = render(&self.manifests, &values);
        match rendered.problems.is_empty() {
            true => Ok(rendered.objects),
            false => Err(as_error(&rendered.problems)),
        }
    }

    /// The cluster is not there: all would be created, and the deed waits for it.
    fn for_later(&self, objects: Vec<Object>, inputs: &Inputs) -> Prepared {
        let differences = objects.iter().map(|object| tell::missing(&object.id, Cause::Declared)).collect();
        let mut planned = Planned::new(Change::Create(differences));
        planned.coverage = Coverage { checked: objects.len(), total: objects.len(), unchecked: Vec::new() };
        Prepared { planned, deed: Some(Box::new(WhenThere { workload: self.clone(), inputs: inputs.clone() })) }
    }

    /// Asks a cluster that is there.
    pub(super) async fn prepare_in(&self, cluster: Arc<Cluster>, objects: Vec<Object>) -> Result<Prepared, KindError> {
        let inventory = cluster.inventory(&self.mark);
        let (resolved, inventory) = futures::try_join!(self.resolve(&cluster, objects), inventory)?;
        let (desired, discovery) = resolved;
        let seen = look(&Subject {
            cluster: &cluster,
            discovery: &discovery,
            mark: &self.mark,
            desired: &desired,
            inventory: inventory.as_ref(),
            prune: self.prune,
        })
        .await?;
        Ok(self.decide(cluster, desired, inventory, seen))
    }

    pub(super) async fn resolve(
        &self,
        cluster: &Cluster,
        objects: Vec<Object>,
    ) -> Result<(Vec<Desired>, Discovery), KindError> {
        for last in [false, true] {
            let mut discovery = (*cluster.discovery().await?).clone();
            discovery.add_definitions(&objects);
            match resolve(objects.clone(), &discovery, &self.namespace, &self.mark) {
                Ok(desired) => return Ok((desired, discovery)),
                // Another unit may have brought the kind since the cluster was last asked.
                Err(_) if !last => cluster.forget_discovery().await,
                Err(problems) => return Err(as_error(&problems)),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// From what was seen to a change and its deed.
    fn decide(
        &self,
        cluster: Arc<Cluster>,
        desired: Vec<Desired>,
        inventory: Option<Inventory>,
        mut seen: Seen,
    ) -> Prepared {
        let planned = self.plan_of(inventory.as_ref(), desired.len(), &mut seen);
        let (memory_moved, unheld) = (seen.memory_moved, seen.unheld > 0);
        let bringing = Bringing {
            cluster,
            mark: self.mark.clone(),
            timeout: self.timeout,
            rules: self.rules.clone(),
            inventory: inventory.unwrap_or_default(),
            desired,
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
    pub(super) fn plan_of(&self, inventory: Option<&Inventory>, total: usize, seen: &mut Seen) -> Planned {
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
        let objects = self.render(inputs)?;
        let cluster = self.clusters.await_cluster(&self.place, inputs, progress).await?;
        self.prepare_in(cluster, objects).await
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

/// Problems that only came up with the values, as one error.
fn as_error(problems: &[Problem]) -> KindError {
    let told: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = &problem.place;
            format!("{}:{}:{}: {}", place.file, place.line, place.column, problem.message)
        })
        .collect();
    let error = KindError::failed(told.join("; "));
    match problems.first().and_then(|problem| problem.hint.clone()) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
