//! As whom a cluster is asked, and several clusters in one environment.

use std::fs;

use anyhow::{Context, Result};
use groundplan::aws::{Aws, AwsSettings};
use groundplan::kinds::workload::WorkloadKind;
use groundplan::problem::Problems;
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{Change, Declared, Inputs, Kind, Progress, ReadSettings};
use infra_tests::product::Product;
use infra_tests::sandbox::{Parts, Sandbox};
use infra_tests::stage::{commit, write};
use serde_json::{Value, json};

use crate::bench::{Bench, apply, plan};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";

fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: one}}\n")
}

/// A service account that may do everything with ConfigMaps of one namespace, and nothing else.
async fn deployer(bench: &Bench) -> Result<()> {
    let api = bench.api();
    let named = |kind: &str, version: &str, more: Value| {
        let mut object =
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": "deployer", "namespace": "default"}});
        more.as_object().into_iter().flatten().for_each(|(key, value)| object[key.as_str()] = value.clone());
        object
    };
    api.create("/api/v1/namespaces/default/serviceaccounts", &named("ServiceAccount", "v1", json!({}))).await?;
    let rules = json!({"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]});
    let version = "rbac.authorization.k8s.io/v1";
    api.create(&format!("{RBAC}/roles"), &named("Role", version, rules)).await?;
    let binding = json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"}, "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "default"}]});
    api.create(&format!("{RBAC}/rolebindings"), &named("RoleBinding", version, binding)).await?;
    // A list of all namespaces is what a look asks for.
    let cluster = "/apis/rbac.authorization.k8s.io/v1";
    let read = json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": "reader"}, "rules": [{"apiGroups": [""], "resources": ["configmaps", "services"], "verbs": ["get", "list", "watch"]}]});
    api.create(&format!("{cluster}/clusterroles"), &read).await?;
    let binding = json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": "reader"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}, "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "default"}]});
    api.create(&format!("{cluster}/clusterrolebindings"), &binding).await?;
    Ok(())
}

#[tokio::test]
async fn a_workload_is_applied_as_its_service_account_which_may_do_no_more_than_it_may() -> Result<()> {
    let bench = Bench::start().await?;
    deployer(&bench).await?;
    let unit = |text: String| -> Result<Declared> {
        let files = [
            ("clusters/prod/shop/all.yaml", text),
            ("clusters/prod/shop/workload.yaml", "serviceAccount: deployer\n".to_owned()),
        ];
        Ok(bench.read_files(&files)?.units[0].clone())
    };
    let from = bench.requests()?;
    apply(&unit(map("settings"))?).await?;
    assert_eq!(plan(&unit(map("settings"))?).await?.change, Change::Nothing);
    let account = "system:serviceaccount:default:deployer";
    let events = bench.sandbox.cluster().audit_events()?;
    let of = |name: &str| {
        events.iter().rfind(|event| event["objectRef"]["name"] == name && event["verb"] == "patch").cloned()
    };
    assert_eq!(of("settings").context("it was applied")?["impersonatedUser"]["username"], account);
    let inventory =
        events.iter().rfind(|event| event["objectRef"]["namespace"] == "groundplan" && event["verb"] == "patch");
    assert_eq!(inventory.context("it was written")?["impersonatedUser"], Value::Null, "the inventory is ours");
    assert!(bench.requests()? > from);

    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
    let error = apply(&unit(map("settings") + "---\n" + &map("more") + service)?).await.err().context("it may not")?;
    assert!(
        error.message.contains("service account `default/deployer`: whoever asks may not create services in default"),
        "{error}"
    );
    assert_eq!(bench.api().find(&format!("{MAPS}/more")).await?, None, "nothing is done by halves");

    // Its removal is asked for by the same account, even when its folder is gone.
    let site = bench.read_files(&[("clusters/prod/other/all.yaml", map("other"))])?.sites[0].clone();
    let owned = site.owned(&Inputs::default()).await?;
    site.destroy(&owned[0], &Inputs::default(), &Progress::silent()).await?;
    let events = bench.sandbox.cluster().audit_events()?;
    let deleted = events.iter().rfind(|event| event["objectRef"]["name"] == "settings" && event["verb"] == "delete");
    assert_eq!(deleted.context("it was deleted")?["impersonatedUser"]["username"], account);
    let wrong = [
        ("clusters/prod/shop/all.yaml", map("a")),
        ("clusters/prod/shop/workload.yaml", "serviceAccount: 'a/b/c'\n".to_owned()),
    ];
    assert!(bench.read_with_problems(&wrong).1.errors[0].message.contains("no name of a service account"));
    Ok(())
}

