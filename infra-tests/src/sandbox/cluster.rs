//! A real control plane with one fake node: etcd, kube-apiserver, controller-manager, scheduler, kwok.
//!
//! The same cluster stands by itself (for tests and benchmarks) and as the cluster of an
//! `AWS::EKS::Cluster` (then a token webhook asks ministack who somebody is).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::api::Api;
use super::arguments::{self, Wiring};
use super::audit;
use super::controlplane::{self, Tool};
use super::process::{Process, Program};
use super::webhook::Webhook;
use super::{pki, ports, ready};

const LIMIT: Duration = Duration::from_secs(90);
/// Locked by whoever runs the cluster, for as long as one of its programs runs.
const RUNNING: &str = "running";
/// Their places among the programs of a cluster.
const ETCD: usize = 0;
const API_SERVER: usize = 1;
const NODE: &str = "/api/v1/nodes/sandbox";

/// What may differ between two clusters.
#[derive(Default)]
pub struct Settings {
    pub port: u16,
    pub webhook: Option<PathBuf>,
    /// Without the two dashes, as `oidc-issuer-url=…`.
    pub api_server_options: Vec<String>,
}

/// A running cluster; dropping it stops it.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    api: Api,
    wiring: Wiring,
    processes: Vec<Process>,
    // Last, so that it is let go when every program has ended.
    _running: File,
}

impl Cluster {
    /// Starts a cluster in `folder` and waits until a Deployment could become available in it.
    pub async fn start(folder: &Path, settings: Settings) -> Result<Self> {
        let port = settings.port;
        write_files(folder, port)?;
        let running = File::create(folder.join(RUNNING))?;
        running.try_lock().context("a cluster runs in this folder")?;
        let api = Api::new(arguments::url("https", port), &folder.join("pki"))?;
        let wiring = Wiring {
            port,
            etcd: ports::free()?,
            etcd_peer: ports::free()?,
            webhook: settings.webhook,
            api_server_options: settings.api_server_options,
        };
        let mut cluster =
            Self { folder: folder.to_owned(), port, api, wiring, processes: Vec::new(), _running: running };
        cluster.spawn("etcd", Tool::Etcd, cluster.wiring.etcd())?;
        cluster.spawn("kube-apiserver", Tool::ApiServer, cluster.wiring.api_server())?;
        cluster.wait_for("the API server", "/readyz", |_| true).await?;

        cluster.spawn("kube-controller-manager", Tool::ControllerManager, arguments::controller_manager())?;
        cluster.spawn("kube-scheduler", Tool::Scheduler, arguments::scheduler())?;
        cluster.spawn("kwok", Tool::Kwok, arguments::kwok())?;
        cluster.api.create("/api/v1/nodes", &node()).await?;
        cluster.wait_for("the fake node", NODE, is_schedulable).await?;
        // Pods are refused until the controller-manager has made this one.
        let account = "/api/v1/namespaces/default/serviceaccounts/default";
        cluster.wait_for("the default service account", account, |_| true).await?;
        Ok(cluster)
    }

    pub fn url(&self) -> String {
        arguments::url("https", self.port)
    }

