//! How objects and fields are kept: left to others, refused, made once, fought over, and taken over by a newer commit.

use anyhow::{Context, Result};
use groundplan::unit::{Change, Declared, ErrorKind};
use infra_tests::sandbox::until;
use serde_json::{Value, json};

use crate::bench::{Bench, apply, paths, plan};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const WEB: &str = "/apis/apps/v1/namespaces/default/deployments/web";

fn map(name: &str, annotations: &str, value: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\ndata: {{a: {value}, b: ours}}\n"
    )
}

fn unit(bench: &Bench, workload: &str, text: String) -> Result<Declared> {
    let files = [
        ("clusters/prod/shop/all.yaml", text),
        ("clusters/prod/shop/workload.yaml", format!("timeout: 60s\n{workload}")),
    ];
    Ok(bench.read_files(&files)?.units[0].clone())
}

async fn data(bench: &Bench, name: &str) -> Result<Value> {
    Ok(bench.api().find(&format!("{MAPS}/{name}")).await?.with_context(|| name.to_owned())?["data"].clone())
}

#[tokio::test]
async fn a_field_that_is_left_to_others_is_no_drift_and_survives_a_sync() -> Result<()> {
    let bench = Bench::start().await?;
    let leave = "leave:\n- {kind: ConfigMap, name: settings, path: data.a}\n";
    let one = unit(&bench, leave, map("settings", "", "one"))?;
    apply(&one).await?;
    assert_eq!(data(&bench, "settings").await?["a"], "one", "the declared value is the first");
    bench.api().patch(&format!("{MAPS}/settings"), &json!({"data": {"a": "theirs"}})).await?;
    let planned = plan(&one).await?;
    assert_eq!((planned.change, planned.coverage.unchecked.len()), (Change::Nothing, 0));
    // Another field beside it is put right, and a new declaration applied, and it stays.
    bench.api().patch(&format!("{MAPS}/settings"), &json!({"data": {"b": "theirs"}})).await?;
    assert_eq!(paths(plan(&one).await?.change.differences()), ["ConfigMap default/settings data.b"]);
    apply(&one).await?;
    assert_eq!(data(&bench, "settings").await?, json!({"a": "theirs", "b": "ours"}));
    assert_eq!(plan(&one).await?.change, Change::Nothing);
    // Whoever takes the rule away wants the declared value back, although nothing else has changed.
    let strict = unit(&bench, "", map("settings", "", "one"))?;
    assert_eq!(paths(plan(&strict).await?.change.differences()), ["ConfigMap default/settings data.a"]);
    Ok(())
}

#[tokio::test]
async fn a_fight_over_a_field_is_told_and_stopped_and_a_change_in_git_tries_again() -> Result<()> {
    let bench = Bench::start().await?;
    let text = |value: &str| map("settings", "", value);
    let one = unit(&bench, "", text("one"))?;
    apply(&one).await?;
    let path = format!("{MAPS}/settings?fieldManager=other-tool");
    let theirs = async || bench.api().patch(&path, &json!({"data": {"a": "theirs"}})).await.map(drop);
    for _ in 0..3 {
        theirs().await?;
        assert_eq!(paths(plan(&one).await?.change.differences()), ["ConfigMap default/settings data.a"]);
        apply(&one).await?;
        assert_eq!(data(&bench, "settings").await?["a"], "one");
    }
    theirs().await?;
    // Another process knows it as well: it stands in the cluster.
    let bench = bench.restarted();
    let one = unit(&bench, "", text("one"))?;
    let planned = plan(&one).await?;
    assert_eq!(planned.change, Change::Nothing, "no endless sync");
    assert!(
        planned.coverage.unchecked[0].contains("fighting with `other-tool` over `data.a`: stopped"),
        "{:?}",
        planned.coverage
    );
    assert_eq!(paths(&planned.foreign), ["ConfigMap default/settings data.a"]);
    apply(&one).await?;
    assert_eq!(data(&bench, "settings").await?["a"], "theirs");
    // The rest of the object is still kept.
    bench.api().patch(&format!("{MAPS}/settings"), &json!({"data": {"b": "theirs"}})).await?;
    assert_eq!(paths(plan(&one).await?.change.differences()), ["ConfigMap default/settings data.b"]);
    apply(&one).await?;
    assert_eq!(data(&bench, "settings").await?, json!({"a": "theirs", "b": "ours"}));
    assert_eq!(plan(&one).await?.coverage.unchecked.len(), 1, "it is still told");

    let two = unit(&bench, "", text("two"))?;
    assert_eq!(paths(plan(&two).await?.change.differences()), ["ConfigMap default/settings data.a"]);
    apply(&two).await?;
    assert_eq!(data(&bench, "settings").await?["a"], "two");
    Ok(())
}

