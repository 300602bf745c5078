//! An API server that goes away in the middle, and an etcd that is put back to an earlier time.

use anyhow::{Context, Result};
use groundplan::repo::CommitId;
use groundplan::unit::{Cause, Change, ErrorKind, Inputs, Look, Owner, Progress};
use serde_json::json;

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
