//! Real parts on loopback: start what a test needs, and nothing of it outlives the test.
//!
//! ```text
//! test ─┬─ proxy in front of ministack (in the test itself)
//!       ├─ Git server (in the test itself) ─ git http-backend
//!       ├─ keeper ─ etcd, kube-apiserver, …                        the standing cluster
//!       └─ keeper ─ ministack ─ sandbox cluster ─ keeper ─ etcd, …  a cluster an EKS stack made
//! ```
//!
//! Every program hangs on a pipe of whoever wanted it, so all of them end when the test ends,
//! however it ends: see [`keeper`]. What they print lies in [`Sandbox::logs`], which is kept when a
//! test panics or `GROUNDPLAN_KEEP_LOGS` is set.

mod accounts;
mod alertmanager;
mod api;
mod arguments;
mod audit;
mod aws;
mod cache;
mod chromium;
pub mod cluster;
pub mod controlplane;
mod git;
pub mod gitea;
mod go;
pub mod keeper;
mod ministack;
pub mod peers;
mod pki;
mod ports;
mod postgres;
mod process;
pub mod python;
mod ready;
pub mod registry;
pub mod renderers;
pub(crate) mod signature;
mod webhook;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::task::{JoinHandle, spawn_blocking};

pub use accounts::{ACCOUNTS, EXTERNAL_ID, REGIONS, ROLE, role_arn};
pub use alertmanager::Alertmanager;
pub use api::Api;
pub use audit::{Request, requests};
pub use aws::{Caller, element};
pub use chromium::Chromium;
pub use cluster::Cluster;
pub use git::{Git, clean_environment};
pub use gitea::Gitea;
pub use postgres::Postgres;
pub use ready::until;
pub use signature::{Credentials, eks_token};
pub use webhook::Webhook;

use crate::proxy::Proxy;
use crate::shop;
use crate::slack::Simulator;
use ministack::Ministack;

/// What the operator says of this sandbox, in the folder of its logs.
pub const OPERATOR_FILE: &str = "operator.yaml";

/// Which parts to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    /// ministack with its accounts; a stack can make a real EKS cluster in it.
    pub aws: bool,
    /// A Git server.
    pub git: bool,
    /// A cluster that stands by itself, outside of EKS.
    pub cluster: bool,
    /// The Slack simulator.
    pub slack: bool,
}

impl Parts {
    pub const ALL: Self = Self { aws: true, git: true, cluster: true, slack: true };
    pub const AWS: Self = Self { aws: true, git: false, cluster: false, slack: false };
    pub const GIT: Self = Self { aws: false, git: true, cluster: false, slack: false };
    pub const CLUSTER: Self = Self { aws: false, git: false, cluster: true, slack: false };
}

/// Parts that run; dropping it stops them.
pub struct Sandbox {
    aws: Option<Aws>,
    git: Option<Git>,
    cluster: Option<Cluster>,
    slack: Option<Simulator>,
    // Last, so that it goes when nothing writes into it any more.
    folder: Folder,
}

struct Aws {
    /// In front of ministack; the sandbox's own calls go past it, so it counts the product's alone.
    proxy: Proxy,
    operator: Credentials,
    owner: JoinHandle<Result<()>>,
    ministack: Ministack,
}

impl Sandbox {
    /// Builds what was never built on this machine, starts `parts`, and waits until they are ready.
    pub async fn start(parts: Parts) -> Result<Self> {
        spawn_blocking(move || build(parts)).await??;
        let folder = Folder::new()?;
        let git_folder = folder.make("git")?;
        let (aws, git, cluster, slack) = tokio::try_join!(
            when(parts.aws, Aws::start(folder.make("aws")?)),
            when(parts.git, Git::start(&git_folder)),
            when(parts.cluster, standing_cluster(folder.make("cluster")?)),
            when(parts.slack, async { Ok(Simulator::start().await?) }),
        )?;
        write_files(folder.path(), slack.as_ref())?;
        Ok(Self { aws, git, cluster, slack, folder })
    }

    /// Where AWS is for the product: the proxy in front of ministack.
    pub fn aws_endpoint(&self) -> &str {
        self.proxy().url()
    }

    /// Counts the product's calls, supplies what ministack lacks, and makes faults.
    pub fn proxy(&self) -> &Proxy {
        &self.aws().proxy
    }

    /// The operator's credentials: good for AssumeRole into [`ROLE`] of each of [`ACCOUNTS`], and for nothing else.
    pub fn operator(&self) -> &Credentials {
        &self.aws().operator
    }

    /// The root user of an account, straight at ministack: what no proxy sees and no policy stops.
    pub fn account_owner(&self, account: &str) -> Result<Caller> {
        Caller::root(&self.aws().ministack.url(), account)
    }

    /// The folder of an EKS cluster: logs, the administrator's `kubeconfig`, `audit.log` (see [`requests`]).
    pub fn eks_folder(&self, account: &str, region: &str, name: &str) -> PathBuf {
        self.aws().ministack.cluster_folder(account, region, name)
    }

    pub fn git(&self) -> &Git {
        self.git.as_ref().expect("the sandbox was started with git")
    }

    pub fn git_url(&self, name: &str) -> String {
        self.git().url(name)
    }

    /// Commits a folder to a repository of the Git server, which it makes if need be.
    pub fn push(&self, folder: &Path, name: &str) -> Result<String> {
        self.git().push(folder, name)
    }

