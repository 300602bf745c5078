//! Kustomizations and charts, rendered by the real programs.

use anyhow::{Context, Result};
use groundplan::aws::{Aws, AwsSettings};
use groundplan::kinds::workload::{Programs, WorkloadKind};
use groundplan::problem::Problems;
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{Change, Kind, ReadSettings};
use infra_tests::sandbox::renderers;

use crate::bench::{Bench, apply, plan};

const BASE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {from: base, tier: '${TIER}'}\n";
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-{{ .Values.word }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  tier: {{ .Values.tier | quote }}\n";
const HOOK: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: before, annotations: {helm.sh/hook: pre-install}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}\n";

const FILES: &[(&str, &str)] = &[
    ("bases/web/kustomization.yaml", "resources: [settings.yaml]\n"),
    ("bases/web/settings.yaml", BASE),
    ("clusters/prod/web/kustomization.yaml", "namePrefix: prod-\nresources: [../../../bases/web]\n"),
    ("clusters/prod/web/workload.yaml", "values: {TIER: gold}\n"),
    ("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    ("charts/shop/values.yaml", "word: default\ntier: none\n"),
    ("charts/shop/templates/map.yaml", TEMPLATE),
    ("charts/shop/templates/hook.yaml", HOOK),
    ("clusters/prod/shop/more.values", "word: filed\n"),
    (
        "clusters/prod/shop/workload.yaml",
        "values: {TIER: gold}\nchart: {path: ../../../charts/shop, valueFiles: [more.values], values: {tier: '${TIER}'}}\n",
    ),
];

fn programs() -> Result<Programs> {
    let folder = renderers::folder()?;
    Ok(Programs::at(folder.join("helm"), folder.join("kustomize")))
}

#[tokio::test]
async fn a_kustomization_and_a_chart_are_rendered_filled_in_and_applied() -> Result<()> {
    let mut bench = Bench::start().await?;
    bench.kind = bench.kind.rendering_with(programs()?);
    let (reading, problems) = bench.read_with_problems(FILES);
    assert!(problems.errors.is_empty(), "{:?}", problems.errors);
    assert!(problems.warnings.is_empty(), "{:?}", problems.warnings);
    for unit in &reading.units {
        apply(unit).await.with_context(|| unit.id.to_string())?;
        assert_eq!(plan(unit).await?.change, Change::Nothing);
    }
    let data = async |name: &str| {
        let found = bench.api().find(&format!("/api/v1/namespaces/default/configmaps/{name}")).await?;
        anyhow::Ok(found.with_context(|| format!("{name} is there"))?["data"].clone())
    };
    assert_eq!(data("prod-settings").await?, serde_json::json!({"from": "base", "tier": "gold"}));
    assert_eq!(data("shop-filed").await?, serde_json::json!({"tier": "gold"}));
    let ran = bench.api().find("/apis/batch/v1/namespaces/default/jobs/before").await?.context("its hook has run")?;
    assert_eq!(ran["status"]["succeeded"], 1);
    Ok(())
}

fn errors(kind: &WorkloadKind, files: &[(&str, &str)]) -> Vec<String> {
    let cluster = [("clusters/prod/cluster.yaml", "kubeconfig: {context: sandbox}\n")];
    let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), cluster.iter().chain(files).copied());
    let mut problems = Problems::default();
    kind.read(&snapshot, &ReadSettings { repository: "bench".into(), ..ReadSettings::default() }, &mut problems);
    problems.errors.into_iter().map(|problem| format!("{}: {}", problem.place.file, problem.message)).collect()
}

#[test]
fn a_program_that_is_missing_or_fails_is_told_with_its_file() -> Result<()> {
    let kind = || WorkloadKind::new(Aws::new(AwsSettings::default()), None);
    let broken = [("clusters/prod/web/kustomization.yaml", "resources: []\npatches: [{path: nowhere.yaml}]\n")];
    let told = errors(&kind().rendering_with(programs()?), &broken);
    assert!(told[0].starts_with("clusters/prod/web/kustomization.yaml: cannot render it: kustomize v5"), "{told:?}");
    assert!(told[0].contains("nowhere.yaml") && !told[0].contains("/tmp"), "{told:?}");
    let nowhere = Programs::at("/nowhere/helm".into(), "/nowhere/kustomize".into());
    let told = errors(&kind().rendering_with(nowhere), &broken);
    assert!(told[0].contains("cannot start `/nowhere/kustomize`"), "{told:?}");
    Ok(())
}

/// A program that stands in for kustomize, and a repository that asks for it.
fn pretended(script: &str) -> Result<(tempfile::TempDir, Programs)> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("kustomize");
    let script = format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo v1-{}; exit; fi\n{script}", std::process::id());
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
    let programs = Programs::at("/nowhere/helm".into(), path);
    Ok((folder, programs))
}

#[test]
fn a_program_has_an_end_and_what_was_rendered_once_is_not_rendered_again() -> Result<()> {
    let kind = || WorkloadKind::new(Aws::new(AwsSettings::default()), None);
    // New at each run of this test, so that no cache of an earlier one knows it.
    let files =
        [("clusters/prod/web/kustomization.yaml", format!("# {:?}\nresources: []\n", std::time::SystemTime::now()))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let (_folder, programs) = pretended("exec /bin/sleep 100\n")?;
    let told = errors(&kind().rendering_with(programs.within(std::time::Duration::from_millis(300))), &files);
    assert!(told[0].contains("not done after"), "{told:?}");
    let (_folder, programs) = pretended("exec /usr/bin/head -c 70000000 /dev/zero\n")?;
    let told = errors(&kind().rendering_with(programs), &files);
    assert!(told[0].contains("larger than 64 MiB"), "{told:?}");

    let runs = tempfile::NamedTempFile::new()?;
    let map = "apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a}\\n";
    let (_folder, programs) = pretended(&format!("echo run >> {}\nprintf '{map}'\n", runs.path().display()))?;
    let kind = kind().rendering_with(programs);
    for _ in 0..3 {
        assert_eq!(errors(&kind, &files), Vec::<String>::new());
    }
    assert_eq!(std::fs::read_to_string(runs.path())?.lines().count(), 1);
    Ok(())
}
