//! Values of the parameter store in manifests; a SecureString only where nobody reads it.

use anyhow::{Context, Result};
use infra_tests::sandbox::Parts;
use infra_tests::stage::Stage;
use serde_json::json;

const MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\ndata: {tier: '${TIER}'}\n";
const SECRET: &str = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: default}\nstringData: {password: '${PASSWORD}'}\n";
const VALUES: &str = "values:\n  TIER: {ssm: /shared/tier, at: 111111111111/eu-west-1}\n  PASSWORD: {ssm: /shared/password, at: 111111111111/eu-west-1}\n";

#[tokio::test]
async fn a_workload_takes_parameters_and_a_secret_one_stands_in_secrets_alone() -> Result<()> {
    let stage = Stage::set(Parts { aws: true, cluster: true, ..Parts::default() }).await?;
    let owner = stage.owner()?;
    let set = async |name: &str, kind: &str, value: &str| {
        let body = json!({"Name": name, "Type": kind, "Value": value, "Overwrite": true});
        owner.json("ssm", "eu-west-1", "AmazonSSM.PutParameter", &body).await.map(drop)
    };
    set("/shared/tier", "String", "gold").await?;
    set("/shared/password", "SecureString", "canary-in-ssm").await?;
    stage.remove("stacks/111111111111/eu-west-1/jobs.yaml")?;
    stage.remove("templates/queue.yaml")?;
    stage.write("clusters/shop/web/workload.yaml", VALUES)?;
    stage.write("clusters/shop/web/config.yaml", &format!("{MAP}{SECRET}"))?;
    stage.push()?;
    let rendered = stage.run(&["render", "--format", "json"], 0).await?;
    assert!(rendered.stdout.contains("${TIER}"), "offline it is only named: {}", rendered.stdout);
    let ran = stage.run(&["-vv", "sync", "--yes"], 0).await?;
    assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"), "{}", ran.stderr);
    let object = async |path: &str| stage.object(path).await?.context("it is there");
    let map = "/api/v1/namespaces/default/configmaps/settings";
    assert_eq!(object(map).await?["data"]["tier"], "gold");
    let secret = object("/api/v1/namespaces/default/secrets/keys").await?;
    assert_eq!(secret["data"]["password"], "Y2FuYXJ5LWluLXNzbQ==");
    stage.run(&["plan"], 0).await?;

    // The parameter moves, and nobody has committed anything.
    set("/shared/tier", "String", "silver").await?;
    let planned = stage.run(&["plan", "--format", "json"], 2).await?;
    assert!(planned.stdout.contains("silver"), "{}", planned.stdout);
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(object(map).await?["data"]["tier"], "silver");

    stage.write(
        "clusters/shop/web/config.yaml",
        &format!("{}{SECRET}", MAP.replace("${TIER}", "${PASSWORD} ${TIER}")),
    )?;
    stage.push()?;
    let ran = stage.run(&["plan"], 1).await?;
    assert!(
        ran.stderr.contains("`${PASSWORD}` is a secret, and stands where everybody would read it")
            || ran.stdout.contains("is a secret, and stands where"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"));
    stage.write("clusters/shop/web/workload.yaml", "values: {TIER: {ssm: /shared/tier}, PASSWORD: x}\n")?;
    stage.push()?;
    let ran = stage.run(&["check"], 65).await?;
    assert!(
        ran.stdout.contains("does not say whose parameter store")
            || ran.stderr.contains("does not say whose parameter store"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    Ok(())
}