    pub fn cluster(&self) -> &Cluster {
        self.cluster.as_ref().expect("the sandbox was started with a cluster")
    }

    /// To stop and start its programs.
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("the sandbox was started with a cluster")
    }

    pub fn slack(&self) -> &Simulator {
        self.slack.as_ref().expect("the sandbox was started with slack")
    }

    /// The administrator's kubeconfig of the standing cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster().kubeconfig()
    }

    /// What every part printed, one file a program.
    pub fn logs(&self) -> &Path {
        self.folder.path()
    }

    /// The variables that point groundplan, `aws` and `kubectl` at the parts, and away from the machine's own.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let kubeconfig = self.cluster.as_ref().map(|cluster| cluster.kubeconfig().display().to_string());
        let mut variables = vec![
            ("GROUNDPLAN_CONFIG", file(OPERATOR_FILE)),
            ("GROUNDPLAN_STORE", file("store.db")),
            ("KUBECONFIG", kubeconfig.unwrap_or_else(|| file("no-kubeconfig"))),
            ("AWS_CONFIG_FILE", file("no-aws-config")),
            ("AWS_SHARED_CREDENTIALS_FILE", file("no-aws-config")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ];
        if let Some(aws) = &self.aws {
            variables.extend([
                ("AWS_ENDPOINT_URL", aws.proxy.url().to_owned()),
                ("AWS_ACCESS_KEY_ID", aws.operator.key.clone()),
                ("AWS_SECRET_ACCESS_KEY", aws.operator.secret.clone()),
                ("AWS_REGION", REGIONS[0].to_owned()),
                ("AWS_DEFAULT_REGION", REGIONS[0].to_owned()),
            ]);
        }
        if let Some(slack) = &self.slack {
            variables.extend([
                ("GROUNDPLAN_SLACK_API_URL", slack.api_url()),
                ("GROUNDPLAN_SLACK_BOT_TOKEN", slack.bot_token().to_owned()),
                ("GROUNDPLAN_SLACK_APP_TOKEN", slack.app_token().to_owned()),
                ("GROUNDPLAN_SLACK_SIGNING_SECRET", slack.signing_secret().to_owned()),
            ]);
        }
        variables
    }

    fn aws(&self) -> &Aws {
        self.aws.as_ref().expect("the sandbox was started with aws")
    }
}

impl Drop for Sandbox {
    /// All at once, then one after the other as the fields go.
    fn drop(&mut self) {
        if let Some(aws) = &mut self.aws {
            aws.ministack.release();
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.release();
        }
    }
}

impl Aws {
    async fn start(folder: PathBuf) -> Result<Self> {
        let ministack = Ministack::start(&folder).await.context("cannot start ministack")?;
        let operator = accounts::set_up(&ministack.url()).await.context("cannot set up the accounts")?;
        let owner = tokio::spawn(accounts::let_creators_in(ministack.url()));
        let proxy = Proxy::start(ministack.url()).await?;
        Ok(Self { proxy, operator, owner, ministack })
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.owner.abort();
    }
}

async fn standing_cluster(folder: PathBuf) -> Result<Cluster> {
    let settings = cluster::Settings { port: ports::free()?, ..cluster::Settings::default() };
    Cluster::start(&folder, settings).await.context("cannot start the cluster")
}

/// What the variables of [`Sandbox::environment`] name, so that the machine's own files are not read.
fn write_files(folder: &Path, slack: Option<&Simulator>) -> Result<()> {
    let nothing = "{\"apiVersion\": \"v1\", \"kind\": \"Config\"}\n";
    fs::write(folder.join("no-kubeconfig"), nothing)?;
    fs::write(folder.join("no-aws-config"), "")?;
    let operator = match slack {
        Some(slack) => shop::operator(ROLE, EXTERNAL_ID, slack),
        None => format!("aws: {{role: {ROLE}, externalId: {EXTERNAL_ID}}}\n"),
    };
    Ok(fs::write(folder.join(OPERATOR_FILE), operator)?)
}

/// Builds what the parts need, unless it is built.
pub fn build(parts: Parts) -> Result<()> {
    if parts.aws {
        python::build()?;
    }
    if parts.aws || parts.cluster {
        controlplane::path(controlplane::Tool::Kwok)?;
    }
    Ok(())
}

async fn when<T>(wanted: bool, start: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    if wanted { start.await.map(Some) } else { Ok(None) }
}

/// Tells whoever waits; past the capture of Rust's test harness, which would hide it until the end.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "sandbox: {line}");
}

/// The folder of a sandbox; it stays when a test panics, for its logs.
struct Folder(Option<TempDir>);

impl Folder {
    fn new() -> Result<Self> {
        Ok(Self(Some(tempfile::Builder::new().prefix("groundplan-sandbox-").tempdir()?)))
    }

    fn path(&self) -> &Path {
        self.0.as_ref().expect("taken only on drop").path()
    }

    fn make(&self, part: &str) -> Result<PathBuf> {
        let folder = self.path().join(part);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let wanted = std::thread::panicking() || std::env::var_os("GROUNDPLAN_KEEP_LOGS").is_some();
        if wanted && let Some(folder) = self.0.take() {
            say(&format!("the logs are kept in {}", folder.keep().display()));
        }
    }
}
