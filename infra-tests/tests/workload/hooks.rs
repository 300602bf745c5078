//! Hooks: run around an apply, once for each state that is declared, and never taken for drift.

use std::time::Duration;

use anyhow::{Context, Result};
use groundplan::unit::{Change, Declared, Inputs, KindError, Progress};
use infra_tests::sandbox::until;
use serde_json::{Value, json};

use crate::bench::{Bench, apply, paths, plan};

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const SOON: Duration = Duration::from_secs(60);

fn job(name: &str, annotations: &str, more: &str) -> String {
    format!(
        "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\nspec:\n  backoffLimit: 0\n{more}  template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: a}}]}}}}\n"
    )
}

fn map(value: &str) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{a: {value}}}\n")
}

fn unit(bench: &Bench, text: String) -> Result<Declared> {
    let files =
        [("clusters/prod/shop/all.yaml", text), ("clusters/prod/shop/workload.yaml", "timeout: 30s\n".to_owned())];
    Ok(bench.read_files(&files)?.units[0].clone())
}

async fn uid(bench: &Bench, name: &str) -> Result<Option<Value>> {
    Ok(bench.api().find(&format!("{JOBS}/{name}")).await?.map(|job| job["metadata"]["uid"].clone()))
}

/// The objects that the product wrote, in their order; the controllers write none of them.
fn written(bench: &Bench, from: usize) -> Result<Vec<String>> {
    let requests = bench.sandbox.cluster().requests()?.split_off(from);
    let ours = requests.iter().filter(|one| {
        one.verb == "patch" && one.uri.contains("fieldManager=groundplan%2F") && !one.uri.contains("dryRun")
    });
    let name =
        |uri: &str| uri.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    Ok(ours.map(|one| name(&one.uri)).collect())
}

#[tokio::test]
async fn hooks_run_around_an_apply_once_for_each_state_and_are_no_drift() -> Result<()> {
    let bench = Bench::start().await?;
    let all = |value: &str| {
        let before = job("migrate", "argocd.argoproj.io/hook: PreSync", "");
        let after = job(
            "smoke",
            "argocd.argoproj.io/hook: PostSync, argocd.argoproj.io/hook-delete-policy: HookSucceeded",
            "  ttlSecondsAfterFinished: 3600\n",
        );
        unit(&bench, map(value) + &after + &before)
    };
    let one = all("one")?;
    let told = paths(plan(&one).await?.change.differences());
    assert_eq!(told, ["ConfigMap default/settings ", "batch/Job default/migrate hook", "batch/Job default/smoke hook"]);
    let from = bench.requests()?;
    apply(&one).await?;
    assert_eq!(written(&bench, from)?, ["migrate", "settings", "smoke"]);
    let first = uid(&bench, "migrate").await?.context("it stays until it runs again")?;
    assert_eq!(uid(&bench, "smoke").await?, None, "its policy says that it goes");
    assert_eq!(plan(&one).await?.change, Change::Nothing);

    // Somebody clears up, somebody changes the map: putting that right deploys nothing.
    bench
        .api()
        .request("DELETE", &format!("{JOBS}/migrate"), "application/json", &json!({"propagationPolicy": "Background"}))
        .await?;
    until("it is gone", SOON, async || Ok(uid(&bench, "migrate").await?.is_none().then_some(()))).await?;
    assert_eq!(plan(&one).await?.change, Change::Nothing, "a hook that is gone is no drift");
    bench.api().patch("/api/v1/namespaces/default/configmaps/settings", &json!({"data": {"a": "theirs"}})).await?;
    assert_eq!(paths(plan(&one).await?.change.differences()), ["ConfigMap default/settings data.a"]);
    apply(&one).await?;
    assert_eq!(uid(&bench, "migrate").await?, None);

    let bench = bench.restarted();
    let two = unit(&bench, map("two") + &job("migrate", "argocd.argoproj.io/hook: PreSync", ""))?;
    assert_eq!(
        paths(plan(&two).await?.change.differences()),
        ["ConfigMap default/settings data.a", "batch/Job default/migrate hook"]
    );
    apply(&two).await?;
    let second = uid(&bench, "migrate").await?.context("it ran again")?;
    assert_ne!(first, second);
    apply(&unit(&bench, map("three") + &job("migrate", "argocd.argoproj.io/hook: PreSync", ""))?).await?;
    assert_ne!(Some(second), uid(&bench, "migrate").await?, "the one of the state before went first");
    let site = bench.read_files(&[("clusters/prod/shop/all.yaml", map("three"))])?.sites[0].clone();
    let owned = site.owned(&Inputs::default()).await?;
    site.destroy(&owned[0], &Inputs::default(), &Progress::silent()).await?;
    until("its hooks go with it", SOON, async || Ok(uid(&bench, "migrate").await?.is_none().then_some(()))).await?;
    Ok(())
}

