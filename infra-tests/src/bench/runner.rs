//! One contender on the Kubernetes side: how it does each of the three things that are measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Blocking;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::process::Command;

use super::bare::Bare;
use super::figures::Cost;
use super::meter::Meter;
use super::objects::{LABEL, LISTS, Load, path};
use super::users::{CONTEXT, User};
use crate::product::Product;
use crate::sandbox::controlplane::{self, Tool};
use crate::sandbox::{Sandbox, clean_environment, until};

/// The namespace controller deletes one kind after the other.
const GOING: Duration = Duration::from_secs(120);

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Who {
    Ceiling,
    Groundplan,
    Kubectl,
    KubectlAsShipped,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    First,
    Quiet,
    Drift,
}

pub(super) struct Runner<'a> {
    pub who: Who,
    sandbox: &'a Sandbox,
    meter: &'a Meter<'a>,
    user: User,
    folder: PathBuf,
}

impl<'a> Runner<'a> {
    pub(super) async fn new(who: Who, sandbox: &'a Sandbox, meter: &'a Meter<'a>) -> Result<Self> {
        let folder = sandbox.logs().join("bench").join(who.id());
        fs::create_dir_all(&folder)?;
        let user = User::new(sandbox.cluster(), who.id(), &folder).await?;
        Ok(Self { who, sandbox, meter, user, folder })
    }

    /// All three, one after the other, on objects that nobody has made before; then they are deleted.
    pub(super) async fn run(&self, repetition: usize, count: usize) -> Result<Vec<(What, Cost)>> {
        let load = Load::new(&format!("r{repetition}-{}", self.who.id()), count);
        let source = self.prepare(&load)?;
        let mut costs = Vec::new();
        for what in [What::First, What::Quiet, What::Drift] {
            if (self.who, what) == (Who::KubectlAsShipped, What::Drift) {
                continue;
            }
            self.meter.rest().await?;
            costs.push((what, self.measure(what, &load, &source).await?));
            self.all_are_there(&load).await?;
        }
        self.finds_a_change(&load, &source).await?;
        self.wipe(&load).await?;
        Ok(costs)
    }

    /// What the contender works from: a folder of manifests, for the product a repository.
    fn prepare(&self, load: &Load) -> Result<PathBuf> {
        let source = self.folder.join(&load.name);
        match self.who {
            Who::Ceiling => {}
            Who::Kubectl | Who::KubectlAsShipped => load.write(&source)?,
            Who::Groundplan => {
                load.write(&source.join("clusters/bench/load"))?;
                fs::write(source.join("clusters/bench/cluster.yaml"), format!("kubeconfig: {{context: {CONTEXT}}}\n"))?;
                commit(&source)?;
            }
        }
        Ok(source)
    }

    async fn measure(&self, what: What, load: &Load, source: &Path) -> Result<Cost> {
        match self.who {
            Who::Ceiling => {
                // A connection is opened anew each time, as a program that has just started must.
                let bare = Bare::new(self.meter.cluster, &self.user)?;
                match what {
                    What::First => self.meter.own(&self.user, bare.apply(load)).await,
                    What::Quiet | What::Drift => self.meter.own(&self.user, bare.list(load)).await,
                }
            }
            Who::Groundplan => self.meter.program(&self.user, self.groundplan(what, source)?, 0).await,
            Who::Kubectl | Who::KubectlAsShipped => {
                self.meter.program(&self.user, self.kubectl(what, source)?, 0).await
            }
        }
    }

    fn groundplan(&self, what: What, source: &Path) -> Result<Command> {
        let in_folder = |name: &str| self.folder.join(name).display().to_string();
        let product = Product::at(self.sandbox)?
            .with("KUBECONFIG", self.user.kubeconfig.display().to_string())
            .with("GROUNDPLAN_REPO", source.display().to_string())
            .with("GROUNDPLAN_STORE", in_folder("store.db"))
            .with("XDG_CACHE_HOME", in_folder("cache"));
        Ok(product.command(match what {
            What::First | What::Quiet => &["sync", "--yes"],
            What::Drift => &["drift"],
        }))
    }

    fn kubectl(&self, what: What, source: &Path) -> Result<Command> {
        let mut command = Command::new(controlplane::path(Tool::Kubectl)?);
        command.env("KUBECONFIG", &self.user.kubeconfig).env("KUBECACHEDIR", self.folder.join("cache"));
        match what {
            What::First | What::Quiet => command.args(["apply", "--server-side"]),
            What::Drift => command.args(["diff", "--server-side"]),
        };
        if self.who == Who::Kubectl && what != What::Drift {
            command.arg("--validate=false");
        }
        // As the product does: what is declared wins.
        command.arg("--force-conflicts").arg("--filename").arg(source);
        Ok(command)
    }

    /// Whoever is fast and leaves something out is not fast.
    async fn all_are_there(&self, load: &Load) -> Result<()> {
        let mut found = 0;
        for list in LISTS {
            let path = format!("{list}?labelSelector={LABEL}={}", load.name);
            let answer = self.meter.cluster.api().find(&path).await?.unwrap_or_default();
            found += answer["items"].as_array().map_or(0, Vec::len);
        }
        let wanted = load.all().count();
        ensure!(found == wanted, "{:?} left {found} of {wanted} objects", self.who);
        Ok(())
    }

    /// Whoever is fast and blind is not fast either.
    async fn finds_a_change(&self, load: &Load, source: &Path) -> Result<()> {
        let command = match self.who {
            Who::Ceiling | Who::KubectlAsShipped => return Ok(()),
            Who::Groundplan => (self.groundplan(What::Drift, source)?, 2),
            Who::Kubectl => (self.kubectl(What::Drift, source)?, 1),
        };
        let changed = load.all().find(|object| object["kind"] == "ConfigMap").map(path).unwrap_or_default();
        self.meter.cluster.api().patch(&changed, &json!({"data": {"LOG_LEVEL": "debug"}})).await?;
        super::meter::program(command.0, command.1).await.map(drop)
    }

    /// Deletes the objects, and with them what the product remembers of them: the next run is a first one.
    async fn wipe(&self, load: &Load) -> Result<()> {
        let api = self.meter.cluster.api();
        let mut namespaces: Vec<String> = load.namespaces.iter().map(path).collect();
        if self.who == Who::Groundplan {
            namespaces.push("/api/v1/namespaces/groundplan".to_owned());
        }
        for namespace in &namespaces {
            api.delete(namespace).await?;
        }
        until("the namespaces to go", GOING, async || {
            for namespace in &namespaces {
                if api.find(namespace).await?.is_some() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }
}

impl Who {
    fn id(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Groundplan => "groundplan",
            Self::Kubectl => "kubectl",
            Self::KubectlAsShipped => "kubectl-as-shipped",
        }
    }
}

/// Makes a folder a repository with one commit.
pub(super) fn commit(folder: &Path) -> Result<()> {
    for arguments in [&["init", "--quiet"] as &[&str], &["add", "--all"], &["commit", "--quiet", "--message", "bench"]]
    {
        let mut git = Blocking::new("git");
        let output = git.args(arguments).envs(clean_environment()).current_dir(folder).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "git {}: {said}", arguments.join(" "));
    }
    Ok(())
}
