//! Everything that is wrong with a repository is told in one run, and nothing is touched.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use infra_tests::product::{Product, Ran};
use infra_tests::proxy::Proxy;
use infra_tests::stage::{commit, config, write};
use tempfile::TempDir;

const STACKS: &str = "stacks/111111111111/eu-west-1";

/// One repository with every mistake in it.
fn broken() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let stack = |name: &str, text: &str| write(folder.path(), &format!("{STACKS}/{name}.yaml"), text);
    write(folder.path(), "templates/queue.yaml", "Resources:\n  Jobs: {Type: AWS::SQS::Queue}\nOutputs: {}\n")?;
    stack("queue", "Template: queue.yaml\n")?;
    stack("broken", "Template: [queue.yaml\nTags: 1\n")?;
    stack("duplicate", "Template: queue.yaml\nTemplate: queue.yaml\n")?;
    stack("unknown", "Template: queue.yaml\nParamters: {Timeout: 30}\n")?;
    stack("missing", "Template: nowhere.yaml\n")?;
    stack("egg", "Template: queue.yaml\nDependsOn: [hen]\n")?;
    stack("hen", "Template: queue.yaml\nDependsOn: [egg]\n")?;
    stack("output", "Template: queue.yaml\nParameters:\n  - {Name: Of, Type: Output, Value: queue.Nothing}\n")?;
    write(folder.path(), "stacks/one.222222222222/eu-west-1/twin.yaml", "Template: queue.yaml\n")?;
    write(folder.path(), "stacks/two.222222222222/eu-west-1/twin.yaml", "Template: queue.yaml\n")?;
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    write(folder.path(), "templates/large.yaml", pointer)?;
    write(folder.path(), "clusters/shop/cluster.yaml", "kubeconfig: {context: sandbox}\n")?;
    write(folder.path(), "clusters/shop/web/config.yaml", &config("web", "here"))?;
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("clusters/shop/web/link.yaml"))?;
    commit(folder.path())?;
    Ok(folder)
}

async fn run(folder: &Path, arguments: &[&str]) -> Result<Ran> {
    let product = Product::offline()?.with("GROUNDPLAN_STORE", folder.join("store.db").display().to_string());
    product.with("GROUNDPLAN_REPO", folder.display().to_string()).run(arguments).await
}

#[tokio::test]
async fn all_mistakes_are_told_in_one_run_with_file_line_and_column() -> Result<()> {
    let folder = broken()?;
    let checked = run(folder.path(), &["check"]).await?.expect(65)?;
    assert_eq!(checked.stdout, "");
    assert!(!checked.stderr.contains('\u{1b}'), "no escape codes where nobody has a terminal");
    insta::assert_snapshot!("all_mistakes", checked.stderr);
    Ok(())
}

#[tokio::test]
async fn the_same_mistakes_stand_in_json_that_obeys_its_schema() -> Result<()> {
    let folder = broken()?;
    let told = run(folder.path(), &["check", "--format", "json"]).await?.expect(65)?.json()?;
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/check-output.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(schema)?)?;
    let validator = jsonschema::validator_for(&schema)?;
    let wrong: Vec<_> = validator.iter_errors(&told).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let errors = told["errors"].as_array().expect("a list");
    let files: BTreeSet<_> = errors.iter().filter_map(|error| error["file"].as_str()).collect();
    for file in ["broken", "duplicate", "unknown", "missing", "output"].map(|name| format!("{STACKS}/{name}.yaml")) {
        let error = errors.iter().find(|error| error["file"] == file.as_str());
        let error = error.unwrap_or_else(|| panic!("{file} is not named: {files:?}"));
        assert!(error["line"].as_u64() > Some(0) && error["column"].as_u64() > Some(0), "{error}");
    }
    for file in ["clusters/shop/web/link.yaml", "templates/large.yaml"] {
        assert!(files.contains(file), "{file} is not named: {files:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_repository_is_told_by_every_verb_and_nothing_is_asked_of_aws() -> Result<()> {
    let folder = broken()?;
    let proxy = Proxy::start("http://127.0.0.1:1".to_owned()).await?;
    let product = Product::offline()?
        .with("GROUNDPLAN_STORE", folder.path().join("store.db").display().to_string())
        .with("GROUNDPLAN_REPO", folder.path().display().to_string())
        .with("AWS_ENDPOINT_URL", proxy.url())
        .with("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "example");
    for verb in [&["plan"][..], &["sync", "--yes"], &["drift"], &["rebuild", "--yes"], &["destroy", "--yes"]] {
        let ran = product.run(verb).await?.expect(65)?;
        assert!(ran.stderr.contains("nothing was touched anywhere"), "{}", ran.stderr);
    }
    assert_eq!(proxy.counts().total().calls, 0);
    Ok(())
}

#[tokio::test]
async fn an_empty_repository_is_no_reason_to_do_anything() -> Result<()> {
    let folder = tempfile::tempdir()?;
    commit(folder.path())?;
    let checked = run(folder.path(), &["check"]).await?.expect(0)?;
    assert!(checked.stderr.contains("nothing is declared"), "{}", checked.stderr);
    run(folder.path(), &["sync", "--yes"]).await?.expect(0)?;
    Ok(())
}

#[tokio::test]
async fn wrong_usage_exits_with_64_and_help_with_0() -> Result<()> {
    let folder = tempfile::tempdir()?;
    commit(folder.path())?;
    let wrong =
        [&["plam"][..], &["plan", "--nothing"], &["plan", "--environment", "nowhere"], &["plan", "--only", "no"]];
    for arguments in wrong {
        run(folder.path(), arguments).await?.expect(64)?;
    }
    let commands = ["check", "graph", "plan", "sync", "drift", "rebuild", "destroy", "serve", "schema", "completion"];
    for command in commands {
        let help = run(folder.path(), &[command, "--help"]).await?.expect(0)?;
        let flag = if ["schema", "completion"].contains(&command) { "--config" } else { "--repo" };
        assert!(help.stdout.contains(flag), "{command}: {}", help.stdout);
        assert!(!help.stdout.contains('\u{1b}'));
    }
    Ok(())
}
