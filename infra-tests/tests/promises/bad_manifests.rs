//! What may be wrong with a manifest: each is told with its file and line, offline, and nothing else is read wrong.

use std::path::Path;

use anyhow::Result;
use infra_tests::product::Product;
use infra_tests::stage::commit;
use serde_json::Value;

const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";

/// A name, what stands in the file, the line of the error (0: of the whole file) and words of what is said.
fn refused() -> Vec<(&'static str, Vec<u8>, u64, &'static str)> {
    let map = |rest: &str| format!("{HEAD}{rest}").into_bytes();
    vec![
        ("malformed", map("data: {a: [}\n"), 4, ""),
        ("key-twice", map("data:\n  a: '1'\n  b: '2'\n  a: '3'\n"), 7, "`a`"),
        ("two-in-one", [map(""), map("")].concat(), 4, "apiVersion"),
        ("alias-bomb", map(&bomb()), 0, ""),
        ("anchor-of-itself", map("data: &a [*a]\n"), 4, ""),
        ("too-deep", map(&format!("data: {}\n", "[".repeat(20_000))), 4, ""),
        ("alias-of-nothing", map("data: *nobody\n"), 4, "unknown anchor"),
        ("tab", map("data:\n\ta: b\n"), 5, ""),
        ("latin-1", map("data: {a: caf\u{e9}}\n").iter().copied().filter(|byte| *byte != 0xc3).collect(), 4, "UTF-8"),
        ("utf-16", "apiVersion: v1\n".encode_utf16().flat_map(u16::to_le_bytes).collect(), 0, ""),
        ("nul", map("data: {a: \"x\0y\"}\n"), 4, ""),
        ("no-object", b"- a\n- b\n".to_vec(), 1, "no Kubernetes object"),
        ("scalar", b"hello\n".to_vec(), 1, "no Kubernetes object"),
        ("no-kind", b"apiVersion: v1\nmetadata: {name: x}\n".to_vec(), 1, "`kind` is missing"),
        (
            "empty-version",
            b"apiVersion: ''\nkind: ConfigMap\nmetadata: {name: x}\n".to_vec(),
            1,
            "`apiVersion` must be a text",
        ),
        ("no-name", b"apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n".to_vec(), 3, "`name` is missing in metadata"),
        ("generated-name", b"apiVersion: v1\nkind: Job\nmetadata: {generateName: x-}\n".to_vec(), 3, "`generateName`"),
        (
            "template",
            b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name }}\n".to_vec(),
            4,
            "looks like a template",
        ),
        ("template-block", b"{{- if .Values.on }}\napiVersion: v1\n{{- end }}\n".to_vec(), 1, "looks like a template"),
        ("too-many", map(&format!("data: [{}]\n", "x,".repeat(250_000))), 0, "200000"),
        ("nothing-in-it", b"# only words\n---\n---\n".to_vec(), 0, "holds no object"),
        ("twice", [map("---\n"), map("")].concat(), 5, "`ConfigMap x` is declared twice"),
        ("binary-key", map("data: {? [a, b] : c}\n"), 4, ""),
    ]
}

fn bomb() -> String {
    let mut text = "data:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..9 {
        let all = vec![format!("*a{}", at - 1); 10].join(", ");
        text.push_str(&format!("  a{at}: &a{at} [{all}]\n"));
    }
    text
}

/// What looks odd and is read as kubectl reads it.
fn accepted() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let map = |rest: &str| format!("{HEAD}{rest}").into_bytes();
    vec![
        ("bom", "x.yaml", [b"\xef\xbb\xbf".to_vec(), map("data: {a: b}\n")].concat()),
        ("crlf", "x.yaml", map("data:\n  a: b\n").iter().flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] }).collect()),
        ("empty-documents", "x.yaml", [b"---\n---\n".to_vec(), map("data: {a: b}\n---\n")].concat()),
        ("list", "x.yaml", b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: ConfigMapList, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]}\n".to_vec()),
        ("json", "x.json", b"{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"x\"}}".to_vec()),
        ("yml", "x.yml", map("data: {a: b}\n")),
        ("merge", "x.yaml", map("data: {<<: {a: b}, c: d}\n")),
        // As kubectl reads it: a tag that nobody knows says nothing.
        ("tag", "x.yaml", map("data: {a: !include other.yaml}\n")),
        ("braces", "x.yaml", map("data: {a: '{{ $labels.instance }} is down'}\n")),
    ]
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
    Ok(std::fs::write(path, bytes)?)
}

async fn check(folder: &Path) -> Result<(i32, Value)> {
    commit(folder)?;
    let product = Product::offline()?.with("GROUNDPLAN_STORE", folder.join("store.db").display().to_string());
    let ran = product.with("GROUNDPLAN_REPO", folder.display().to_string()).run(&["check", "--format", "json"]).await?;
    Ok((ran.code, ran.json()?))
}

#[tokio::test]
async fn every_broken_manifest_is_told_with_its_file_and_line_in_one_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), "clusters/shop/cluster.yaml", b"kubeconfig: {context: sandbox}\n")?;
    write(folder.path(), "clusters/shop/tag/x.yaml", HEAD.as_bytes())?;
    write(folder.path(), "clusters/shop/tag/workload.yaml", b"timeout: !include other\n")?;
    for (name, bytes, ..) in refused() {
        write(folder.path(), &format!("clusters/shop/{name}/x.yaml"), &bytes)?;
    }
    let (code, told) = check(folder.path()).await?;
    assert_eq!(code, 65);
    let errors = told["errors"].as_array().expect("a list").clone();
    let mut wrong = Vec::new();
    assert!(
        errors.iter().any(|error| error["file"] == "clusters/shop/tag/workload.yaml" && error["line"] == 1),
        "{errors:?}"
    );
    for (name, _, line, words) in refused() {
        let of_file: Vec<_> = errors
            .iter()
            .filter(|error| {
                error["file"].as_str().is_some_and(|file| file.starts_with(&format!("clusters/shop/{name}")))
            })
            .collect();
        let fits = |error: &&&Value| (line == 0 || error["line"] == line) && error.to_string().contains(words);
        if !of_file.iter().any(|error| fits(&error)) {
            wrong.push(format!("{name} (line {line}, `{words}`): {of_file:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test]
async fn what_only_looks_odd_is_read_and_a_file_that_is_left_out_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), "clusters/shop/cluster.yaml", b"kubeconfig: {context: sandbox}\n")?;
    for (name, file, bytes) in accepted() {
        let bytes = String::from_utf8(bytes)?.replace("name: x", &format!("name: {name}"));
        write(folder.path(), &format!("clusters/shop/{name}/{file}"), bytes.as_bytes())?;
    }
    write(folder.path(), "clusters/shop/list/more.YAML", HEAD.as_bytes())?;
    let (code, told) = check(folder.path()).await?;
    assert_eq!((code, &told["errors"]), (0, &serde_json::json!([])));
    let warnings: Vec<_> =
        told["warnings"].as_array().expect("a list").iter().filter_map(|one| one["file"].as_str()).collect();
    assert_eq!(warnings, ["clusters/shop/list/more.YAML"]);
    Ok(())
}
