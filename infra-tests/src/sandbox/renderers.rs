//! helm, kustomize, sops, age and a registry, built from `renderers/go.mod` alone, once.

use std::path::PathBuf;

use anyhow::Result;

use super::{cache, go, say};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/renderers");
const GO_MOD: &str = include_str!("../../renderers/go.mod");
const GO_SUM: &str = include_str!("../../renderers/go.sum");

/// The folder that holds `helm`, `kustomize`, `sops`, `age-keygen` and `crane`.
pub fn folder() -> Result<PathBuf> {
    cache::built("renderers", &[GO_MOD, GO_SUM], |folder| {
        say("building helm, kustomize and sops: once, some minutes");
        let flags = format!("-s -w -X helm.sh/helm/v4/internal/version.version={}", helm_version());
        go::build_tools(MODULE, &["-ldflags", &flags], folder)
    })
}

fn helm_version() -> &'static str {
    let versions = GO_MOD.lines().find_map(|line| line.trim().strip_prefix("helm.sh/helm/v4 "));
    versions.and_then(|rest| rest.split_whitespace().next()).expect("renderers/go.mod requires helm")
}
