//! helm, kustomize, sops, age and a registry, built from `renderers/go.mod` alone, once.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{cache, say};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/renderers");
const GO_MOD: &str = include_str!("../../renderers/go.mod");
const GO_SUM: &str = include_str!("../../renderers/go.sum");

/// The folder that holds `helm`, `kustomize`, `sops`, `age-keygen` and `crane`.
pub fn folder() -> Result<PathBuf> {
    cache::built("renderers", &[GO_MOD, GO_SUM], |folder| {
        say("building helm, kustomize and sops: once, some minutes");
        let flags = format!("-s -w -X helm.sh/helm/v4/internal/version.version={}", helm_version());
        let output = Command::new("go")
            .current_dir(MODULE)
            .args(["build", "-trimpath", "-ldflags", &flags, "-o"])
            .arg(folder)
            .arg("tool")
            .stdin(Stdio::null())
            .output()
            .context("cannot start `go`: see https://go.dev/doc/install")?;
        ensure!(output.status.success(), "`go build tool` failed:\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })
}

fn helm_version() -> &'static str {
    let versions = GO_MOD.lines().find_map(|line| line.trim().strip_prefix("helm.sh/helm/v4 "));
    versions.and_then(|rest| rest.split_whitespace().next()).expect("renderers/go.mod requires helm")
}
