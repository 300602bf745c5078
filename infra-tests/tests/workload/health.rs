//! When what was applied is ready, and what is told when it never will be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use groundplan::unit::{Change, Declared, KindError};
use infra_tests::sandbox::{Api, Webhook, until};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::bench::{Bench, apply, plan};

const SOON: Duration = Duration::from_secs(60);
const HOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const WIDGETS: &str = "/apis/acme.io/v1/namespaces/default/widgets";

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.io}
spec:
  group: acme.io
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
const WIDGET: &str = "---\napiVersion: acme.io/v1\nkind: Widget\nmetadata: {name: one}\nspec: {tier: gold}\n";

fn stuck(name: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
         template:\n    metadata: {{labels: {{app: {name}}}, annotations: {{sandbox/stuck: '1'}}}}\n    \
         spec: {{containers: [{{name: web, image: 'web:1', envFrom: [{{secretRef: {{name: keys, optional: true}}}}]}}]}}\n"
    )
}

fn unit(bench: &Bench, more: &str, manifests: &str) -> Result<Declared> {
    let files = [
        ("clusters/prod/shop/workload.yaml", format!("timeout: 90s\n{more}")),
        ("clusters/prod/shop/all.yaml", manifests.to_owned()),
    ];
    Ok(bench.read_files(&files)?.units[0].clone())
}

fn applying(unit: &Declared) -> JoinHandle<Result<Change, KindError>> {
    let unit = unit.clone();
    tokio::spawn(async move { apply(&unit).await })
}

/// The one pod of a Deployment, once it is there.
async fn pod(api: &Api, app: &str) -> Result<Value> {
    let path = format!("/api/v1/namespaces/default/pods?labelSelector=app%3D{app}");
    let found = until("the pod", SOON, async || {
        Ok(api.find(&path).await?.and_then(|list| list["items"].as_array()?.first().cloned()))
    });
    found.await
}

