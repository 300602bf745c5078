//! `make bench`: how fast the product is, against the ceiling of the same servers and against kubectl.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use infra_tests::bench::{self, Size};

/// Measures the `groundplan` beside this program on real parts of this machine.
///
/// Every figure is taken in turns with a bare client and with kubectl on the same server; requests are
/// counted where they arrive. The report, in Markdown, is printed and written to target/bench.md.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Arguments {
    /// Runs of each contender that are counted; one small run before them is not
    #[arg(long, default_value_t = 7)]
    repetitions: usize,
    /// Objects on the Kubernetes side; 0 leaves it out
    #[arg(long, default_value_t = 1000)]
    objects: usize,
    /// Stacks on the AWS side; 0 leaves it out
    #[arg(long, default_value_t = 50)]
    stacks: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { repetitions, objects, stacks } = Arguments::parse();
    let report = bench::run(&Size { repetitions, objects, stacks }).await?;
    println!("{report}");
    let path = target()?.join("bench.md");
    fs::write(&path, report).with_context(|| format!("cannot write {}", path.display()))
}

/// Cargo's folder: this program lies in a folder of it.
fn target() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors().nth(2).map(PathBuf::from).context("a program of Cargo lies in its target folder")
}
