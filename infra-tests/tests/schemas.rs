//! `schemas/` says what the types say, and the example obeys it. `UPDATE=1` writes the folder anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("schemas")
}

#[test]
fn schemas_are_what_the_types_say() {
    let mut written = BTreeSet::new();
    for (name, schema) in groundplan::commands::schemas() {
        let path = folder().join(format!("{name}.schema.json"));
        let now = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(folder()).expect("the folder can be made");
            fs::write(&path, &now).expect("schemas/ can be written");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == now, "{} is stale: run `UPDATE=1 cargo test --workspace --test schemas`", path.display());
        written.insert(path);
    }
    for entry in fs::read_dir(folder()).expect("schemas/") {
        let path = entry.expect("an entry").path();
        assert!(written.contains(&path), "{} belongs to no type any more", path.display());
    }
}

#[test]
fn the_example_obeys_the_schemas() {
    let example = folder().with_file_name("examples").join("repo-layout");
    let groundplan = [("groundplan.yaml", "groundplan")];
    let stacks = [
        "shop.111111111111/eu-west-1/network",
        "shop.111111111111/eu-west-1/cluster",
        "edge.222222222222/us-east-1/assets",
    ];
    let files = groundplan.map(|(file, schema)| (file.to_owned(), schema)).into_iter();
    let files = files.chain(stacks.map(|file| (format!("stacks/{file}.yaml"), "stack")));
    let files = files.chain([
        ("clusters/shop/cluster.yaml".to_owned(), "cluster"),
        ("clusters/shop/web/workload.yaml".to_owned(), "workload"),
    ]);
    for (file, schema) in files {
        let schema = fs::read(folder().join(format!("{schema}.schema.json"))).expect("the schema is kept");
        let schema = serde_json::from_slice(&schema).expect("it is JSON");
        let bytes = fs::read(example.join(&file)).expect("the example's file");
        let node = groundplan::yaml::parse_one(&file, &bytes).expect("it is YAML");
        let value = groundplan::yaml::kubernetes(&node).expect("it is JSON, too");
        let validator = jsonschema::validator_for(&schema).expect("it is a schema");
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
    }
}