#[tokio::test]
async fn a_crash_loop_ends_the_wait_with_the_pods_own_words_and_without_its_secrets() -> Result<()> {
    let bench = Bench::start().await?;
    let api = bench.api().clone();
    let log = "starting\nusing hunter2-canary\npostgres://app:other-canary@db/shop\nlisten tcp :80: bind: permission denied\n";
    let kubelet = Webhook::kubelet(log).await?;
    let port = json!({"status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet.port()}}}});
    api.patch("/api/v1/nodes/sandbox/status", &port).await?;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {KEY: hunter2-canary}\n";
    let unit = unit(&bench, "", &format!("{secret}{}", stuck("web")))?;

    let applied = applying(&unit);
    let pod = pod(&api, "web").await?;
    let name = pod["metadata"]["name"].as_str().context("a name")?;
    // Its node has it now; until then there is nobody to ask for its log.
    until("the pod is scheduled", SOON, async || {
        let live = api.find(&format!("/api/v1/namespaces/default/pods/{name}")).await?;
        Ok(live.filter(|pod| pod["spec"]["nodeName"] == "sandbox").map(drop))
    })
    .await?;
    let crash = json!({"status": {"phase": "Running", "containerStatuses": [{"name": "web", "image": "web:1", "imageID": "", "ready": false, "started": false,
        "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "containerID": "x://1"}}}]}});
    api.patch(&format!("/api/v1/namespaces/default/pods/{name}/status"), &crash).await?;
    let error = applied.await?.err().context("it will never be ready")?;
    let told = error.to_string();
    assert!(told.contains("`apps/Deployment default/web` will not become ready"), "{told}");
    assert!(
        told.contains(&format!(
            "pod `{name}`, container `web`: CrashLoopBackOff after 3 restarts, its last run ended with 3"
        )),
        "{told}"
    );
    assert!(told.contains("listen tcp :80: bind: permission denied"), "{told}");
    assert!(told.contains("using ***") && !told.contains("canary"), "{told}");
    assert_eq!(kubelet.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_custom_resource_is_ready_when_workload_yaml_says_so() -> Result<()> {
    let bench = Bench::start().await?;
    let api = bench.api().clone();
    let health = "health:\n- {apiVersion: acme.io/v1, kind: Widget, current: \"status.phase == 'Live'\", failed: \"status.phase == 'Broken'\"}\n";
    let unit = unit(&bench, health, &format!("{DEFINITION}{WIDGET}"))?;
    let applied = applying(&unit);
    let one = format!("{WIDGETS}/one");
    until("the widget", SOON, async || Ok(api.find(&one).await?.map(drop))).await?;
    assert!(!applied.is_finished(), "there is no status yet");
    api.patch(&one, &json!({"status": {"phase": "Live"}})).await?;
    applied.await??;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);

    api.patch(&one, &json!({"spec": {"tier": "iron"}, "status": {"phase": "Broken"}})).await?;
    let error = apply(&unit).await.err().context("it has failed")?;
    assert!(error.message.contains("`acme.io/Widget default/one` has failed: `failed` of workload.yaml"), "{error}");

    let wrong = [
        (
            "clusters/prod/shop/workload.yaml",
            "health:\n- {apiVersion: acme.io/v1, kind: Widget, current: \"stats.phase\"}\n",
        ),
        ("clusters/prod/shop/a.yaml", WIDGET),
    ];
    let (_, problems) = bench.read_with_problems(&wrong);
    let problem = problems.errors.first().context("there is no `stats`")?;
    assert_eq!(
        (problem.place.line, problem.message.as_str()),
        (2, "`current` is no expression: there is no `stats`, only apiVersion, kind, metadata, spec, status, data")
    );
    Ok(())
}

/// Two threads: the webhook sleeps on one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_custom_resource_waits_for_the_webhook_that_admits_it() -> Result<()> {
    let bench = Bench::start().await?;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let webhook = Webhook::start(move |_| {
        // The first two questions are answered after whoever asked has given up.
        if counted.fetch_add(1, Ordering::SeqCst) < 2 {
            std::thread::sleep(Duration::from_millis(1_500));
        }
        json!({"allowed": true})
    })
    .await?;
    let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "check"}, "webhooks": [{
        "name": "check.acme.io", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 1, "clientConfig": webhook.client_config(),
        "rules": [{"apiGroups": ["acme.io"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["widgets"]}]}]});
    bench.api().create(HOOKS, &configuration).await?;
    apply(&unit(&bench, "", DEFINITION)?).await?;
    // A new configuration takes effect a moment after it was made.
    let probe = json!({"apiVersion": "acme.io/v1", "kind": "Widget", "metadata": {"name": "probe"}});
    until("the webhook is asked", SOON, async || {
        bench.api().request("POST", &format!("{WIDGETS}?dryRun=All"), "application/json", &probe).await?;
        Ok((webhook.calls() > 0).then_some(()))
    })
    .await?;
    apply(&unit(&bench, "", &format!("{DEFINITION}{WIDGET}"))?).await?;
    assert!(asked.load(Ordering::SeqCst) >= 3, "it was asked until it answered");
    assert!(bench.api().find(&format!("{WIDGETS}/one")).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_webhook_is_registered_once_what_serves_it_is_ready() -> Result<()> {
    let bench = Bench::start().await?;
    let api = bench.api().clone();
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: hook}\nspec: {selector: {app: hook}, ports: [{port: 443}]}\n";
    let hooks = "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: check}\nwebhooks:\n- \
        {name: check.acme.io, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {namespace: default, name: hook}}, \
        rules: [{apiGroups: [acme.io], apiVersions: [v1], operations: [CREATE], resources: [widgets]}]}\n";
    let unit = unit(&bench, "", &format!("{service}{hooks}{}", stuck("hook")))?;
    let applied = applying(&unit);
    let pod = pod(&api, "hook").await?;
    assert_eq!(api.find(&format!("{HOOKS}/check")).await?, None, "nobody would answer");
    let name = pod["metadata"]["name"].as_str().context("a name")?;
    let path = format!("/api/v1/namespaces/default/pods/{name}");
    api.patch(&path, &json!({"metadata": {"annotations": {"sandbox/stuck": null}}})).await?;
    applied.await??;
    assert!(api.find(&format!("{HOOKS}/check")).await?.is_some());
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn a_service_that_asks_for_its_address_is_ready_only_with_it() -> Result<()> {
    let bench = Bench::start().await?;
    let service = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\nspec: {{type: LoadBalancer, ports: [{{port: 80}}]}}\n"
        )
    };
    // Whoever does not ask for it is ready without: here nobody gives addresses.
    apply(&unit(&bench, "", &service("plain", ""))?).await?;
    let all = service("plain", "") + &service("web", "groundplan.dev/wait-for: address");
    let waiting = applying(&unit(&bench, "", &all)?);
    until("somebody waits for it", SOON, async || {
        let waits = bench.sandbox.cluster().requests()?.iter().any(|request| {
            request.verb == "watch"
                && request.uri.starts_with("/api/v1/services")
                && request.agent.starts_with("groundplan")
        });
        Ok(waits.then_some(()))
    })
    .await?;
    assert!(!waiting.is_finished());
    let address = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    bench.api().patch("/api/v1/namespaces/default/services/web/status", &address).await?;
    waiting.await??;
    assert_eq!(plan(&unit(&bench, "", &all)?).await?.change, Change::Nothing);
    Ok(())
}
