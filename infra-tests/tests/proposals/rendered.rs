//! A drift of what a program renders, adopted where its author would have written it.

use anyhow::{Context, Result};
use infra_tests::sandbox::{Parts, renderers};
use infra_tests::shop::kubectl;
use infra_tests::stage::Stage;
use serde_json::{Value, json};

use crate::given::{branches, git, merge, settings};

const BASE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {color: none, size: small}\n";
/// The overlay says the color, the base says the size.
const OVERLAY: &str =
    "namePrefix: prod-\nnamespace: default\nresources: [../../../bases/web]\npatches:\n  - path: color.yaml # ours\n";
const COLOR: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  color: blue   # as in the logo\n";
/// The workload gives the tag, the chart has a default for the depth, and nobody can give the shape.
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chart}\ndata:\n  image: acme/web:{{ .Values.image.tag }}\n  depth: 'd{{ .Values.image.depth }}'\n  shape: round\n";
const WORKLOAD: &str = "chart:\n  path: ../../../charts/web\n  values: {image: {tag: '1.4'}} # ours\n";

const ADOPTED: &str = "chart:\n  path: ../../../charts/web\n  values: {image: {tag: '1.5', depth: 3}} # ours\n  patches:\n    - path: adopted-configmap-chart.yaml\n";

const FILES: &[(&str, &str)] = &[
    ("bases/web/kustomization.yaml", "resources: [map.yaml]\n"),
    ("bases/web/map.yaml", BASE),
    ("clusters/shop/over/kustomization.yaml", OVERLAY),
    ("clusters/shop/over/color.yaml", COLOR),
    ("clusters/shop/other/kustomization.yaml", "namePrefix: other-\nresources: [../../../bases/web]\n"),
    ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
    ("charts/web/values.yaml", "image: {tag: none, depth: 1}\n"),
    ("charts/web/templates/map.yaml", TEMPLATE),
    ("clusters/shop/chart/workload.yaml", WORKLOAD),
];

#[tokio::test]
async fn what_is_rendered_is_adopted_by_a_value_of_its_own_or_else_by_a_patch_and_no_base_is_touched() -> Result<()> {
    let mut stage = Stage::set(Parts { aws: true, git: true, cluster: true, slack: true }).await?;
    let programs = renderers::folder()?;
    for (name, program) in [("GROUNDPLAN_HELM", "helm"), ("GROUNDPLAN_KUSTOMIZE", "kustomize")] {
        stage.product = stage.product.with(name, programs.join(program).display().to_string());
    }
    stage.write("groundplan.yaml", &settings("[adopt, recheck]"))?;
    FILES.iter().try_for_each(|(path, text)| stage.write(path, text))?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    change(&stage, "prod-web", json!({"color": "green", "size": "large"})).await?;
    change(&stage, "chart", json!({"image": "acme/web:1.5", "depth": "d3", "shape": "square"})).await?;
    stage.run(&["drift", "--notify"], 2).await?;

    let over = adopted(&stage, "clusters/shop/over").await?;
    let patch = "clusters/shop/over/adopted-configmap-prod-web.yaml";
    let (color, overlay) =
        (COLOR.replace("blue", "green"), format!("{OVERLAY}  - path: adopted-configmap-prod-web.yaml\n"));
    let expected = [
        (
            patch,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: default\ndata:\n  size: large\n",
        ),
        ("clusters/shop/over/color.yaml", &color),
        ("clusters/shop/over/kustomization.yaml", &overlay),
    ];
    assert_eq!(texts(&over), expected);
    let chart = adopted(&stage, "clusters/shop/chart").await?;
    let expected = [
        (
            "clusters/shop/chart/adopted-configmap-chart.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: chart\ndata:\n  shape: square\n",
        ),
        ("clusters/shop/chart/workload.yaml", ADOPTED),
    ];
    assert_eq!(texts(&chart), expected);

    let before = [live(&stage, "prod-web").await?, live(&stage, "chart").await?, live(&stage, "other-web").await?];
    stage.run(&["drift"], 0).await?;
    stage.run(&["sync", "--yes"], 0).await?;
    let after = [live(&stage, "prod-web").await?, live(&stage, "chart").await?, live(&stage, "other-web").await?];
    assert_eq!(before, after, "merging changes nothing live");
    assert_eq!(after[0], json!({"color": "green", "size": "large"}));
    assert_eq!(after[1], json!({"image": "acme/web:1.5", "depth": "d3", "shape": "square"}));

    // What was adopted once is a word of its own now.
    change(&stage, "prod-web", json!({"size": "huge"})).await?;
    stage.run(&["drift", "--notify"], 2).await?;
    let again = adopted(&stage, "clusters/shop/over").await?;
    assert_eq!(again.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [patch]);
    assert!(again[0].1.ends_with("  size: huge\n"), "{}", again[0].1);
    Ok(())
}

/// Adopts the case of a unit and merges it: the files that were changed, as they are afterwards.
async fn adopted(stage: &Stage, unit: &str) -> Result<Vec<(String, String)>> {
    let cases = stage.run(&["case", "list", "--format", "json"], 0).await?.json()?;
    let is_it =
        |case: &&Value| case["units"][0]["id"] == unit && case["units"].as_array().is_some_and(|all| all.len() == 1);
    let case =
        cases["cases"].as_array().context("a list")?.iter().find(is_it).with_context(|| format!("{unit}: {cases}"))?;
    let id = case["id"].as_str().context("an id")?;
    stage.run(&["case", "adopt", id], 0).await?;
    let branch = format!("groundplan/adopt/{id}");
    assert!(branches(stage)?.contains(&branch));
    let names = git(stage, &["diff", "--name-only", "main", &branch])?;
    let files: Result<Vec<_>> =
        names.lines().map(|name| Ok((name.to_owned(), git(stage, &["show", &format!("{branch}:{name}")])?))).collect();
    merge(stage, &branch)?;
    files
}

fn texts(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

async fn change(stage: &Stage, name: &str, data: Value) -> Result<()> {
    let patch = json!({"data": data}).to_string();
    let arguments = ["patch", "configmap", name, "--type", "merge", "-p", &patch];
    kubectl(&stage.sandbox.kubeconfig(), &arguments).await.map(drop)
}

async fn live(stage: &Stage, name: &str) -> Result<Value> {
    let object = stage.object(&format!("/api/v1/namespaces/default/configmaps/{name}")).await?;
    Ok(object.with_context(|| format!("{name} is there"))?["data"].clone())
}
