//! From the moment at which a status is written to the word that the unit is done.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use super::Size;
use super::bare::Bare;
use super::counted::Counting;
use super::figures::percentile;
use super::report::{Goal, Told};
use super::tenant::Tenant;
use super::users::User;
use crate::sandbox::{Cluster, Parts, Sandbox, until};

const WIDGETS: &str = "/apis/bench.example/v1/namespaces/default/widgets";
/// How long an object is there before it becomes ready.
const CONTROLLER: Duration = Duration::from_millis(150);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(120);
const HEALTH: &str = "health: [{apiVersion: bench.example/v1, kind: Widget, current: \"has(status.phase) && status.phase == 'Live'\"}]\n";

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    define(sandbox.cluster()).await?;
    let tenant = Tenant::new(&sandbox, "groundplan").await?;
    let controller = User::new(sandbox.cluster(), "controller", &tenant.folder).await?;
    let controller = Bare::new(sandbox.cluster(), &controller)?;
    let source = tenant.repository("widgets", |cluster| write(cluster, size.readiness))?;
    let counting = Counting::begin(sandbox.cluster())?;
    let mut child =
        tenant.command(&source, &["sync", "--yes"])?.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let (written, told) = tokio::try_join!(
        tokio::time::timeout(LIMIT, control(sandbox.cluster(), &controller, size.readiness)),
        tokio::time::timeout(LIMIT, lines(&mut child)),
    )
    .context("some objects never became ready")?;
    let (written, told_at) = (written?, told?);
    ensure!(child.wait().await?.success(), "the sync of {} widgets failed", size.readiness);
    let asked = counting.end(sandbox.cluster(), &tenant.user)?.by_verb;
    let mut delays = Vec::new();
    for (name, at) in &written {
        let said = told_at.get(name).with_context(|| format!("{name} was never told"))?;
        delays.push(said.saturating_duration_since(*at));
    }
    Ok(tell(&delays, asked.iter().map(|(verb, count)| format!("{verb} {count}")).collect::<Vec<_>>().join(", ")))
}

fn tell(delays: &[Duration], asked: String) -> Told {
    let at = |percent| format!("{:.1}", percentile(delays, percent).as_secs_f64() * 1000.0);
    let mut told = Told::default();
    told.paragraph(
        &format!("Ready is seen (`--only readiness --readiness {}`)", delays.len()),
        &format!(
            "{} workloads of one custom resource each, which a controller makes ready {} ms after it appeared; from the answer to \
             the write of its status to groundplan's line that the workload is done. What it remembers of the workload in the cluster is \
             written in between.",
            delays.len(),
            CONTROLLER.as_millis(),
        ),
    );
    told.table(&format!(
        "| objects | half within, ms | 90 % | 99 % | the last | requests of groundplan |\n|---|---|---|---|---|---|\n\
         | {} | {} | {} | {} | {} | {asked} |\n",
        delays.len(),
        at(50),
        at(90),
        at(99),
        at(100),
    ));
    let slow = percentile(delays, 99);
    let measured = format!("{:.1} ms", slow.as_secs_f64() * 1000.0);
    told.goals.push(Goal::new(
        "ready is seen, 99 of 100",
        "≤ 50 ms after the status",
        measured,
        slow.as_millis() <= 50,
    ));
    told
}

/// Makes the kind known.
async fn define(cluster: &Cluster) -> Result<()> {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let version = json!({
        "name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": anything},
        "subresources": {"status": {}},
    });
    let names = json!({"kind": "Widget", "plural": "widgets", "singular": "widget"});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.bench.example"},
        "spec": {"group": "bench.example", "scope": "Namespaced", "names": names, "versions": [version]},
    });
    cluster.api().create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await?;
    // Not found at first, and then busy for a moment.
    until("the kind to be served", LIMIT, async || Ok(cluster.api().find(WIDGETS).await.ok().flatten().map(drop))).await
}

/// One workload a widget, so that each is told by itself.
fn write(cluster: &Path, count: usize) -> Result<()> {
    for at in 0..count {
        let (name, folder) = (name(at), cluster.join(name(at)));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("workload.yaml"), HEALTH)?;
        let metadata = format!("metadata: {{name: {name}, namespace: default}}");
        fs::write(
            folder.join("widget.yaml"),
            format!("apiVersion: bench.example/v1\nkind: Widget\n{metadata}\nspec: {{size: {at}}}\n"),
        )?;
    }
    Ok(())
}

fn name(at: usize) -> String {
    format!("widget-{at:03}")
}

/// Does what a controller does, and says when.
async fn control(cluster: &Cluster, controller: &Bare, count: usize) -> Result<HashMap<String, Instant>> {
    let (mut seen, mut written) = (HashMap::new(), HashMap::new());
    while written.len() < count {
        let all = cluster.api().find(WIDGETS).await?.unwrap_or_default();
        let names = all["items"].as_array().into_iter().flatten().filter_map(|one| one["metadata"]["name"].as_str());
        for name in names.map(str::to_owned) {
            let since = *seen.entry(name.clone()).or_insert_with(Instant::now);
            if since.elapsed() >= CONTROLLER && !written.contains_key(&name) {
                let status: Value = json!({"phase": "Live"});
                controller.write_status(&format!("{WIDGETS}/{name}"), &status).await?;
                written.insert(name, Instant::now());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(written)
}

/// When each workload was told to be done.
async fn lines(child: &mut Child) -> Result<HashMap<String, Instant>> {
    let mut lines = BufReader::new(child.stderr.take().context("its errors are a pipe")?).lines();
    let mut told = HashMap::new();
    while let Some(line) = lines.next_line().await? {
        let now = Instant::now();
        // `✔ clusters/bench/widget-001  created 0.3 s`
        if let Some((_, rest)) = line.split_once("✔ clusters/bench/") {
            told.insert(rest.split_whitespace().next().unwrap_or_default().to_owned(), now);
        }
    }
    Ok(told)
}
