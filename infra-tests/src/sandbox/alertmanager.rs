//! Alertmanager, the real one: where what Slack does not take is told. Built from `alertmanager/go.mod` alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::process::{Process, Program};
use super::{cache, go, ports, say};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/alertmanager");
const GO_MOD: &str = include_str!("../../alertmanager/go.mod");
const GO_SUM: &str = include_str!("../../alertmanager/go.sum");
const LIMIT: Duration = Duration::from_secs(30);
/// It tells nobody: what stands in it is asked by the test.
const SETTINGS: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

/// A running Alertmanager; dropping it stops it.
pub struct Alertmanager {
    url: String,
    client: reqwest::Client,
    _process: Process,
}

fn build() -> Result<PathBuf> {
    cache::built("alertmanager", &[GO_MOD, GO_SUM], |folder| {
        say("building Alertmanager: once, a minute");
        go::build_tools(MODULE, &["-ldflags", "-s -w"], folder)
    })
}

impl Alertmanager {
    /// Starts one in a folder, and waits until it answers.
    pub async fn start(folder: &Path) -> Result<Self> {
        let path = tokio::task::spawn_blocking(build).await??.join("alertmanager");
        fs::create_dir_all(folder)?;
        fs::write(folder.join("settings.yaml"), SETTINGS)?;
        let address = format!("127.0.0.1:{}", ports::free()?);
        let arguments = vec![
            "--config.file=settings.yaml".to_owned(),
            "--storage.path=data".to_owned(),
            "--cluster.listen-address=".to_owned(),
            format!("--web.listen-address={address}"),
        ];
        let folder = folder.to_owned();
        let mut process =
            Process::start(Program { name: "alertmanager", path, arguments, environment: Vec::new(), folder })?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://{address}");
        process.answers("Alertmanager", LIMIT, &format!("{url}/-/ready")).await?;
        Ok(Self { url, client, _process: process })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The alerts that fire, as its API tells them.
    pub async fn firing(&self) -> Result<Vec<Value>> {
        let answer = self.client.get(format!("{}/api/v2/alerts", self.url)).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }
}