#[tokio::test]
async fn where_conflicts_are_refused_the_field_and_its_holder_are_named_and_nothing_is_changed() -> Result<()> {
    let bench = Bench::start().await?;
    let refuse =
        |value: &str| unit(&bench, "conflicts: refuse\n", map("other", "", value) + &map("settings", "", value));
    apply(&refuse("one")?).await?;
    let path = format!("{MAPS}/settings?fieldManager=other-tool");
    bench.api().patch(&path, &json!({"data": {"a": "theirs"}})).await?;
    let two = refuse("two")?;
    assert_eq!(plan(&two).await?.change.differences().len(), 2, "a plan shows it");
    let error = apply(&two).await.err().context("it is refused")?;
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("other-tool") && error.message.contains(".data.a"), "{}", error.message);
    assert_eq!(data(&bench, "other").await?["a"], "one", "half of it was applied");
    let take = unit(&bench, "", map("other", "", "two") + &map("settings", "", "two"))?;
    apply(&take).await?;
    assert_eq!(data(&bench, "settings").await?["a"], "two");
    Ok(())
}

#[tokio::test]
async fn an_object_is_made_once_or_never_and_stays_when_its_annotations_say_so() -> Result<()> {
    let bench = Bench::start().await?;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "default"}, "data": {"a": "theirs"}});
    bench.api().create(MAPS, &theirs).await?;
    let once = "kustomize.toolkit.fluxcd.io/ssa: IfNotPresent";
    let all = map("once", once, "one")
        + &map("theirs", once, "one")
        + &map("never", "groundplan.dev/apply: never", "one")
        + &map("stays", "helm.sh/resource-policy: keep", "one")
        + &map("goes", "", "one");
    let unit_of = |text: String| unit(&bench, "", text);
    apply(&unit_of(all.clone())?).await?;
    assert_eq!(data(&bench, "once").await?["a"], "one");
    assert_eq!(data(&bench, "theirs").await?, json!({"a": "theirs"}), "it was there");
    assert_eq!(bench.api().find(&format!("{MAPS}/never")).await?, None);
    bench.api().patch(&format!("{MAPS}/once"), &json!({"data": {"a": "theirs"}})).await?;
    assert_eq!(plan(&unit_of(all.clone())?).await?.change, Change::Nothing);
    bench.api().delete(&format!("{MAPS}/once")).await?;
    assert_eq!(paths(plan(&unit_of(all.clone())?).await?.change.differences()), ["ConfigMap default/once "]);
    apply(&unit_of(all)?).await?;

    let less = unit_of(map("more", "", "one"))?;
    assert_eq!(
        paths(plan(&less).await?.change.differences()),
        ["ConfigMap default/goes ", "ConfigMap default/more ", "ConfigMap default/once "]
    );
    apply(&less).await?;
    assert_eq!(bench.api().find(&format!("{MAPS}/goes")).await?, None);
    for name in ["stays", "theirs"] {
        assert!(data(&bench, name).await.is_ok(), "{name}");
    }
    let (_, problems) =
        bench.read_with_problems(&[("clusters/prod/shop/all.yaml", map("a", "groundplan.dev/apply: sometimes", "x"))]);
    assert!(problems.errors[0].message.contains("`groundplan.dev/apply: sometimes` means nothing"));
    Ok(())
}

fn web(image: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}, annotations: {{{annotations}}}}}\n    spec: {{containers: [{{name: web, image: '{image}'}}]}}\n"
    )
}

