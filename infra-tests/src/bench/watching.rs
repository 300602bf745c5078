//! `drift --watch`: what it costs to watch, and how soon it tells.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::Size;
use super::bare::{Bare, IN_FLIGHT};
use super::counted::Counting;
use super::figures::percentile;
use super::meter::{Meter, program};
use super::objects::{Load, path};
use super::process;
use super::report::{Goal, Told};
use super::tenant::Tenant;
use super::users::User;
use crate::sandbox::{Cluster, Parts, Sandbox, say};

/// Statuses written a second.
const STATUSES: u32 = 500;
const CHANGES: usize = 40;
/// A storm needs something to blow at.
const ENOUGH: usize = 100;
const PATIENCE: Duration = Duration::from_secs(120);
/// What a look took is given back within so long.
const AT_REST: Duration = Duration::from_secs(30);

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    let tenant = Tenant::new(&sandbox, "groundplan").await?;
    let others = User::new(sandbox.cluster(), "others", &tenant.folder).await?;
    let (mut rows, mut told) = (Vec::new(), Told::default());
    for count in &size.watched {
        say(&format!("bench: {count} objects watched"));
        rows.push(watch(&sandbox, &tenant, &others, *count, size.statuses).await?);
    }
    introduce(&mut told, size);
    told.table(&table(&rows));
    told.goals.extend(goals(&rows));
    Ok(told)
}

fn introduce(told: &mut Told, size: &Size) {
    let sizes: Vec<String> = size.watched.iter().map(usize::to_string).collect();
    told.paragraph(
        &format!("`drift --watch` (`--only watch --watched {}`)", sizes.join(",")),
        &format!(
            "one workload of so many objects, as above, synced and then watched by a process of its own. Memory is what it holds {} \
             seconds after its first look, and the most until then; *of others* is what it grew by when somebody else made as many objects \
             again of the same kinds, none of them ours, a thousand at most. The storm writes {} statuses of our Deployments, {STATUSES} a second where the server bears it; requests are those beside its watches, alerts are lines. Then {CHANGES} ConfigMaps are changed by hand, one after \
             the other: from the answer to the write to the line.",
            AT_REST.as_secs(),
            size.statuses,
        ),
    );
}

/// What one watch came to.
struct Row {
    count: usize,
    rest: u64,
    peak: u64,
    foreign: i64,
    storm: Option<Storm>,
    delays: Vec<Duration>,
}

struct Storm {
    statuses: f64,
    share: f64,
    requests: u64,
    alerts: usize,
}

async fn watch(sandbox: &Sandbox, tenant: &Tenant<'_>, others: &User, count: usize, statuses: u32) -> Result<Row> {
    let cluster = sandbox.cluster();
    let load = Load::new(&format!("w{count}"), count);
    let source = tenant.repository(&load.name, |folder| load.write(&folder.join(&load.name)))?;
    program(tenant.command(&source, &["sync", "--yes"])?, 0).await.context("the sync before the watch")?;
    Meter::new(cluster)?.rest().await?;
    let mut watcher = Watcher::start(tenant, &source).await?;
    tokio::time::sleep(AT_REST).await;
    let (rest, peak) = (watcher.memory()?, process::peak_memory_of(watcher.id).unwrap_or_default());
    let bare = Bare::new(cluster, others)?;
    bare.apply(&Load::new(&format!("x{count}"), count.min(1000))).await?;
    tokio::time::sleep(AT_REST).await;
    let foreign = i64::try_from(watcher.memory()?)? - i64::try_from(rest)?;
    let storm = match count >= ENOUGH {
        true => Some(storm(cluster, tenant, &bare, &mut watcher, &load, statuses).await?),
        false => None,
    };
    let delays = changes(cluster, &mut watcher, &load).await?;
    watcher.child.kill().await?;
    Ok(Row { count, rest, peak, foreign, storm, delays })
}

