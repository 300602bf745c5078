//! The cluster moves by itself: versions, conversions, admission, sizes, jobs. No false alarm, nothing missed.

use anyhow::{Context, Result};
use base64::Engine;
use groundplan::unit::{Cause, Change};
use infra_tests::sandbox::{Webhook, until};
use serde_json::{Value, json};

use crate::bench::{Bench, apply, paths, plan};

const SETTLED: std::time::Duration = std::time::Duration::from_secs(60);
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGET: &str = "apiVersion: acme.io/v1\nkind: Widget\nmetadata: {name: one}\nspec: {tier: gold}\n";

fn one_file(text: impl Into<String>) -> [(&'static str, String); 1] {
    [("clusters/prod/shop/all.yaml", text.into())]
}

fn version(name: &str, is_stored: bool) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}});
    json!({"name": name, "served": true, "storage": is_stored, "schema": {"openAPIV3Schema": schema}})
}

/// As its vendor installs it: it is not part of the workload.
async fn install(bench: &Bench, versions: &[Value], conversion: Value) -> Result<()> {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.acme.io"}, "spec": {
        "group": "acme.io", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "versions": versions, "conversion": conversion}});
    match bench.api().find(&format!("{DEFINITIONS}/widgets.acme.io")).await? {
        None => bench.api().create(DEFINITIONS, &definition).await.map(drop),
        Some(_) => {
            let change = json!({"spec": {"versions": versions, "conversion": conversion}});
            bench.api().patch(&format!("{DEFINITIONS}/widgets.acme.io"), &change).await.map(drop)
        }
    }
}

async fn served(bench: &Bench, version: &str) -> Result<()> {
    until("the version is served", SETTLED, async || {
        let path = format!("/apis/acme.io/{version}/namespaces/default/widgets");
        Ok(bench.api().find(&path).await.ok().flatten().map(drop))
    })
    .await
}

#[tokio::test]
async fn a_new_version_of_a_definition_and_its_conversion_raise_no_alarm_and_hide_no_change() -> Result<()> {
    let bench = Bench::start().await?;
    install(&bench, &[version("v1", true)], json!({"strategy": "None"})).await?;
    served(&bench, "v1").await?;
    let unit = bench.read_files(&one_file(WIDGET))?.units[0].clone();
    apply(&unit).await?;

    // Its vendor stores another version now, and converts: what v1 calls a tier, v2 calls a class.
    let webhook = Webhook::start(|request| {
        let wanted = request["desiredAPIVersion"].clone();
        let converted = request["objects"].as_array().into_iter().flatten().map(|object| {
            let mut object = object.clone();
            let (from, to) = if wanted == "acme.io/v2" { ("tier", "class") } else { ("class", "tier") };
            if let Some(spec) = object["spec"].as_object_mut()
                && let Some(value) = spec.shift_remove(from)
            {
                spec.insert(to.into(), value);
            }
            object["apiVersion"] = wanted.clone();
            object
        });
        json!({"result": {"status": "Success"}, "convertedObjects": converted.collect::<Vec<_>>()})
    })
    .await?;
    let conversion = json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": webhook.client_config()}});
    install(&bench, &[version("v1", false), version("v2", true)], conversion).await?;
    served(&bench, "v2").await?;
    for bench in [bench] {
        let bench = bench.restarted();
        let unit = bench.read_files(&one_file(WIDGET))?.units[0].clone();
        assert_eq!(plan(&unit).await?.change, Change::Nothing, "the same values in the version we declare");
        // Somebody writes it in the new version, which moves the stored object and no value of ours.
        let path = "/apis/acme.io/v2/namespaces/default/widgets/one";
        bench.api().patch(path, &json!({"metadata": {"labels": {"touched": "1"}}})).await?;
        assert!(webhook.calls() > 0);
        assert_eq!(plan(&unit).await?.change, Change::Nothing);
        bench.api().patch(path, &json!({"spec": {"class": "iron"}})).await?;
        let told = plan(&unit).await?;
        assert_eq!(paths(told.change.differences()), ["acme.io/Widget default/one spec.tier"]);
        assert!(told.change.differences().iter().all(|one| one.cause == Cause::Drifted));
        apply(&unit).await?;
        assert_eq!(plan(&unit).await?.change, Change::Nothing);

        // Git follows to the new version: nothing of the object changes, and it is no second object.
        let moved = WIDGET.replace("acme.io/v1", "acme.io/v2").replace("tier", "class");
        let unit = bench.read_files(&one_file(moved))?.units[0].clone();
        let planned = plan(&unit).await?;
        assert!(
            planned.change.differences().iter().all(|one| one.item == "acme.io/Widget default/one"),
            "{:?}",
            planned.change
        );
        apply(&unit).await?;
        assert_eq!(plan(&unit).await?.change, Change::Nothing);
        let there = bench.api().find("/apis/acme.io/v2/namespaces/default/widgets").await?.context("a list")?;
        assert_eq!(there["items"].as_array().map(Vec::len), Some(1));
    }
    Ok(())
}

