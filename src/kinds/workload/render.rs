//! From manifests and values to the objects that will be sent.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::hands::for_each;
use super::hooks;
use super::manifest::Manifest;
use super::object::{Object, ObjectId, split_api_version};
use super::pods::pod_spec_mut;
use super::substitute::{self, Values, substitute};
use crate::problem::Problem;
use crate::yaml::{self, Node};

/// So many manifests take longer than a thread that helps.
const WORTH_A_THREAD: usize = 100;

/// What came of the manifests.
#[derive(Default)]
pub(super) struct Rendered {
    pub(super) objects: Vec<Object>,
    pub(super) problems: Vec<Problem>,
    /// The values that some manifest asked for.
    pub(super) used: BTreeSet<String>,
}

/// Fills the values in and makes each document what kubectl would send.
///
/// A pure function of its arguments: no clock, no client, no randomness.
///
/// `secrets` are the names of values that may stand nowhere but in a Secret.
pub(super) fn render(manifests: &[Manifest], values: &Values, secrets: &BTreeSet<String>) -> Rendered {
    let mut rendered = Rendered { objects: Vec::with_capacity(manifests.len()), ..Rendered::default() };
    let each = for_each(manifests, manifests.len() / WORTH_A_THREAD, |manifest| {
        let mut used = BTreeSet::new();
        (render_one(manifest, (values, secrets), &mut used), used)
    });
    for (object, used) in each {
        rendered.used.extend(used);
        match object {
            Ok(object) => rendered.objects.push(object),
            Err(problem) => rendered.problems.push(problem),
        }
    }
    rendered.problems.extend(duplicates(&rendered.objects));
    rendered
}

fn render_one(
    manifest: &Manifest,
    values: (&Values, &BTreeSet<String>),
    used: &mut BTreeSet<String>,
) -> Result<Object, Problem> {
    let node = filled(manifest, values, used)?;
    let id = identify(&node)?;
    let api_version = required(&node, "apiVersion")?;
    let (group, version) = split_api_version(&api_version);
    let id = ObjectId { group: group.to_owned(), ..id };
    let mut json = yaml::kubernetes(&node)?;
    if let Some(metadata) = json.get_mut("metadata").and_then(Value::as_object_mut)
        && metadata.remove("generateName").is_some()
    {
        metadata.insert("name".into(), id.name.clone().into());
    }
    normalise(&id, &mut json);
    Ok(Object { version: version.to_owned(), json, place: node.place(), id })
}

/// The document with its values in their places. What sops kept is taken as it is: a `${` in a password is no
/// value of ours, and an error about it would quote it.
fn filled<'m>(
    manifest: &'m Manifest,
    (values, secrets): (&Values, &BTreeSet<String>),
    used: &mut BTreeSet<String>,
) -> Result<Cow<'m, Node>, Problem> {
    let node = &manifest.node;
    if !substitute::asks_for_values(node) {
        return Ok(Cow::Borrowed(node));
    }
    let yaml::Value::Mapping(pairs) = &node.value else { return substitute(node, values, used).map(Cow::Owned) };
    let is_secret = node.get("kind").and_then(Node::text) == Some("Secret");
    let mut kept = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let holds_values = is_secret && matches!(key.text(), Some("data" | "stringData"));
        let mut here = BTreeSet::new();
        let filled = match manifest.sealed && holds_values {
            true => value.clone(),
            false => substitute(value, values, &mut here)?,
        };
        if let Some(name) = here.intersection(secrets).next().filter(|_| !holds_values) {
            return Err(value
                .problem(format!("`${{{name}}}` is a secret, and stands where everybody would read it"))
                .hint("use it in `data` or `stringData` of a Secret, and name that Secret here"));
        }
        used.extend(here);
        kept.push((substitute::kept_key(key)?, filled));
    }
    let (tag, span) = (node.tag.clone(), node.span.clone());
    Ok(Cow::Owned(Node { value: yaml::Value::Mapping(kept), tag, span }))
}

/// The kind, namespace and name of a document, or what is missing.
fn identify(node: &Node) -> Result<ObjectId, Problem> {
    if node.entries().next().is_none() {
        return Err(node
            .problem("this is no Kubernetes object")
            .hint("each document is one object: apiVersion, kind, metadata"));
    }
    let kind = required(node, "kind")?;
    let metadata = node.get("metadata").ok_or_else(|| node.problem("`metadata` is missing"))?;
    let generated = metadata.get("generateName");
    if let Some(generated) = generated.filter(|_| !is_hook(metadata)) {
        return Err(generated
            .problem("`generateName` makes a new object each time")
            .hint("write `name`, so that the object can be found again"));
    }
    let namespace = metadata.get("namespace").and_then(Node::text).filter(|text| !text.is_empty());
    Ok(ObjectId {
        group: String::new(),
        kind,
        namespace: namespace.map(str::to_owned),
        name: match generated {
            Some(prefix) => generated_name(node, prefix)?,
            None => required(metadata, "name")
                .map_err(|problem| Problem { message: format!("{} in metadata", problem.message), ..problem })?,
        },
    })
}

