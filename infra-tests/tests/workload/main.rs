//! Workloads on a real API server: what is applied, what is seen, and how many requests it takes.
//!
//! What may go wrong with a cluster, and where it is shown:
//!
//! ```text
//! unreachable at the start                              promises::unreachable
//! unreachable in the middle; killed                     restart, promises::interrupted
//! another manager holds a field                         fingerprint, adoption
//! CRD and CR in one set                                 main
//! namespace missing or terminating; webhook denies      admission
//! immutable field                                       adoption
//! too large; CRD over 256 KiB; near the limit           moving
//! kind or version not served; rights missing            refusals
//! a part of discovery is missing; stuck finalizer       refusals
//! another cluster under the same name                   refusals
//! Jobs that remove themselves; generateName             moving, promises::bad_manifests
//! autoscaled replicas, defaults, mutation               fingerprint, admission, moving
//! a Secret drifts                                       main, promises::secrets
//! volumes, namespaces, CRDs are not pruned              main
//! CRD version bump, conversion webhook, etcd restore    moving, restart
//! a watch that is lost or silent past its bookmark      watching, the tests of `follow`
//! never ready: crash loops, webhooks that do not answer  health
//! ```

mod admission;
mod adoption;
mod bench;
mod charts;
mod differential;
mod fingerprint;
mod health;
mod hooks;
mod identity;
mod keeping;
mod moving;
mod offline;
mod refusals;
mod rendering;
mod restart;
mod sealed;
mod settled;
mod values;
mod watching;

use std::sync::Arc;

use anyhow::{Context, Result};
use bench::{Bench, UNIT, paths};
use groundplan::unit::{Cause, Change, Effect, Inputs, Progress};
use serde_json::json;

const MANIFESTS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apiextensions.k8s.io/v1
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
---
apiVersion: acme.io/v1
kind: Widget
metadata: {name: one}
spec: {tier: "${TIER}"}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: canary-in-git}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${N}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", envFrom: [{secretRef: {name: keys}}], env: [{name: A, value: x}]}
"#;

const SERVICE: &str =
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";

#[tokio::test]
async fn a_workload_is_created_kept_and_put_right() -> Result<()> {
    let bench = Bench::start().await?;
    let manifests = format!("{MANIFESTS}{SERVICE}");
    assert!(matches!(bench.apply(&manifests).await?, Change::Create(found) if found.len() == 6));
    let api = bench.sandbox.cluster().api().clone();
    let web = "/apis/apps/v1/namespaces/shop/deployments/web";
    let live = api.find(web).await?.context("the Deployment is there")?;
    assert_eq!(live["status"]["availableReplicas"], 1, "what is applied is ready");

    // A new process, as a later run would be.
    let again = bench.restarted();
    let before = again.requests()?;
    let quiet = again.plan(&manifests).await?;
    assert_eq!(quiet.change, Change::Nothing);
    assert_eq!((quiet.coverage.checked, quiet.coverage.total), (6, 6));
    // Discovery in two, the inventory, one list a kind; the audit log may hold those of the controllers as well.
    let ours = again.sandbox.cluster().requests()?.split_off(before);
    let ours: Vec<_> = ours
        .iter()
        .filter(|request| !request.user.starts_with("system:") && request.uri.contains("labelSelector=groundplan"))
        .collect();
    assert!(ours.len() <= 7, "{ours:?}");

    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}});
    api.patch(web, &image).await?;
    api.patch("/api/v1/namespaces/shop/secrets/keys", &json!({"data": {"password": "Y2FuYXJ5LWJ5LWhhbmQ="}})).await?;
    api.patch("/api/v1/namespaces/shop/services/web", &json!({"metadata": {"annotations": {"note": "hi"}}})).await?;
    api.delete("/apis/acme.io/v1/namespaces/shop/widgets/one").await?;
    let drifted = again.plan(&manifests).await?;
    let Change::Update(differences) = &drifted.change else { panic!("{:?}", drifted.change) };
    let seen = paths(differences);
    assert!(seen.contains(&"Secret shop/keys data.password".to_owned()), "{seen:?}");
    assert!(seen.contains(&"acme.io/Widget shop/one ".to_owned()), "{seen:?}");
    assert!(
        seen.iter().any(|path| path.starts_with("apps/Deployment shop/web spec.template.spec.containers")),
        "{seen:?}"
    );
    assert!(differences.iter().all(|found| found.cause == Cause::Drifted), "{differences:?}");
    assert_eq!(paths(&drifted.foreign), ["Service shop/web metadata.annotations.note"]);
    let told = format!("{drifted:?}");
    assert!(!told.contains("canary") && !told.contains("Y2FuYXJ5"), "a secret is told: {told}");

    again.apply(&manifests).await?;
    let right = again.plan(&manifests).await?;
    assert_eq!(right.change, Change::Nothing);
    assert_eq!(paths(&right.foreign), ["Service shop/web metadata.annotations.note"], "never touched");
    Ok(())
}

#[tokio::test]
async fn what_is_no_longer_declared_goes_and_what_is_not_ours_stays() -> Result<()> {
    let bench = Bench::start().await?;
    bench.apply(&format!("{MANIFESTS}{SERVICE}")).await?;
    let api = bench.sandbox.cluster().api().clone();
    let theirs =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "default"}});
    api.create("/api/v1/namespaces/default/configmaps", &theirs).await?;

    let Change::Update(differences) = bench.apply(MANIFESTS).await? else { panic!("the Service is pruned") };
    assert_eq!(paths(&differences), ["Service shop/web "]);
    assert_eq!(differences[0].effect, Effect::Delete);
    assert_eq!(api.find("/api/v1/namespaces/shop/services/web").await?, None);

    let without_definition =
        MANIFESTS.split("---").filter(|text| !text.contains("acme.io")).collect::<Vec<_>>().join("---");
    bench.apply(&without_definition).await?;
    let left = bench.plan(&without_definition).await?;
    assert_eq!(left.change, Change::Nothing, "a CRD is left, and told");
    assert!(left.coverage.unchecked.iter().any(|text| text.contains("widgets.acme.io")), "{:?}", left.coverage);

    let site = Arc::clone(&bench.read(MANIFESTS)?.sites[0]);
    let owned = site.owned(&Inputs::default()).await?;
    assert_eq!(owned.iter().map(|owned| owned.id.as_str()).collect::<Vec<_>>(), [UNIT]);
    assert_eq!(owned[0].guards.len(), 2, "{:?}", owned[0].guards);
    site.destroy(&owned[0], &Inputs::default(), &Progress::silent()).await?;
    assert_eq!(api.find("/api/v1/namespaces/shop").await?, None);
    assert_eq!(api.find("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.acme.io").await?, None);
    assert!(api.find("/api/v1/namespaces/default/configmaps/theirs").await?.is_some());
    assert!(site.owned(&Inputs::default()).await?.is_empty());
    Ok(())
}
