//! The shape of `src`: imports point down, and each outside crate that speaks to the world has one room.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Outside crates that talk to the world or bring a large vocabulary, and the one room of each.
const ROOMS: &[(&str, &[&str])] = &[
    ("gix", &["repo"]),
    ("granit_parser", &["yaml"]),
    ("reqwest", &["forge", "alertmanager"]),
    ("petgraph", &["graph"]),
    ("prometheus_client", &["metrics"]),
    ("aws_config", &["aws"]),
    ("aws_sdk_sts", &["aws"]),
    ("aws_sigv4", &["aws"]),
    ("aws_credential_types", &["aws"]),
    ("aws_sdk_cloudformation", &["kinds/stack"]),
    ("aws_sdk_ssm", &["aws"]),
    ("aws_sdk_cloudtrail", &["kinds/stack"]),
    ("aws_sdk_s3", &["kinds/stack"]),
    ("aws_sdk_eks", &["kinds/workload"]),
    ("kube", &["kinds/workload"]),
    ("k8s_openapi", &["kinds/workload"]),
    ("hyper_util", &["kinds/workload"]),
    ("sqlx", &["store"]),
    ("slack_morphism", &["slack"]),
    ("tokio_tungstenite", &["slack"]),
    ("hyper_rustls", &["slack"]),
    ("indicatif", &["terminal"]),
    ("anstyle", &["terminal"]),
    ("clap", &["commands"]),
    ("anyhow", &["commands"]),
    ("tracing_subscriber", &["commands"]),
];

#[test]
fn imports_point_downward() {
    let floors = groundplan::FLOORS.iter().enumerate();
    let floor: BTreeMap<_, _> =
        floors.flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor))).collect();
    for Source { room, text, path } in sources() {
        let Some(own) = floor.get(room.as_str()) else { panic!("`{room}` ({path}) has no floor") };
        for other in mentions(&text, "crate::") {
            let Some(below) = floor.get(other.as_str()) else { continue };
            assert!(other == room || below < own, "{path}: `{room}` imports from `{other}`, which is not below it");
        }
    }
}

#[test]
fn every_room_of_the_map_is_there_and_every_room_is_on_the_map() {
    let mapped: BTreeSet<String> =
        groundplan::FLOORS.iter().flat_map(|rooms| rooms.iter().map(|room| (*room).to_owned())).collect();
    let there: BTreeSet<String> = sources().into_iter().map(|source| source.room).collect();
    assert_eq!(mapped, there);
}

#[test]
fn each_outside_crate_has_one_room() {
    for Source { text, path, .. } in sources() {
        for (name, homes) in ROOMS {
            let at_home = homes.iter().any(|home| path.starts_with(&format!("src/{home}/")));
            assert!(at_home || !uses(&text, name), "{path}: `{name}` belongs to {homes:?}");
        }
    }
}

#[test]
fn the_binary_only_parses_runs_and_exits() {
    let text = fs::read_to_string(root().join("src/main.rs")).expect("the binary");
    assert!(text.lines().count() <= 20, "main.rs has begun to think");
}

/// A file here that Cargo does not run as a test would be forgotten.
#[test]
fn no_test_file_is_forgotten() {
    let manifest = fs::read_to_string(root().join("infra-tests/Cargo.toml")).expect("the manifest");
    assert!(!manifest.contains("autotests = false"), "then a new file in tests/ would run only when somebody names it");
    for entry in fs::read_dir(root().join("src")).expect("src") {
        let path = entry.expect("an entry").path();
        for file in rust_files(&path) {
            assert!(is_declared(&file), "no `mod` declares {}", file.display());
        }
    }
}

struct Source {
    room: String,
    /// Without comments.
    text: String,
    path: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn sources() -> Vec<Source> {
    let root = root();
    let files = rust_files(&root.join("src")).into_iter().map(|path| {
        let relative = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
        let room = relative.split('/').nth(1).expect("a path below src").trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("a source file");
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        Source { room, text: lines.collect::<Vec<_>>().join("\n"), path: relative }
    });
    files.filter(|source| source.room != "lib" && source.room != "main").collect()
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        return entries.flat_map(|path| rust_files(&path)).collect();
    }
    if path.extension().is_some_and(|extension| extension == "rs") { vec![path.to_owned()] } else { Vec::new() }
}

fn is_declared(file: &Path) -> bool {
    let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
    let folder = file.parent().expect("a folder");
    let (module, parents) = match name.as_str() {
        "mod" => {
            (folder.file_name().expect("a name").to_string_lossy().into_owned(), folder.parent().expect("a folder"))
        }
        "lib" | "main" => return true,
        _ => (name, folder),
    };
    let beside = parents.with_extension("rs");
    let may_declare = ["mod.rs", "lib.rs"].map(|file| parents.join(file)).into_iter().chain([beside]);
    let mut texts = may_declare.filter_map(|file| fs::read_to_string(file).ok());
    texts.any(|text| text.contains(&format!("mod {module};"))) || is_named_by_path(file)
}

/// Whether a file beside it says `#[path = "…"]` and means it.
fn is_named_by_path(file: &Path) -> bool {
    let attribute = format!("#[path = {:?}]", file.file_name().expect("a name"));
    let beside = fs::read_dir(file.parent().expect("a folder")).expect("a folder").flatten();
    let mut texts = beside.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.any(|text| text.contains(&attribute))
}

fn uses(text: &str, name: &str) -> bool {
    text.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        // A name in quotes is spoken of, not spoken to.
        !before.is_some_and(|letter| letter.is_alphanumeric() || ['_', ':', '"'].contains(&letter))
    })
}

/// The words that follow `prefix`, those in one brace group included.
fn mentions(text: &str, prefix: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for after in text.split(prefix).skip(1) {
        match after.strip_prefix('{') {
            Some(group) => found.extend(group.split('}').next().unwrap_or("").split(',').map(|part| word(part.trim()))),
            None => _ = found.insert(word(after)),
        }
    }
    found
}
