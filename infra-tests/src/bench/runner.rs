//! One contender on the Kubernetes side: how it does each of the things that are measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Blocking;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::bare::Bare;
use super::figures::Cost;
use super::meter::Meter;
use super::objects::{LABEL, LISTS, Load, path};
use super::tenant::Tenant;
use crate::sandbox::controlplane::{self, Tool};
use crate::sandbox::{Sandbox, clean_environment, renderers, until};

/// The namespace controller deletes one kind after the other.
const GOING: Duration = Duration::from_secs(600);
const RELEASE: &str = "load";

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Who {
    Ceiling,
    Groundplan,
    Kubectl,
    KubectlAsShipped,
    Helm,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    First,
    Quiet,
    /// As quiet, by one who has lost what this machine remembered.
    Cold,
    Drift,
    /// Drift again, after some objects were changed by hand.
    Changed,
}

impl What {
    pub(super) const ALL: [Self; 5] = [Self::First, Self::Quiet, Self::Cold, Self::Drift, Self::Changed];
}

pub(super) struct Runner<'a> {
    pub who: Who,
    meter: &'a Meter<'a>,
    tenant: Tenant<'a>,
}

impl<'a> Runner<'a> {
    pub(super) async fn new(who: Who, sandbox: &'a Sandbox, meter: &'a Meter<'a>) -> Result<Self> {
        Ok(Self { who, meter, tenant: Tenant::new(sandbox, who.id()).await? })
    }

    /// All of them, one after the other, on objects that nobody has made before.
    pub(super) async fn run(&self, run: &str, count: usize) -> Result<Vec<(What, Cost)>> {
        let load = Load::new(&self.name(run), count);
        let source = self.prepare(&load)?;
        let mut costs = Vec::new();
        for what in What::ALL.into_iter().filter(|what| self.who.does(*what)) {
            match what {
                What::Cold => self.tenant.forget()?,
                What::Changed => self.change(&load).await?,
                What::First | What::Quiet | What::Drift => {}
            }
            self.meter.rest().await?;
            costs.push((what, self.measure(what, &load, &source).await?));
            self.all_are_there(&load).await?;
        }
        Ok(costs)
    }

    fn name(&self, run: &str) -> String {
        format!("{run}-{}", self.who.id())
    }

    /// What the contender works from: a folder of manifests, a chart, for the product a repository.
    fn prepare(&self, load: &Load) -> Result<PathBuf> {
        let source = self.tenant.folder.join(&load.name);
        match self.who {
            Who::Ceiling => {}
            Who::Kubectl | Who::KubectlAsShipped => load.write(&source)?,
            Who::Helm => {
                load.write(&source.join("templates"))?;
                fs::write(source.join("Chart.yaml"), "apiVersion: v2\nname: load\nversion: 1.0.0\n")?;
            }
            Who::Groundplan => return self.tenant.repository(&load.name, |cluster| load.write(&cluster.join("load"))),
        }
        Ok(source)
    }

    async fn measure(&self, what: What, load: &Load, source: &Path) -> Result<Cost> {
        let user = &self.tenant.user;
        // Whoever is fast and blind is not fast: what was changed by hand must be told.
        let (command, code) = match (self.who, what) {
            (Who::Ceiling, _) => {
                // A connection is opened anew each time, as a program that has just started must.
                let bare = Bare::new(self.meter.cluster, user)?;
                return match what {
                    What::First => self.meter.own(user, bare.apply(load)).await,
                    What::Quiet | What::Cold | What::Drift => self.meter.own(user, bare.list(load)).await,
                    What::Changed => {
                        let changed: Vec<&Value> = changed(load).collect();
                        self.meter
                            .own(user, async {
                                bare.list(load).await?;
                                bare.try_out(&changed).await
                            })
                            .await
                    }
                };
            }
            (Who::Groundplan, What::First | What::Quiet | What::Cold) => {
                (self.tenant.command(source, &["sync", "--yes"])?, 0)
            }
            (Who::Groundplan, What::Drift) => (self.tenant.command(source, &["drift"])?, 0),
            (Who::Groundplan, What::Changed) => (self.tenant.command(source, &["drift"])?, 2),
            (Who::Kubectl | Who::KubectlAsShipped, What::Changed) => (self.kubectl(what, source)?, 1),
            (Who::Kubectl | Who::KubectlAsShipped, _) => (self.kubectl(what, source)?, 0),
            (Who::Helm, _) => (self.helm(source)?, 0),
        };
        self.meter.program(user, command, code).await
    }

