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
use clap::ValueEnum;

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
#[derive(Clone, Debug)]
pub struct Size {
    pub parts: Vec<Part>,
    /// Of each contender in each race.
    pub repetitions: usize,
    /// Each number of objects is a race of its own.
    pub objects: Vec<usize>,
    pub stacks: usize,
    /// Stacks of the graph.
    pub graph: usize,
    /// The durations of its stacks are so many times as long.
    pub stretch: f64,
    /// Stacks that are deployed where few calls are allowed.
    pub throttled: usize,
    /// Objects that become ready.
    pub readiness: usize,
    /// How many objects are watched; each number is a watch of its own.
    pub watched: Vec<usize>,
    /// Statuses written while somebody watches.
    pub statuses: u32,
    /// Changes by hand that are told one by one, each way.
    pub changes: usize,
    /// Objects that are changed at once.
    pub storm: usize,
    /// Objects that are looked at while buttons are pressed.
    pub looked_at: usize,
    /// Whether those who deploy stacks are installed and measured, too.
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
