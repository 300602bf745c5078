//! YAML is read as kubectl reads it: what we would send, beside what kubectl would.
//!
//! The odd texts below always run. Whole public repositories are compared where a folder of them is named in
//! `PUBLIC_MANIFESTS`; none of them is part of this one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use groundplan::problem::Problems;
use groundplan::yaml;
use infra_tests::sandbox::controlplane::{self, Tool};
use serde_json::{Value, json};

use crate::bench::{Bench, apply, plan};

/// Texts that YAML libraries do not agree about.
const ODD: &[&str] = &[
    "a: yes\nb: Off\nc: y\nd: N\ne: 'yes'\nf: !!str true",
    "a: 0777\nb: 0o777\nc: 0x1F\nd: 0b11\ne: 1_000\nf: 08\ng: +1\nh: -0",
    "a: 1.0\nb: 1e3\nc: .5\nd: 1.\ne: 12345678901234567890\nf: 123456789012345678901234567890",
    "a: 2026-01-01\nb: 2026-01-01T00:00:00Z\nc: 12:30:45\nd: 1:20",
    "a: ~\nb: null\nc:\nd: Null\ne: ''",
    "base: &base {x: '1', y: '2'}\na: {<<: *base, y: '3'}\nb: *base",
    "a: |\n  two\n  lines\nb: |-\n  none\nc: >\n  folded\n  text\n\n  more\nd: >+\n  kept\n\n",
    "? a\n: b\n'quoted key': \"\\u00e9\\t\\x41\"\n\"1\": one\n2: two\ntrue: three",
    "a: [1, two, {three: 3}, [4]]\nb: {}\nc: []",
    "a: 'it''s'\nb: \"line\\\n  joined\"\nc: plain # comment\nd: a#b\ne: a: b",
    "a: \u{e4}\u{1f600}\nb: \"\\u00e4\\U0001f600\"",
    "a: |\n  two lines,\n  the last of which has no end",
    "a: <<\nb: =\nc: '*'\nd: \"&x\"\ne: '@'",
];

#[test]
fn odd_texts_are_read_as_kubectl_reads_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut both = 0;
    for odd in ODD {
        let indented: String = odd.split('\n').map(|line| format!("  {line}\n")).collect();
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: odd\nspec:\n{indented}");
        let path = folder.path().join("a.yaml");
        // Files end with a line break, and some do not.
        let text = if odd.ends_with("no end") { text.trim_end().to_owned() } else { text };
        fs::write(&path, &text)?;
        match (ours(&path)?, theirs(&path)?) {
            (Some(ours), Some(theirs)) => {
                both += 1;
                assert_eq!(stored(&ours), stored(&theirs), "{text}");
            }
            // Whoever refuses a text sends nothing: that is never a wrong object.
            (None, _) => {}
            (Some(_), None) => panic!("kubectl refuses what we would send: {text}"),
        }
    }
    assert!(both >= 9, "only {both} are read by both");
    Ok(())
}

/// JSON is read by the same parser. kubectl takes this from a `.json` file and refuses it in YAML; here it means the same in both.
#[test]
fn a_pair_of_surrogates_is_read_as_json_reads_it() -> Result<()> {
    let text =
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "odd"}, "data": {"a": "\ud83d\ude00"}}"#;
    let documents = yaml::parse("a.json", text.as_bytes()).map_err(|found| anyhow::anyhow!("{found:?}"))?;
    let ours = yaml::kubernetes(&documents[0]).map_err(|found| anyhow::anyhow!("{found:?}"))?;
    assert_eq!(ours, serde_json::from_str::<Value>(text)?);
    Ok(())
}

#[test]
fn public_manifests_are_read_as_kubectl_reads_them() -> Result<()> {
    let Some(folder) = std::env::var_os("PUBLIC_MANIFESTS").map(PathBuf::from) else { return Ok(()) };
    let (mut same, mut refused, mut differ) = (0, Vec::new(), Vec::new());
    for path in files(&folder)? {
        let name = path.strip_prefix(&folder)?.display().to_string();
        match (ours(&path)?, theirs(&path)?) {
            (Some(ours), Some(theirs)) if stored(&ours) == stored(&theirs) => same += 1,
            (Some(_), Some(_)) => differ.push(name),
            (Some(_), None) => differ.push(format!("{name}: kubectl refuses it")),
            (None, Some(_)) => refused.push(name),
            (None, None) => {}
        }
    }
    println!("{same} files are read the same; we refuse {} that kubectl takes: {refused:#?}", refused.len());
    ensure!(differ.is_empty(), "read otherwise: {differ:#?}");
    Ok(())
}

