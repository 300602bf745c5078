//! Asks the pods of an object that does not become ready what keeps them.
//!
//! A maker of pods says `0 of 2 available` for ten minutes, and its pods knew why after ten seconds.
//! Only the pods of what was applied last are asked: those before it may be the fault that is being mended.

use base64::Engine;
use serde_json::Value;

use super::cluster::Cluster;
use super::discovery::Resource;
use super::logs::last_words;
use super::object::ObjectId;
use super::pods::{makes_pods, named_by_pod, pod_spec};
use super::ready::{Stuck, failed_by_itself, stuck};
use super::server::{Ask, encode};

/// More Secrets than these are not read to take them out of a log: then the log is not told.
const MOST_SECRETS: usize = 16;

/// What the pods of an object say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// Waiting may still help.
    Stuck(String),
    /// It will not.
    Final(String),
}

/// What the newest pods of this object say; nothing where there is nothing to say, or no right to ask.
pub(super) async fn ask_pods(cluster: &Cluster, id: &ObjectId, live: &Value) -> Option<Word> {
    if !makes_pods(id) || id.is("", "Pod") || id.is("batch", "CronJob") {
        return None;
    }
    let owner = newest_owner(cluster, id, live).await?;
    let pods = list(cluster, &pods(), id, live).await?;
    let newest: Vec<&Value> = pods.iter().filter(|pod| is_newest(id, live, &owner, pod)).collect();
    let told = newest.iter().find_map(|pod| word_of(id, pod));
    let (pod, why, found) = told?;
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    match why {
        Word::Stuck(why) => Some(Word::Stuck(format!("pod `{name}`, {why}"))),
        Word::Final(why) => {
            let lines = match &found {
                Some(found) => last_lines(cluster, id, pod, found).await,
                None => Vec::new(),
            };
            let said =
                if lines.is_empty() { String::new() } else { format!("; its last words: {}", lines.join(" | ")) };
            Some(Word::Final(format!("pod `{name}`, {why}{said}")))
        }
    }
}

/// What one pod says, where it says anything.
fn word_of<'a>(id: &ObjectId, pod: &'a Value) -> Option<(&'a Value, Word, Option<Stuck>)> {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    // A Job counts the failures of its pods by itself, and says when there were too many.
    let is_job = id.is("batch", "Job");
    match (stuck(pod), failed_by_itself(pod)) {
        (Some(found), _) if found.is_final && !is_job => Some((pod, Word::Final(found.to_string()), Some(found))),
        (Some(found), _) => Some((pod, Word::Stuck(found.to_string()), Some(found))),
        (None, Some(why)) if !is_job => Some((pod, Word::Final(why), None)),
        (None, Some(why)) => Some((pod, Word::Stuck(why), None)),
        (None, None) => unscheduled(pod).map(|why| (pod, Word::Stuck(why), None)),
    }
}

fn unscheduled(pod: &Value) -> Option<String> {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut unscheduled = conditions.filter(|found| found["type"] == "PodScheduled" && found["status"] == "False");
    let message = unscheduled.next()?["message"].as_str()?;
    Some(format!("not scheduled: {}", message.chars().take(200).collect::<String>()))
}

/// The uid of what owns the pods: of a Deployment, its newest ReplicaSet.
async fn newest_owner(cluster: &Cluster, id: &ObjectId, live: &Value) -> Option<String> {
    if !id.is("apps", "Deployment") {
        return live["metadata"]["uid"].as_str().map(str::to_owned);
    }
    let sets = list(cluster, &replica_sets(), id, live).await?;
    newest_set(live, &sets)
}

fn newest_set(deployment: &Value, sets: &[Value]) -> Option<String> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let revision = |object: &Value| object["metadata"]["annotations"][REVISION].as_str().map(str::to_owned);
    let wanted = revision(deployment)?;
    let newest = sets
        .iter()
        .find(|set| is_owned_by(set, &deployment["metadata"]["uid"]) && revision(set) == Some(wanted.clone()))?;
    newest["metadata"]["uid"].as_str().map(str::to_owned)
}

fn is_owned_by(object: &Value, uid: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().any(|owner| &owner["uid"] == uid)
}

fn is_newest(id: &ObjectId, live: &Value, owner: &str, pod: &Value) -> bool {
    let label = |name: &str| &pod["metadata"]["labels"][name];
    let of_revision = match (id.group.as_str(), id.kind.as_str()) {
        ("apps", "StatefulSet") => *label("controller-revision-hash") == live["status"]["updateRevision"],
        ("apps", "DaemonSet") => {
            *label("pod-template-generation")
                == live["metadata"]["annotations"]["deprecated.daemonset.template.generation"]
        }
        _ => true,
    };
    of_revision && is_owned_by(pod, &Value::String(owner.to_owned()))
}

