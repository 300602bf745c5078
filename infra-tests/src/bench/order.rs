//! A random graph of stacks that take their time, by everybody who deploys stacks.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Size;
use super::deployers::Deployer;
use super::figures::percentile;
use super::graph::{Step, bound, critical_path, graph, work};
use super::meter::{Ended, among_others};
use super::report::{Goal, Told};
use crate::proxy::{Counts, Operation};
use crate::sandbox::{Parts, Sandbox, say};

/// How many stacks groundplan brings about at a time; the CDK is told the same number.
pub(super) const SLOTS: u32 = groundplan::apply::AT_ONCE as u32;
const SEED: u64 = 1;

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let steps = graph(size.graph, SEED, size.stretch);
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let peers = size.peers;
    let (deployers, absent) = tokio::task::spawn_blocking(move || Deployer::all(SLOTS, peers)).await?;
    let least = bound(&steps, SLOTS);
    say(&format!("bench: {} stacks, which take {} s at least", steps.len(), least.as_secs()));
    // At the same time: each sleeps nearly all of it, and all have the same disturbances.
    let runs = deployers.iter().map(|deployer| run(&sandbox, deployer, &steps));
    let runs = futures::future::try_join_all(runs).await?;
    let (counts, operations) = (sandbox.proxy().counts(), sandbox.proxy().operations());
    let mut told = Told::default();
    introduce(&mut told, &steps, least, size.stretch);
    let mut table = String::from(
        "| | wall, s | × bound | a stack begins after the last it waits for, s: half, all | calls | calls a stack | CPU of the tool, s | \
         peak memory |\n|---|---|---|---|---|---|---|---|\n",
    );
    for (deployer, ended) in deployers.iter().zip(&runs) {
        let calls = calls(&counts, deployer);
        let lags = lags(&operations, deployer, &steps);
        table += &line(deployer, ended, &lags, calls, &steps, least);
        if let Deployer::Groundplan = deployer {
            let ratio = ended.wall.as_secs_f64() / least.as_secs_f64();
            let each = calls as f64 / steps.len() as f64;
            told.goals.push(Goal::new(
                "a graph of stacks: wall",
                "≤ 1.05 × bound",
                format!("{ratio:.3} ×"),
                ratio <= 1.05,
            ));
            told.goals.push(Goal::new("a graph of stacks: calls a stack", "≤ 5", format!("{each:.2}"), each <= 5.0));
        }
    }
    told.table(&table);
    for line in absent {
        told.paragraph("", &line);
    }
    Ok(told)
}

fn introduce(told: &mut Told, steps: &[Step], least: Duration, stretch: f64) {
    let edges: usize = steps.iter().map(|step| step.after.len()).sum();
    let count = steps.len();
    told.paragraph(
        &format!("{count} stacks that take their time (`--only order --graph {count} --stretch {stretch}`)"),
        &format!(
            "a seeded random graph with {edges} edges, in which the proxy tells each stack as under way for its own time, {:.0} to {:.0} s, \
             whoever asks; the rest is an emulator, so these are not AWS's times. The bound is the longest way through the graph \
             ({:.0} s) or the work ({:.0} s) over {SLOTS} stacks at a time: {:.0} s. All run at the same time, each in an account and \
             region of its own; that no stack began before those that it waits for is checked afterwards. The CDK begins from what \
             `cdk synth` has written, and is told `--concurrency {SLOTS}`: with its default of 1 it needs the work at least.",
            steps.iter().map(|step| step.takes).min().unwrap_or_default().as_secs_f64(),
            steps.iter().map(|step| step.takes).max().unwrap_or_default().as_secs_f64(),
            critical_path(steps).as_secs_f64(),
            work(steps).as_secs_f64(),
            least.as_secs_f64(),
        ),
    );
}

