//! Deployments and a drift sweep where few calls are allowed a second.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Size;
use super::deployers::Deployer;
use super::graph::Step;
use super::meter::{Ended, among_others};
use super::order::{SLOTS, calls, refused};
use super::report::{Goal, Told};
use crate::proxy::Counts;
use crate::sandbox::{Parts, Sandbox, say};

const READS: [&str; 9] = [
    "DescribeStacks",
    "DescribeStackEvents",
    "DescribeStackResources",
    "DescribeStackResourceDrifts",
    "DescribeStackDriftDetectionStatus",
    "DescribeChangeSet",
    "ListStacks",
    "ListStackResources",
    "GetTemplate",
];
const WRITES: [&str; 5] = ["CreateStack", "UpdateStack", "CreateChangeSet", "ExecuteChangeSet", "DeleteChangeSet"];
const DETECTIONS: [&str; 2] = ["DetectStackDrift", "DetectStackResourceDrift"];
const READS_A_SECOND: f64 = 5.0;
const WRITES_A_SECOND: f64 = 2.0;
const DETECTIONS_A_SECOND: f64 = 1.0;

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let peers = size.peers;
    let (deployers, absent) = tokio::task::spawn_blocking(move || Deployer::all(SLOTS, peers)).await?;
    let proxy = sandbox.proxy();
    proxy.limit(&READS, READS_A_SECOND);
    proxy.limit(&WRITES, WRITES_A_SECOND);
    proxy.limit(&DETECTIONS, DETECTIONS_A_SECOND);
    let steps: Vec<Step> = vec![Step { takes: Duration::ZERO, after: Vec::new() }; size.throttled];
    let runs = deployers.iter().map(|deployer| deploy(&sandbox, deployer, &steps));
    let runs = futures::future::try_join_all(runs).await?;
    let counts = proxy.counts();
    let (sweep, swept) = sweep(&sandbox, &steps).await?;

    let mut told = Told::default();
    introduce(&mut told, steps.len());
    let mut table =
        String::from("| | | wall, s | × bound | stacks made | calls | refused |\n|---|---|---|---|---|---|---|\n");
    for (deployer, ended) in deployers.iter().zip(&runs) {
        let least = steps.len() as f64 * deployer.writes_a_stack() / WRITES_A_SECOND;
        let row = Row { deed: "first deploy", name: deployer.name(), ended, done: ended.done, least, counts: &counts };
        table += &row.text(deployer);
        if let Deployer::Groundplan = deployer {
            let ratio = ended.wall.as_secs_f64() / least;
            let failed = steps.len() - ended.done;
            let what = "5 reads, 2 writes, 1 detection a second";
            told.goals.push(Goal::new(
                format!("{what}: failures"),
                "0",
                failed.to_string(),
                failed == 0 && ended.code == 0,
            ));
            told.goals.push(Goal::new(
                format!("{what}: first deploy"),
                "≤ 1.1 × bound",
                format!("{ratio:.2} ×"),
                ratio <= 1.1,
            ));
        }
    }
    let least = steps.len() as f64 / DETECTIONS_A_SECOND;
    let name = "**groundplan drift**".to_owned();
    let row = Row { deed: "drift sweep", name, ended: &sweep, done: steps.len(), least, counts: &swept };
    table += &row.text(&Deployer::Groundplan);
    let ratio = sweep.wall.as_secs_f64() / least;
    let what = "5 reads, 2 writes, 1 detection a second: drift sweep";
    told.goals.push(Goal::new(what, "≤ 1.1 × bound", format!("{ratio:.2} ×"), ratio <= 1.1));
    told.table(&table);
    for line in absent {
        told.paragraph("", &line);
    }
    Ok(told)
}

fn introduce(told: &mut Told, count: usize) {
    told.paragraph(
        &format!("{count} stacks where few calls are allowed (`--only throttle --throttled {count}`)"),
        "in each account and region 5 reads, 2 writes and 1 drift detection a second, with one second's worth at once; every call \
         beyond that is answered `Throttling`. AWS publishes no rates; these are below what people report. Nothing waits for \
         anything, and a stack is made at once. The bound is the writes that a deployment cannot do without (a change set is made \
         and executed; Sceptre makes none) over 2 a second, and a detection a stack over 1 a second. All deploy at the same time, \
         each in an account and region of its own.",
    );
}

async fn deploy(sandbox: &Sandbox, deployer: &Deployer, steps: &[Step]) -> Result<Ended> {
    let folder = sandbox.logs().join("bench-throttle").join(deployer.id());
    fs::create_dir_all(&folder)?;
    deployer.write(steps, &folder)?;
    let ended = among_others(deployer.deploy(sandbox, &folder)?, &folder.with_extension("log")).await?;
    say(&format!("bench: {} ended after {:.1} s", deployer.id(), ended.wall.as_secs_f64()));
    let (account, region) = deployer.place();
    // Past the proxy: this question is no contender's. Asked for one by one, for a list has pages.
    let owner = sandbox.account_owner(account)?;
    let mut done = 0;
    for at in 0..steps.len() {
        let name = deployer.stack(at);
        let asked = owner.query("cloudformation", region, "DescribeStacks", &[("StackName", &name)]).await;
        done += usize::from(asked.is_ok_and(|answer| answer.contains("<StackStatus>CREATE_COMPLETE<")));
    }
    let is_ours = matches!(deployer, Deployer::Groundplan);
    ensure!(!is_ours || done == steps.len(), "{done} of {} stacks: {}", steps.len(), ended.said);
    Ok(Ended { done, ..ended })
}

async fn sweep(sandbox: &Sandbox, steps: &[Step]) -> Result<(Ended, Counts)> {
    let folder = sandbox.logs().join("bench-throttle").join(Deployer::Groundplan.id());
    let before = sandbox.proxy().counts();
    let command = Deployer::Groundplan.drift(sandbox, &folder)?;
    let ended = among_others(command, &folder.with_extension("drift.log")).await?;
    ensure!(ended.code == 0, "the sweep of {} stacks ended with {}: {}", steps.len(), ended.code, ended.said);
    Ok((ended, sandbox.proxy().counts().since(&before)))
}

struct Row<'a> {
    deed: &'static str,
    name: String,
    ended: &'a Ended,
    done: usize,
    least: f64,
    counts: &'a Counts,
}

impl Row<'_> {
    fn text(&self, deployer: &Deployer) -> String {
        let Row { deed, name, ended, done, least, counts } = self;
        let wall = ended.wall.as_secs_f64();
        let failed = if ended.code == 0 { "" } else { ", then it failed" };
        format!(
            "| {deed} | {name} | {wall:.1}{failed} | {:.2} | {done} | {} | {} |\n",
            wall / least,
            calls(counts, deployer),
            refused(counts, deployer),
        )
    }
}
