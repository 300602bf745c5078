//! What others can do to an object of ours, case by case, with a dry run as the judge.
//!
//! Each case brings one object about, lets somebody else act, and looks. Where the API server's own dry
//! run says that applying again would change a value, the verdict must not be clean, whatever it costs
//! to find out; and where it would change none, there must be no alarm.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use groundplan::unit::{Cause, Change, Declared};
use infra_tests::sandbox::Api;
use serde_json::{Value, json};

use crate::bench::{Bench, apply, plan};

const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const PLAIN: &str = "application/json";

/// Cases that run at a time: every write waits for the same etcd.
const AT_ONCE: usize = 4;

/// One row of the table.
struct Case {
    name: &'static str,
    object: Value,
    steps: Vec<Step>,
    /// Whether applying again would change a value.
    changes: bool,
    /// Whether somebody keeps fields beside ours.
    foreign: bool,
}

/// What somebody does.
enum Step {
    /// A patch of a kind, of a subresource where one is named, by a manager.
    Patch(&'static str, &'static str, &'static str, Value),
    /// A server-side apply of our object with a change, by a manager.
    Apply(&'static str, fn(&mut Value)),
    /// Reads the object and writes it back, as `kubectl replace` does.
    Replace,
    /// Deletes the object and creates it with a change.
    Recreate(fn(&mut Value)),
    /// Deletes the object and applies it under our own name.
    ReapplyAnew,
    /// Lets the second pass, so that a time tells two writes apart.
    Pause,
    /// Applies other values under our own name within the second of our own apply.
    WithinOurSecond,
}

/// Stands for the field manager of the unit under test.
const OURS: &str = "ours";

fn web() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"tier": "front"}, "annotations": {"note": "ours"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"nodeSelector": {"kubernetes.io/os": "linux"}, "containers": [{
                "name": "web", "image": "web:1", "args": ["a", "b"], "resources": {"limits": {"cpu": "0.1"}},
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}}}})
}

fn web_without_replicas() -> Value {
    let mut web = web();
    web["spec"].as_object_mut().expect("a mapping").remove("replicas");
    web
}

fn settings() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}})
}

fn keys() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"a": "MQ=="}})
}

fn widget() -> Value {
    json!({"apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "one"},
        "spec": {"size": 1, "parts": [{"name": "a", "value": 1}], "tags": ["x", "y"]}})
}

fn definition() -> Value {
    let parts = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "value": {"type": "integer"}}}});
    let spec = json!({"type": "object", "properties": {
        "size": {"type": "integer"}, "parts": parts, "tags": {"type": "array", "items": {"type": "string"}}}});
    let status = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.acme.io"},
        "spec": {"group": "acme.io", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}}}]}})
}

fn merge(body: Value) -> Step {
    Step::Patch(MERGE, "", "kubectl-edit", body)
}

/// A strategic patch of the one container.
fn container(change: Value) -> Step {
    let mut container = change;
    container["name"] = json!("web");
    let body = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    Step::Patch(STRATEGIC, "", "kubectl-edit", body)
}

fn json_patch(op: &str, below_container: &str, value: Value) -> Step {
    let path = format!("/spec/template/spec/containers/0/{below_container}");
    Step::Patch(JSON, "", "kubectl-patch", json!([{"op": op, "path": path, "value": value}]))
}

fn scale(replicas: i64) -> Step {
    Step::Patch(MERGE, "/scale", "kubectl", json!({"spec": {"replicas": replicas}}))
}

fn five(object: &mut Value) {
    object["spec"]["replicas"] = json!(5);
}