async fn run(sandbox: &Sandbox, deployer: &Deployer, steps: &[Step]) -> Result<Ended> {
    let folder = sandbox.logs().join("bench-order").join(deployer.id());
    fs::create_dir_all(&folder)?;
    deployer.write(steps, &folder)?;
    for (at, step) in steps.iter().enumerate() {
        sandbox.proxy().takes(&deployer.stack(at), step.takes);
    }
    let ended = among_others(deployer.deploy(sandbox, &folder)?, &folder.with_extension("log")).await?;
    say(&format!("bench: {} ended after {:.1} s", deployer.id(), ended.wall.as_secs_f64()));
    let done = in_order(&sandbox.proxy().operations(), deployer, steps)?;
    let is_ours = matches!(deployer, Deployer::Groundplan);
    ensure!(!is_ours || (ended.code == 0 && done == steps.len()), "{done} of {} stacks: {}", steps.len(), ended.said);
    Ok(Ended { done, ..ended })
}

/// How many stacks there are now; whoever began one too early is no contender.
pub(super) fn in_order(operations: &[Operation], deployer: &Deployer, steps: &[Step]) -> Result<usize> {
    let of = |at: usize| operations.iter().find(|operation| operation.stack == deployer.stack(at));
    let mut done = 0;
    for (at, step) in steps.iter().enumerate() {
        let Some(own) = of(at) else { continue };
        done += 1;
        for before in &step.after {
            let other =
                of(*before).with_context(|| format!("{} began without {}", own.stack, deployer.stack(*before)))?;
            ensure!(other.ended <= own.began, "{} began before {} had ended", own.stack, other.stack);
        }
    }
    Ok(done)
}

/// How long after the end of the last stack that it waits for each stack began.
fn lags(operations: &[Operation], deployer: &Deployer, steps: &[Step]) -> Vec<Duration> {
    let of = |at: usize| operations.iter().find(|operation| operation.stack == deployer.stack(at));
    let lag = |(at, step): (usize, &Step)| {
        let last = step.after.iter().filter_map(|before| of(*before)).map(|operation| operation.ended).max()?;
        Some(of(at)?.began.saturating_duration_since(last))
    };
    steps.iter().enumerate().filter_map(lag).collect()
}

/// Peers call with the keys of their own account's root user; the product with those of a role.
pub(super) fn calls(counts: &Counts, deployer: &Deployer) -> u64 {
    tally(counts, deployer, |_| true)
}

/// Calls that were refused.
pub(super) fn refused(counts: &Counts, deployer: &Deployer) -> u64 {
    tally(counts, deployer, |status| status == 400)
}

fn tally(counts: &Counts, deployer: &Deployer, wanted: impl Fn(u16) -> bool) -> u64 {
    let is_root = |caller: &str| caller.len() == 12 && caller.bytes().all(|byte| byte.is_ascii_digit());
    let is_own = |caller: &str| match deployer {
        Deployer::Groundplan => !is_root(caller),
        Deployer::Sceptre(_) | Deployer::Cdk { .. } => caller == deployer.place().0,
    };
    let own = counts.iter().filter(|(call, _)| is_own(&call.caller) && wanted(call.status));
    own.map(|(_, tally)| tally.calls).sum()
}

fn line(deployer: &Deployer, ended: &Ended, lags: &[Duration], calls: u64, steps: &[Step], least: Duration) -> String {
    let wall = ended.wall.as_secs_f64();
    let (time, ratio) = match ended.done == steps.len() {
        true => (format!("{wall:.1}"), format!("{:.2}", wall / least.as_secs_f64())),
        false => (format!("{wall:.1}, then it failed"), format!("– ({} of {} stacks made)", ended.done, steps.len())),
    };
    format!(
        "| {} | {time} | {ratio} | {:.1}, {:.1} | {calls} | {:.1} | {:.1} | {} MiB |\n",
        deployer.name(),
        percentile(lags, 50).as_secs_f64(),
        percentile(lags, 100).as_secs_f64(),
        calls as f64 / steps.len() as f64,
        ended.tool.as_secs_f64(),
        ended.memory >> 20,
    )
}