fn is_hook(metadata: &Node) -> bool {
    let annotations = metadata.get("annotations");
    [hooks::HELM, hooks::ARGO].iter().any(|key| annotations.is_some_and(|annotations| annotations.get(key).is_some()))
}

/// The name of a hook that wants a new one each time: a new one for each content, so that it is found again.
fn generated_name(node: &Node, prefix: &Node) -> Result<String, Problem> {
    let prefix = prefix.text().ok_or_else(|| prefix.problem("`generateName` must be a text"))?;
    let hash = Sha256::digest(yaml::kubernetes(node)?.to_string());
    Ok(format!("{prefix}{}", hex::encode(&hash[..5])))
}

fn required(node: &Node, key: &str) -> Result<String, Problem> {
    let keys = || node.entries().filter_map(|(key, _)| key.text());
    let value = node.get(key).ok_or_else(|| node.problem(format!("`{key}` is missing")).did_you_mean(key, keys()))?;
    match value.text() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(value.problem(format!("`{key}` must be a text"))),
    }
}

/// Objects declared twice, each naming both places. The version does not tell two objects apart.
fn duplicates(objects: &[Object]) -> Vec<Problem> {
    let mut first: HashMap<&ObjectId, &Object> = HashMap::with_capacity(objects.len());
    let mut problems = Vec::new();
    for object in objects {
        if let Some(other) = first.get(&object.id) {
            let place = &other.place;
            problems.push(
                Problem::new(object.place.clone(), format!("`{}` is declared twice", object.id))
                    .hint(format!("it is also declared at {}:{}:{}", place.file, place.line, place.column)),
            );
        } else {
            first.insert(&object.id, object);
        }
    }
    problems
}

/// Takes away what the server would write itself, and what server-side apply stumbles over.
fn normalise(id: &ObjectId, json: &mut Value) {
    let Some(object) = json.as_object_mut() else { return };
    // The status of a CRD is part of how kubectl-made files look, and is needed by none of them but harmless.
    if !id.is_crd() {
        object.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for written_by_the_server in [
            "managedFields",
            "creationTimestamp",
            "resourceVersion",
            "uid",
            "generation",
            "selfLink",
            "deletionTimestamp",
        ] {
            metadata.remove(written_by_the_server);
        }
    }
    if id.is_secret() {
        move_string_data(object);
    }
    if id.is("", "Service") {
        default_protocol(object.get_mut("spec").and_then(|spec| spec.get_mut("ports")));
    }
    if let Some(pod) = pod_spec_mut(id, json) {
        for containers in ["containers", "initContainers", "ephemeralContainers"] {
            for container in pod.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten() {
                default_protocol(container.get_mut("ports"));
            }
        }
    }
}

/// `stringData` is only ever written, never read: what was taken out of it would stay in the cluster.
fn move_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = secret.remove("stringData") else { return };
    let data = secret.entry("data").or_insert_with(|| json!({}));
    if data.is_null() {
        *data = json!({});
    }
    let Some(data) = data.as_object_mut() else { return };
    for (key, text) in texts {
        let text = match text {
            Value::String(text) => text,
            Value::Null => String::new(),
            // Left for the server to refuse with its own words.
            other => other.to_string(),
        };
        data.insert(key, Value::String(base64::engine::general_purpose::STANDARD.encode(text)));
    }
}

/// The protocol is part of a port's key, and server-side apply does not default keys.
fn default_protocol(ports: Option<&mut Value>) {
    for port in ports.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.entry("protocol").or_insert_with(|| json!("TCP"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(group: &str, kind: &str) -> ObjectId {
        ObjectId { group: group.into(), kind: kind.into(), namespace: None, name: "x".into() }
    }

    #[test]
    fn string_data_becomes_data_and_wins() {
        let mut secret = json!({"data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new"}});
        normalise(&id("", "Secret"), &mut secret);
        assert_eq!(secret, json!({"data": {"a": "bmV3", "b": "Yg=="}}));
    }

    #[test]
    fn ports_get_the_protocol_that_is_part_of_their_key() {
        let mut web = json!({"spec": {"template": {"spec": {"containers": [{"ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]}]}}}});
        normalise(&id("apps", "Deployment"), &mut web);
        let ports = &web["spec"]["template"]["spec"]["containers"][0]["ports"];
        assert_eq!(ports[0]["protocol"], "TCP");
        assert_eq!(ports[1]["protocol"], "UDP");
    }

    #[test]
    fn what_the_server_writes_is_taken_away() {
        let mut object =
            json!({"metadata": {"name": "x", "creationTimestamp": null, "resourceVersion": "5"}, "status": {"a": 1}});
        normalise(&id("apps", "Deployment"), &mut object);
        assert_eq!(object, json!({"metadata": {"name": "x"}}));
        let mut definition = json!({"metadata": {"name": "x"}, "status": {"a": 1}});
        normalise(&id("apiextensions.k8s.io", "CustomResourceDefinition"), &mut definition);
        assert_eq!(definition["status"]["a"], 1);
    }
}
