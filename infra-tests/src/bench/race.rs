//! The Kubernetes side: the same objects, by everybody in turn.

use anyhow::Result;

use super::Size;
use super::figures::Cost;
use super::meter::Meter;
use super::runner::{Runner, What, Who};
use super::table::{Line, Table};
use crate::sandbox::{Parts, Sandbox, say};

/// Enough to fill every cache that a second run finds filled.
const WARM_UP: usize = 40;

pub(super) async fn run(size: &Size) -> Result<String> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    let meter = Meter::new(sandbox.cluster())?;
    let mut runners = Vec::new();
    for who in [Who::Ceiling, Who::Groundplan, Who::Kubectl, Who::KubectlAsShipped] {
        runners.push(Runner::new(who, &sandbox, &meter).await?);
    }
    for runner in &runners {
        runner.run(0, WARM_UP).await?;
    }
    let mut costs: Vec<(What, Who, Cost)> = Vec::new();
    for repetition in 1..=size.repetitions {
        say(&format!("bench: repetition {repetition} of {}", size.repetitions));
        // In turns, and not always the same one first.
        runners.rotate_left(1);
        for runner in &runners {
            let of_one = runner.run(repetition, size.objects).await?;
            costs.extend(of_one.into_iter().map(|(what, cost)| (what, runner.who, cost)));
        }
    }
    Ok(report(size, &costs))
}

fn report(size: &Size, costs: &[(What, Who, Cost)]) -> String {
    let mut table = Table::new("API server CPU", "tuned kubectl");
    for what in [What::First, What::Quiet, What::Drift] {
        for who in [Who::Ceiling, Who::Groundplan, Who::Kubectl, Who::KubectlAsShipped] {
            let costs: Vec<&Cost> =
                costs.iter().filter(|(did, by, _)| (*did, *by) == (what, who)).map(|(.., cost)| cost).collect();
            table.add(line(what, who), costs);
        }
    }
    format!(
        "### Kubernetes: {} objects\n\n\
         A quarter each ServiceAccounts, ConfigMaps, Services and Deployments (with no replicas), in 5 namespaces, one \
         workload folder; {} repetitions in turns, each with fresh names, on one API server at rest before every run. \
         The ceiling is a client that only sends: the same server-side applies, 24 in flight, or one LIST a kind. \
         groundplan waits until every object is ready and remembers what it did in the cluster; the ceiling and kubectl end when \
         the last object is written; *written* is when that was for groundplan, by the audit log.\n\n{}\n",
        size.objects,
        size.repetitions,
        table.text(),
    )
}

fn line(what: What, who: Who) -> Line {
    let deed = match what {
        What::First => "first sync",
        What::Quiet => "quiet sync",
        What::Drift => "drift",
    };
    let (name, rank) = match (who, what) {
        (Who::Ceiling, What::First) => ("ceiling: bare applies", 0),
        (Who::Ceiling, What::Quiet | What::Drift) => ("ceiling: bare LISTs", 0),
        (Who::Groundplan, What::First | What::Quiet) => ("**groundplan sync**", 1),
        (Who::Groundplan, What::Drift) => ("**groundplan drift**", 1),
        (Who::Kubectl, What::First | What::Quiet) => ("kubectl apply --server-side --validate=false", 2),
        (Who::Kubectl | Who::KubectlAsShipped, What::Drift) => ("kubectl diff --server-side", 2),
        (Who::KubectlAsShipped, What::First | What::Quiet) => ("kubectl apply --server-side (as shipped)", 3),
    };
    Line { deed, name, rank }
}
