//! What is refused, and that nothing is changed or forgotten by it.

use std::fs;

use anyhow::{Context, Result};
use groundplan::aws::{Aws, AwsSettings};
use groundplan::kinds::workload::WorkloadKind;
use groundplan::problem::Problems;
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{Change, ErrorKind, Inputs, Kind, Progress, ReadSettings, Reading};
use infra_tests::sandbox::until;
use serde_json::json;

use crate::bench::{Bench, apply, paths, plan};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
const SETTLED: std::time::Duration = std::time::Duration::from_secs(60);

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: one}}\n")
}

/// What a process reads that knows nothing else.
fn read_by(kind: &WorkloadKind, text: &str) -> Reading {
    let files =
        [("clusters/prod/cluster.yaml", "kubeconfig: {context: sandbox}\n"), ("clusters/prod/shop/all.yaml", text)];
    let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), files);
    kind.read(
        &snapshot,
        &ReadSettings { repository: "bench".into(), ..ReadSettings::default() },
        &mut Problems::default(),
    )
}

/// The bench as somebody else than its administrator.
fn acting_as(bench: Bench, user: &str) -> Result<Bench> {
    let text = fs::read_to_string(bench.sandbox.cluster().kubeconfig())?;
    let mut config: serde_json::Value = serde_json::from_str(&text)?;
    config["users"][0]["user"]["as"] = json!(user);
    let path = bench.sandbox.logs().join("kubeconfig-of-another");
    fs::write(&path, config.to_string())?;
    Ok(Bench { kind: WorkloadKind::new(Aws::new(AwsSettings::default()), Some(path)), ..bench })
}

#[tokio::test]
async fn every_right_that_is_missing_is_told_at_once_and_nothing_is_changed() -> Result<()> {
    let bench = Bench::start().await?;
    let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create", "patch"]});
    let api = bench.api().clone();
    for (kind, plural, more) in [
        ("Role", "roles", json!({"rules": [rule]})),
        (
            "RoleBinding",
            "rolebindings",
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"}, "subjects": [{"kind": "User", "name": "some"}]}),
        ),
    ] {
        let mut object = more;
        object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
        object["kind"] = json!(kind);
        object["metadata"] = json!({"name": "some"});
        api.create(&format!("{RBAC}/{plural}"), &object).await?;
    }
    let inventories = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "maps"}, "rules": [{"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": ["*"]}]});
    bench.api().create("/apis/rbac.authorization.k8s.io/v1/clusterroles", &inventories).await?;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "maps"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "maps"}, "subjects": [{"kind": "User", "name": "some"}]});
    bench.api().create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await?;

    let deployments = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
    let text = map("settings") + deployments;
    let bench = acting_as(bench, "some")?;
    let unit = bench.read_files(&[("clusters/prod/shop/all.yaml", text.as_str())])?.units[0].clone();
    let error = apply(&unit).await.err().context("it is refused")?;
    for gap in ["list deployments.apps in default", "list services in default"] {
        assert!(error.message.contains(gap), "{gap}: {}", error.message);
    }
    assert!(!error.message.contains("configmaps in default"), "{}", error.message);

    let mut role = api.find(&format!("{RBAC}/roles/some")).await?.context("it is there")?;
    let lists = json!({"apiGroups": ["", "apps"], "resources": ["services", "deployments"], "verbs": ["get", "list"]});
    role["rules"].as_array_mut().context("a list")?.push(lists);
    role["rules"].as_array_mut().context("a list")?.push(
        json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "get", "patch", "create", "delete"]}),
    );
    bench.api().patch(&format!("{RBAC}/roles/some"), &json!({"rules": role["rules"]})).await?;
    let planned = plan(&unit).await.context("what may only be read can be planned")?;
    assert_eq!(planned.change.differences().len(), 3);
    let error = apply(&unit).await.err().context("it is refused before the first write")?;
    for gap in ["create deployments.apps in default", "patch deployments.apps in default", "create services in default"]
    {
        assert!(error.message.contains(gap), "{gap}: {}", error.message);
    }
    assert_eq!(bench.api().find(&format!("{MAPS}/settings")).await?, None, "half a workload was applied");
    Ok(())
}

#[tokio::test]
async fn another_cluster_under_the_same_context_is_left_alone() -> Result<()> {
    let bench = Bench::start().await?;
    let uid =
        bench.api().find("/api/v1/namespaces/kube-system").await?.context("it is there")?["metadata"]["uid"].clone();
    let unit = |uid: &str| {
        let cluster = format!("kubeconfig: {{context: sandbox, uid: {uid}}}\n");
        let files = [("clusters/prod/cluster.yaml", cluster), ("clusters/prod/shop/all.yaml", map("settings"))];
        bench.read_files(&files).map(|reading| reading.units[0].clone())
    };
    let error = apply(&unit("00000000-0000-0000-0000-000000000000")?).await.err().context("it is refused")?;
    assert!(error.message.contains("is another cluster"), "{}", error.message);
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(bench.api().find(&format!("{MAPS}/settings")).await?, None);
    apply(&unit(uid.as_str().context("a text")?)?).await?;
    assert!(bench.api().find(&format!("{MAPS}/settings")).await?.is_some());
    Ok(())
}

const WIDGETS: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.io}\nspec:\n  group: acme.io\n  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}\n  scope: Namespaced\n  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n";
const WIDGET: &str = "---\napiVersion: acme.io/v1\nkind: Widget\nmetadata: {name: one}\n";