    fn kubectl(&self, what: What, source: &Path) -> Result<Command> {
        let mut command = Command::new(controlplane::path(Tool::Kubectl)?);
        command.env("KUBECONFIG", &self.tenant.user.kubeconfig).env("KUBECACHEDIR", self.tenant.folder.join("cache"));
        let is_diff = matches!(what, What::Drift | What::Changed);
        command.args([if is_diff { "diff" } else { "apply" }, "--server-side"]);
        if self.who == Who::Kubectl && !is_diff {
            command.arg("--validate=false");
        }
        // As the product does: what is declared wins.
        command.arg("--force-conflicts").arg("--filename").arg(source);
        Ok(command)
    }

    fn helm(&self, source: &Path) -> Result<Command> {
        let mut command = Command::new(renderers::folder()?.join("helm"));
        let folder = |name: &str| self.tenant.folder.join(name);
        command.env("KUBECONFIG", &self.tenant.user.kubeconfig).env("HELM_CACHE_HOME", folder("cache"));
        command.env("HELM_CONFIG_HOME", folder("config")).env("HELM_DATA_HOME", folder("data"));
        // Where the user sets no limits of their own, Helm holds itself back.
        command.args(["upgrade", "--install", "--server-side=true", "--qps", "10000", "--burst-limit", "10000"]);
        command.args(["--namespace", "default", RELEASE]).arg(source);
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

    /// Somebody changes some objects by hand.
    async fn change(&self, load: &Load) -> Result<()> {
        for object in changed(load) {
            self.meter.cluster.api().patch(&path(object), &json!({"data": {"LOG_LEVEL": "debug"}})).await?;
        }
        Ok(())
    }

    /// Deletes the objects, and with them what the contender remembers of them: the next run is a first one.
    pub(super) async fn wipe(&self, run: &str) -> Result<()> {
        let api = self.meter.cluster.api();
        let mut gone: Vec<String> = Load::new(&self.name(run), 0).namespaces.iter().map(path).collect();
        match self.who {
            Who::Groundplan => gone.push("/api/v1/namespaces/groundplan".to_owned()),
            Who::Helm => {
                let list = "/api/v1/namespaces/default/secrets";
                let releases = api.find(&format!("{list}?labelSelector=owner=helm")).await?.unwrap_or_default();
                let names = releases["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|one| one["metadata"]["name"].as_str());
                gone.extend(names.map(|name| format!("{list}/{name}")));
            }
            Who::Ceiling | Who::Kubectl | Who::KubectlAsShipped => {}
        }
        for path in &gone {
            api.delete(path).await?;
        }
        until("the namespaces to go", GOING, async || {
            for path in &gone {
                if api.find(path).await?.is_some() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }
}

/// The objects that are changed by hand: one in a hundred, and at least one.
pub(super) fn changed(load: &Load) -> impl Iterator<Item = &Value> {
    let maps = load.all().filter(|object| object["kind"] == "ConfigMap");
    // One in four is a ConfigMap.
    maps.step_by(25)
}

impl Who {
    pub(super) const ALL: [Self; 5] =
        [Self::Ceiling, Self::Groundplan, Self::Kubectl, Self::KubectlAsShipped, Self::Helm];

    pub(super) fn is_peer(self) -> bool {
        match self {
            Self::Ceiling | Self::Groundplan => false,
            Self::Kubectl | Self::KubectlAsShipped | Self::Helm => true,
        }
    }

    fn does(self, what: What) -> bool {
        match (self, what) {
            (Self::Ceiling | Self::Groundplan, _) | (_, What::First | What::Quiet) => true,
            (Self::Kubectl, What::Drift | What::Changed) => true,
            (Self::Kubectl, What::Cold)
            | (Self::KubectlAsShipped | Self::Helm, What::Cold | What::Drift | What::Changed) => false,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Groundplan => "groundplan",
            Self::Kubectl => "kubectl",
            Self::KubectlAsShipped => "kubectl-as-shipped",
            Self::Helm => "helm",
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
