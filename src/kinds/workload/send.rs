//! Sends objects in their order, many at once, and remembers what the server answered.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;

use super::adopt::take_over;
use super::cluster::{Cluster, IN_FLIGHT};
use super::desired::Desired;
use super::inventory::Applied;
use super::leave::Kept;
use super::managed::Head;
use super::names::Names;
use super::object::ObjectId;
use super::order::{is_built_in, order};
use super::policy;
use super::ready::{Health, HealthRules};
use super::server::{Ask, encode};
use super::sift::remember;
use super::wait::held_by;
use super::webhooks::servers_of;
use crate::unit::{KindError, Progress};

/// A new kind is established within a second; a conversion webhook may take longer to come up.
const ESTABLISHED: Duration = Duration::from_secs(60);
/// Between a CRD being established and its path being served by every part of the API server.
const SERVED: Duration = Duration::from_secs(15);

/// Between two looks at what is being deleted.
const PAUSE: Duration = Duration::from_millis(250);

/// What came of sending.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) applied: BTreeMap<ObjectId, Applied>,
    /// Objects that were not ready when the server answered, as it answered.
    pub(super) waiting: BTreeMap<ObjectId, Value>,
    /// The first failure; what was under way then was waited for, and nothing more was begun.
    pub(super) error: Option<KindError>,
}

/// What is sent, and to whom.
pub(super) struct Sending<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) manager: &'a str,
    pub(super) desired: &'a [Desired],
    /// What they are called, once one of them names another.
    pub(super) names: OnceLock<Names>,
    /// Agree already: they are not sent, and nothing waits for them.
    pub(super) agree: &'a BTreeMap<ObjectId, Applied>,
    /// What is left to others.
    pub(super) kept: &'a HashMap<ObjectId, Vec<Kept>>,
    /// Others applied these before us.
    pub(super) adopt: &'a BTreeSet<ObjectId>,
    /// These are deleted first, with the uid they were seen with.
    pub(super) replace: &'a BTreeSet<ObjectId>,
    pub(super) rules: &'a HealthRules,
    /// How long to wait until what serves a webhook is ready.
    pub(super) timeout: Duration,
    /// How long to wait for what is being deleted, and for a webhook to answer.
    pub(super) patience: Duration,
}