/// A watch that runs, and its lines.
struct Watcher {
    child: Child,
    id: u32,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watcher {
    /// Returns when it has looked at everything once and says that all is well.
    async fn start(tenant: &Tenant<'_>, source: &std::path::Path) -> Result<Self> {
        let mut command = tenant.command(source, &["drift", "--watch", "--format", "json"])?;
        let log = std::fs::File::create(tenant.folder.join("watch.log"))?;
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn()?;
        let id = child.id().context("it has just begun")?;
        let lines = BufReader::new(child.stdout.take().context("its words are a pipe")?).lines();
        let mut watcher = Self { child, id, lines };
        let first = watcher.next().await?;
        ensure!(first["verdict"] == "clean", "all was in order, and it says {first}");
        Ok(watcher)
    }

    async fn next(&mut self) -> Result<Value> {
        let line =
            tokio::time::timeout(PATIENCE, self.lines.next_line()).await.context("the watch tells nothing")??;
        Ok(serde_json::from_str(&line.context("the watch has ended")?)?)
    }

    fn memory(&self) -> Result<u64> {
        process::memory_of(self.id).context("the watch has ended")
    }

    /// What it does after the last change ends within a moment.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    /// Lines that are there by now.
    async fn waiting(&mut self) -> Result<usize> {
        let mut count = 0;
        while tokio::time::timeout(Duration::from_millis(300), self.lines.next_line()).await.is_ok() {
            count += 1;
        }
        Ok(count)
    }
}

async fn storm(
    cluster: &Cluster,
    tenant: &Tenant<'_>,
    bare: &Bare,
    watcher: &mut Watcher,
    load: &Load,
    total: u32,
) -> Result<Storm> {
    let deployments: Vec<String> = load.all().filter(|object| object["kind"] == "Deployment").map(path).collect();
    let meant = Duration::from_secs(1) * total / STATUSES;
    let counting = Counting::begin(cluster)?;
    let (before, began) = (process::time_of(watcher.id)?, tokio::time::Instant::now());
    let writes = (0..total).map(|number| {
        let path = &deployments[number as usize % deployments.len()];
        async move {
            tokio::time::sleep_until(began + meant * number / total).await;
            let odd = json!({"type": "Odd", "status": "True", "message": number.to_string()});
            bare.write_status(path, &json!({"conditions": [odd]})).await
        }
    });
    futures::stream::iter(writes).buffered(IN_FLIGHT).try_collect::<Vec<()>>().await?;
    let took = began.elapsed();
    // Whatever it still has to do for them counts.
    watcher.settle().await;
    let busy = process::time_of(watcher.id)?.saturating_sub(before);
    let by_verb = counting.end(cluster, &tenant.user)?.by_verb;
    let requests = by_verb.iter().filter(|(verb, _)| *verb != "watch").map(|(_, count)| count).sum();
    let statuses = f64::from(total) / took.as_secs_f64();
    // As if they had come as fast as was meant: a slow server makes no watch cheaper.
    let share = busy.as_secs_f64() / meant.as_secs_f64();
    Ok(Storm { statuses, share, requests, alerts: watcher.waiting().await? })
}

/// From the answer to a write to the line that tells it.
async fn changes(cluster: &Cluster, watcher: &mut Watcher, load: &Load) -> Result<Vec<Duration>> {
    let maps = load.all().filter(|object| object["kind"] == "ConfigMap").take(CHANGES);
    let mut delays = Vec::new();
    for map in maps {
        cluster.api().patch(&path(map), &json!({"data": {"LOG_LEVEL": "debug"}})).await?;
        let written = Instant::now();
        let told = watcher.next().await?;
        let delay = written.elapsed();
        ensure!(told["verdict"] == "drifted", "a change was told as {told}");
        delays.push(delay);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(delays)
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| objects | memory at rest | most until then | bytes an object | of others | status writes a second | CPU share of one core | \
         requests | alerts | change to line, ms: half, 99 % |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let storm = row.storm.as_ref().map_or("– | – | – | –".to_owned(), |storm| {
            let Storm { statuses, share, requests, alerts } = storm;
            format!("{statuses:.0} | {:.1} % | {requests} | {alerts}", share * 100.0)
        });
        let milliseconds = |percent| percentile(&row.delays, percent).as_secs_f64() * 1000.0;
        text += &format!(
            "| {} | {:.1} MiB | {:.1} MiB | {} | {:+.1} MiB | {storm} | {} |\n",
            row.count,
            mebibytes(row.rest),
            mebibytes(row.peak),
            each(rows, row).map_or("–".to_owned(), |bytes| format!("{bytes:.0}")),
            row.foreign as f64 / f64::from(1 << 20),
            if row.delays.is_empty() {
                "–".to_owned()
            } else {
                format!("{:.1}, {:.1}", milliseconds(50), milliseconds(99))
            },
        );
    }
    text
}

/// What an object more costs, against the smallest of the watches.
fn each(rows: &[Row], row: &Row) -> Option<f64> {
    let first = rows.iter().min_by_key(|row| row.count).filter(|first| first.count < row.count)?;
    Some((row.rest as f64 - first.rest as f64) / (row.count - first.count) as f64)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn goals(rows: &[Row]) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(least) = rows.iter().min_by_key(|row| row.count).filter(|row| row.count <= 1) {
        let base = mebibytes(least.rest);
        goals.push(Goal::new("watch: base memory", "≤ 30 MiB", format!("{base:.1} MiB"), base <= 30.0));
    }
    let Some(row) = rows.iter().max_by_key(|row| row.count) else { return goals };
    let of = |what: &str| format!("watch: {what}, {} objects", row.count);
    if let Some(bytes) = each(rows, row) {
        goals.push(Goal::new(of("memory an object"), "≤ 256 bytes", format!("{bytes:.0} bytes"), bytes <= 256.0));
    }
    if let Some(storm) = &row.storm {
        let share = storm.share * 100.0;
        goals.push(Goal::new(
            of("500 status writes a second"),
            "≤ 3 % of a core",
            format!("{share:.1} %"),
            share <= 3.0,
        ));
        goals.push(Goal::new(of("requests in that storm"), "0", storm.requests.to_string(), storm.requests == 0));
        goals.push(Goal::new(of("false alerts in that storm"), "0", storm.alerts.to_string(), storm.alerts == 0));
    }
    if !row.delays.is_empty() {
        let slow = percentile(&row.delays, 99);
        let measured = format!("{:.1} ms", slow.as_secs_f64() * 1000.0);
        goals.push(Goal::new(of("change to line, 99 of 100"), "≤ 1 s", measured, slow < Duration::from_secs(1)));
    }
    goals
}
