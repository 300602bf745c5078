//! `render`: what would be sent, offline.

use std::path::Path;

use anyhow::Result;
use infra_tests::product::Product;
use infra_tests::sandbox::renderers;
use infra_tests::stage::{commit, write};
use serde_json::json;

const CLUSTER: &str = "kubeconfig: {context: nowhere}\n";

#[tokio::test]
async fn what_would_be_sent_is_shown_without_its_secrets_and_without_asking() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    write(path, "groundplan.yaml", "repository: shop\n")?;
    write(path, "stacks/111111111111/eu-west-1/db.yaml", "Template: db.yaml\n")?;
    write(path, "templates/db.yaml", "Resources: {Q: {Type: AWS::SQS::Queue}}\nOutputs: {Url: {Value: !Ref Q}}\n")?;
    write(path, "clusters/shop/cluster.yaml", CLUSTER)?;
    write(path, "clusters/shop/web/workload.yaml", "values: {DB: {output: db.Url}, TIER: gold}\n")?;
    let manifests = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {db: '${DB}', tier: '${TIER}', word: 'yes'}\n---\n\
        apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {password: canary-in-git}\n";
    write(path, "clusters/shop/web/all.yaml", manifests)?;
    // `bases/`, `components/` and `charts/` of the repository stand beside `clusters/`, and are no workloads.
    write(
        path,
        "bases/mail/deployment.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mail}\ndata: {from: base}\n",
    )?;
    write(path, "bases/mail/kustomization.yaml", "resources: [deployment.yaml]\n")?;
    write(
        path,
        "components/loud/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -loud\n",
    )?;
    write(
        path,
        "clusters/shop/mail/kustomization.yaml",
        "resources: [../../../bases/mail]\ncomponents: [../../../components/loud]\n",
    )?;
    write(path, "charts/cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.0.0\n")?;
    write(
        path,
        "charts/cache/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {size: '{{ .Values.size }}'}\n",
    )?;
    write(path, "clusters/shop/cache/workload.yaml", "chart: {path: ../../../charts/cache, values: {size: 12}}\n")?;
    commit(path)?;

    let cache = tempfile::tempdir()?;
    let product = rendering(Product::offline()?, cache.path())?;
    let repo = path.display().to_string();
    let ran = product.run(&["render", "--repo", &repo, "--format", "json"]).await?.expect(0)?;
    let objects = ran.json()?["objects"].clone();
    let names: Vec<&str> =
        objects.as_array().into_iter().flatten().filter_map(|one| one["metadata"]["name"].as_str()).collect();
    assert_eq!(names, ["cache", "mail-loud", "web", "keys"]);
    assert_eq!(objects[0]["data"], json!({"size": "12"}));
    assert_eq!(objects[1]["data"], json!({"from": "base"}));
    assert_eq!(objects[2]["data"], json!({"db": "${DB}", "tier": "gold", "word": "yes"}));
    assert_eq!(objects[3]["data"], json!({"password": "(hidden)"}));

    let ran = product.run(&["render", "--repo", &repo, "--only", "shop/web"]).await?.expect(0)?;
    let text = "---\n# clusters/shop/web\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  db: '${DB}'\n  tier: gold\n  word: 'yes'\n";
    assert!(ran.stdout.starts_with(text), "{}", ran.stdout);
    assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"));
    Ok(())
}

/// The product with the real `kustomize` and `helm`, and a cache of its own.
fn rendering(product: Product, cache: &Path) -> Result<Product> {
    let program = |name: &str| Ok::<_, anyhow::Error>(renderers::folder()?.join(name).display().to_string());
    let product = product.with("XDG_CACHE_HOME", cache.display().to_string());
    Ok(product.with("GROUNDPLAN_HELM", program("helm")?).with("GROUNDPLAN_KUSTOMIZE", program("kustomize")?))
}
