//! Objects that others applied before us, and objects that two workloads want.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use groundplan::unit::{Cause, Change};
use infra_tests::sandbox::controlplane::{self, Tool};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::bench::{Bench, apply, paths, plan};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Runs the real kubectl against the cluster of the bench.
async fn kubectl(bench: &Bench, arguments: &[&str], input: &str) -> Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut child = Command::new(controlplane::path(Tool::Kubectl)?)
        .args(arguments)
        .env("KUBECONFIG", bench.sandbox.cluster().kubeconfig())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let ended = child.wait_with_output().await?;
    ensure!(ended.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|entry| {
            format!("{} {}", entry["manager"].as_str().unwrap_or("?"), entry["operation"].as_str().unwrap_or("?"))
        })
        .collect()
}

fn settings(data: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "default"}, "data": data}).to_string()
}

#[tokio::test]
async fn what_kubectl_and_helm_applied_becomes_ours_and_what_git_leaves_out_goes() -> Result<()> {
    let bench = Bench::start().await?;
    let map = "/api/v1/namespaces/default/configmaps/settings";
    kubectl(&bench, &["apply", "-f", "-"], &settings(&json!({"kept": "1", "gone": "2"}))).await?;
    let chart = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "annotations": {"meta.helm.sh/release-name": "shop"}}, "data": {"chart": "3"}});
    bench.api().request("PATCH", &format!("{map}?fieldManager=helm"), "application/apply-patch+yaml", &chart).await?;
    bench.api().patch(&format!("{map}?fieldManager=kubectl-edit"), &json!({"data": {"edited": "4"}})).await?;

    let files = [("clusters/prod/shop/all.yaml", settings(&json!({"kept": "1"})))];
    let unit = &bench.read_files(&files)?.units[0];
    let planned = plan(unit).await?;
    let told = paths(planned.change.differences());
    for gone in ["data.gone", "data.chart", "metadata.annotations[meta.helm.sh/release-name]"] {
        assert!(told.contains(&format!("ConfigMap default/settings {gone}")), "{gone} is not told: {told:?}");
    }
    assert!(
        !told.iter().any(|path| path.ends_with("data.edited")),
        "what a person wrote is not ours to take: {told:?}"
    );
    apply(unit).await?;

    let live = bench.api().find(map).await?.context("it is there")?;
    assert_eq!(live["data"], json!({"kept": "1", "edited": "4"}));
    assert_eq!(live["metadata"]["annotations"].get(LAST_APPLIED), None, "it would bring back what Git left out");
    assert_eq!(managers(&live), ["groundplan/clusters/prod/shop Apply", "kubectl-edit Update"]);
    let after = plan(unit).await?;
    assert_eq!(after.change, Change::Nothing);
    assert_eq!(paths(&after.foreign), ["ConfigMap default/settings data.edited"]);

    // Later, whoever applies beside us is told, and is not taken for one that came before.
    kubectl(&bench, &["apply", "-f", "-"], &settings(&json!({"late": "5"}))).await?;
    let later = plan(unit).await?;
    assert_eq!(later.change, Change::Nothing);
    assert!(paths(&later.foreign).contains(&"ConfigMap default/settings data.late".to_owned()), "{:?}", later.foreign);
    Ok(())
}

#[tokio::test]
async fn an_object_that_two_workloads_want_is_refused_and_both_are_named() -> Result<()> {
    let bench = Bench::start().await?;
    let [one, other] = ["one", "other"].map(|name| (format!("clusters/prod/{name}/all.yaml"), settings(&json!({}))));
    let (_, problems) = bench.read_with_problems(&[one.clone(), other.clone()]);
    let told: Vec<&str> = problems.errors.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(told, ["`ConfigMap default/settings` is declared by `clusters/prod/other` and by `clusters/prod/one`"]);

    // Two commits that do not know of each other meet in the cluster.
    apply(&bench.read_files(&[one])?.units[0]).await?;
    let refused = plan(&bench.read_files(&[other])?.units[0]).await.err().context("it is refused")?;
    assert_eq!(
        refused.message,
        "`ConfigMap default/settings` belongs to `bench/clusters/prod/one`, and `clusters/prod/other` declares it too"
    );
    Ok(())
}

#[tokio::test]
async fn a_field_that_cannot_change_is_named_and_nothing_is_made_anew_without_consent() -> Result<()> {
    let bench = Bench::start().await?;
    let web = |app: &str, annotations: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, annotations: {{{annotations}}}}}\nspec:\n  replicas: 0\n  selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}}}\n    spec: {{containers: [{{name: web, image: web}}]}}\n"
        )
    };
    let unit = |text: String| {
        bench.read_files(&[("clusters/prod/shop/all.yaml", text)]).map(|reading| reading.units[0].clone())
    };
    apply(&unit(web("one", ""))?).await?;
    let path = "/apis/apps/v1/namespaces/default/deployments/web";
    let uid = bench.api().find(path).await?.context("it is there")?["metadata"]["uid"].clone();

    let error = plan(&unit(web("two", ""))?).await.err().context("it is refused")?;
    assert!(error.message.contains("`spec.selector` cannot be changed"), "{}", error.message);
    assert!(error.message.contains("clusters/prod/shop/all.yaml:1"), "{}", error.message);
    assert_eq!(bench.api().find(path).await?.context("it is there")?["metadata"]["uid"], uid, "nothing was touched");

    let agreed = unit(web("two", "groundplan.dev/replace: allowed"))?;
    let planned = plan(&agreed).await?;
    let differences = planned.change.differences();
    assert!(
        differences.iter().any(|one| one.path == "spec.selector" && one.effect == groundplan::unit::Effect::Replace),
        "{differences:?}"
    );
    apply(&agreed).await?;
    let live = bench.api().find(path).await?.context("it is there")?;
    assert_ne!(live["metadata"]["uid"], uid);
    assert_eq!(live["spec"]["selector"]["matchLabels"]["app"], "two");
    assert_eq!(plan(&agreed).await?.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn an_autoscalers_word_is_no_drift_and_is_not_undone() -> Result<()> {
    let bench = Bench::start().await?;
    let text = |image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: web, image: '{image}'}}]}}\n---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web}}\nspec:\n  minReplicas: 3\n  maxReplicas: 5\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}\n  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 80}}}}}}]\n"
        )
    };
    let unit = |image: &str| {
        bench.read_files(&[("clusters/prod/shop/all.yaml", text(image))]).map(|reading| reading.units[0].clone())
    };
    apply(&unit("web:1")?).await?;
    let path = "/apis/apps/v1/namespaces/default/deployments/web";
    // The autoscaler of the real controller-manager: fewer than `minReplicas` needs no metrics to be put right.
    infra_tests::sandbox::until("the autoscaler has scaled", std::time::Duration::from_secs(60), async || {
        let live = bench.api().find(path).await?.context("it is there")?;
        Ok((live["spec"]["replicas"] == 3).then_some(()))
    })
    .await?;
    assert_eq!(plan(&unit("web:1")?).await?.change, Change::Nothing, "the autoscaler is no intruder");
    let planned = plan(&unit("web:2")?).await?;
    assert_eq!(
        planned.change.differences().iter().map(|one| one.cause).collect::<Vec<_>>(),
        [Cause::Declared],
        "{:?}",
        planned.change
    );
    apply(&unit("web:2")?).await?;
    let live = bench.api().find(path).await?.context("it is there")?;
    assert_eq!(live["spec"]["replicas"], 3, "an update does not scale down");
    assert_eq!(plan(&unit("web:2")?).await?.change, Change::Nothing);
    Ok(())
}