fn same(_: &mut Value) {}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let web = |name, steps, changes, foreign| Case { name, object: web(), steps, changes, foreign };
    let of = |name, object, steps, changes, foreign| Case { name, object, steps, changes, foreign };
    let replicas = |number: Value| merge(json!({"spec": {"replicas": number}}));
    vec![
        web("control: nothing happens", vec![], false, false),
        web("X re-applies the same config", vec![Step::Apply(OURS, same)], false, false),
        web("Update: owned scalar", vec![replicas(json!(5))], true, false),
        web("Update: owned scalar in keyed list", vec![container(json!({"image": "web:2"}))], true, false),
        web("Update: env item value", vec![container(json!({"env": [{"name": "A", "value": "9"}]}))], true, false),
        web("Update: JSON patch env/0/value", vec![json_patch("replace", "env/0/value", json!("9"))], true, false),
        web("Update: removes env item", vec![json_patch("remove", "env/1", json!(null))], true, false),
        web("Update: removes whole env list", vec![json_patch("remove", "env", json!(null))], true, false),
        web("Update: removes owned label", vec![merge(json!({"metadata": {"labels": {"tier": null}}}))], true, false),
        web("Update: removes defaulted owned field", vec![replicas(json!(null))], true, false),
        web("Update: atomic list", vec![json_patch("add", "args/-", json!("c"))], true, false),
        web("Update: atomic map", vec![merge(json!({"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}))], true, false),
        web("Update: value changed and changed back", vec![replicas(json!(5)), replicas(json!(0))], false, false),
        web("Update: equal quantity, other spelling", vec![container(json!({"resources": {"limits": {"cpu": "100m"}}}))], false, false),
        web("Update: reorders associative list", vec![json_patch("replace", "env", json!([{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]))], true, false),
        web("Update: replace without changes", vec![Step::Replace], false, false),
        web("Update: managedFields wiped", vec![merge(json!({"metadata": {"managedFields": [{}]}}))], false, false),
        web("Update: managedFields wiped and value changed", vec![merge(json!({"metadata": {"managedFields": [{}]}})), replicas(json!(5))], true, false),
        web("Update: adds undeclared label", vec![merge(json!({"metadata": {"labels": {"more": "x"}}}))], false, true),
        web("Update: adds undeclared env item", vec![container(json!({"env": [{"name": "C", "value": "3"}]}))], false, true),
        web("Update: adds undeclared scalar", vec![merge(json!({"spec": {"paused": true}}))], false, true),
        web("Update: kubectl label --overwrite", vec![Step::Patch(MERGE, "", "kubectl-label", json!({"metadata": {"labels": {"tier": "back"}}}))], true, false),
        web("Update: kubectl annotate", vec![Step::Patch(MERGE, "", "kubectl-annotate", json!({"metadata": {"annotations": {"note": "theirs"}}}))], true, false),
        web("Update: rollout restart", vec![Step::Patch(STRATEGIC, "", "kubectl-rollout", json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}}))], false, true),
        web("Update by a manager also named X", vec![Step::Patch(MERGE, "", OURS, json!({"spec": {"replicas": 5}}))], true, false),
        web("Apply: other manager, force, other value", vec![Step::Apply("other", five)], true, false),
        web("Apply: other manager co-owns the same value", vec![Step::Apply("other", same)], false, false),
        web("Apply: co-owner first, then Update", vec![Step::Apply("other", same), replicas(json!(5))], true, false),
        web("Apply: same manager X, other values", vec![Step::Pause, Step::Apply(OURS, five)], true, false),
        web("Apply: same manager X, other values, same second", vec![Step::WithinOurSecond], true, false),
        web("Apply: same manager X, drops a field", vec![Step::Apply(OURS, |object| { object["metadata"]["labels"].as_object_mut().expect("labels").remove("tier"); })], true, false),
        web("/scale write, replicas declared", vec![scale(5)], true, false),
        of("/scale write, replicas not declared", web_without_replicas(), vec![scale(5)], false, false),
        web("/scale write of the same value", vec![scale(0)], false, false),
        web("/status-only update", vec![Step::Patch(MERGE, "/status", "kubectl-edit", json!({"status": {"collisionCount": 3}}))], false, false),
        of("ConfigMap: owned key changed", settings(), vec![merge(json!({"data": {"a": "9"}}))], true, false),
        of("ConfigMap: owned key removed", settings(), vec![merge(json!({"data": {"a": null}}))], true, false),
        of("ConfigMap: undeclared key added", settings(), vec![merge(json!({"data": {"c": "3"}}))], false, true),
        of("Secret: data value changed", keys(), vec![merge(json!({"data": {"a": "OQ=="}}))], true, false),
        of("Secret: changed through stringData", keys(), vec![merge(json!({"stringData": {"a": "9"}}))], true, false),
        of("CR: owned scalar changed", widget(), vec![merge(json!({"spec": {"size": 5}}))], true, false),
        of("CR: keyed-list item changed", widget(), vec![merge(json!({"spec": {"parts": [{"name": "a", "value": 9}]}}))], true, false),
        of("CR: untyped-merge (atomic) list changed", widget(), vec![merge(json!({"spec": {"tags": ["y", "x"]}}))], true, false),
        of("CR: status-only update", widget(), vec![Step::Patch(MERGE, "/status", "kubectl-edit", json!({"status": {"seen": 1}}))], false, false),
        web("deleted + recreated by kubectl create, same values", vec![Step::Recreate(same)], false, false),
        web("deleted + recreated by kubectl create, other value", vec![Step::Recreate(five)], true, false),
        web("deleted + recreated by Apply as X, same values", vec![Step::ReapplyAnew], false, false),
    ]
}

#[tokio::test]
async fn every_case_is_judged_as_a_dry_run_judges_it() -> Result<()> {
    let cases = cases();
    assert_eq!(cases.len(), 47, "the table has 47 rows");
    let bench = Bench::start().await?;
    bench.api().create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition()).await?;
    let files: Vec<(String, String)> = cases.iter().enumerate().flat_map(|(at, case)| files_of(at, case)).collect();
    // What a process that runs on knows must not hide anything either: the units are looked at by both.
    let first = bench.read_files(&files)?.units;
    let bench = bench.restarted();
    let later = bench.read_files(&files)?.units;
    let mut runs: Vec<_> = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let find = |units: &[Declared]| units.iter().find(|unit| unit.id.as_str() == unit_of(at)).cloned();
        let (unit, again) = find(&first).zip(find(&later)).context("each case is a unit")?;
        let run = Run { api: bench.api(), case, namespace: format!("case-{at}"), unit, again };
        runs.push(async move { run.judge().await.with_context(|| case.name) });
    }
    let ended: Vec<Result<()>> = futures::stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<String> =
        ended.into_iter().filter_map(|ended| ended.err()).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{} of 47 cases:\n{}", failed.len(), failed.join("\n"));
    Ok(())
}