impl Sending<'_> {
    /// Each object is sent as soon as all that goes before it is there.
    pub(super) async fn run(&self, progress: &Progress) -> Sent {
        let objects: Vec<_> = self.desired.iter().map(|one| (one.id(), &one.object.json)).collect();
        let mut before = order(&objects);
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
        let done: BTreeSet<usize> =
            (0..before.len()).filter(|at| self.agree.contains_key(self.desired[*at].id())).collect();
        for (at, needs) in before.iter_mut().enumerate() {
            needs.retain(|need| !done.contains(need));
            needs.iter().for_each(|need| after[*need].push(at));
        }
        let total = before.len() - done.len();
        let mut ready: Vec<usize> =
            (0..before.len()).rev().filter(|at| !done.contains(at) && before[*at].is_empty()).collect();
        let mut flying = FuturesUnordered::new();
        let mut sent = Sent::default();
        loop {
            while sent.error.is_none()
                && flying.len() < IN_FLIGHT
                && let Some(at) = ready.pop()
            {
                flying.push(async move { (at, self.send_one(&self.desired[at], progress).await) });
            }
            let Some((at, result)) = flying.next().await else { break };
            let id = self.desired[at].id();
            match result {
                Ok((applied, unready)) => {
                    sent.applied.insert(id.clone(), applied);
                    sent.waiting.extend(unready.map(|live| (id.clone(), live)));
                    for next in std::mem::take(&mut after[at]) {
                        before[next].remove(&at);
                        if before[next].is_empty() {
                            ready.push(next);
                        }
                    }
                }
                Err(error) => sent.error = sent.error.or(Some(error)),
            }
            if sent.applied.len() % 50 == 0 || sent.applied.len() == total {
                progress.say(format!("{} of {total} objects applied", sent.applied.len()));
            }
        }
        sent
    }

    /// The object as it was answered, where it was not ready.
    async fn send_one(&self, desired: &Desired, progress: &Progress) -> Result<(Applied, Option<Value>), KindError> {
        let id = desired.id();
        if self.adopt.contains(id) {
            take_over(self.cluster, desired, self.manager).await?;
        }
        self.await_servers(desired, progress).await?;
        self.await_named(desired, progress).await?;
        let body = desired.body(self.kept.get(id).map_or(&[], Vec::as_slice));
        let begun = Instant::now();
        if self.replace.contains(id) {
            self.remove_first(desired, progress).await?;
        }
        let answer = loop {
            let answer = self.cluster.apply(&desired.resource, id, self.manager, body.clone(), false).await?;
            if answer.namespace_goes() {
                self.await_namespace(desired, begun, progress).await?;
            } else if answer.is_good() && is_being_deleted(&answer.body) {
                self.await_gone(desired, begun, progress).await?;
            } else if let Some(webhook) = answer.silent_webhook().filter(|_| begun.elapsed() < self.patience) {
                // What serves it may be ready and not yet known to every part of the API server.
                progress.say(format!("{id} waits until webhook {webhook} answers"));
                tokio::time::sleep(PAUSE).await;
            } else if answer.status != 404 || is_built_in(&id.group) || begun.elapsed() > SERVED {
                break answer;
            } else {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        if !answer.is_good() {
            let place = &desired.object.place;
            let deed = format!("cannot apply `{id}` of {}:{}", place.file, place.line);
            return Err(answer.refusal(&self.cluster.server.name, &deed, Some(id)));
        }
        let broken = |error| KindError::failed(format!("the answer to applying `{id}` is broken")).because(error);
        let applied = remember(id, &answer.body, self.manager, &desired.hash).map_err(broken)?;
        if id.is_crd() {
            self.await_established(desired).await?;
            return Ok((applied, None));
        }
        if !self.rules.must_be_asked(id) {
            return Ok((applied, None));
        }
        let live: Value = serde_json::from_str(&answer.body).map_err(broken)?;
        let is_ready = self.rules.health(id, &live) == Health::Ready;
        Ok((applied, Some(live).filter(|_| !is_ready)))
    }

    /// A webhook is registered once what serves it is ready: until then it would only refuse, its own pods too.
    async fn await_servers(&self, webhook: &Desired, progress: &Progress) -> Result<(), KindError> {
        let ids =
            servers_of(webhook.id(), &webhook.object.json, self.desired.iter().map(|one| (one.id(), &one.object.json)));
        let servers = self.desired.iter().filter(|one| ids.contains(one.id()) && !self.agree.contains_key(one.id()));
        self.await_ready(webhook, servers, progress).await
    }

    /// What the author wrote it depends on is not only there, but ready.
    async fn await_named(&self, desired: &Desired, progress: &Progress) -> Result<(), KindError> {
        if policy::depends_on(&desired.object.json).is_empty() {
            return Ok(());
        }
        let names = self.names.get_or_init(|| Names::of(self.desired.iter().map(Desired::id)));
        let named = names.needs(&desired.object.json).into_iter().map(|at| &self.desired[at]);
        let named = named.filter(|one| one.id() != desired.id());
        self.await_ready(desired, named, progress).await
    }

    async fn await_ready<'d>(
        &self,
        desired: &Desired,
        others: impl Iterator<Item = &'d Desired>,
        progress: &Progress,
    ) -> Result<(), KindError> {
        let begun = Instant::now();
        for other in others {
            let id = other.id();
            while let Some(live) = self.read(other).await? {
                let why = match self.rules.health(id, &live) {
                    Health::Ready => break,
                    Health::Waiting(why) => why,
                    Health::Failed(why) => return Err(KindError::failed(format!("`{id}` has failed: {why}"))),
                };
                if begun.elapsed() > self.timeout {
                    let message = format!(
                        "`{}` waits for `{id}`, which is not ready after {} s: {why}",
                        desired.id(),
                        self.timeout.as_secs()
                    );
                    return Err(KindError::failed(message));
                }
                progress.say(format!("{} waits for {id}: {why}", desired.id()));
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Deletes what its author agreed to lose, by the uid that is there now.
    async fn remove_first(&self, desired: &Desired, progress: &Progress) -> Result<(), KindError> {
        let id = desired.id();
        let Some(live) = self.read(desired).await? else { return Ok(()) };
        progress.say(format!("{id} is made anew"));
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        self.cluster.delete(&desired.resource, id, uid).await?;
        self.await_gone(desired, Instant::now(), progress).await
    }

    /// One short pause of the wait for an object that is being deleted; the wait itself has an end.
    async fn await_gone(&self, desired: &Desired, begun: Instant, progress: &Progress) -> Result<(), KindError> {
        let id = desired.id();
        while let Some(live) = self.read(desired).await? {
            if live["metadata"]["deletionTimestamp"].is_null() {
                return Ok(());
            }
            let held = if id.is("", "Namespace") { holding(&live) } else { held_by(&live) };
            if begun.elapsed() > self.patience {
                let message =
                    format!("`{id}` is being deleted, and not gone after {} s{held}", begun.elapsed().as_secs());
                return Err(KindError::failed(message).hint("whoever put a finalizer on it must remove it"));
            }
            progress.say(format!("waiting until {id} is gone{held}"));
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Waits a little for a namespace that is being deleted, and tells in the end what holds it.
    async fn await_namespace(&self, desired: &Desired, begun: Instant, progress: &Progress) -> Result<(), KindError> {
        let id = desired.id();
        let name = id.namespace.as_deref().unwrap_or_default();
        let text = self.cluster.server.send(&Ask::get(format!("/api/v1/namespaces/{}", encode(name)))).await?;
        let namespace: Value = serde_json::from_str(&text.body).unwrap_or_default();
        let why = holding(&namespace);
        if begun.elapsed() > self.patience {
            return Err(KindError::failed(format!(
                "cannot apply `{id}`: its namespace is being deleted, and not gone after {} s{why}",
                begun.elapsed().as_secs()
            ))
            .hint("remove the finalizers that hold it, or wait, then run again"));
        }
        progress.say(format!("waiting until the namespace {name} is gone{why}"));
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    async fn read(&self, desired: &Desired) -> Result<Option<Value>, KindError> {
        let text = self.cluster.get(&desired.resource, desired.id()).await?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| KindError::failed(format!("`{}` cannot be read", desired.id())).because(error))
    }

    async fn await_established(&self, desired: &Desired) -> Result<(), KindError> {
        let (id, begun) = (desired.id(), Instant::now());
        let mut delay = Duration::from_millis(50);
        loop {
            let text = self.cluster.get(&desired.resource, id).await?;
            let text = text.ok_or_else(|| KindError::moved(format!("`{id}` was deleted while it was applied")))?;
            let live: Value = serde_json::from_str(&text)
                .map_err(|error| KindError::failed(format!("`{id}` cannot be read")).because(error))?;
            match self.rules.health(id, &live) {
                Health::Ready => return Ok(()),
                Health::Failed(why) => return Err(KindError::failed(format!("`{id}`: {why}"))),
                Health::Waiting(why) if begun.elapsed() > ESTABLISHED => {
                    return Err(KindError::failed(format!("`{id}` {why} after {} s", ESTABLISHED.as_secs())));
                }
                Health::Waiting(_) => tokio::time::sleep(delay).await,
            }
            delay = (delay * 2).min(Duration::from_secs(1));
        }
    }
}

fn is_being_deleted(answer: &str) -> bool {
    // Most answers are not even parsed.
    answer.contains("\"deletionTimestamp\"")
        && serde_json::from_str::<Head<'_>>(answer).is_ok_and(|head| head.metadata.deletion_timestamp.is_some())
}

/// What keeps a namespace from going, in the words of the controller that empties it.
fn holding(namespace: &Value) -> String {
    let conditions = namespace["status"]["conditions"].as_array().into_iter().flatten();
    let told: Vec<&str> = conditions
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["message"].as_str())
        .collect();
    match told.is_empty() {
        true => held_by(namespace),
        false => format!(": {}", told.join("; ")),
    }
}