#[tokio::test]
async fn a_newer_state_pre_empts_the_wait_for_an_older_one_and_its_memory_stands() -> Result<()> {
    let bench = Bench::start().await?;
    let bad = unit(&bench, "", web("web:1", "sandbox/stuck: '1'"))?;
    let waiting = tokio::spawn(async move { apply(&bad).await });
    let soon = std::time::Duration::from_secs(60);
    until("it is applied", soon, async || Ok(bench.api().find(WEB).await?.map(drop))).await?;
    let bench = bench.restarted();
    let good = unit(&bench, "", web("web:2", "") + &map("settings", "", "new"))?;
    apply(&good).await?;
    let error = waiting.await?.err().context("it gives way")?;
    assert_eq!(error.kind, ErrorKind::Moved, "{error}");
    assert!(
        error.message.contains("is applied in place of this one") || error.message.contains("somebody else applies"),
        "{error}"
    );
    assert_eq!(plan(&good).await?.change, Change::Nothing);
    let less = unit(&bench, "", web("web:2", ""))?;
    assert_eq!(
        paths(plan(&less).await?.change.differences()),
        ["ConfigMap default/settings "],
        "what it made is remembered"
    );
    Ok(())
}

#[tokio::test]
async fn what_an_author_names_must_be_ready_before_its_dependant_is_sent() -> Result<()> {
    let bench = Bench::start().await?;
    let text = web("web:1", "sandbox/stuck: '1'")
        + &map("settings", "groundplan.dev/depends-on: apps/Deployment default/web", "one");
    let unit = unit(&bench, "", text)?;
    let applying = tokio::spawn(async move { apply(&unit).await.map(drop) });
    let soon = std::time::Duration::from_secs(60);
    let pods = "/api/v1/namespaces/default/pods";
    let pod = until("its pod", soon, async || {
        let list = bench.api().find(&format!("{pods}?labelSelector=app%3Dweb")).await?;
        Ok(list.and_then(|list| {
            list["items"].get(0).map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        }))
    })
    .await?;
    assert_eq!(bench.api().find(&format!("{MAPS}/settings")).await?, None, "it was sent too early");
    bench.api().patch(&format!("{pods}/{pod}"), &json!({"metadata": {"annotations": {"sandbox/stuck": null}}})).await?;
    applying.await??;
    assert!(data(&bench, "settings").await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_renamed_folder_keeps_its_objects_and_goes_on_as_what_it_was() -> Result<()> {
    let bench = Bench::start().await?;
    let (one, two) = (map("settings", "", "one") + &map("goes", "", "x"), map("settings", "", "one"));
    apply(&bench.read_files(&[("clusters/prod/old/all.yaml", one.as_str())])?.units[0]).await?;
    let uid = async || {
        anyhow::Ok(
            bench.api().find(&format!("{MAPS}/settings")).await?.context("it is there")?["metadata"]["uid"].clone(),
        )
    };
    let before = uid().await?;
    let moved = "- {from: clusters/prod/old, to: clusters/prod/team/new}\n";
    let reading = bench.read_moved(&[("clusters/prod/team/new/all.yaml", &one)], moved)?;
    assert_eq!(plan(&reading.units[0]).await?.change, Change::Nothing, "a rename changes nothing");
    let owned = reading.sites[0].owned(&groundplan::unit::Inputs::default()).await?;
    assert_eq!(
        owned.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
        ["clusters/prod/team/new"],
        "nothing is left over"
    );
    let reading = bench.read_moved(&[("clusters/prod/team/new/all.yaml", &two)], moved)?;
    assert_eq!(paths(plan(&reading.units[0]).await?.change.differences()), ["ConfigMap default/goes "]);
    apply(&reading.units[0]).await?;
    assert_eq!(uid().await?, before);
    // Without the entry it would be another unit, which never takes what is not its own.
    let error = plan(&bench.read_files(&[("clusters/prod/team/new/all.yaml", two.as_str())])?.units[0])
        .await
        .err()
        .context("it is refused")?;
    assert!(error.message.contains("belongs to `bench/clusters/prod/old`"), "{error}");
    let owned = reading.sites[0].owned(&groundplan::unit::Inputs::default()).await?;
    reading.sites[0]
        .destroy(&owned[0], &groundplan::unit::Inputs::default(), &groundplan::unit::Progress::silent())
        .await?;
    assert_eq!(bench.api().find(&format!("{MAPS}/settings")).await?, None);
    Ok(())
}
