//! A user for each contender, so that the audit log tells their requests apart.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::sandbox::Cluster;

/// The context in every kubeconfig written here.
pub(super) const CONTEXT: &str = "bench";

/// One who may do anything, known by a name of its own.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// As the audit log has it.
    pub name: String,
    pub token: String,
    pub kubeconfig: PathBuf,
}

impl User {
    /// Makes a service account with every right, and its kubeconfig.
    pub(super) async fn new(cluster: &Cluster, name: &str, folder: &Path) -> Result<Self> {
        let accounts = "/api/v1/namespaces/default/serviceaccounts";
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        cluster.api().create(accounts, &account).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("bench-{name}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        });
        cluster.api().create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await?;
        let wanted = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86_400}});
        let made = cluster.api().create(&format!("{accounts}/{name}/token"), &wanted).await?;
        let token = made["status"]["token"].as_str().context("the API server gives a token")?.to_owned();
        let kubeconfig = folder.join(format!("{name}.kubeconfig"));
        fs::write(&kubeconfig, kubeconfig_text(cluster, &token)?)?;
        Ok(Self { name: format!("system:serviceaccount:default:{name}"), token, kubeconfig })
    }
}

fn kubeconfig_text(cluster: &Cluster, token: &str) -> Result<String> {
    let administrators: Value = serde_json::from_str(&fs::read_to_string(cluster.kubeconfig())?)?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": administrators["clusters"][0]["cluster"]}],
        "users": [{"name": CONTEXT, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    });
    Ok(config.to_string())
}