/// The objects that its selector selects; nothing where they cannot be asked for.
async fn list(cluster: &Cluster, resource: &Resource, id: &ObjectId, live: &Value) -> Option<Vec<Value>> {
    let selector = selector(&live["spec"]["selector"])?;
    let path = format!("{}?limit=100&labelSelector={}", resource.within(id.namespace.as_deref()), encode(&selector));
    let answer = cluster.server.send(&Ask::get(path)).await.ok().filter(|answer| answer.is_good())?;
    let mut list: Value = serde_json::from_str(&answer.body).ok()?;
    match list["items"].take() {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

/// As a query; the expressions of a selector only narrow it, and the owner decides.
fn selector(selector: &Value) -> Option<String> {
    let labels = selector.get("matchLabels").unwrap_or(selector).as_object()?;
    let pairs: Option<Vec<_>> =
        labels.iter().map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    Some(pairs?.join(",")).filter(|text| !text.is_empty())
}

/// The last lines of the container's last run. Not told unless every Secret it could have printed is known.
async fn last_lines(cluster: &Cluster, id: &ObjectId, pod: &Value, found: &Stuck) -> Vec<String> {
    let Some(secrets) = secrets_of(cluster, id, pod).await else { return Vec::new() };
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let pod_id =
        ObjectId { kind: "Pod".into(), namespace: id.namespace.clone(), name: name.into(), ..ObjectId::default() };
    let path = pods().one(&pod_id);
    let query = format!("container={}&previous=true&tailLines=20&limitBytes=16384", encode(&found.container));
    let ask = Ask::get(format!("{path}/log?{query}")).accept("*/*");
    match cluster.server.send(&ask).await {
        Ok(answer) if answer.is_good() => last_words(&answer.body, &secrets),
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// The values of the Secrets that a pod names; nothing where one of them cannot be read.
async fn secrets_of(cluster: &Cluster, id: &ObjectId, pod: &Value) -> Option<Vec<String>> {
    let pod_id = ObjectId { kind: "Pod".into(), ..ObjectId::default() };
    let named = named_by_pod(pod_spec(&pod_id, pod)?);
    let mut names: Vec<String> =
        named.into_iter().filter(|(kind, _)| *kind == "Secret").map(|(_, name)| name).collect();
    names.sort();
    names.dedup();
    if names.len() > MOST_SECRETS {
        return None;
    }
    let mut values = Vec::new();
    for name in names {
        let secret = ObjectId { kind: "Secret".into(), namespace: id.namespace.clone(), name, ..ObjectId::default() };
        // One that is not there cannot have been printed.
        let Some(text) = cluster.get(&secrets(), &secret).await.ok()? else { continue };
        let live: Value = serde_json::from_str(&text).ok()?;
        for value in live["data"].as_object().into_iter().flat_map(|data| data.values()).filter_map(Value::as_str) {
            values.push(value.to_owned());
            let bytes = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
            values.extend(String::from_utf8(bytes));
        }
    }
    Some(values)
}

fn pods() -> Resource {
    core("pods")
}

fn secrets() -> Resource {
    core("secrets")
}

fn core(plural: &str) -> Resource {
    Resource { group: String::new(), version: "v1".into(), plural: plural.into(), namespaced: true }
}

fn replica_sets() -> Resource {
    Resource { group: "apps".into(), version: "v1".into(), plural: "replicasets".into(), namespaced: true }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(kind: &str) -> ObjectId {
        ObjectId { group: "apps".into(), kind: kind.into(), ..ObjectId::default() }
    }

    fn owned(owner: &str, labels: Value) -> Value {
        json!({"metadata": {"ownerReferences": [{"uid": owner}], "labels": labels}})
    }

    #[test]
    fn the_pods_of_the_rollout_before_are_not_asked() {
        let live = json!({"metadata": {"uid": "d"}, "status": {"updateRevision": "new"}});
        let newest = |pod: &Value| is_newest(&id("StatefulSet"), &live, "d", pod);
        assert!(newest(&owned("d", json!({"controller-revision-hash": "new"}))));
        assert!(!newest(&owned("d", json!({"controller-revision-hash": "old"}))));
        assert!(!newest(&owned("e", json!({"controller-revision-hash": "new"}))), "somebody else's");
        let set = |uid: &str, revision: &str| json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": "d"}], "annotations": {"deployment.kubernetes.io/revision": revision}}});
        let deployment = json!({"metadata": {"uid": "d", "annotations": {"deployment.kubernetes.io/revision": "2"}}});
        assert_eq!(newest_set(&deployment, &[set("a", "1"), set("b", "2")]).as_deref(), Some("b"));
        assert_eq!(newest_set(&deployment, &[set("a", "1")]), None, "it is not made yet");
    }

    #[test]
    fn a_pod_that_goes_says_nothing_and_a_job_counts_by_itself() {
        let crash = json!([{"name": "web", "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
        let pod = |metadata: Value| json!({"metadata": metadata, "status": {"containerStatuses": crash}});
        let word = |id: &ObjectId, pod: &Value| word_of(id, pod).map(|(_, word, _)| word);
        assert!(matches!(word(&id("Deployment"), &pod(json!({}))), Some(Word::Final(_))));
        assert_eq!(word(&id("Deployment"), &pod(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}))), None);
        let job = ObjectId { group: "batch".into(), kind: "Job".into(), ..ObjectId::default() };
        assert!(matches!(word(&job, &pod(json!({}))), Some(Word::Stuck(_))));
    }

    #[test]
    fn a_selector_that_selects_everything_selects_nothing() {
        assert_eq!(selector(&json!({"matchLabels": {"a": "1", "b": "2"}})).as_deref(), Some("a=1,b=2"));
        assert_eq!(selector(&json!({"app": "web"})).as_deref(), Some("app=web"));
        assert_eq!(selector(&json!({"matchLabels": {}})), None);
        assert_eq!(selector(&Value::Null), None);
    }
}
