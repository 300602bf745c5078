//! Charts from a registry and from a chart repository: fetched once, by their digest.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path as Named, State};
use axum::routing::get;
use infra_tests::product::{Product, Ran};
use infra_tests::sandbox::registry::{Registry, chart_repository};
use infra_tests::sandbox::renderers;
use infra_tests::stage::{commit, write};
use serde_json::json;
use sha2::{Digest, Sha256};

const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {tier: '{{ .Values.tier }}', version: '{{ .Chart.Version }}'}\n";

fn chart(folder: &Path) -> Result<()> {
    write(folder, "Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.2.3\n")?;
    write(folder, "values.yaml", "tier: none\n")?;
    write(folder, "templates/map.yaml", TEMPLATE)
}

/// A repository whose one workload is this chart.
struct Repository {
    folder: tempfile::TempDir,
    product: Product,
}

impl Repository {
    fn new(cache: &Path) -> Result<Self> {
        let programs = renderers::folder()?;
        let product = Product::offline()?
            .with("XDG_CACHE_HOME", cache.display().to_string())
            .with("GROUNDPLAN_HELM", programs.join("helm").display().to_string());
        let folder = tempfile::tempdir()?;
        write(folder.path(), "clusters/shop/cluster.yaml", "kubeconfig: {context: nowhere}\n")?;
        Ok(Self { folder, product })
    }

    async fn render(&self, chart: &str) -> Result<Ran> {
        write(self.folder.path(), "clusters/shop/web/workload.yaml", &format!("chart: {{{chart}}}\n"))?;
        commit(self.folder.path())?;
        let repo = self.folder.path().display().to_string();
        self.product.run(&["render", "--repo", &repo, "--format", "json"]).await
    }
}

#[tokio::test]
async fn a_chart_of_a_registry_is_fetched_once_by_its_digest_and_another_one_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    chart(&folder.path().join("shop"))?;
    let mut registry = Registry::start(&folder.path().join("registry")).await?;
    let digest = registry.push(&folder.path().join("shop"))?;
    let from = format!("from: '{}/shop', version: 1.2.3", registry.address());
    let good = format!("{from}, digest: '{digest}', values: {{tier: gold}}");
    let repository = Repository::new(&folder.path().join("cache"))?;

    let wrong = format!("{from}, digest: 'sha256:{}'", "0".repeat(64));
    let ran = repository.render(&wrong).await?.expect(65)?;
    assert!(ran.stderr.contains("has another digest") && ran.stderr.contains("workload.yaml"), "{}", ran.stderr);

    let first = repository.render(&good).await?.expect(0)?.json()?;
    assert_eq!(first["objects"][0]["data"], json!({"tier": "gold", "version": "1.2.3"}));
    // Nobody is asked again: what is needed is there, other values included.
    registry.stop();
    let other = good.replace("gold", "silver");
    let second = repository.render(&other).await?.expect(0)?.json()?;
    assert_eq!(second["objects"][0]["data"]["tier"], "silver");
    // What somebody wrote over in the cache is not used.
    for kept in fs::read_dir(folder.path().join("cache/groundplan/charts"))? {
        fs::write(kept?.path(), b"something else")?;
    }
    let ran = repository.render(&good.replace("gold", "bronze")).await?.expect(65)?;
    assert!(ran.stderr.contains("cannot be fetched"), "{}", ran.stderr);
    Ok(())
}

/// A chart repository on loopback, and its address.
async fn serve(folder: &Path) -> Result<String> {
    let file = async |State(folder): State<std::path::PathBuf>, Named(name): Named<String>| {
        fs::read(folder.join(name)).map_err(|_| axum::http::StatusCode::NOT_FOUND)
    };
    let app = Router::new().route("/{name}", get(file)).with_state(folder.to_owned());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("http://{address}"))
}

#[tokio::test]
async fn a_chart_of_a_chart_repository_is_proven_by_the_digest_of_its_archive() -> Result<()> {
    let folder = tempfile::tempdir()?;
    chart(&folder.path().join("shop"))?;
    let served = folder.path().join("served");
    chart_repository(&folder.path().join("shop"), &served)?;
    let archive = fs::read(served.join("shop-1.2.3.tgz")).context("it was packed")?;
    let digest = hex::encode(Sha256::digest(&archive));
    let address = serve(&served).await?;
    let repository = Repository::new(&folder.path().join("cache"))?;
    let from = format!("from: '{address}', name: shop, version: 1.2.3");

    let wrong = format!("{from}, digest: 'sha256:{}'", "0".repeat(64));
    let ran = repository.render(&wrong).await?.expect(65)?;
    assert!(ran.stderr.contains(&format!("has the digest sha256:{digest}")), "{}", ran.stderr);
    let ran = repository.render(&format!("{from}, digest: 'sha256:{digest}'")).await?.expect(0)?;
    assert_eq!(ran.json()?["objects"][0]["data"], json!({"tier": "none", "version": "1.2.3"}));
    // Another version with the digest of this one is not there; what was kept is not taken for it.
    let other = format!("{}, digest: 'sha256:{digest}'", from.replace("1.2.3", "1.2.4"));
    let ran = repository.render(&other).await?.expect(65)?;
    assert!(ran.stderr.contains("cannot be fetched"), "{}", ran.stderr);
    Ok(())
}
