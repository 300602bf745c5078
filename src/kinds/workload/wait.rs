//! Waits until objects are ready, or gone; always with an end, and saying what for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::blame::{Word, ask_pods};
use super::cluster::Cluster;
use super::discovery::Resource;
use super::inventory::Run;
use super::lookout::{Lookout, objects_of};
use super::mark::Mark;
use super::object::ObjectId;
use super::ready::{Health, HealthRules};
use crate::unit::{KindError, Progress};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A container needs this long to come up, crash and be started again.
pub(super) const BEFORE_PODS_ARE_ASKED: Duration = Duration::from_secs(3);
/// Their pods are listed for it, and the inventory is read.
const BETWEEN_ASKING: Duration = Duration::from_millis(1500);
/// Of one round: whatever is stuck, a few of them tell it.
const MOST_ASKED: usize = 3;

/// Objects to wait for, with where they are served.
pub(super) type Awaited = BTreeMap<ObjectId, Resource>;

/// Waits until all are ready. One that has failed ends the wait at once, and so does whoever applies another commit.
///
/// `answers` are the server's to the applies of some of them.
pub(super) async fn until_ready(
    cluster: &Cluster,
    mark: &Mark,
    rules: &HealthRules,
    (mut awaited, answers): (Awaited, BTreeMap<ObjectId, Value>),
    (timeout, run): (Duration, &Run),
    progress: &Progress,
) -> Result<(), KindError> {
    let (begun, mut pause, mut last) = (Instant::now(), FIRST_PAUSE, String::new());
    let mut lookout = Lookout::new(cluster, mark, &awaited).knowing(mark, &awaited, answers);
    let (mut waiting, mut changed) = (BTreeMap::new(), BTreeSet::new());
    // What they said with the words of their pods, and when those were asked.
    let (mut words, mut asked) = (BTreeMap::<ObjectId, String>::new(), Instant::now());
    let mut looked = Instant::now();
    loop {
        let judged: Vec<ObjectId> = match lookout.look().await? {
            true => awaited.keys().cloned().collect(),
            // What nothing happened to is as it was.
            false => changed.into_iter().filter(|id| awaited.contains_key(id)).collect(),
        };
        for id in judged {
            waiting.remove(&id);
            match lookout.live.get(&id).map(|object| rules.health(&id, object)) {
                Some(Health::Ready) => {
                    awaited.remove(&id);
                }
                Some(Health::Failed(why)) => return Err(KindError::failed(format!("`{id}` has failed: {why}"))),
                Some(Health::Waiting(why)) => _ = waiting.insert(id, why),
                // A finished Job may be gone by its time to live.
                None if id.is("batch", "Job") => {
                    awaited.remove(&id);
                }
                None => return Err(KindError::moved(format!("`{id}` was deleted while it was waited for"))),
            }
        }
        if begun.elapsed() >= BEFORE_PODS_ARE_ASKED && asked.elapsed() >= BETWEEN_ASKING {
            words = waiting.clone();
            ask_why(cluster, &lookout.live, &mut words).await?;
            asked = Instant::now();
        }
        let mut reasons = waiting.clone();
        for (id, why) in &mut reasons {
            if let Some(known) = words.get(id).filter(|known| known.starts_with(why.as_str())) {
                why.clone_from(known);
            }
        }
        let Some((id, why)) = reasons.first_key_value() else { return Ok(()) };
        let said = match reasons.len() {
            1 => format!("{id}: {why}"),
            many => format!("{id}: {why}, and {} more", many - 1),
        };
        if begun.elapsed() >= timeout {
            let all: Vec<String> = reasons.iter().map(|(id, why)| format!("{id}: {why}")).collect();
            let message = format!("not ready after {} s: {}", timeout.as_secs(), all.join("; "));
            return Err(KindError::failed(message).hint("`timeout:` in workload.yaml says how long to wait"));
        }
        if said != last {
            progress.say(&said);
            last = said;
        }
        if looked.elapsed() >= BETWEEN_ASKING {
            looked = Instant::now();
            preempted(cluster, mark, run).await?;
        }
        changed = lookout.next(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whoever applies another commit waits for it, and this one is over.
async fn preempted(cluster: &Cluster, mark: &Mark, run: &Run) -> Result<(), KindError> {
    match cluster.run(mark).await?.filter(|now| now.is_another(run)) {
        None => Ok(()),
        Some(now) => {
            let commit: String = now.commit.chars().take(7).collect();
            Err(KindError::moved(format!("commit {commit} is applied in place of this one"))
                .hint("nothing is undone: whoever applies it waits for it"))
        }
    }
}

/// Puts the words of their pods behind the reasons; a pod that will never come up ends the wait.
async fn ask_why(
    cluster: &Cluster,
    live: &BTreeMap<ObjectId, Value>,
    reasons: &mut BTreeMap<ObjectId, String>,
) -> Result<(), KindError> {
    for (id, why) in reasons.iter_mut().filter(|(id, _)| super::pods::makes_pods(id)).take(MOST_ASKED) {
        match ask_pods(cluster, id, &live[id]).await {
            None => {}
            Some(Word::Stuck(word)) => *why = format!("{why} ({word})"),
            Some(Word::Final(word)) => {
                return Err(KindError::failed(format!("`{id}` will not become ready: {why}; {word}"))
                    .hint("the next commit that is synced takes its place; nothing was rolled back"));
            }
        }
    }
    Ok(())
}

/// Waits until all are gone, naming what holds them.
pub(super) async fn until_gone(
    cluster: &Cluster,
    mark: &Mark,
    gone: &BTreeMap<ObjectId, (Resource, String)>,
    timeout: Duration,
    progress: &Progress,
) -> Result<(), KindError> {
    let (begun, mut pause, mut last) = (Instant::now(), Duration::from_millis(50), String::new());
    let mut awaited: Awaited = gone.iter().map(|(id, (resource, _))| (id.clone(), resource.clone())).collect();
    while !awaited.is_empty() {
        let live = objects_of(cluster, mark, &awaited).await?;
        // The same name with another uid is another object.
        awaited.retain(|id, _| live.get(id).is_some_and(|object| object["metadata"]["uid"] == gone[id].1.as_str()));
        let Some((id, _)) = awaited.first_key_value() else { break };
        let said = format!("{} left, {id}{}", awaited.len(), held_by(&live[id]));
        if begun.elapsed() >= timeout {
            return Err(KindError::failed(format!("not gone after {} s: {said}", timeout.as_secs())));
        }
        if said != last {
            progress.say(format!("waiting until all is gone: {said}"));
            last = said;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// The finalizers of an object, as text for people.
pub(super) fn held_by(object: &Value) -> String {
    let finalizers: Vec<&str> =
        object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match finalizers.is_empty() {
        true => String::new(),
        false => format!(" (held by {})", finalizers.join(", ")),
    }
}
