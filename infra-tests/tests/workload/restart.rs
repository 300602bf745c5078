//! An API server that goes away in the middle, and an etcd that is put back to an earlier time.

use anyhow::{Context, Result};
use groundplan::repo::CommitId;
use groundplan::unit::{Cause, Change, ErrorKind, Inputs, Look, Owner, Progress};
use serde_json::json;

use infra_tests::product::Product;
use infra_tests::stage::{commit, write};

use crate::bench::{Bench, apply, paths, plan};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn maps(count: usize, value: &str) -> String {
    let one = |at: usize| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map-{at}}}\ndata: {{a: {value}}}\n")
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn a_server_that_goes_away_in_the_middle_ends_the_deed_and_the_next_run_completes_it() -> Result<()> {
    let mut bench = Bench::start().await?;
    let unit = bench.read_files(&[("clusters/prod/shop/all.yaml", maps(400, "one"))])?.units[0].clone();
    let prepared = unit.unit.prepare(&Inputs::default(), Look::Close).await?;
    let owner = Owner { unit: unit.id.clone(), commit: CommitId::new("c0ffee") };
    let (began, begun) = tokio::sync::oneshot::channel();
    let began = std::sync::Mutex::new(Some(began));
    let progress = Progress::new(move |_| {
        // The first words come with the fiftieth object.
        if let Some(began) = began.lock().ok().and_then(|mut began| began.take()) {
            let _ = began.send(());
        }
    });
    let deed = prepared.deed.context("there is something to do")?;
    let deed = tokio::spawn(async move { deed.perform(&owner, &progress).await.map(drop) });
    begun.await?;
    bench.sandbox.cluster_mut().stop_api_server();
    let error = deed.await?.err().context("it cannot go on")?;
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");

    bench.sandbox.cluster_mut().start_api_server().await?;
    let bench = bench.restarted();
    let unit = bench.read_files(&[("clusters/prod/shop/all.yaml", maps(400, "one"))])?.units[0].clone();
    let left = plan(&unit).await?;
    assert!(!matches!(left.change, Change::Nothing | Change::Create(_)), "what was done is known, the rest is told");
    assert!(left.change.differences().len() < 400, "what was done is not done again");
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    let less = bench.read_files(&[("clusters/prod/shop/all.yaml", maps(1, "one"))])?.units[0].clone();
    assert_eq!(plan(&less).await?.change.differences().len(), 399, "all of it is ours to remove");
    Ok(())
}

#[tokio::test]
async fn after_an_etcd_restore_nothing_that_went_back_is_called_clean() -> Result<()> {
    let mut bench = Bench::start().await?;
    let unit = |bench: &Bench, value: &str| {
        let files = [("clusters/prod/shop/all.yaml", maps(3, value))];
        bench.read_files(&files).map(|reading| reading.units[0].clone())
    };
    apply(&unit(&bench, "one")?).await?;
    bench.sandbox.cluster_mut().save().await?;
    let later = unit(&bench, "two")?;
    apply(&later).await?;
    assert_eq!(plan(&later).await?.change, Change::Nothing);
    let version = |object: &serde_json::Value| {
        object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
    };
    let before = version(&bench.api().find(&format!("{MAPS}/map-0")).await?.context("it is there")?);

    bench.sandbox.cluster_mut().restore().await?;
    let now = bench.api().find(&format!("{MAPS}/map-0")).await?.context("it is there")?;
    assert!(version(&now) < before && now["data"]["a"] == "one", "the cluster went back");
    // The same process, with all that it remembers, and another one.
    for unit in [&later, &unit(&bench, "two")?] {
        let told = paths(plan(unit).await?.change.differences());
        assert_eq!(told, [0, 1, 2].map(|at| format!("ConfigMap default/map-{at} data.a")));
    }
    // Somebody writes until the versions are where they were: equal numbers, other values.
    let mut last = 0;
    while last < before {
        let poked = json!({"data": {"a": format!("by hand {last}")}});
        last = version(&bench.api().patch(&format!("{MAPS}/map-0"), &poked).await?);
    }
    let planned = plan(&later).await?;
    let drifted: Vec<_> = planned.change.differences().iter().filter(|one| one.cause == Cause::Drifted).collect();
    assert!(drifted.iter().any(|one| one.item == "ConfigMap default/map-0"), "{drifted:?}");
    apply(&later).await?;
    assert_eq!(plan(&later).await?.change, Change::Nothing);
    Ok(())
}

