//! How fast the product is, told so that it can be checked.
//!
//! In every repetition a bare client measures the ceiling of the same server in the same minute, the
//! peers run in turns with the product, and requests are counted where they arrive (audit log,
//! counting proxy), never by whoever sends them. Losses stand in the table like everything else.

mod bare;
pub mod cases;
mod cloud;
mod counted;
mod figures;
mod meter;
mod objects;
mod objects_yaml;
mod process;
mod race;
mod runner;
mod stacks;
mod table;
mod users;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::sandbox::controlplane::{self, Tool};

/// How much is measured.
pub struct Size {
    pub repetitions: usize,
    pub objects: usize,
    pub stacks: usize,
}

/// Measures both sides and returns the report, in Markdown.
pub async fn run(size: &Size) -> Result<String> {
    let mut report = String::new();
    if size.objects > 0 {
        report += &race::run(size).await.context("the Kubernetes side")?;
    }
    if size.stacks > 0 {
        report += &cloud::run(size).await.context("the AWS side")?;
    }
    writeln!(report, "{}", versions()?)?;
    Ok(report)
}

/// What was measured on, and with what.
fn versions() -> Result<String> {
    let kubectl = Command::new(controlplane::path(Tool::Kubectl)?).args(["version", "--client"]).output()?;
    let kubectl = String::from_utf8_lossy(&kubectl.stdout).lines().next().unwrap_or_default().to_owned();
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = processor.map_or("an unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string(Path::new("/proc/loadavg"))?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "groundplan {}, kubectl {}, kube-apiserver of the same version, everything together on {cores} cores of {processor}; load average at the end {load}.",
        env!("CARGO_PKG_VERSION"),
        kubectl.trim_start_matches("Client Version: "),
    ))
}
