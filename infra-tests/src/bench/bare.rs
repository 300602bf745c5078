//! The ceiling: a client that only sends, with nothing to read, decide or remember.

use std::fs;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};

use super::objects::{LABEL, LISTS, Load, path};
use super::users::User;
use crate::sandbox::Cluster;

/// Requests under way at a time, each on a connection of its own.
pub(super) const IN_FLIGHT: usize = 24;
const APPLY: &str = "?fieldManager=bare&force=true&fieldValidation=Strict";

pub(super) struct Bare {
    client: Client,
    url: String,
    token: String,
}

impl Bare {
    pub(super) fn new(cluster: &Cluster, user: &User) -> Result<Self> {
        let kubeconfig: Value = serde_json::from_str(&fs::read_to_string(&user.kubeconfig)?)?;
        let authority = kubeconfig["clusters"][0]["cluster"]["certificate-authority"].as_str();
        let authority = fs::read(authority.context("the kubeconfig names the authority")?)?;
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .tls_certs_only([Certificate::from_pem(&authority)?])
            .pool_max_idle_per_host(IN_FLIGHT)
            .build()?;
        Ok(Self { client, url: cluster.url(), token: user.token.clone() })
    }

    /// Applies every object, the namespaces first.
    pub(super) async fn apply(&self, load: &Load) -> Result<()> {
        let rest = load.files.iter().flat_map(|(_, objects)| objects);
        for stage in [load.namespaces.iter().collect::<Vec<_>>(), rest.collect()] {
            let sent = stage
                .into_iter()
                .map(|object| self.send(Method::PATCH, format!("{}{APPLY}", path(object)), object.to_string()));
            futures::stream::iter(sent).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await?;
        }
        Ok(())
    }

    /// Asks what applying these would come to, and applies nothing.
    pub(super) async fn try_out(&self, objects: &[&Value]) -> Result<()> {
        let sent = objects
            .iter()
            .map(|object| self.send(Method::PATCH, format!("{}{APPLY}&dryRun=All", path(object)), object.to_string()));
        futures::stream::iter(sent).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await.map(drop)
    }

    /// Writes a status, as a controller does.
    pub(super) async fn write_status(&self, path: &str, status: &Value) -> Result<()> {
        let body = json!({"status": status}).to_string();
        self.send_as("application/merge-patch+json", Method::PATCH, format!("{path}/status"), body).await
    }

    /// Lists every kind once, whole, by label.
    pub(super) async fn list(&self, load: &Load) -> Result<()> {
        let asked = LISTS
            .map(|list| self.send(Method::GET, format!("{list}?labelSelector={LABEL}={}", load.name), String::new()));
        futures::future::try_join_all(asked).await.map(drop)
    }

    async fn send(&self, method: Method, path: String, body: String) -> Result<()> {
        self.send_as("application/apply-patch+yaml", method, path, body).await
    }

    async fn send_as(&self, content: &str, method: Method, path: String, body: String) -> Result<()> {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        let request = request.header("content-type", content).body(body);
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}
