//! Where the pod stands in the kinds that make pods.

use serde_json::Value;

use super::object::ObjectId;

fn path_to_pod(id: &ObjectId) -> Option<&'static str> {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") => Some("/spec"),
        ("", "ReplicationController")
        | ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job") => Some("/spec/template/spec"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template/spec"),
        _ => None,
    }
}

/// Whether this object makes pods, or is one.
pub(super) fn makes_pods(id: &ObjectId) -> bool {
    path_to_pod(id).is_some()
}

pub(super) fn pod_spec<'a>(id: &ObjectId, json: &'a Value) -> Option<&'a Value> {
    json.pointer(path_to_pod(id)?)
}

pub(super) fn pod_spec_mut<'a>(id: &ObjectId, json: &'a mut Value) -> Option<&'a mut Value> {
    json.pointer_mut(path_to_pod(id)?)
}

/// What a pod names in its own namespace: kind and name.
pub(super) fn named_by_pod(pod: &Value) -> Vec<(&'static str, String)> {
    let mut named = Vec::new();
    let mut name = |kind: &'static str, value: &Value| {
        if let Some(text) = value.as_str() {
            named.push((kind, text.to_owned()));
        }
    };
    name("ServiceAccount", &pod["serviceAccountName"]);
    name("PriorityClass", &pod["priorityClassName"]);
    name("RuntimeClass", &pod["runtimeClassName"]);
    for secret in items(&pod["imagePullSecrets"]) {
        name("Secret", &secret["name"]);
    }
    for volume in items(&pod["volumes"]) {
        name("PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]);
        name("ConfigMap", &volume["configMap"]["name"]);
        name("Secret", &volume["secret"]["secretName"]);
        for source in items(&volume["projected"]["sources"]) {
            name("ConfigMap", &source["configMap"]["name"]);
            name("Secret", &source["secret"]["name"]);
        }
    }
    for container in items(&pod["initContainers"]).chain(items(&pod["containers"])) {
        for variable in items(&container["env"]) {
            name("ConfigMap", &variable["valueFrom"]["configMapKeyRef"]["name"]);
            name("Secret", &variable["valueFrom"]["secretKeyRef"]["name"]);
        }
        for source in items(&container["envFrom"]) {
            name("ConfigMap", &source["configMapRef"]["name"]);
            name("Secret", &source["secretRef"]["name"]);
        }
    }
    named
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
