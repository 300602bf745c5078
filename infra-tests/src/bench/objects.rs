//! The load on the Kubernetes side: objects of four kinds in equal shares, in a few namespaces.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::objects_yaml::document;

/// The label by which everybody but the product asks for its objects.
pub(super) const LABEL: &str = "app.kubernetes.io/part-of";
const NAMESPACES: usize = 5;

/// Where objects of a kind are listed.
pub(super) const LISTS: [&str; 5] = [
    "/api/v1/namespaces",
    "/api/v1/serviceaccounts",
    "/api/v1/services",
    "/api/v1/configmaps",
    "/apis/apps/v1/deployments",
];

/// A file of more would be larger than a repository's may be.
const IN_A_FILE: usize = 1000;

/// The objects of one run, under a name that no other run has.
pub(super) struct Load {
    pub name: String,
    pub namespaces: Vec<Value>,
    /// Grouped as they stand in files.
    pub files: Vec<(String, Vec<Value>)>,
}

impl Load {
    pub(super) fn new(name: &str, count: usize) -> Self {
        let spaces: Vec<String> = (0..NAMESPACES).map(|at| format!("{name}-{at}")).collect();
        let label = json!({LABEL: name});
        let namespaces = spaces
            .iter()
            .map(|space| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": label}}))
            .collect();
        let mut files: Vec<(String, Vec<Value>)> = spaces.iter().map(|space| (space.clone(), Vec::new())).collect();
        for at in 0..count {
            let space = at / 4 % NAMESPACES;
            files[space].1.push(object(name, &spaces[space], at));
        }
        Self { name: name.to_owned(), namespaces, files }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.namespaces.iter().chain(self.files.iter().flat_map(|(_, objects)| objects))
    }

    /// Few files a namespace, and the namespaces in the one that is read first.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let text = |objects: &[Value]| objects.iter().map(document).collect::<String>();
        fs::write(folder.join("00-namespaces.yaml"), text(&self.namespaces))?;
        for (name, objects) in &self.files {
            for (number, some) in objects.chunks(IN_A_FILE).enumerate() {
                fs::write(folder.join(format!("{name}-{number}.yaml")), text(some))?;
            }
        }
        Ok(())
    }
}

/// The path of an object on an API server.
pub(super) fn path(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    let space = text(&object["metadata"]["namespace"]);
    match kind.as_str() {
        "Namespace" => format!("/api/v1/namespaces/{name}"),
        "Deployment" => format!("/apis/apps/v1/namespaces/{space}/deployments/{name}"),
        other => format!("/api/v1/namespaces/{space}/{}s/{name}", other.to_lowercase()),
    }
}

fn object(part_of: &str, namespace: &str, at: usize) -> Value {
    let name = format!("app-{:04}", at / 4);
    let labels = json!({LABEL: part_of, "app.kubernetes.io/name": name, "app.kubernetes.io/version": "1.4.2"});
    let metadata = json!({"name": name, "namespace": namespace, "labels": labels});
    match at % 4 {
        0 => json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        1 => json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": settings(&name)}),
        2 => {
            let selector = json!({"app.kubernetes.io/name": name});
            let ports = json!([{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]);
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": selector, "ports": ports}})
        }
        _ => json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment(&name)}),
    }
}

fn settings(name: &str) -> Value {
    json!({
        "LOG_LEVEL": "info",
        "LISTEN": "0.0.0.0:8080",
        "DATABASE": format!("postgres://{name}.db.example:5432/{name}"),
        "application.toml": format!("[server]\nname = \"{name}\"\nworkers = 8\n[cache]\nttl = \"5m\"\nsize = 1024\n"),
    })
}

/// No replicas: nothing is scheduled, so that writing is measured and not the making of pods.
fn deployment(name: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": name});
    let probe = json!({"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10});
    let resources = json!({"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}});
    let container = json!({
        "name": "web",
        "image": format!("registry.example/{name}:1.4.2"),
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "envFrom": [{"configMapRef": {"name": name}}],
        "env": [{"name": "REGION", "value": "eu-west-1"}],
        "readinessProbe": probe,
        "resources": resources,
    });
    let pod = json!({"serviceAccountName": name, "containers": [container]});
    json!({"replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}})
}
