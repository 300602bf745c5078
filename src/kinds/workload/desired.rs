//! An object with its place in a cluster and the very bytes that will be sent.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use serde_json::Value;

use super::discovery::{Discovery, Resource};
use super::fingerprint;
use super::hands::for_each;
use super::leave::Kept;
use super::mark::Mark;
use super::object::{Object, ObjectId};
use super::path;
use crate::problem::Problem;

/// So many objects take longer than a thread that helps.
const WORTH_A_THREAD: usize = 100;

/// An object, ready to be sent. It has no `Debug`: it may be a Secret.
#[derive(Clone)]
pub(super) struct Desired {
    pub(super) object: Object,
    pub(super) resource: Resource,
    /// Of what is sent; an autoscaler's replicas left out, because they are not ours to say.
    pub(super) hash: String,
    /// An autoscaler of this workload says how many replicas there are.
    pub(super) scaled: bool,
}

impl Desired {
    pub(super) fn id(&self) -> &ObjectId {
        &self.object.id
    }

    /// Whether a live Secret holds the values that are declared; anything else has none to compare.
    ///
    /// The server keeps them byte for byte, so that here, and only here, Git is compared with the world.
    pub(super) fn holds_secrets(&self, live: Option<&Value>) -> bool {
        let bytes = |value: &Value| base64::engine::general_purpose::STANDARD.decode(value.as_str()?.trim()).ok();
        let declared = self.object.json["data"].as_object().into_iter().flatten();
        !self.id().is_secret()
            || live.is_some_and(|live| {
                declared
                    .into_iter()
                    .all(|(key, value)| bytes(value).is_some_and(|value| Some(value) == bytes(&live["data"][key])))
            })
    }

    /// The body of an apply. What is left to others is sent as it is in the cluster: to leave the field out
    /// would give it up, and the server would take it away or set its default.
    pub(super) fn body(&self, kept: &[Kept]) -> Vec<u8> {
        if kept.is_empty() {
            return self.object.json.to_string().into_bytes();
        }
        let mut json = self.object.json.clone();
        kept.iter().for_each(|kept| path::put(&mut json, &kept.path, kept.value.as_ref()));
        json.to_string().into_bytes()
    }
}

