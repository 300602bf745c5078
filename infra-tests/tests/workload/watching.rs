//! `drift --watch`: each change is told as it happens, and nothing is asked while nothing happens.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use infra_tests::sandbox::{Parts, Request, Webhook};
use infra_tests::stage::{Stage, becomes, config, ended, signal};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const SETTINGS: &str = "/api/v1/namespaces/default/configmaps/settings";
const OTHER: &str = "/api/v1/namespaces/default/configmaps/other";
const MANIFESTS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: default}
data: {a: ours}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
";

/// A watch that runs, and its lines as they are written.
struct Watcher {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watcher {
    fn start(stage: &Stage) -> Result<Self> {
        let mut command = stage.product.command(&["drift", "--watch", "--format", "json"]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        Ok(Self { child, lines })
    }

    async fn next(&mut self) -> Result<Value> {
        let line =
            tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await.context("nothing is told")?;
        let told: Value = serde_json::from_str(&line?.context("the watch has ended")?)?;
        assert_eq!(told["unit"], "clusters/shop/web");
        assert!(told["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{told}");
        Ok(told)
    }

    /// Lines until one has this verdict: what happens in between may be told in one line or in two.
    async fn until(&mut self, verdict: &str) -> Result<Value> {
        loop {
            let told = self.next().await?;
            if told["verdict"] == verdict {
                return Ok(told);
            }
        }
    }
}

async fn stage() -> Result<Stage> {
    stage_of(MANIFESTS).await
}

async fn stage_of(manifests: &str) -> Result<Stage> {
    let stage = Stage::set(Parts::CLUSTER).await?;
    stage.remove("stacks/111111111111/eu-west-1/jobs.yaml")?;
    stage.remove("templates/queue.yaml")?;
    stage.remove("clusters/shop/web/workload.yaml")?;
    stage.write("clusters/shop/web/config.yaml", manifests)?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    Ok(stage)
}

/// What the product asked, beside its watches: the test itself only sends patches.
fn asked(requests: &[Request]) -> Vec<&Request> {
    let is_cluster = |request: &Request| {
        request.user.starts_with("system:") || request.agent.starts_with("kube-") || request.agent.starts_with("kwok")
    };
    let ours = requests.iter().filter(|request| !is_cluster(request) && request.verb != "watch");
    ours.filter(|request| request.verb != "patch" || request.uri.contains("groundplan")).collect()
}

/// Whether the product asked, and not the cluster itself or the test.
fn ours(request: &Request) -> bool {
    request.agent.contains("groundplan")
}

#[tokio::test]
async fn every_change_is_told_with_its_verdict_and_nothing_is_asked_in_between() -> Result<()> {
    let stage = stage().await?;
    let api = stage.sandbox.cluster().api().clone();
    let mut watcher = Watcher::start(&stage)?;
    assert_eq!(watcher.next().await?["verdict"], "clean");

    // A storm of status writes is no news and costs no request: what is asked afterwards is one dry run of what did change.
    let before = stage.sandbox.cluster().audit_length()?;
    for at in 0..500 {
        let status =
            json!({"status": {"conditions": [{"type": "Odd", "status": "True", "message": format!("storm {at}")}]}});
        api.patch(&format!("{WEB}/status"), &status).await?;
    }
    api.patch(SETTINGS, &json!({"data": {"a": "theirs"}})).await?;
    let told = watcher.next().await?;
    assert_eq!((&told["verdict"], &told["drifted"][0]["path"]), (&json!("drifted"), &json!("data.a")), "{told}");
    let requests = stage.sandbox.cluster().requests_from(before)?;
    let asked_now = asked(&requests);
    assert!(
        asked_now.len() == 1 && asked_now[0].uri.starts_with(SETTINGS) && asked_now[0].uri.contains("dryRun"),
        "{asked_now:?}"
    );
    stage.run(&["sync", "--yes"], 0).await?;
    watcher.until("clean").await?;

    let before = stage.sandbox.cluster().audit_length()?;
    for at in 0..50 {
        let status = json!({"status": {"conditions": [{"type": "Odd", "status": "True", "message": at.to_string()}]}});
        api.patch(&format!("{WEB}/status"), &status).await?;
    }
    // Told after them all, so that none of them was told.
    api.patch(WEB, &json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}))
        .await?;
    let told = watcher.next().await?;
    assert_eq!(told["verdict"], "drifted", "{told}");
    assert!(told["drifted"][0]["path"].as_str().is_some_and(|path| path.contains("containers")), "{told}");
    let requests = stage.sandbox.cluster().requests_from(before)?;
    let asked_now = asked(&requests);
    // One dry run settles it; where the controllers wrote in between, the object is read and settled again.
    assert!(asked_now.iter().all(|request| request.uri.starts_with(WEB)), "{asked_now:?}");
    assert!((1..=16).contains(&asked_now.len()), "{asked_now:?}");
    becomes("the rollout is over", async || {
        let live = api.find(WEB).await?.unwrap_or_default();
        let status = &live["status"];
        let is_seen = status["observedGeneration"] == live["metadata"]["generation"];
        Ok(is_seen && status["replicas"] == 1 && status["availableReplicas"] == 1 && status["updatedReplicas"] == 1)
    })
    .await?;

