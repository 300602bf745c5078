//! The programs of a control plane, built from `controlplane/go.mod` alone.
//!
//! There is no Go code of ours: the module lists upstream's programs as tools, `go build tool` makes
//! them. A cold build takes five to seven minutes on two cores, so it says what it is doing.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{cache, say};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/controlplane");
const GO_MOD: &str = include_str!("../../controlplane/go.mod");
const GO_SUM: &str = include_str!("../../controlplane/go.sum");
const SAY_EVERY: Duration = Duration::from_secs(10);

/// A program of the control plane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tool {
    Etcd,
    ApiServer,
    ControllerManager,
    Scheduler,
    Kubectl,
    Kwok,
}

impl Tool {
    /// The name it has everywhere but in our build.
    fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
            Self::Kwok => "kwok",
        }
    }

    /// Go names a program after its last folder, which for etcd is `server`.
    fn built_name(self) -> &'static str {
        match self {
            Self::Etcd => "server",
            Self::ApiServer | Self::ControllerManager | Self::Scheduler | Self::Kubectl | Self::Kwok => self.name(),
        }
    }
}

/// Where a program lies: in `KUBEBUILDER_ASSETS` if it is there, else in our own build.
pub fn path(tool: Tool) -> Result<PathBuf> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(|assets| Path::new(&assets).join(tool.name()));
    match assets {
        Some(asset) if asset.is_file() => Ok(asset),
        Some(_) | None => Ok(build()?.join(tool.built_name())),
    }
}

/// Builds the programs, unless they are built.
pub fn build() -> Result<PathBuf> {
    let flags = linker_flags();
    cache::built("controlplane", &[GO_MOD, GO_SUM, &flags], |folder| run_go(&flags, folder))
}

/// Without a version stamped in, clients cannot parse what the server says its version is.
fn linker_flags() -> String {
    let version = kubernetes_version();
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let stamp = |name: &str, value: &str| format!(" -X k8s.io/component-base/version.{name}={value}");
    format!("-s -w{}{}{}", stamp("gitVersion", version), stamp("gitMajor", major), stamp("gitMinor", minor))
}

fn kubernetes_version() -> &'static str {
    GO_MOD
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes ")?.split_whitespace().next())
        .expect("controlplane/go.mod requires k8s.io/kubernetes")
}

fn run_go(flags: &str, folder: &Path) -> Result<()> {
    say("building etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl and kwok: once, some minutes");
    let started = Instant::now();
    let mut go = Command::new("go")
        .current_dir(MODULE)
        .args(["build", "-v", "-trimpath", "-ldflags", flags, "-o"])
        .arg(folder)
        .arg("tool")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `go`: the control plane is built with Go, see https://go.dev/doc/install")?;
    let output = BufReader::new(go.stderr.take().expect("stderr is piped"));
    let last_lines = follow(output, started);
    ensure!(go.wait()?.success(), "`go build tool` failed:\n{}", last_lines.join("\n"));
    say(&format!("the control plane is built, {} s", started.elapsed().as_secs()));
    Ok(())
}

/// Tells now and then which package is being built; returns the last lines, for an error.
fn follow(output: impl BufRead, started: Instant) -> Vec<String> {
    let (mut packages, mut said, mut last) = (0, Instant::now(), Vec::new());
    for line in output.lines().map_while(Result::ok) {
        packages += 1;
        if said.elapsed() > SAY_EVERY {
            said = Instant::now();
            say(&format!("building the control plane, {} s: {packages} packages, {line}", started.elapsed().as_secs()));
        }
        if last.len() == 20 {
            last.remove(0);
        }
        last.push(line);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stamped_in_is_the_one_of_the_module() {
        assert!(linker_flags().contains("gitVersion=v1.36"));
        assert!(linker_flags().contains("gitMajor=1 "));
        assert!(linker_flags().ends_with("gitMinor=36"));
    }
}