    /// The administrator's kubeconfig; its context is `sandbox`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The audit's events as the server wrote them, oldest first: what its webhook would send.
    pub fn audit_events(&self) -> Result<Vec<serde_json::Value>> {
        let text = fs::read_to_string(self.folder.join("audit.log"))?;
        // The last line may be half written.
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Every request that was answered so far.
    pub fn requests(&self) -> Result<Vec<audit::Request>> {
        audit::requests(&self.folder.join("audit.log"))
    }

    /// How many bytes its log of requests has by now.
    pub fn audit_length(&self) -> Result<u64> {
        Ok(fs::metadata(self.folder.join("audit.log"))?.len())
    }

    /// Every request that was answered after the log had so many bytes.
    pub fn requests_from(&self, length: u64) -> Result<Vec<audit::Request>> {
        audit::requests_from(&self.folder.join("audit.log"), length)
    }

    /// Ends the API server alone; whoever speaks to it finds a closed port.
    pub fn stop_api_server(&mut self) {
        self.processes[API_SERVER].stop();
    }

    pub async fn start_api_server(&mut self) -> Result<()> {
        self.processes[API_SERVER] = self.started("kube-apiserver", Tool::ApiServer, self.wiring.api_server())?;
        self.wait_for("the API server", "/readyz", |_| true).await
    }

    /// Begins anew with its audit sent to a webhook, as an operator sets it up.
    ///
    /// By TLS: client-go sends no token without it.
    pub async fn send_audit_to(&mut self, there: &Webhook, token: &str) -> Result<()> {
        let there = there.client_config();
        let server = json!({"server": there["url"], "certificate-authority-data": there["caBundle"]});
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "there", "cluster": server}],
            "users": [{"name": "us", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {"cluster": "there", "user": "us"}}],
            "current-context": "it",
        });
        fs::write(self.folder.join("audit-webhook.yaml"), config.to_string())?;
        let options = ["audit-webhook-config-file=audit-webhook.yaml", "audit-webhook-batch-max-wait=1s"];
        self.wiring.api_server_options.extend(options.map(str::to_owned));
        self.stop_api_server();
        self.start_api_server().await
    }

    /// Keeps a copy of all that etcd holds, as an operator's backup does.
    pub async fn save(&mut self) -> Result<()> {
        self.with_etcd_stopped(|folder| copy(&folder.join("etcd"), &folder.join("saved"))).await
    }

    /// Puts the copy back: what was written since is gone, and resource versions begin again from there.
    pub async fn restore(&mut self) -> Result<()> {
        self.with_etcd_stopped(|folder| {
            fs::remove_dir_all(folder.join("etcd"))?;
            copy(&folder.join("saved"), &folder.join("etcd"))
        })
        .await
    }

    async fn with_etcd_stopped(&mut self, deed: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.stop_api_server();
        self.processes[ETCD].stop();
        deed(&self.folder)?;
        self.processes[ETCD] = self.started("etcd", Tool::Etcd, self.wiring.etcd())?;
        self.start_api_server().await
    }

    pub(super) fn release(&mut self) {
        self.processes.iter_mut().for_each(Process::release);
    }

    fn spawn(&mut self, name: &'static str, tool: Tool, arguments: Vec<String>) -> Result<()> {
        self.processes.push(self.started(name, tool, arguments)?);
        Ok(())
    }

    fn started(&self, name: &'static str, tool: Tool, arguments: Vec<String>) -> Result<Process> {
        let (path, folder) = (controlplane::path(tool)?, self.folder.clone());
        Process::start(Program { name, path, arguments, environment: Vec::new(), folder })
    }

    async fn wait_for(&mut self, what: &str, path: &str, good: impl Fn(&Value) -> bool) -> Result<()> {
        let (api, processes) = (self.api.clone(), &mut self.processes);
        ready::until(what, LIMIT, async || {
            for process in processes.iter_mut() {
                process.check()?;
            }
            // Errors are expected here: connections refused, then "not ready".
            Ok(api.find(path).await.ok().flatten().filter(|found| good(found)).map(|_| ()))
        })
        .await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.release();
    }
}

/// Whether a cluster of this or another process runs in a folder.
pub(super) fn is_running(folder: &Path) -> bool {
    File::open(folder.join(RUNNING)).is_ok_and(|file| file.try_lock().is_err())
}

fn write_files(folder: &Path, port: u16) -> Result<()> {
    fs::create_dir_all(folder)?;
    pki::make(&folder.join("pki"))?;
    fs::write(folder.join("audit-policy.yaml"), audit::POLICY)?;
    fs::write(folder.join("stages.yaml"), include_str!("stages.yaml"))?;
    fs::write(folder.join("kubeconfig"), kubeconfig(folder, port).to_string())?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => _ = fs::copy(entry.path(), &to)?,
        }
    }
    Ok(())
}

/// JSON is YAML too.
fn kubeconfig(folder: &Path, port: u16) -> Value {
    let file = |name: &str| folder.join("pki").join(name);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sandbox", "cluster": {
            "server": arguments::url("https", port), "certificate-authority": file("ca.crt"),
        }}],
        "users": [{"name": "sandbox", "user": {
            "client-certificate": file("admin.crt"), "client-key": file("admin.key"),
        }}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
        "current-context": "sandbox",
    })
}

fn node() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "sandbox", "labels": {
            "kubernetes.io/hostname": "sandbox", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        }},
    })
}

/// Ready, and the taint that every new node begins with is gone.
fn is_schedulable(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    let ready = conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"));
    ready && node["spec"]["taints"].is_null()
}