#[tokio::test]
async fn what_a_hook_left_behind_goes_when_the_hook_is_no_longer_declared() -> Result<()> {
    let bench = Bench::start().await?;
    let hook = |name: &str| job(name, "argocd.argoproj.io/hook: PreSync", "");
    apply(&unit(&bench, map("one") + &hook("migrate") + &hook("seed"))?).await?;
    let one = unit(&bench, map("one") + &hook("seed"))?;
    let kept = bench.read_files(&[
        ("clusters/prod/shop/all.yaml", map("one") + &hook("seed")),
        ("clusters/prod/shop/workload.yaml", "prune: false\n".to_owned()),
    ])?;
    let left = plan(&kept.units[0]).await?;
    assert!(left.coverage.unchecked.iter().any(|why| why.contains("Job default/migrate")), "{:?}", left.coverage);
    assert!(!paths(left.change.differences()).contains(&"batch/Job default/migrate hook".to_owned()));

    // Another state is declared, so that the other hook runs again; the one that is gone is pruned beside it.
    let told = paths(plan(&one).await?.change.differences());
    assert_eq!(told, ["batch/Job default/migrate hook", "batch/Job default/seed hook"]);
    let from = bench.requests()?;
    apply(&one).await?;
    assert_eq!(written(&bench, from)?, ["seed"]);
    until("it is gone", SOON, async || Ok(uid(&bench, "migrate").await?.is_none().then_some(()))).await?;
    assert!(uid(&bench, "seed").await?.is_some());
    assert_eq!(plan(&one).await?.change, Change::Nothing);

    // What somebody else has removed by then is only forgotten, and what is no hook of ours is left alone.
    let none = unit(&bench, map("one"))?;
    bench.api().delete(&format!("{JOBS}/seed")).await?;
    let background = json!({"metadata": {"finalizers": null}});
    _ = bench.api().patch(&format!("{JOBS}/seed"), &background).await;
    until("it is gone", SOON, async || Ok(uid(&bench, "seed").await?.is_none().then_some(()))).await?;
    apply(&none).await?;
    let from = bench.requests()?;
    assert_eq!(plan(&none).await?.change, Change::Nothing);
    let asked = bench.sandbox.cluster().requests()?.split_off(from);
    assert!(asked.iter().all(|request| !request.uri.contains("/jobs/seed")), "it is asked for no more");
    Ok(())
}

#[tokio::test]
async fn a_hook_that_fails_ends_the_apply_before_anything_else_and_may_be_tried_again() -> Result<()> {
    let bench = Bench::start().await?;
    let stuck = job(
        "migrate",
        "helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-delete-policy: hook-failed",
        "  activeDeadlineSeconds: 1\n",
    )
    .replace("template: {spec", "template: {metadata: {annotations: {sandbox/stuck: '1'}}, spec");
    let error = apply(&unit(&bench, map("one") + &stuck)?).await.err().context("it fails")?;
    assert!(error.message.starts_with("hook `batch/Job default/migrate` has failed"), "{}", error.message);
    assert_eq!(bench.api().find("/api/v1/namespaces/default/configmaps/settings").await?, None);
    until("its policy says that it goes", SOON, async || Ok(uid(&bench, "migrate").await?.is_none().then_some(())))
        .await?;
    let right = unit(&bench, map("one") + &job("migrate", "helm.sh/hook: 'pre-install,pre-upgrade'", ""))?;
    assert!(paths(plan(&right).await?.change.differences()).contains(&"batch/Job default/migrate hook".to_owned()));
    apply(&right).await?;
    assert_eq!(plan(&right).await?.change, Change::Nothing);

    // What is not a hook of ours is never deleted for one.
    let theirs = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "theirs", "namespace": "default"}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    bench.api().create("/api/v1/namespaces/default/pods", &theirs).await?;
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: theirs, annotations: {helm.sh/hook: pre-upgrade}}\nspec: {containers: [{name: a, image: a}]}\n";
    let error = apply(&unit(&bench, map("two") + pod)?).await.err().context("it is refused")?;
    assert!(error.message.contains("is no hook of"), "{}", error.message);
    Ok(())
}

#[tokio::test]
async fn a_hook_of_an_install_does_not_run_at_an_upgrade() -> Result<()> {
    let bench = Bench::start().await?;
    let all = |value: &str| {
        let of = |name: &str, when: &str| job(name, &format!("helm.sh/hook: {when}"), "");
        unit(&bench, map(value) + &of("first", "pre-install") + &of("later", "post-upgrade"))
    };
    for (value, ran, not) in [("one", "first", "later"), ("two", "later", "first")] {
        let from = bench.requests()?;
        apply(&all(value)?).await?;
        let written = written(&bench, from)?;
        assert!(written.contains(&ran.to_owned()) && !written.contains(&not.to_owned()), "{written:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_hook_that_a_killed_run_had_begun_is_waited_for_and_not_run_twice() -> Result<()> {
    let bench = Bench::start().await?;
    let slow = job("migrate", "argocd.argoproj.io/hook: PreSync", "").replace(
        "template: {spec",
        "template: {metadata: {labels: {app: migrate}, annotations: {sandbox/stuck: '1'}}, spec",
    );
    let run = |unit: Declared| tokio::spawn(async move { apply(&unit).await.map(drop) });
    let killed = run(unit(&bench, map("one") + &slow)?);
    let first = until("the hook to be begun", SOON, async || uid(&bench, "migrate").await).await?;
    killed.abort();
    assert!(killed.await.is_err_and(|error| error.is_cancelled()));

    let bench = bench.restarted();
    let again: tokio::task::JoinHandle<Result<(), KindError>> = run(unit(&bench, map("one") + &slow)?);
    let pods = "/api/v1/namespaces/default/pods";
    let pod = until("its pod", SOON, async || {
        let list = bench.api().find(&format!("{pods}?labelSelector=app%3Dmigrate")).await?;
        Ok(list.and_then(|list| {
            list["items"].get(0).map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        }))
    })
    .await?;
    assert!(!again.is_finished(), "it waits for what was begun");
    bench.api().patch(&format!("{pods}/{pod}"), &json!({"metadata": {"annotations": {"sandbox/stuck": null}}})).await?;
    again.await??;
    assert_eq!(uid(&bench, "migrate").await?, Some(first), "it ran twice");
    assert_eq!(plan(&unit(&bench, map("one") + &slow)?).await?.change, Change::Nothing);
    Ok(())
}
