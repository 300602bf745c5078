//! Runs hooks, one after another, each once: a killed run finds what it had begun and waits for that.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::blame::{Word, ask_pods};
use super::cluster::Cluster;
use super::discovery::Resource;
use super::hooks::{Phase, Placed};
use super::mark::{HOOK_LABEL, HOOK_RUN, Mark};
use super::object::ObjectId;
use super::ready::{Health, HealthRules};
use super::wait::{BEFORE_PODS_ARE_ASKED, held_by};
use crate::unit::{KindError, Progress};

const PAUSE: Duration = Duration::from_millis(500);

/// What hooks are run with.
pub(super) struct Running<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) mark: &'a Mark,
    pub(super) rules: &'a HealthRules,
    pub(super) state: &'a str,
    /// How long one hook may take.
    pub(super) timeout: Duration,
}

/// What stands where a hook will.
enum Found {
    Nothing,
    /// Of this very run.
    Ours(Value),
    /// Of an earlier one.
    Earlier(Value),
}

impl Running<'_> {
    /// Brings one hook to its end. It is not removed here: first it must be remembered that it is done.
    pub(super) async fn run(&self, placed: &Placed, progress: &Progress) -> Result<(), KindError> {
        let id = placed.desired.id();
        let begun = Instant::now();
        match self.find(placed).await? {
            // It ran to its end, and whoever waited for it did not live to see that.
            Found::Ours(live) if self.ended(id, &live) == Some(true) => return Ok(()),
            // It failed, and somebody asked again.
            Found::Ours(live) if self.ended(id, &live) == Some(false) => {
                self.remove(placed, &live, begun, progress).await?;
                self.send(placed).await?;
            }
            Found::Ours(_) => {}
            Found::Earlier(live) => {
                self.await_earlier(placed, live, begun, progress).await?;
                self.send(placed).await?;
            }
            Found::Nothing => self.send(placed).await?,
        }
        self.await_end(placed, begun, progress).await
    }

    async fn find(&self, placed: &Placed) -> Result<Found, KindError> {
        let Some(live) = self.read(placed).await? else { return Ok(Found::Nothing) };
        let id = placed.desired.id();
        if live["metadata"]["labels"][HOOK_LABEL] != self.mark.label().as_str() {
            return Err(KindError::refused(format!("`{id}` is there, and is no hook of `{}`", self.mark.unit))
                .hint("a hook is deleted before it runs again: give it another name, or remove what is there"));
        }
        let run = live["metadata"]["annotations"][HOOK_RUN].as_str();
        match run == Some(&placed.hook.mark(self.state)) {
            true => Ok(Found::Ours(live)),
            false => Ok(Found::Earlier(live)),
        }
    }

    async fn send(&self, placed: &Placed) -> Result<(), KindError> {
        let id = placed.desired.id();
        let body = body(placed, self.mark, self.state).to_string().into_bytes();
        let manager = self.mark.field_manager();
        let answer = self.cluster.apply(&placed.desired.resource, id, &manager, body, false).await?;
        match answer.is_good() {
            true => Ok(()),
            false => {
                let place = &placed.hook.object.place;
                let deed = format!("cannot run hook `{id}` of {}:{}", place.file, place.line);
                Err(answer.refusal(&self.cluster.server.name, &deed, Some(id)))
            }
        }
    }

    /// One that runs for an earlier state is never cut short: it may be in the middle of a migration.
    async fn await_earlier(
        &self,
        placed: &Placed,
        mut live: Value,
        begun: Instant,
        progress: &Progress,
    ) -> Result<(), KindError> {
        let id = placed.desired.id();
        while runs(id) && self.ended(id, &live).is_none() {
            if begun.elapsed() > self.timeout {
                return Err(KindError::failed(format!(
                    "hook `{id}` of an earlier state still runs after {} s",
                    begun.elapsed().as_secs()
                )));
            }
            progress.say(format!("waiting for hook {id} of an earlier state"));
            tokio::time::sleep(PAUSE).await;
            match self.read(placed).await? {
                Some(now) => live = now,
                None => return Ok(()),
            }
        }
        self.remove(placed, &live, begun, progress).await
    }

    async fn await_end(&self, placed: &Placed, begun: Instant, progress: &Progress) -> Result<(), KindError> {
        let id = placed.desired.id();
        if !runs(id) {
            return Ok(());
        }
        loop {
            let live = self.read(placed).await?;
            let live = live.ok_or_else(|| KindError::moved(format!("hook `{id}` was deleted while it ran")))?;
            let why = match self.rules.health(id, &live) {
                Health::Ready => return Ok(()),
                Health::Failed(why) => {
                    let said = self.last_word(id, &live, begun).await;
                    return Err(KindError::failed(format!("hook `{id}` has failed: {why}{said}")));
                }
                Health::Waiting(why) => why,
            };
            if begun.elapsed() > self.timeout {
                let said = self.last_word(id, &live, begun).await;
                let message = format!("hook `{id}` is not done after {} s: {why}{said}", self.timeout.as_secs());
                return Err(KindError::failed(message).hint("`timeout:` in workload.yaml says how long to wait"));
            }
            progress.say(format!("hook {id}: {why}"));
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn last_word(&self, id: &ObjectId, live: &Value, begun: Instant) -> String {
        if begun.elapsed() < BEFORE_PODS_ARE_ASKED {
            return String::new();
        }
        match ask_pods(self.cluster, id, live).await {
            Some(Word::Stuck(word) | Word::Final(word)) => format!(" ({word})"),
            None => String::new(),
        }
    }

    /// Whether it has ended, and well.
    fn ended(&self, id: &ObjectId, live: &Value) -> Option<bool> {
        match self.rules.health(id, live) {
            Health::Ready => Some(true),
            Health::Failed(_) => Some(false),
            Health::Waiting(_) => None,
        }
    }

    async fn remove(
        &self,
        placed: &Placed,
        live: &Value,
        begun: Instant,
        progress: &Progress,
    ) -> Result<(), KindError> {
        let id = placed.desired.id();
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        self.cluster.delete(&placed.desired.resource, id, &uid).await?;
        while let Some(live) = self.read(placed).await? {
            if live["metadata"]["uid"] != uid.as_str() {
                return Ok(());
            }
            if begun.elapsed() > self.timeout {
                let held = held_by(&live);
                return Err(KindError::failed(format!("hook `{id}` of an earlier run is not gone{held}")));
            }
            progress.say(format!("waiting until hook {id} of an earlier run is gone"));
            tokio::time::sleep(PAUSE / 4).await;
        }
        Ok(())
    }

    async fn read(&self, placed: &Placed) -> Result<Option<Value>, KindError> {
        read(self.cluster, &placed.desired.resource, placed.desired.id()).await
    }
}

/// Whether it is something that runs and ends; everything else is done by being there.
fn runs(id: &ObjectId) -> bool {
    id.is("batch", "Job") || id.is("", "Pod")
}

/// The object of a hook as it is sent: it bears a mark of its own, so that it is never taken for an object that is kept.
fn body(placed: &Placed, mark: &Mark, state: &str) -> Value {
    let mut json = placed.desired.object.json.clone();
    if let Some(spec) = json.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("ttlSecondsAfterFinished");
    }
    mark.put_hook_on(&mut json);
    let annotations = json["metadata"]
        .as_object_mut()
        .map(|metadata| metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new())));
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.insert(HOOK_RUN.to_owned(), placed.hook.mark(state).into());
    }
    json
}