/// The judge of a number that kubectl rounds and we do not: what the API server stores is the same.
#[tokio::test]
async fn a_number_beyond_64_bits_is_stored_as_what_kubectl_sends_is() -> Result<()> {
    let bench = Bench::start().await?;
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.io}\nspec:\n  group: acme.io\n  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}\n  scope: Namespaced\n  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n";
    let widget = |name: &str| {
        format!(
            "---\napiVersion: acme.io/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {{large: 12345678901234567890, whole: 9007199254740993}}\n"
        )
    };
    let unit = bench.read_files(&[("clusters/prod/shop/all.yaml", format!("{definition}{}", widget("ours")))])?.units
        [0]
    .clone();
    apply(&unit).await?;
    assert_eq!(plan(&unit).await?.change, groundplan::unit::Change::Nothing, "and it is no drift");
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("a.yaml"), widget("theirs"))?;
    let mut command = Command::new(controlplane::path(Tool::Kubectl)?);
    command.arg("--kubeconfig").arg(bench.sandbox.cluster().kubeconfig()).args(["create", "-f"]);
    let output = command.arg(folder.path().join("a.yaml")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let spec = async |name: &str| {
        let found = bench.api().find(&format!("/apis/acme.io/v1/namespaces/default/widgets/{name}")).await?;
        anyhow::Ok(found.context("it is there")?["spec"].clone())
    };
    assert_eq!(spec("ours").await?, spec("theirs").await?);
    Ok(())
}

/// Every manifest below a folder that is no template.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "templates" {
                open.push(path);
            } else if [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What we read of a file; none where we refuse it.
fn ours(path: &Path) -> Result<Option<Vec<Value>>> {
    let mut problems = Problems::default();
    let documents = match yaml::parse_manifests("a.yaml", &fs::read(path)?) {
        Ok(documents) => documents,
        Err(_) => return Ok(None),
    };
    let read: Vec<Value> = documents.iter().filter_map(|node| problems.keep(yaml::kubernetes(node))).collect();
    let are_objects = read.iter().all(|object| object["kind"].is_string() && object["apiVersion"].is_string());
    Ok((problems.errors.is_empty() && are_objects && !read.is_empty()).then_some(read))
}

/// What kubectl reads; none where it refuses.
///
/// `create --dry-run=client` asks a cluster for every kind; the same reading without a cluster is that of
/// a command that only looks at files, whose one change is taken back.
fn theirs(path: &Path) -> Result<Option<Vec<Value>>> {
    let mut command = Command::new(controlplane::path(Tool::Kubectl)?);
    command.args(["annotate", "--local", "--overwrite", "-o", "json", "read=yes", "-f"]).arg(path);
    let output = command.env("KUBECONFIG", "/dev/null").output()?;
    if !output.status.success() {
        return Ok(None);
    }
    let documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut read = Vec::new();
    for document in documents {
        let mut document = document?;
        let items = document.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
        read.extend(items.unwrap_or_else(|| vec![document]));
    }
    Ok(Some(read))
}

/// As the API server keeps it: a list is its items, and a number beyond 64 signed bits is a float.
fn stored(objects: &[Value]) -> Vec<Value> {
    let mut all = Vec::new();
    for object in objects {
        let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        match object["items"].as_array().filter(|_| is_list) {
            Some(items) => all.extend(stored(items)),
            None => all.push(without_marks(number(object))),
        }
    }
    all
}

fn number(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(number).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), number(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Without the annotation that kubectl was told to write, and without what was never said.
fn without_marks(mut object: Value) -> Value {
    let is_empty = |value: &Value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("read");
        }
        metadata.retain(|key, value| key != "annotations" || !is_empty(value));
    }
    if let Some(object) = object.as_object_mut() {
        object.retain(|key, value| key != "metadata" || !is_empty(value));
    }
    object
}