/// One kubeconfig with a context for each of two clusters.
fn kubeconfig(sandboxes: [&Sandbox; 2]) -> Result<Value> {
    let mut both = json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []});
    for (sandbox, name) in sandboxes.iter().zip(["one", "two"]) {
        let text = fs::read_to_string(sandbox.cluster().kubeconfig())?;
        let text = text.replace("\"sandbox\"", &format!("\"{name}\""));
        let config: Value = serde_json::from_str(&text)?;
        for list in ["clusters", "users", "contexts"] {
            let rows = config[list].as_array().context("a list")?.clone();
            both[list].as_array_mut().context("a list")?.extend(rows);
        }
    }
    Ok(both)
}

#[tokio::test]
async fn two_clusters_of_one_environment_are_synced_and_looked_at_each_for_itself() -> Result<()> {
    let (one, mut two) = tokio::try_join!(Sandbox::start(Parts::CLUSTER), Sandbox::start(Parts::CLUSTER))?;
    let folder = tempfile::tempdir()?;
    let (repo, config) = (folder.path().join("repo"), folder.path().join("kubeconfig"));
    fs::write(&config, kubeconfig([&one, &two])?.to_string())?;
    for (name, value) in [("one", "of one"), ("two", "of two")] {
        write(&repo, &format!("clusters/{name}/cluster.yaml"), &format!("kubeconfig: {{context: {name}}}\n"))?;
        // The same name in both: two clusters, two objects.
        write(&repo, &format!("clusters/{name}/shop/all.yaml"), &map("settings").replace("one", value))?;
    }
    write(&repo, "groundplan.yaml", "repository: shop\n")?;
    commit(&repo)?;
    let product = Product::offline()?
        .with("KUBECONFIG", config.display().to_string())
        .with("GROUNDPLAN_STORE", folder.path().join("store.db").display().to_string())
        .with("XDG_CACHE_HOME", folder.path().join("cache").display().to_string())
        .with("GROUNDPLAN_REPO", repo.display().to_string());
    product.run(&["sync", "--yes"]).await?.expect(0)?;
    for (sandbox, value) in [(&one, "of one"), (&two, "of two")] {
        let found = sandbox.cluster().api().find(&format!("{MAPS}/settings")).await?.context("it is there")?;
        assert_eq!(found["data"]["a"], value);
    }
    two.cluster().api().patch(&format!("{MAPS}/settings"), &json!({"data": {"a": "by hand"}})).await?;
    let report = product.run(&["drift", "--format", "json"]).await?.expect(2)?.json()?;
    let verdicts: Vec<(&str, &Value)> = report["units"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|unit| (unit["unit"].as_str().unwrap_or_default(), &unit["verdict"]))
        .collect();
    assert_eq!(verdicts, [("clusters/one/shop", &json!("clean")), ("clusters/two/shop", &json!("drifted"))]);

    // One that cannot be reached is told as such, and says nothing about the other.
    two.cluster_mut().stop_api_server();
    let report = product.run(&["drift", "--format", "json"]).await?.expect(1)?.json()?;
    assert_eq!(report["units"][0]["verdict"], "clean");
    assert!(
        report["units"][1]["verdict"]["unverifiable"].as_str().is_some_and(|why| why.contains("context `two`")),
        "{report}"
    );
    two.cluster_mut().start_api_server().await?;
    product.run(&["sync", "--yes"]).await?.expect(0)?;

    // A folder that goes takes what it made along, in its own cluster.
    fs::remove_dir_all(repo.join("clusters/two/shop"))?;
    commit(&repo)?;
    let ran = product.run(&["sync", "--yes", "--agree", "delete"]).await?.expect(0)?;
    assert_eq!(two.cluster().api().find(&format!("{MAPS}/settings")).await?, None, "{}", ran.stderr);
    assert!(one.cluster().api().find(&format!("{MAPS}/settings")).await?.is_some());
    Ok(())
}

#[test]
fn a_context_with_a_program_is_refused_before_it_runs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, trace) = (folder.path().join("kubeconfig"), folder.path().join("ran"));
    let user = json!({"name": "a", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [trace]}}});
    let file = json!({"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:9"}}], "users": [user], "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]});
    fs::write(&config, file.to_string())?;
    let kind = WorkloadKind::new(Aws::new(AwsSettings::default()), Some(config));
    let files = [
        ("clusters/prod/cluster.yaml", "kubeconfig: {context: a}\n".to_owned()),
        ("clusters/prod/shop/all.yaml", map("a")),
    ];
    let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), files);
    let reading = kind.read(
        &snapshot,
        &ReadSettings { repository: "bench".into(), ..ReadSettings::default() },
        &mut Problems::default(),
    );
    let error = tokio::runtime::Runtime::new()?.block_on(plan(&reading.units[0])).err().context("it is refused")?;
    assert!(error.message.contains("runs a program"), "{error}");
    assert!(!trace.exists());
    Ok(())
}