/// Removes the object of a hook of this unit, if it is still there.
pub(super) async fn clear(cluster: &Cluster, mark: &Mark, resource: &Resource, id: &ObjectId) -> Result<(), KindError> {
    match find_ours(cluster, mark, resource, id).await? {
        Some(uid) => cluster.delete(resource, id, &uid).await,
        None => Ok(()),
    }
}

/// Whether the object of a hook of this unit is still there.
pub(super) async fn is_there(
    cluster: &Cluster,
    mark: &Mark,
    resource: &Resource,
    id: &ObjectId,
) -> Result<bool, KindError> {
    Ok(find_ours(cluster, mark, resource, id).await?.is_some())
}

/// The uid of what bears the mark of a hook of this unit.
async fn find_ours(
    cluster: &Cluster,
    mark: &Mark,
    resource: &Resource,
    id: &ObjectId,
) -> Result<Option<String>, KindError> {
    let live = read(cluster, resource, id).await?;
    let ours = live.filter(|live| live["metadata"]["labels"][HOOK_LABEL] == mark.label().as_str());
    Ok(ours.and_then(|live| live["metadata"]["uid"].as_str().map(str::to_owned)))
}

async fn read(cluster: &Cluster, resource: &Resource, id: &ObjectId) -> Result<Option<Value>, KindError> {
    let text = cluster.get(resource, id).await?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| KindError::failed(format!("`{id}` cannot be read")).because(error))
}

/// Those of one phase.
pub(super) fn of_phase(due: &[Placed], phase: Phase) -> impl Iterator<Item = &Placed> {
    due.iter().filter(move |placed| placed.hook.phase == phase)
}
