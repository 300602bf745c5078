//! `make bench`: how fast the product is, against the ceiling of the same servers and against its peers.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use infra_tests::bench::{self, Size};

/// Measures the `groundplan` beside this program on real parts of this machine.
///
/// Every figure is taken in turns with a bare client and with peers on the same server; requests are
/// counted where they arrive. The report, in Markdown, is printed and written to target/bench.md.
/// With its defaults it takes about fifteen minutes.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Arguments {
    #[command(flatten)]
    size: Size,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { size } = Arguments::parse();
    let asked = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let report = bench::run(&size, format!("target/release/bench {asked}").trim_end()).await?;
    println!("{report}");
    let path = target()?.join("bench.md");
    fs::write(&path, report).with_context(|| format!("cannot write {}", path.display()))
}

/// Cargo's folder: this program lies in a folder of it.
fn target() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors().nth(2).map(PathBuf::from).context("a program of Cargo lies in its target folder")
}