fn unit_of(at: usize) -> String {
    format!("clusters/prod/case-{at}")
}

fn files_of(at: usize, case: &Case) -> [(String, String); 2] {
    let folder = unit_of(at);
    [
        (format!("{folder}/workload.yaml"), format!("namespace: case-{at}\ntimeout: 120s\n")),
        (format!("{folder}/object.json"), case.object.to_string()),
    ]
}

/// One case on its way.
struct Run<'a> {
    api: &'a Api,
    case: &'a Case,
    namespace: String,
    unit: Declared,
    /// The same unit, as another process knows it.
    again: Declared,
}

impl Run<'_> {
    async fn judge(&self) -> Result<()> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}});
        self.api.create("/api/v1/namespaces", &namespace).await?;
        apply(&self.unit).await.context("the first apply")?;
        // From here on this machine has it noted as settled: what others do must be found nevertheless.
        ensure!(plan(&self.unit).await?.change == Change::Nothing, "what was applied is not clean");
        for step in &self.case.steps {
            self.act(step).await?;
        }
        let changes = self.would_change().await?;
        ensure!(changes == self.case.changes, "the dry run says {changes}, the table {}", self.case.changes);
        for unit in [&self.unit, &self.again] {
            let planned = plan(unit).await?;
            let drifted =
                matches!(&planned.change, Change::Update(all) if all.iter().all(|one| one.cause == Cause::Drifted));
            match changes {
                true => ensure!(drifted, "a value would change, and the verdict is {:?}", planned.change),
                false => ensure!(planned.change == Change::Nothing, "a false alarm: {:?}", planned.change),
            }
            let foreign = !planned.foreign.is_empty();
            ensure!(foreign == self.case.foreign, "beside ours: {:?}", planned.foreign);
            ensure!(planned.coverage.unchecked.is_empty(), "not checked: {:?}", planned.coverage);
        }
        apply(&self.unit).await.context("putting it right")?;
        ensure!(!self.would_change().await?, "what was put right would change again");
        let right = plan(&self.again).await?.change;
        ensure!(right == Change::Nothing, "what was put right is not clean: {right:?}");
        Ok(())
    }

    fn path(&self) -> String {
        let object = &self.case.object;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let root = match text(&object["apiVersion"]) {
            core if core == "v1" => "/api/v1".to_owned(),
            other => format!("/apis/{other}"),
        };
        let plural = format!("{}s", text(&object["kind"]).to_lowercase());
        format!("{root}/namespaces/{}/{plural}/{}", self.namespace, text(&object["metadata"]["name"]))
    }

    fn manager(&self, name: &str) -> String {
        match name {
            OURS => format!("groundplan/{}", self.unit.id),
            other => other.to_owned(),
        }
    }

    async fn live(&self) -> Result<Value> {
        self.api.find(&self.path()).await?.context("the object is there")
    }

    /// What we send: the declared object with its place and our mark, as the live object shows them.
    async fn sent(&self) -> Result<Value> {
        let live = self.live().await?;
        let mut sent = self.case.object.clone();
        sent["metadata"]["namespace"] = json!(self.namespace);
        for section in ["labels", "annotations"] {
            let key = "groundplan.dev/unit";
            ensure!(live["metadata"][section][key].is_string(), "the mark is gone");
            sent["metadata"][section][key] = live["metadata"][section][key].clone();
        }
        Ok(sent)
    }

    async fn send(&self, method: &str, suffix: &str, content: &str, body: &Value) -> Result<Value> {
        let path = format!("{}{suffix}", self.path());
        let (status, answer) = self.api.request(method, &path, content, body).await?;
        ensure!((200..300).contains(&status), "{method} {path}: {status}: {answer}");
        Ok(answer)
    }

    async fn apply_as(&self, manager: &str, body: &Value, more: &str) -> Result<Value> {
        let manager = self.manager(manager).replace('/', "%2F");
        self.send("PATCH", &format!("?fieldManager={manager}&force=true{more}"), APPLY, body).await
    }

    /// The oracle: whether a dry run of our apply differs from what is there.
    async fn would_change(&self) -> Result<bool> {
        for _ in 0..20 {
            let (live, sent) = (self.live().await?, self.sent().await?);
            let wanted = self.apply_as(OURS, &sent, "&dryRun=All").await?;
            if live["metadata"]["resourceVersion"] == wanted["metadata"]["resourceVersion"] {
                return Ok(values(live) != values(wanted));
            }
        }
        bail!("the object never rests")
    }

    async fn act(&self, step: &Step) -> Result<()> {
        match step {
            Step::Patch(content, subresource, manager, body) => {
                let manager = self.manager(manager).replace('/', "%2F");
                self.send("PATCH", &format!("{subresource}?fieldManager={manager}"), content, body).await?;
            }
            Step::Apply(manager, change) => {
                let mut sent = self.sent().await?;
                change(&mut sent);
                self.apply_as(manager, &sent, "").await?;
            }
            Step::Replace => {
                let mut live = self.live().await?;
                live["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
                self.send("PUT", "?fieldManager=kubectl-replace", PLAIN, &live).await?;
            }
            Step::Recreate(change) => {
                let mut object = values(self.live().await?);
                change(&mut object);
                self.delete().await?;
                let collection = self.path().rsplit_once('/').map(|(path, _)| path.to_owned()).unwrap_or_default();
                let path = format!("{collection}?fieldManager=kubectl-create");
                let (status, answer) = self.api.request("POST", &path, PLAIN, &object).await?;
                ensure!(status == 201, "POST {path}: {status}: {answer}");
            }
            Step::ReapplyAnew => {
                let sent = self.sent().await?;
                self.delete().await?;
                self.apply_as(OURS, &sent, "").await?;
            }
            Step::Pause => tokio::time::sleep(Duration::from_millis(1_100)).await,
            Step::WithinOurSecond => Box::pin(self.act_within_our_second()).await?,
        }
        Ok(())
    }

    async fn delete(&self) -> Result<()> {
        self.api.delete(&self.path()).await?;
        while self.api.find(&self.path()).await?.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Tries until both writes fall into one second, which is all that a time in `managedFields` tells.
    async fn act_within_our_second(&self) -> Result<()> {
        let time = |object: &Value| {
            let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            let ours = entries
                .into_iter()
                .find(|entry| entry["manager"] == self.manager(OURS) && entry["operation"] == "Apply");
            ours.map(|entry| entry["time"].clone())
        };
        for _ in 0..40 {
            self.act(&merge(json!({"spec": {"replicas": 7}}))).await?;
            apply(&self.unit).await.context("putting it right")?;
            let before = time(&self.live().await?);
            self.act(&Step::Apply(OURS, five)).await?;
            if before == time(&self.live().await?) {
                return Ok(());
            }
        }
        bail!("no two writes fell into one second")
    }
}

/// An object without what the server keeps for itself.
fn values(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for own in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.remove(own);
        }
    }
    object
}
