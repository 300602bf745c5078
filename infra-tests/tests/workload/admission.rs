//! Admission that changes, denies or is gone; namespaces that will not go.

use std::time::Duration;

use anyhow::{Context, Result};
use groundplan::unit::{Cause, Change};
use serde_json::{Value, json};

use crate::bench::{Bench, apply, paths, plan};

const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'web:1'}]}\n";

fn unit_file(text: &str) -> [(&'static str, String); 2] {
    [("clusters/prod/shop/all.yaml", text.to_owned()), ("clusters/prod/shop/workload.yaml", "timeout: 5s\n".to_owned())]
}

fn rules(group: &str, resource: &str) -> Value {
    json!({"resourceRules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}]})
}

async fn bind(bench: &Bench, kind: &str, plural: &str, more: Value) -> Result<()> {
    let mut spec = more;
    spec["policyName"] = json!("sandbox");
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "sandbox"}, "spec": spec});
    bench.api().create(&format!("{ADMISSION}/{plural}"), &binding).await?;
    Ok(())
}

/// A policy counts some moments after it was written.
const SETTLED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_admission_changes_on_someone_elses_write_is_found() -> Result<()> {
    let bench = Bench::start().await?;
    let unit = bench.read_files(&unit_file(WEB))?.units[0].clone();
    apply(&unit).await?;
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": "sandbox"}, "spec": {
        "matchConstraints": rules("apps", "deployments"), "reinvocationPolicy": "Never", "failurePolicy": "Fail",
        "matchConditions": [{"name": "poked", "expression": "has(object.metadata.labels) && 'poke' in object.metadata.labels && !(has(oldObject.metadata.labels) && 'poke' in oldObject.metadata.labels)"}],
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{spec: Object.spec{replicas: 7}}"}}]}});
    bench.api().create(&format!("{ADMISSION}/mutatingadmissionpolicies"), &policy).await?;
    bind(&bench, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", json!({})).await?;
    let path = "/apis/apps/v1/namespaces/default/deployments/web";
    infra_tests::sandbox::until("the policy has changed a write", SETTLED, async || {
        let live = bench.api().patch(path, &json!({"metadata": {"labels": {"poke": "1"}}})).await?;
        if live["spec"]["replicas"] == 7 {
            return Ok(Some(()));
        }
        bench.api().patch(path, &json!({"metadata": {"labels": {"poke": null}}})).await?;
        Ok(None)
    })
    .await?;
    let planned = plan(&unit).await?;
    assert_eq!(paths(planned.change.differences()), ["apps/Deployment default/web spec.replicas"]);
    assert!(planned.change.differences().iter().all(|one| one.cause == Cause::Drifted));
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn a_denial_names_the_policy_and_a_dead_webhook_is_named_too() -> Result<()> {
    let bench = Bench::start().await?;
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "sandbox"}, "spec": {
        "matchConstraints": rules("", "secrets"), "validations": [{"expression": "false", "message": "not on a Friday"}]}});
    bench.api().create(&format!("{ADMISSION}/validatingadmissionpolicies"), &policy).await?;
    bind(
        &bench,
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        json!({"validationActions": ["Deny"]}),
    )
    .await?;
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "dead"}, "webhooks": [{
        "name": "dead.acme.io", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1, "failurePolicy": "Fail",
        "matchPolicy": "Equivalent", "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}],
        "clientConfig": {"url": "https://127.0.0.1:1/"}}]});
    bench.api().create(&format!("{ADMISSION}/validatingwebhookconfigurations"), &webhook).await?;

    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {password: canary-in-git}\n";
    let error = refused(&bench, secret).await?;
    assert!(error.contains("admission policy `sandbox`") && !error.contains("canary"), "{error}");
    let error = refused(&bench, WEB).await?;
    assert!(error.contains("dead.acme.io") && error.contains("does not answer"), "{error}");
    Ok(())
}

/// What is said when this is refused; admission takes a moment to count.
async fn refused(bench: &Bench, text: &str) -> Result<String> {
    let unit = bench.read_files(&unit_file(text))?.units[0].clone();
    let mut number = 0;
    infra_tests::sandbox::until("it is refused", SETTLED, async || {
        let error =
            apply(&unit).await.err().map(|error| format!("{error} ({})", error.hint.as_deref().unwrap_or_default()));
        if error.is_none() {
            number += 1;
            bench.api().delete("/api/v1/namespaces/default/secrets/keys").await.ok();
            bench.api().delete("/apis/apps/v1/namespaces/default/deployments/web").await.ok();
        }
        Ok(error)
    })
    .await
    .with_context(|| format!("it was let in {number} times"))
}

#[tokio::test]
async fn a_namespace_that_will_not_go_is_waited_for_within_bounds_and_its_holder_named() -> Result<()> {
    let bench = Bench::start().await?;
    let api = bench.api();
    api.create("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "held"}}))
        .await?;
    let held =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["acme.io/hold"]}});
    api.create("/api/v1/namespaces/held/configmaps", &held).await?;
    api.delete("/api/v1/namespaces/held").await?;

    infra_tests::sandbox::until("the cluster says what holds it", SETTLED, async || {
        let found = api.find("/api/v1/namespaces/held").await?;
        Ok(found.filter(|found| found.to_string().contains("acme.io/hold")).map(drop))
    })
    .await?;

    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: held}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: held}\n";
    let unit = bench.read_files(&unit_file(text))?.units[0].clone();
    let began = std::time::Instant::now();
    let error = apply(&unit).await.err().context("it cannot be applied")?;
    assert!(began.elapsed() < Duration::from_secs(30), "the wait has an end");
    assert!(error.message.contains("is being deleted") && error.message.contains("acme.io/hold"), "{}", error.message);

    api.patch("/api/v1/namespaces/held/configmaps/held", &json!({"metadata": {"finalizers": null}})).await?;
    // The controller that empties a namespace looks again ever more seldom.
    let patient = ("clusters/prod/shop/workload.yaml", "timeout: 60s\n");
    let unit = bench.read_files(&[("clusters/prod/shop/all.yaml", text), patient])?.units[0].clone();
    apply(&unit).await.context("once it is gone, it is made anew")?;
    let made = api.find("/api/v1/namespaces/held/configmaps/settings").await?;
    assert!(made.is_some());
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    Ok(())
}