#[tokio::test]
async fn a_mutating_webhook_on_someone_elses_write_is_found() -> Result<()> {
    let bench = Bench::start().await?;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: ours}\n";
    let unit = bench.read_files(&one_file(text))?.units[0].clone();
    apply(&unit).await?;
    let webhook = Webhook::start(|request| {
        let manager = request["options"]["fieldManager"].as_str().unwrap_or_default();
        let is_theirs = !manager.starts_with("groundplan/") && !request["object"]["data"]["theirs"].is_null();
        let patch = json!([{"op": "replace", "path": "/data/a", "value": "of the webhook"}]).to_string();
        match is_theirs {
            true => json!({"allowed": true, "patchType": "JSONPatch", "patch": base64::engine::general_purpose::STANDARD.encode(patch)}),
            false => json!({"allowed": true}),
        }
    })
    .await?;
    let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "sandbox"}, "webhooks": [{
        "name": "sandbox.acme.io", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "clientConfig": webhook.client_config(),
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}]}]});
    bench.api().create("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", &configuration).await?;
    let path = "/api/v1/namespaces/default/configmaps/settings";
    until("the webhook has changed a write", SETTLED, async || {
        bench.api().patch(path, &json!({"data": {"theirs": null}})).await?;
        let live = bench.api().patch(path, &json!({"data": {"theirs": "1"}})).await?;
        Ok((live["data"]["a"] == "of the webhook").then_some(()))
    })
    .await?;
    let planned = plan(&unit).await?;
    let told = paths(planned.change.differences());
    assert_eq!(told, ["ConfigMap default/settings data.a"]);
    assert!(planned.change.differences().iter().all(|one| one.cause == Cause::Drifted));
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn objects_near_the_limits_are_kept_and_what_is_over_them_is_told_before_anything_is_sent() -> Result<()> {
    let bench = Bench::start().await?;
    // Larger than an annotation may be, as the definitions of large operators are.
    let text: String = (0..3_000)
        .map(|at| format!("              p{at:04}: {{type: string, description: {}}}\n", "x".repeat(60)))
        .collect();
    let large = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: larges.acme.io}}\nspec:\n  group: acme.io\n  names: {{kind: Large, plural: larges, singular: large, listKind: LargeList}}\n  scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n          spec:\n            type: object\n            properties:\n{text}"
    );
    assert!(large.len() > 262_144);
    let map = |bytes: usize| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: large}}\ndata: {{a: {}}}\n", "y".repeat(bytes))
    };
    let unit = bench.read_files(&one_file(large.clone() + &map(1_048_000)))?.units[0].clone();
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    bench.api().patch("/api/v1/namespaces/default/configmaps/large", &json!({"data": {"a": "small"}})).await?;
    assert_eq!(paths(plan(&unit).await?.change.differences()), ["ConfigMap default/large data.a"]);
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);

    let (_, problems) = bench.read_with_problems(&one_file(map(1_100_000)));
    let told: Vec<&str> = problems.errors.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(told, ["`ConfigMap large` has 1100000 bytes, and a cluster takes 1048576"]);
    Ok(())
}

#[tokio::test]
async fn a_job_that_removed_itself_when_it_was_done_is_not_missing_and_one_that_was_deleted_is() -> Result<()> {
    let bench = Bench::start().await?;
    let job = |name: &str, more: &str| {
        format!(
            "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  suspend: true\n{more}  template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: a}}]}}}}\n"
        )
    };
    let text = job("once", "  ttlSecondsAfterFinished: 5\n") + &job("kept", "");
    let unit = bench.read_files(&one_file(text.clone()))?.units[0].clone();
    apply(&unit).await?;
    for name in ["once", "kept"] {
        let path = format!("/apis/batch/v1/namespaces/default/jobs/{name}");
        bench.api().request("DELETE", &path, "application/json", &json!({"propagationPolicy": "Background"})).await?;
        until("it is gone", SETTLED, async || Ok(bench.api().find(&path).await?.is_none().then_some(()))).await?;
    }
    assert_eq!(paths(plan(&unit).await?.change.differences()), ["batch/Job default/kept "]);
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    assert_eq!(bench.api().find("/apis/batch/v1/namespaces/default/jobs/once").await?, None, "it ran twice");
    // Written otherwise, it is another job.
    let other = text.replace("name: a, image: a", "name: b, image: b");
    let unit = bench.read_files(&one_file(other))?.units[0].clone();
    assert!(
        plan(&unit).await.is_ok_and(|planned| !planned.change.differences().is_empty()) || plan(&unit).await.is_err()
    );
    Ok(())
}
