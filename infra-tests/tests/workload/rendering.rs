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
    let told: Vec<&str> = problems.warnings.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(told, ["a chart's hook (`pre-install`) is not run"]);
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
