//! `make bench`: how fast the product is, against the ceiling of the same servers and against its peers.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use infra_tests::bench::{self, Part, Size};

/// Measures the `groundplan` beside this program on real parts of this machine.
///
/// Every figure is taken in turns with a bare client and with peers on the same server; requests are
/// counted where they arrive. The report, in Markdown, is printed and written to target/bench.md.
/// With its defaults it takes about fifteen minutes.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Arguments {
    /// Only these parts, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// Runs of each contender that are counted; one small run before them is not
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Objects of the races with kubectl and Helm; each number is a race of its own
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1000])]
    objects: Vec<usize>,
    /// Stacks whose calls are counted
    #[arg(long, default_value_t = 500)]
    stacks: usize,
    /// Stacks of the random graph
    #[arg(long, default_value_t = 200)]
    graph: usize,
    /// Makes each stack of the graph take so many times as long: 1 is nine seconds in the middle
    #[arg(long, default_value_t = 1.0)]
    stretch: f64,
    /// Stacks that are deployed where few calls are allowed
    #[arg(long, default_value_t = 40)]
    throttled: usize,
    /// Objects that become ready one by one
    #[arg(long, default_value_t = 60)]
    readiness: usize,
    /// Objects that `drift --watch` watches; each number is a watch of its own
    #[arg(long, value_delimiter = ',', default_values_t = [1, 1000, 10_000])]
    watched: Vec<usize>,
    /// Statuses that are written meanwhile, 500 a second
    #[arg(long, default_value_t = 3000)]
    statuses: u32,
    /// Changes by hand that are told one by one, without and with time to group them
    #[arg(long, default_value_t = 12)]
    changes: usize,
    /// Objects that are changed at once
    #[arg(long, default_value_t = 1000)]
    storm: usize,
    /// Objects that are looked at while buttons are pressed
    #[arg(long, default_value_t = 5000)]
    looked_at: usize,
    /// Leaves out Sceptre and the CDK, which are installed by pip and npm where they are not
    #[arg(long)]
    no_peers: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments {
        only,
        repetitions,
        objects,
        stacks,
        graph,
        stretch,
        throttled,
        readiness,
        watched,
        statuses,
        changes,
        storm,
        looked_at,
        no_peers,
    } = Arguments::parse();
    let peers = !no_peers;
    let parts = if only.is_empty() { Part::value_variants().to_vec() } else { only };
    let size = Size {
        parts,
        repetitions,
        objects,
        stacks,
        graph,
        stretch,
        throttled,
        readiness,
        watched,
        statuses,
        changes,
        storm,
        looked_at,
        peers,
    };
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