/// Finds each object's kind in what the cluster serves, gives it its namespace, and marks it.
///
/// Kinds that the workload's own CRDs bring must have been added to `discovery`.
pub(super) fn resolve(
    objects: &[Object],
    discovery: &Discovery,
    default_namespace: &str,
    mark: &Mark,
) -> Result<Vec<Desired>, Vec<Problem>> {
    let mut desired: Vec<Desired> = Vec::with_capacity(objects.len());
    let mut problems = Vec::new();
    let mut places = HashMap::with_capacity(objects.len());
    let helpings = objects.len() / WORTH_A_THREAD;
    for settled in for_each(objects, helpings, |object| settle(object.clone(), discovery, default_namespace, mark)) {
        match settled {
            Ok(found) => match places.insert(found.id().clone(), found.object.place.clone()) {
                None => desired.push(found),
                Some(other) => problems.push(
                    Problem::new(found.object.place.clone(), format!("`{}` is declared twice", found.id()))
                        .hint(format!("it is also declared at {}:{}:{}", other.file, other.line, other.column)),
                ),
            },
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let scaled = autoscaled(&desired);
    for one in desired.iter_mut().filter(|_| !scaled.is_empty()) {
        one.scaled = scaled.contains(&key_of(one.id()));
    }
    let hashes = for_each(&desired, helpings, |one| hash(&one.object, one.scaled));
    desired.iter_mut().zip(hashes).for_each(|(one, hash)| one.hash = hash);
    Ok(desired)
}

/// An object that was resolved before, in its place again.
pub(super) fn again(
    object: Object,
    (hash, scaled): (String, bool),
    discovery: &Discovery,
    default_namespace: &str,
    mark: &Mark,
) -> Result<Desired, Problem> {
    Ok(Desired { hash, scaled, ..settle(object, discovery, default_namespace, mark)? })
}

fn settle(mut object: Object, discovery: &Discovery, default_namespace: &str, mark: &Mark) -> Result<Desired, Problem> {
    let (id, version) = (&object.id, &object.version);
    let Some(resource) = discovery.find(&id.group, version, &id.kind).cloned() else {
        return Err(unknown_kind(&object, discovery));
    };
    let namespace = match resource.namespaced {
        true => Some(object.id.namespace.clone().unwrap_or_else(|| default_namespace.to_owned())),
        false => None,
    };
    if let Some(metadata) = object.json.get_mut("metadata").and_then(Value::as_object_mut) {
        match &namespace {
            Some(namespace) => metadata.insert("namespace".into(), Value::String(namespace.clone())),
            None => metadata.remove("namespace"),
        };
    }
    object.id.namespace = namespace;
    mark.put_on(&mut object.json);
    Ok(Desired { object, resource, hash: String::new(), scaled: false })
}

fn unknown_kind(object: &Object, discovery: &Discovery) -> Problem {
    let id = &object.id;
    let problem = Problem::new(
        object.place.clone(),
        format!("the cluster serves no `{}` of `{}`", id.kind, object.api_version()),
    );
    let versions: Vec<&str> =
        discovery.versions(&id.group, &id.kind).iter().map(|found| found.version.as_str()).collect();
    if discovery.is_silent(&id.group) {
        return problem.hint(format!("what serves `{}` does not answer: look at its APIService", id.group));
    }
    match versions.is_empty() {
        false => problem.hint(format!("it serves the versions {}", versions.join(", "))),
        true => problem
            .hint("is its CustomResourceDefinition part of this workload, or of one that this one should name under `dependsOn`?")
            .did_you_mean(&id.kind, discovery.kinds_of(&id.group)),
    }
}

fn hash(object: &Object, scaled: bool) -> String {
    let mut json = Cow::Borrowed(&object.json);
    if object.id.is_secret() {
        json = Cow::Owned(fingerprint::without_secrets(&json));
    }
    if scaled && let Some(spec) = json.to_mut().get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("replicas");
    }
    fingerprint::of_body(fingerprint::canonical(&json).as_bytes())
}

type Target = (String, Option<String>, String);

fn key_of(id: &ObjectId) -> Target {
    (id.kind.clone(), id.namespace.clone(), id.name.clone())
}

/// What the autoscalers among these objects scale.
fn autoscaled(desired: &[Desired]) -> BTreeSet<Target> {
    let is_autoscaler =
        |id: &ObjectId| id.is("autoscaling", "HorizontalPodAutoscaler") || id.is("keda.sh", "ScaledObject");
    desired
        .iter()
        .filter(|one| is_autoscaler(one.id()))
        .map(|one| {
            let target = &one.object.json["spec"]["scaleTargetRef"];
            // KEDA's default.
            let kind = target["kind"].as_str().unwrap_or("Deployment");
            (kind.to_owned(), one.id().namespace.clone(), target["name"].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::unit::UnitId;

    fn object(group: &str, kind: &str, namespace: Option<&str>, mut json: Value) -> Object {
        json["metadata"] = json!({"name": "web"});
        let id = ObjectId {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: "web".into(),
        };
        Object { id, version: "v1".into(), json, place: Default::default() }
    }

    fn discovery() -> Discovery {
        let mut discovery = Discovery::default();
        for (group, plural, kind, scope) in [
            ("", "namespaces", "Namespace", "Cluster"),
            ("", "configmaps", "ConfigMap", "Namespaced"),
            ("apps", "deployments", "Deployment", "Namespaced"),
            ("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced"),
        ] {
            let served =
                json!({"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["patch"]});
            let answer = json!({"items": [{"metadata": {"name": group}, "versions": [{"version": "v1", "resources": [served]}]}]});
            discovery.add(&answer.to_string()).expect("the answer is well-formed");
        }
        discovery
    }

    fn resolved(objects: Vec<Object>) -> Result<Vec<Desired>, Vec<Problem>> {
        resolve(&objects, &discovery(), "shop", &Mark::new("r", &UnitId::new("clusters/prod/shop")))
    }

    #[test]
    fn a_namespace_is_given_to_what_needs_one_and_taken_from_what_has_none() {
        let found =
            resolved(vec![object("", "ConfigMap", None, json!({})), object("", "Namespace", Some("x"), json!({}))]);
        let found = found.unwrap_or_else(|_| panic!("both kinds are served"));
        assert_eq!(found[0].object.json["metadata"]["namespace"], "shop");
        assert_eq!(found[1].object.json["metadata"].get("namespace"), None);
        let twice =
            resolved(vec![object("", "ConfigMap", None, json!({})), object("", "ConfigMap", Some("shop"), json!({}))]);
        assert!(twice.is_err_and(|problems| problems[0].message == "`ConfigMap shop/web` is declared twice"));
    }

    #[test]
    fn a_kind_that_is_not_served_is_told_with_the_nearest() {
        let problems = resolved(vec![object("apps", "Deploymnt", None, json!({}))]).err().unwrap_or_default();
        assert_eq!(problems[0].message, "the cluster serves no `Deploymnt` of `apps/v1`");
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `Deployment`?"));
    }

    #[test]
    fn the_replicas_of_what_an_autoscaler_scales_are_not_ours() {
        let scaler = || {
            object(
                "autoscaling",
                "HorizontalPodAutoscaler",
                None,
                json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}}),
            )
        };
        let web = |replicas: i64| object("apps", "Deployment", None, json!({"spec": {"replicas": replicas}}));
        let hash = |objects| resolved(objects).unwrap_or_else(|_| panic!("all kinds are served"))[0].hash.clone();
        assert_eq!(hash(vec![web(1), scaler()]), hash(vec![web(2), scaler()]));
        assert_ne!(hash(vec![web(1)]), hash(vec![web(2)]));
        let found = resolved(vec![web(1), scaler()]).unwrap_or_else(|_| panic!("all kinds are served"));
        let body: Value = serde_json::from_slice(
            &found[0].body(&[Kept { path: path::parse("spec.replicas").expect("a path"), value: Some(json!(7)) }]),
        )
        .expect("a body is JSON");
        assert_eq!(body["spec"]["replicas"], 7);
    }
}
