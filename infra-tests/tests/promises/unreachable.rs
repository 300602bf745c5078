//! One side that cannot be reached is named, and the other side is not torn.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use infra_tests::product::Product;
use infra_tests::sandbox::Parts;
use infra_tests::stage::Stage;

const NOBODY: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn a_side_that_is_gone_is_named_and_the_other_is_left_as_it_is() -> Result<()> {
    let mut stage = Stage::set(Parts { aws: true, cluster: true, ..Parts::default() }).await?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.queue("jobs", 60)?;
    stage.write("clusters/shop/web/config.yaml", &infra_tests::stage::config("web", "changed"))?;
    stage.push()?;
    let there = stage.product.clone();

    stage.product = there.clone().with("AWS_ENDPOINT_URL", NOBODY);
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert!(
        ran.stderr.contains("account 111111111111 in eu-west-1 cannot be reached at http://127.0.0.1:1"),
        "{}",
        ran.stderr
    );
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
    let object = stage.object("/api/v1/namespaces/default/configmaps/web").await?.expect("it was made");
    assert_eq!(object["data"]["value"], "jobs-jobs", "the cluster was left alone");

    let elsewhere =
        fs::read_to_string(stage.sandbox.kubeconfig())?.replace(&stage.sandbox.cluster().url(), "https://127.0.0.1:1");
    let kubeconfig = stage.sandbox.logs().join("elsewhere");
    fs::write(&kubeconfig, elsewhere)?;
    stage.product = there.clone().with("KUBECONFIG", kubeconfig.display().to_string());
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert!(ran.stderr.contains("clusters/shop") && ran.stderr.contains("127.0.0.1:1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed on either"), "{}", ran.stderr);
    assert_eq!(stage.timeout_of("jobs").await?, "30", "no stack was changed");

    stage.product = there;
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "60");
    Ok(())
}

#[tokio::test]
async fn a_git_server_that_is_gone_is_named_without_what_opens_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let product = Product::offline()?
        .with("GROUNDPLAN_STORE", folder.path().join("store.db").display().to_string())
        .with("XDG_CACHE_HOME", folder.path().display().to_string())
        .with("GROUNDPLAN_GIT_TOKEN", "canary-git-token");
    let repository = "http://robot@127.0.0.1:1/shop.git";
    let ran = product.run(&["plan", "--repo", repository]).await?.expect(1)?;
    assert!(ran.stderr.contains("127.0.0.1:1/shop.git` cannot be reached"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
    let ran = product.run(&["plan", "--repo", "http://robot:canary-password@127.0.0.1:1/shop.git"]).await?;
    assert_ne!(ran.code, 0);
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
    Ok(())
}
