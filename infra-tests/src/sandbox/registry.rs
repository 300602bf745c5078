//! A real OCI registry on loopback, and a chart repository over HTTP: where charts are fetched from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::process::{Process, Program};
use super::{clean_environment, ports, renderers};

const LIMIT: Duration = Duration::from_secs(30);

/// A running registry; dropping it stops it.
pub struct Registry {
    port: u16,
    folder: PathBuf,
    process: Process,
}

impl Registry {
    /// Starts one in a folder, and waits until it answers.
    pub async fn start(folder: &Path) -> Result<Self> {
        let path = tokio::task::spawn_blocking(renderers::folder).await??.join("crane");
        fs::create_dir_all(folder)?;
        let port = ports::free()?;
        let address = format!("127.0.0.1:{port}");
        let arguments = ["registry", "serve", "--address", &address].map(str::to_owned).to_vec();
        let folder = folder.to_owned();
        let program = Program { name: "registry", path, arguments, environment: Vec::new(), folder: folder.clone() };
        let mut process = Process::start(program)?;
        process.answers("the registry", LIMIT, &format!("http://{address}/v2/")).await?;
        Ok(Self { port, folder, process })
    }

    /// `oci://127.0.0.1:PORT/charts`
    pub fn address(&self) -> String {
        format!("oci://127.0.0.1:{}/charts", self.port)
    }

    /// Packs a chart and pushes it; returns the digest of its manifest as helm prints it.
    pub fn push(&self, chart: &Path) -> Result<String> {
        let archive = pack(chart, &self.folder)?;
        let said = helm(&["push", &archive.display().to_string(), &self.address(), "--plain-http"])?;
        let digest = said.lines().find_map(|line| line.strip_prefix("Digest: ")).context("helm tells the digest")?;
        Ok(digest.trim().to_owned())
    }

    pub fn stop(&mut self) {
        self.process.stop();
    }
}

/// Packs a chart into a folder of archives and writes its index, as a chart repository is made.
pub fn chart_repository(chart: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    pack(chart, folder)?;
    helm(&["repo", "index", &folder.display().to_string()]).map(drop)
}

fn pack(chart: &Path, into: &Path) -> Result<PathBuf> {
    let said = helm(&["package", &chart.display().to_string(), "--destination", &into.display().to_string()])?;
    let path = said.trim().rsplit(": ").next().context("helm tells the archive")?;
    Ok(PathBuf::from(path))
}

fn helm(arguments: &[&str]) -> Result<String> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(renderers::folder()?.join("helm"));
    let output = command.args(arguments).envs(clean_environment()).env("HOME", home.path()).output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "helm {arguments:?}: {said}");
    Ok(said)
}