    // The status of what drifted moves as well, and that is no news either.
    let before = stage.sandbox.cluster().audit_length()?;
    for at in 0..50 {
        let status =
            json!({"status": {"conditions": [{"type": "Odd", "status": "True", "message": format!("again {at}")}]}});
        api.patch(&format!("{WEB}/status"), &status).await?;
    }
    api.patch(SETTINGS, &json!({"data": {"b": "theirs"}})).await?;
    let told = watcher.until("drifted").await?;
    assert_eq!(told["foreign"][0]["path"], "data.b", "{told}");
    let requests = stage.sandbox.cluster().requests_from(before)?;
    let asked_now = asked(&requests);
    assert!(
        asked_now.iter().all(|request| request.uri.starts_with(WEB)),
        "of the map, the event says it all: {asked_now:?}"
    );
    assert!(asked_now.len() < 50, "fewer than there were writes: {asked_now:?}");

    api.delete(SETTINGS).await?;
    let told = watcher.until("drifted").await?;
    let items: Vec<&str> =
        told["drifted"].as_array().into_iter().flatten().filter_map(|one| one["item"].as_str()).collect();
    assert!(items.contains(&"ConfigMap default/settings"), "{told}");

    stage.run(&["sync", "--yes"], 0).await?;
    watcher.until("clean").await?;
    // A newer commit that is synced is followed: it is no drift.
    stage.write("clusters/shop/web/config.yaml", &MANIFESTS.replace("a: ours", "a: newer"))?;
    let commit = stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    api.patch(SETTINGS, &json!({"data": {"a": "theirs"}})).await?;
    let told = loop {
        let told = watcher.next().await?;
        assert!(
            told["verdict"] != "drifted" || told["commit"] == commit.as_str(),
            "a sync was taken for drift: {told}"
        );
        if told["verdict"] == "drifted" {
            break told;
        }
    };
    assert_eq!(told["drifted"][0]["item"], "ConfigMap default/settings");
    signal(&watcher.child, "INT")?;
    assert_eq!(ended(&mut watcher.child).await?, 2, "it ended with drift");
    Ok(())
}

#[tokio::test]
async fn many_changes_at_once_are_few_moments_and_one_dry_run_for_each_object() -> Result<()> {
    const COUNT: usize = 150;
    let stage =
        stage_of(&(0..COUNT).map(|at| format!("---\n{}", config(&format!("map-{at:03}"), "ours"))).collect::<String>())
            .await?;
    let api = stage.sandbox.cluster().api().clone();
    let path = |at: usize| format!("/api/v1/namespaces/default/configmaps/map-{at:03}");
    let mut watcher = Watcher::start(&stage)?;
    assert_eq!(watcher.next().await?["verdict"], "clean");

    // While it cannot run, everything changes; one map twice, and one goes after its change.
    signal(&watcher.child, "STOP")?;
    for at in 0..COUNT {
        api.patch(&path(at), &json!({"data": {"value": "theirs"}})).await?;
    }
    let (twice, gone) = (COUNT - 2, COUNT - 1);
    api.patch(&path(twice), &json!({"data": {"value": "the last"}})).await?;
    api.delete(&path(gone)).await?;
    let before = stage.sandbox.cluster().audit_length()?;
    signal(&watcher.child, "CONT")?;
    let (mut lines, mut told) = (0, Value::Null);
    while told["drifted"].as_array().map_or(0, Vec::len) < COUNT {
        (told, lines) = (watcher.next().await?, lines + 1);
    }
    assert!(lines <= 8, "{lines} moments for {COUNT} changes");
    let found = |name: &str| {
        let item = format!("ConfigMap default/{name}");
        told["drifted"].as_array().into_iter().flatten().find(|one| one["item"] == item.as_str()).cloned()
    };
    assert_eq!(found("map-148").context("it is told")?["from"]["text"], "the last");
    assert_eq!(found("map-149").context("it is told")?["path"], "", "it is gone");
    let requests = stage.sandbox.cluster().requests_from(before)?;
    let mut asked: Vec<String> = requests
        .iter()
        .filter(|request| ours(request) && request.verb != "watch")
        .map(|request| format!("{} {}", request.verb, request.uri.split('?').next().unwrap_or_default()))
        .collect();
    // Whether both changes of one map are judged together is up to the clock; both of the other are, or it is gone before.
    let is_sure = |line: &String| !line.ends_with(&path(twice)) && !line.ends_with(&path(gone));
    asked.retain(is_sure);
    asked.sort();
    let expected: Vec<String> = (0..twice).map(|at| format!("patch {}", path(at))).collect();
    assert_eq!(asked, expected, "one dry run each, and nothing else");

    // What is changed again is judged again.
    api.patch(&path(2), &json!({"data": {"value": "ours"}})).await?;
    assert_eq!(watcher.next().await?["drifted"].as_array().map(Vec::len), Some(COUNT - 1));
    signal(&watcher.child, "INT")?;
    assert_eq!(ended(&mut watcher.child).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_watch_that_cannot_see_says_so_and_looks_again() -> Result<()> {
    let mut stage = stage().await?;
    let mut watcher = Watcher::start(&stage)?;
    assert_eq!(watcher.next().await?["verdict"], "clean");
    stage.sandbox.cluster_mut().stop_api_server();
    let told = watcher.next().await?;
    let why = told["verdict"]["unverifiable"].as_str().context("it is never shown as clean")?;
    assert!(why.contains("lost") || why.contains("does not answer"), "{told}");
    stage.sandbox.cluster_mut().start_api_server().await?;
    // What happened while nobody could look is found by the look that follows.
    let api = stage.sandbox.cluster().api().clone();
    api.patch(SETTINGS, &json!({"data": {"a": "theirs"}})).await?;
    let told = watcher.until("drifted").await?;
    assert_eq!(told["drifted"][0]["path"], "data.a");
    signal(&watcher.child, "INT")?;
    assert_eq!(ended(&mut watcher.child).await?, 2);
    Ok(())
}

#[tokio::test]
async fn serve_makes_a_case_of_a_change_long_before_its_schedule() -> Result<()> {
    let stage = stage().await?;
    let yearly = "repository: shop\nenvironments:\n  default: {paths: [\"clusters/*\"], schedule: \"0 0 1 1 *\"}\n";
    stage.write("groundplan.yaml", yearly)?;
    stage.push()?;
    let mut serving = stage.start(&["serve"])?;
    let log = stage.sandbox.logs().join("started.log");
    let says = |words: &str| Ok(std::fs::read_to_string(&log)?.contains(words));
    // Nobody has ever looked; the next look by schedule is in January.
    becomes("the first look", async || says("Looked at default")).await?;
    becomes("the watch", async || says("1 of 1 units tell of changes")).await?;
    let before = stage.sandbox.cluster().audit_length()?;
    stage.sandbox.cluster().api().patch(SETTINGS, &json!({"data": {"a": "theirs"}})).await?;
    becomes("a look at once", async || says("Looked at clusters/shop/web at once")).await?;
    let requests = stage.sandbox.cluster().requests_from(before)?;
    let asked_now: Vec<_> = requests.iter().filter(|request| ours(request) && request.verb != "watch").collect();
    assert!(asked_now.iter().all(|request| request.verb == "patch"), "one dry run, and no look: {asked_now:?}");
    let cases = async || -> Result<Value> {
        let listed = stage.run(&["case", "list", "--format", "json"], 0).await?.stdout;
        Ok(serde_json::from_str::<Value>(&listed)?["cases"].clone())
    };
    let told = cases().await?;
    assert_eq!((told.as_array().map(Vec::len), &told[0]["units"][0]["id"]), (Some(1), &json!("clusters/shop/web")));
    // A look has nothing to add: whoever says yes to what the watch told gets exactly that.
    stage.run(&["drift", "--notify"], 2).await?;
    let looked = cases().await?;
    let same = |name: &str| assert_eq!(told[0][name], looked[0][name], "{name}");
    for name in ["id", "revision", "plan_hash", "state_hash", "units"] {
        same(name);
    }
    assert!(told[0]["revision"] == 1 && told[0]["plan_hash"].is_string(), "{told}");
    // What was put back by hand is seen as well.
    stage.sandbox.cluster().api().patch(SETTINGS, &json!({"data": {"a": "ours"}})).await?;
    becomes("the case to be seen clean", async || Ok(cases().await?[0]["clean_since"].is_string())).await?;
    signal(&serving, "INT")?;
    assert_eq!(ended(&mut serving).await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_audit_of_the_api_server_says_which_user_it_was_and_what_one_user_changed_is_one_case() -> Result<()> {
    let mut stage = stage().await?;
    // The records come a moment after the case; a minute is too long for a test.
    stage.operator("attributionSeconds: [2, 4, 6, 8, 10, 15, 20, 30, 40, 50]\n")?;
    stage.product = stage.product.clone().with("GROUNDPLAN_AUDIT_TOKEN", "an-audit-token");
    let schedule = "repository: shop\nenvironments:\n  default: {paths: [\"clusters/*\"], schedule: \"0 0 1 1 *\"}\n";
    stage.write("groundplan.yaml", schedule)?;
    stage.write("clusters/shop/other/config.yaml", &config("other", "ours"))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    // The records are there within a second or two, and so before it is told.
    let _serving = stage.start(&["serve", "--listen", "127.0.0.1:0", "--group-wait", "6s"])?;
    let log = stage.sandbox.logs().join("started.log");
    let says = |words: &str| Ok(std::fs::read_to_string(&log)?.contains(words));
    becomes("the first look", async || says("Looked at default")).await?;
    let url = stage.listening().await?.replace("slack/interactions", "kubernetes/audit");
    let there = Webhook::before(url.clone()).await?;
    stage.sandbox.cluster_mut().send_audit_to(&there, "an-audit-token").await?;
    stage.sandbox.cluster().api().patch(SETTINGS, &json!({"data": {"a": "theirs"}})).await?;
    stage.sandbox.cluster().api().patch(OTHER, &json!({"data": {"value": "theirs"}})).await?;
    becomes("a look at once", async || says("at once: the watch told of a change")).await?;
    let events = stage.sandbox.cluster().audit_events()?;
    let of_it = |event: &&Value| event["objectRef"]["name"] == "settings" && event["verb"] == "patch";
    let user = events.iter().rfind(of_it).context("the server has seen it")?["user"]["username"].clone();
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events});
    let client = reqwest::Client::builder().no_proxy().build()?;
    assert_eq!(client.post(&url).bearer_auth("another-token").json(&list).send().await?.status(), 401);
    let cases = async || -> Result<Value> {
        let cases = stage.run(&["case", "list", "--format", "json"], 0).await?.stdout;
        Ok(serde_json::from_str::<Value>(&cases)?["cases"].clone())
    };
    let told = async || anyhow::Ok(cases().await?[0]["units"][1]["differences"][0]["who"].clone());
    becomes("the user to be known", async || Ok(told().await?["evidence"] == "audit_log")).await?;
    let who = told().await?;
    assert_eq!((&who["name"], &who["confidence"]), (&user, &json!("high")), "{who}");
    let cases = cases().await?;
    let units: Vec<_> =
        cases[0]["units"].as_array().into_iter().flatten().filter_map(|unit| unit["id"].as_str()).collect();
    assert_eq!((cases.as_array().map(Vec::len), units), (Some(1), vec!["clusters/shop/other", "clusters/shop/web"]));
    Ok(())
}
