//! Files that sops keeps: opened with the operator's key by the real program, and shown to nobody.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use groundplan::kinds::workload::Programs;
use groundplan::unit::Change;
use infra_tests::product::Product;
use infra_tests::sandbox::{clean_environment, renderers};
use infra_tests::stage::{commit, write};
use serde_json::json;

use crate::bench::{Bench, apply, paths, plan};

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: 'keys-${TIER}', namespace: default}\nstringData: {password: 'canary-${x}', port: '0644'}\n";

/// An age key and its recipient.
struct Key {
    key: String,
    recipient: String,
}

fn key() -> Result<Key> {
    let output = Command::new(renderers::folder()?.join("age-keygen")).output()?;
    let text = String::from_utf8(output.stdout)?;
    let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).context("a key")?.to_owned();
    let recipient =
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).context("a recipient")?.to_owned();
    Ok(Key { key, recipient })
}

/// The text as sops encrypts it for a recipient.
fn sealed(recipient: &str, name: &str, text: &str, only: Option<&str>) -> Result<String> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), name, text)?;
    let mut command = Command::new(renderers::folder()?.join("sops"));
    command.envs(clean_environment()).args(["--disable-version-check", "encrypt", "--age", recipient]);
    if let Some(only) = only {
        command.args(["--encrypted-regex", only]);
    }
    let output = command.arg(folder.path().join(name)).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

const VALUES: Option<&str> = Some("^(data|stringData)$");

#[tokio::test]
async fn a_sealed_secret_is_applied_kept_and_its_drift_is_found_without_a_value_being_told() -> Result<()> {
    let mut bench = Bench::start().await?;
    let Key { key, recipient } = key()?;
    let folder = renderers::folder()?;
    let programs =
        Programs::at(folder.join("helm"), folder.join("kustomize")).decrypting_with(folder.join("sops"), &key);
    bench.kind = bench.kind.rendering_with(programs);
    let text = sealed(&recipient, "a.yaml", SECRET, VALUES)?;
    assert!(text.contains("ENC[") && !text.contains("canary"));
    let files = [
        ("clusters/prod/shop/keys.yaml", text.as_str()),
        ("clusters/prod/shop/workload.yaml", "values: {TIER: gold}\n"),
    ];
    let unit = bench.read_files(&files)?.units[0].clone();
    apply(&unit).await?;
    let path = "/api/v1/namespaces/default/secrets/keys-gold";
    let live = bench.api().find(path).await?.context("it is there")?;
    // `canary-${x}` and `0644`, as they were encrypted.
    assert_eq!(live["data"], json!({"password": "Y2FuYXJ5LSR7eH0=", "port": "MDY0NA=="}));
    assert_eq!(live["sops"], json!(null));
    assert_eq!(plan(&unit).await?.change, Change::Nothing);
    bench.api().patch(path, &json!({"data": {"password": "Y2FuYXJ5LWJ5LWhhbmQ="}})).await?;
    let planned = plan(&unit).await?;
    assert_eq!(paths(planned.change.differences()), ["Secret default/keys-gold data.password"]);
    assert!(!format!("{planned:?}").contains("canary") && !format!("{planned:?}").contains("Y2FuYXJ5"));
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, Change::Nothing);

    // Without its key it is no shorter workload: nothing is read at all.
    let programs = Programs::at(folder.join("helm"), folder.join("kustomize")).decrypting_with(folder.join("sops"), "");
    bench.kind = bench.kind.rendering_with(programs);
    let (reading, problems) = bench.read_with_problems(&files);
    assert!(reading.units.is_empty());
    assert_eq!(problems.errors[0].message, "sops cannot decrypt it: no key at hand opens it");
    assert!(problems.errors[0].hint.as_ref().is_some_and(|hint| hint.contains(&recipient)));
    Ok(())
}

/// A repository that is only rendered, with its cache.
struct Repository {
    folder: tempfile::TempDir,
    product: Product,
}

impl Repository {
    fn new(key: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut product = Product::offline()?
            .with("XDG_CACHE_HOME", folder.path().join("cache").display().to_string())
            .with("SOPS_AGE_KEY", key);
        for name in ["helm", "kustomize", "sops"] {
            let program = renderers::folder()?.join(name).display().to_string();
            product = product.with(&format!("GROUNDPLAN_{}", name.to_uppercase()), program);
        }
        write(&folder.path().join("repo"), "clusters/shop/cluster.yaml", "kubeconfig: {context: nowhere}\n")?;
        Ok(Self { folder, product })
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        write(&self.folder.path().join("repo"), path, text)
    }

    async fn render(&self, code: i32) -> Result<(String, String)> {
        commit(&self.folder.path().join("repo"))?;
        let repo = self.folder.path().join("repo").display().to_string();
        let ran = self.product.run(&["-vv", "render", "--repo", &repo, "--format", "json"]).await?.expect(code)?;
        assert!(!ran.stderr.contains("canary") && !ran.stderr.contains("Y2FuYXJ5"), "{}", ran.stderr);
        Ok((ran.stdout, ran.stderr))
    }

