//! ministack, the AWS emulator, with real control planes behind its EKS.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::process::{self, Process, Program};
use super::{cluster, ports, python};

const LIMIT: Duration = Duration::from_secs(60);
const CLUSTERS_STOP: Duration = Duration::from_secs(10);
/// EKS clusters a sandbox may make: ministack counts their ports up from the first.
const CLUSTERS: u16 = 16;

/// A running ministack; dropping it stops it and the clusters it made.
pub(super) struct Ministack {
    process: Process,
    port: u16,
    clusters: PathBuf,
}

impl Ministack {
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let (port, clusters) = (ports::free()?, folder.join("clusters"));
        fs::create_dir_all(&clusters)?;
        let mut ministack = Self { process: Process::start(program(folder, port, &clusters)?)?, port, clusters };
        let health = format!("{}/_ministack/health", ministack.url());
        ministack.process.answers("ministack", LIMIT, &health).await?;
        Ok(ministack)
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder of an EKS cluster: its logs, its administrator's `kubeconfig`, its `audit.log`.
    pub(super) fn cluster_folder(&self, account: &str, region: &str, name: &str) -> PathBuf {
        self.clusters.join(format!("{account}-{region}-{name}"))
    }

    pub(super) fn release(&mut self) {
        self.process.release();
    }
}

impl Drop for Ministack {
    /// Its clusters end a moment after it; who removes their folders must not be quicker than they.
    fn drop(&mut self) {
        self.process.stop();
        let limit = Instant::now() + CLUSTERS_STOP;
        for cluster in fs::read_dir(&self.clusters).into_iter().flatten().flatten() {
            while cluster::is_running(&cluster.path()) && Instant::now() < limit {
                sleep(Duration::from_millis(10));
            }
        }
    }
}

fn program(folder: &Path, port: u16, clusters: &Path) -> Result<Program> {
    let text = |path: &Path| path.to_str().map(String::from).context("the sandbox's folder is not UTF-8");
    let environment = [
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("MINISTACK_HOST", "localhost".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("EKS_BASE_PORT", ports::free_run(CLUSTERS)?.to_string()),
        ("AUTH", "true".to_owned()),
        ("CLOUDTRAIL_RECORDING", "1".to_owned()),
        ("TMPDIR", text(folder)?),
        ("STATE_DIR", text(&folder.join("state"))?),
        ("S3_DATA_DIR", text(&folder.join("s3"))?),
        // Ours, for the stand-in for docker-py.
        ("PYTHONPATH", python::MODULES.to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("SANDBOX_PROGRAM", text(&process::own_program()?)?),
        ("SANDBOX_CLUSTERS", text(clusters)?),
        ("SANDBOX_KUBECTL", text(&super::controlplane::path(super::controlplane::Tool::Kubectl)?)?),
    ];
    Ok(Program {
        name: "ministack",
        path: python::interpreter()?,
        arguments: vec!["-m".into(), "ministack".into()],
        environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        folder: folder.to_owned(),
    })
}
