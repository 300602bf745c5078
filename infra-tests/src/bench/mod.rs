//! How fast the product is, told so that it can be checked.
//!
//! Where there is a ceiling, a bare client measures it on the same server in the same minute, the
//! peers run in turns with the product, and requests are counted where they arrive (audit log,
//! counting proxy), never by whoever sends them. Losses stand in the tables like everything else.
//!
//! A part is a row of [`Part`] and a file with `measure`; it tells its table and its [`report::Goal`]s.

mod bare;
mod cases;
mod cloud;
mod counted;
mod deployers;
mod figures;
mod graph;
mod meter;
mod objects;
mod objects_yaml;
mod order;
mod process;
mod race;
mod readiness;
mod report;
mod runner;
mod stacks;
mod table;
mod tenant;
mod throttle;
mod users;
mod watching;

use anyhow::{Context, Result};
use clap::{ArgAction, Args, ValueEnum};

use crate::sandbox::say;

/// What can be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Part {
    /// Kubernetes: first sync, quiet sync and drift beside kubectl and Helm
    Objects,
    /// Kubernetes: from a status that is written to the word that it is ready
    Readiness,
    /// Kubernetes: `drift --watch` in a storm of statuses, its memory, and how soon it tells
    Watch,
    /// Slack: from a change by hand to the message, many changes at once, and presses meanwhile
    Cases,
    /// CloudFormation: calls and memory for many stacks
    Stacks,
    /// CloudFormation: a graph of stacks that take their time, beside Sceptre and the CDK
    Order,
    /// CloudFormation: with few calls allowed a second
    Throttle,
}

/// How much is measured.
#[derive(Clone, Debug, Args)]
pub struct Size {
    /// Only these parts, separated by commas
    #[arg(long = "only", value_enum, value_delimiter = ',', value_name = "PART", default_values_t = Part::value_variants().to_vec())]
    pub parts: Vec<Part>,
    /// Runs of each contender that are counted; one small run before them is not
    #[arg(long, default_value_t = 3)]
    pub repetitions: usize,
    /// Objects of the races with kubectl and Helm; each number is a race of its own
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1000])]
    pub objects: Vec<usize>,
    /// Stacks whose calls are counted
    #[arg(long, default_value_t = 500)]
    pub stacks: usize,
    /// Stacks of the random graph
    #[arg(long, default_value_t = 100)]
    pub graph: usize,
    /// Makes each stack of the graph take so many times as long: 1 is nine seconds in the middle
    #[arg(long, default_value_t = 1.0)]
    pub stretch: f64,
    /// Stacks that are deployed where few calls are allowed
    #[arg(long, default_value_t = 40)]
    pub throttled: usize,
    /// Objects that become ready one by one
    #[arg(long, default_value_t = 60)]
    pub readiness: usize,
    /// Objects that `drift --watch` watches; each number is a watch of its own
    #[arg(long, value_delimiter = ',', default_values_t = [1, 1000, 10_000])]
    pub watched: Vec<usize>,
    /// Statuses that are written meanwhile, 500 a second
    #[arg(long, default_value_t = 3000)]
    pub statuses: u32,
    /// Changes by hand that are told one by one, without and with time to group them
    #[arg(long, default_value_t = 12)]
    pub changes: usize,
    /// Objects that are changed at once
    #[arg(long, default_value_t = 1000)]
    pub storm: usize,
    /// Objects that are looked at while buttons are pressed
    #[arg(long, default_value_t = 5000)]
    pub looked_at: usize,
    /// Leaves out kubectl and Helm, and Sceptre and the CDK, which are installed by pip and npm where they are not
    #[arg(long = "no-peers", action = ArgAction::SetFalse)]
    pub peers: bool,
}

/// Measures each part and returns the report, in Markdown. `command` says how it was asked for.
pub async fn run(size: &Size, command: &str) -> Result<String> {
    let mut told = Vec::new();
    for part in &size.parts {
        say(&format!("bench: {part:?}"));
        let measured = match part {
            Part::Objects => race::measure(size).await,
            Part::Readiness => readiness::measure(size).await,
            Part::Watch => watching::measure(size).await,
            Part::Cases => cases::measure(size).await,
            Part::Stacks => cloud::measure(size).await,
            Part::Order => order::measure(size).await,
            Part::Throttle => throttle::measure(size).await,
        };
        told.push(measured.with_context(|| format!("{part:?}"))?);
    }
    report::report(command, &told)
}