    /// Whether anything that was kept holds this text.
    fn keeps(&self, text: &str) -> Result<bool> {
        fn holds(folder: &Path, text: &str) -> Result<bool> {
            let Ok(entries) = fs::read_dir(folder) else { return Ok(false) };
            for entry in entries {
                let path = entry?.path();
                let found = match path.is_dir() {
                    true => holds(&path, text)?,
                    false => String::from_utf8_lossy(&fs::read(&path)?).contains(text),
                };
                if found {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        holds(&self.folder.path().join("cache"), text)
    }
}

#[tokio::test]
async fn sealed_files_of_kustomizations_and_charts_end_in_secrets_alone_and_in_no_cache() -> Result<()> {
    let Key { key, recipient } = key()?;
    let repository = Repository::new(&key)?;
    let env = sealed(&recipient, "db.env", "PASSWORD=canary-in-env\n", None)?;
    let values = sealed(&recipient, "v.yaml", "password: canary-in-values\ntier: gold\n", Some("^password$"))?;
    repository.write("clusters/shop/gen/db.env", &env)?;
    repository.write(
        "clusters/shop/gen/kustomization.yaml",
        "resources: [keys.yaml]\nnamePrefix: prod-\nsecretGenerator: [{name: db, envs: [db.env]}]\n",
    )?;
    let secret = SECRET.replace("-${TIER}", "");
    repository.write("clusters/shop/gen/keys.yaml", &sealed(&recipient, "a.yaml", &secret, VALUES)?)?;
    repository.write("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")?;
    let template = "apiVersion: v1\nkind: Secret\nmetadata: {name: web, labels: {tier: '{{ .Values.tier }}'}}\nstringData: {password: '{{ .Values.password }}'}\n";
    repository.write("charts/web/templates/secret.yaml", template)?;
    repository.write("clusters/shop/web/values.sealed.yaml", &values)?;
    repository.write(
        "clusters/shop/web/workload.yaml",
        "chart: {path: ../../../charts/web, valueFiles: [values.sealed.yaml]}\n",
    )?;
    let (stdout, _) = repository.render(0).await?;
    let objects: serde_json::Value = serde_json::from_str(&stdout)?;
    let objects = objects["objects"].as_array().context("objects")?.clone();
    let names: Vec<&str> = objects.iter().filter_map(|one| one["metadata"]["name"].as_str()).collect();
    assert!(names.len() == 3 && names.contains(&"web") && names.contains(&"prod-keys"), "{names:?}");
    assert!(
        objects
            .iter()
            .all(|one| one["data"].as_object().is_some_and(|data| data.values().all(|value| value == "(hidden)")))
    );
    assert!(!stdout.contains("canary") && !stdout.contains("Y2FuYXJ5"));
    assert!(!repository.keeps("canary")? && !repository.keeps("Y2FuYXJ5")?);

    // The same value in what everybody may read is refused, and not quoted.
    repository.write(
        "charts/web/templates/secret.yaml",
        &template.replace("kind: Secret", "kind: ConfigMap").replace("stringData", "data"),
    )?;
    let (_, stderr) = repository.render(65).await?;
    assert!(stderr.contains("an object that is no Secret"), "{stderr}");
    // What fails while it holds a secret does not say which.
    repository.write("charts/web/templates/secret.yaml", "{{ fail .Values.password }}\n")?;
    let (_, stderr) = repository.render(65).await?;
    assert!(stderr.contains("its own words are not told"), "{stderr}");
    Ok(())
}

#[tokio::test]
async fn what_sops_may_not_encrypt_and_what_was_changed_afterwards_is_refused() -> Result<()> {
    let Key { key, recipient } = key()?;
    let repository = Repository::new(&key)?;
    let secret = SECRET.replace("-${TIER}", "");
    let file = "clusters/shop/keys/a.yaml";
    for (text, why) in [
        (sealed(&recipient, "a.yaml", &secret, None)?, "must be a Secret"),
        (sealed(&recipient, "a.yaml", &secret, Some("^(metadata|stringData)$"))?, "`metadata` is encrypted"),
        (sealed(&recipient, "a.yaml", &secret.replace("kind: Secret", "kind: ConfigMap"), VALUES)?, "must be a Secret"),
        (
            sealed(&recipient, "a.yaml", &secret, VALUES)?.replace("name: keys", "name: others"),
            "changed after it was encrypted",
        ),
    ] {
        repository.write(file, &text)?;
        let (_, stderr) = repository.render(65).await?;
        assert!(stderr.contains(why) && stderr.contains(file), "{why}: {stderr}");
    }
    repository.write(file, &sealed(&recipient, "a.yaml", &secret, VALUES)?)?;
    let (stdout, _) = repository.render(0).await?;
    assert!(stdout.contains("(hidden)"));
    Ok(())
}