#[tokio::test]
async fn what_a_silent_api_server_holds_is_neither_pruned_nor_forgotten() -> Result<()> {
    let bench = Bench::start().await?;
    let unit = |text: String| {
        let files = [("clusters/prod/shop/all.yaml", text)];
        bench.read_files(&files).map(|reading| reading.units[0].clone())
    };
    apply(&unit(format!("{WIDGETS}{WIDGET}"))?).await?;
    let service = "/apis/apiregistration.k8s.io/v1/apiservices/v1.acme.io";
    let (label, no_label) = ("kube-aggregator.kubernetes.io/automanaged", json!(null));
    let elsewhere = json!({"metadata": {"labels": {label: no_label}}, "spec": {"service": {"name": "gone", "namespace": "default"}, "insecureSkipTLSVerify": true}});
    bench.api().patch(service, &elsewhere).await?;
    until("the group is silent", SETTLED, async || {
        let found = bench.api().find(service).await?.context("it is there")?;
        let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
        Ok(conditions.iter().any(|one| one["type"] == "Available" && one["status"] == "False").then_some(()))
    })
    .await?;

    let bench = bench.restarted();
    let less = || bench.read_files(&[("clusters/prod/shop/all.yaml", WIDGETS)]).map(|reading| reading.units[0].clone());
    let told = until("it is told as not looked at", SETTLED, async || {
        match plan(&less()?).await {
            Ok(planned) => Ok(Some(planned)),
            // Until the server calls the group stale, it answers its lists with an error: also no deletion.
            Err(_) => Ok(None),
        }
    })
    .await?;
    assert_eq!(told.change, Change::Nothing, "{:?}", paths(told.change.differences()));
    assert!(
        told.coverage.unchecked.iter().any(|text| text.contains("acme.io/Widget default/one")),
        "{:?}",
        told.coverage
    );
    apply(&bench.read_files(&[("clusters/prod/shop/all.yaml", WIDGETS.to_owned() + "---\n" + &map("more"))])?.units[0])
        .await?;
    let site = bench.read_files(&[("clusters/prod/shop/all.yaml", WIDGETS)])?.sites[0].clone();
    let owned = site.owned(&Inputs::default()).await?;
    let refused = site.destroy(&owned[0], &Inputs::default(), &Progress::silent()).await;
    assert!(refused.is_err_and(|error| error.kind == ErrorKind::Refused));

    // The cluster makes its own registration again.
    bench.api().delete(service).await?;
    until("the group answers", SETTLED, async || {
        Ok(bench.api().find("/apis/acme.io/v1/namespaces/default/widgets/one").await.ok().flatten().map(drop))
    })
    .await?;
    let planned = until("the kinds are all known", SETTLED, async || {
        let fresh = WorkloadKind::new(Aws::new(AwsSettings::default()), Some(bench.sandbox.cluster().kubeconfig()));
        let unit = read_by(&fresh, WIDGETS).units[0].clone();
        Ok(plan(&unit).await.ok().filter(|planned| planned.change != Change::Nothing))
    })
    .await?;
    let goes = paths(planned.change.differences());
    assert!(goes.contains(&"acme.io/Widget default/one ".to_owned()), "{goes:?}");
    Ok(())
}

#[tokio::test]
async fn a_finalizer_that_stays_ends_the_wait_with_its_name() -> Result<()> {
    let bench = Bench::start().await?;
    let held = map("held").replace("{name: held}", "{name: held, finalizers: [acme.io/hold]}");
    let unit = |text: String| {
        let files =
            [("clusters/prod/shop/all.yaml", text), ("clusters/prod/shop/workload.yaml", "timeout: 2s\n".to_owned())];
        bench.read_files(&files).map(|reading| reading.units[0].clone())
    };
    apply(&unit(map("settings") + "---\n" + &held)?).await?;
    let error = apply(&unit(map("settings"))?).await.err().context("it does not go")?;
    assert!(
        error.message.contains("ConfigMap default/held") && error.message.contains("acme.io/hold"),
        "{}",
        error.message
    );
    // It is still ours to remove, and the next run does.
    bench.api().patch(&format!("{MAPS}/held"), &json!({"metadata": {"finalizers": null}})).await?;
    apply(&unit(map("settings"))?).await?;
    assert_eq!(plan(&unit(map("settings"))?).await?.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn a_kind_or_version_that_is_not_served_is_told_with_its_line_before_anything_is_sent() -> Result<()> {
    let bench = Bench::start().await?;
    let old = "---\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web}\n---\napiVersion: apps/v1beta2\nkind: Deployment\nmetadata: {name: web}\n";
    let unit = bench.read_files(&[("clusters/prod/shop/all.yaml", map("settings") + old)])?.units[0].clone();
    let error = apply(&unit).await.err().context("it is refused")?;
    assert!(
        error.message.contains("all.yaml:6:1: the cluster serves no `Ingress` of `extensions/v1beta1`"),
        "{}",
        error.message
    );
    assert!(
        error.message.contains("all.yaml:10:1: the cluster serves no `Deployment` of `apps/v1beta2`"),
        "{}",
        error.message
    );
    assert_eq!(bench.api().find(&format!("{MAPS}/settings")).await?, None);
    Ok(())
}