const MIXED: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {a: b}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
";

#[tokio::test]
async fn a_quiet_run_of_a_restarted_process_is_exactly_one_request_a_kind() -> Result<()> {
    let bench = Bench::start().await?;
    let folder = tempfile::tempdir()?;
    let repo = folder.path().join("repo");
    write(&repo, "groundplan.yaml", "repository: shop\n")?;
    write(&repo, "clusters/shop/cluster.yaml", "kubeconfig: {context: sandbox}\n")?;
    write(&repo, "clusters/shop/web/all.yaml", MIXED)?;
    commit(&repo)?;
    let product = Product::offline()?
        .with("KUBECONFIG", bench.sandbox.cluster().kubeconfig().display().to_string())
        .with("GROUNDPLAN_STORE", folder.path().join("store.db").display().to_string())
        .with("XDG_CACHE_HOME", folder.path().join("cache").display().to_string())
        .with("GROUNDPLAN_REPO", repo.display().to_string());
    product.run(&["sync", "--yes"]).await?.expect(0)?;
    let asked = async |word: &[&str], code: i32| {
        let from = bench.sandbox.cluster().audit_length()?;
        let ran = product.run(word).await?.expect(code)?;
        let requests = bench.sandbox.cluster().requests_from(from)?;
        let is_cluster = |agent: &str| ["kube-", "kwok", "Go-http"].iter().any(|name| agent.starts_with(name));
        let ours = requests.into_iter().filter(|one| !one.user.starts_with("system:") && !is_cluster(&one.agent));
        let mut asked: Vec<String> =
            ours.map(|one| format!("{} {}", one.verb, one.uri.split('?').next().unwrap_or_default())).collect();
        asked.sort();
        anyhow::Ok((asked, ran.stdout))
    };
    let kinds = [
        "list /api/v1/configmaps",
        "list /api/v1/secrets",
        "list /api/v1/serviceaccounts",
        "list /api/v1/services",
        "list /apis/apps/v1/deployments",
    ];
    assert_eq!(asked(&["drift"], 0).await?.0, kinds);
    // Whether a unit that no file declares any more has left something here is asked once for all units: its
    // inventory carries no label that a list of this unit's objects could ask for.
    let (inventories, mut with_inventories) = ("list /api/v1/namespaces/groundplan/configmaps", kinds.to_vec());
    with_inventories.insert(1, inventories);
    assert_eq!(asked(&["plan"], 0).await?.0, with_inventories);
    assert_eq!(asked(&["sync", "--yes"], 0).await?.0, with_inventories);
    assert_eq!(asked(&["sync", "--yes", "--only", "shop/web"], 0).await?.0, kinds, "nothing is deleted of a part");

    // A change is found by the same process, and costs requests for what changed only.
    bench.api().patch("/apis/apps/v1/namespaces/default/deployments/web", &json!({"spec": {"replicas": 0, "template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}})).await?;
    let (requests, said) = asked(&["drift"], 2).await?;
    assert!(said.contains("containers[name=web].image"), "{said}");
    let more: Vec<&String> = requests.iter().filter(|one| !kinds.contains(&one.as_str())).collect();
    assert!(more.iter().all(|one| one.ends_with("/deployments/web")) && (1..=6).contains(&more.len()), "{requests:?}");

    // What was kept and does not fit is not believed: a definition that goes takes its kind along.
    let definition = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.io}\nspec:\n  group: acme.io\n  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}\n  scope: Namespaced\n  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n---\napiVersion: acme.io/v1\nkind: Widget\nmetadata: {name: one}\n";
    write(&repo, "clusters/shop/web/all.yaml", &format!("{MIXED}{definition}"))?;
    commit(&repo)?;
    product.run(&["sync", "--yes"]).await?.expect(0)?;
    product.run(&["drift"]).await?.expect(0)?;
    bench.api().delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.acme.io").await?;
    infra_tests::sandbox::until("its kind is gone", std::time::Duration::from_secs(60), async || {
        Ok(bench.api().find("/apis/acme.io/v1/widgets").await?.is_none().then_some(()))
    })
    .await?;
    let said = product.run(&["drift"]).await?.expect(2)?.stdout;
    assert!(said.contains("widgets.acme.io") && said.contains("acme.io/Widget default/one"), "{said}");
    product.run(&["sync", "--yes"]).await?.expect(0)?;
    product.run(&["drift"]).await?.expect(0)?;
    Ok(())
}
