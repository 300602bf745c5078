//! The manifests of a folder: files to the documents in them, each one object.

use super::hands::for_each;
use super::program::Programs;
use super::sealed;
use crate::problem::{Place, Problem, Problems};
use crate::repo::{Entry, Snapshot};
use crate::yaml::{self, Node};

/// One object as it is written, before its values are known. It has no `Debug`: it may be a Secret.
#[derive(Clone)]
pub(super) struct Manifest {
    pub(super) node: Node,
    /// It comes of what sops decrypted: what it holds is never quoted, and nothing is filled in there.
    pub(super) sealed: bool,
}

/// The files that only say something to us or to sops, and are not sent to a cluster.
const OURS: &[&str] = &["cluster.yaml", "workload.yaml", ".sops.yaml"];

/// Whether a file may hold manifests.
pub(super) fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, Some("yaml" | "yml" | "json")) && !OURS.contains(&name)
}

/// Every manifest below a folder, in order of path. Each file that cannot be read is a problem.
pub(super) fn read_folder(
    snapshot: &Snapshot,
    programs: &Programs,
    folder: &str,
    problems: &mut Problems,
) -> Vec<Manifest> {
    let mut files = Vec::new();
    for (path, entry) in snapshot.below(folder) {
        match entry {
            Entry::Blob(bytes) if is_manifest(path) => files.push((path, &**bytes)),
            Entry::Blob(_) if is_nearly_a_manifest(path) => problems.warn(
                Problem::new(Place::file(path), "this file is not read: its ending is not in small letters")
                    .hint("manifests end in `.yaml`, `.yml` or `.json`"),
            ),
            Entry::Blob(_) => {}
            // The declaration names them, wherever they stand.
            Entry::Symlink(_) | Entry::Submodule | Entry::LfsPointer => {}
        }
    }
    let mut manifests = Vec::new();
    for ((path, bytes), parsed) in files.iter().zip(parse_all(&files)) {
        match parsed {
            None => {
                let secrets = problems.keep(sealed::manifests(programs, path, bytes)).unwrap_or_default();
                unfold_all(secrets, true, &mut manifests, problems);
            }
            Some(Ok(documents)) => unfold_all(documents, false, &mut manifests, problems),
            Some(Err(found)) => tell(found, looks_like_a_template(bytes), problems),
        }
    }
    manifests
}

/// The documents of a file; none where only sops can read it.
type Parsed = Option<Result<Vec<Node>, Vec<Problem>>>;

/// Less than this is read sooner than another thread is there to help.
const WORTH_A_THREAD: usize = 64 * 1024;

/// Parses all of them, each by whoever is free. What comes of them stands in their order.
fn parse_all(files: &[(&str, &[u8])]) -> Vec<Parsed> {
    let parse = |(path, bytes): &(&str, &[u8])| -> Parsed {
        (!sealed::is_sealed(path, bytes)).then(|| yaml::parse_manifests(path, bytes))
    };
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    for_each(files, bytes / WORTH_A_THREAD, parse)
}

fn tell(found: Vec<Problem>, looks_like_a_template: bool, problems: &mut Problems) {
    for problem in found {
        problems.error(match looks_like_a_template {
            true => {
                problem.hint("`{{ … }}` looks like a template: put it below a chart's `templates/`, or render it first")
            }
            false => problem,
        });
    }
}

/// Only asked of what is no YAML: alerting rules and the like hold such braces in their texts.
fn looks_like_a_template(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    ["{{", "{%"].iter().any(|opening| text.contains(opening))
}

/// Whether a file's ending is that of a manifest, but for its case: such a file would be left out in silence.
fn is_nearly_a_manifest(path: &str) -> bool {
    let ending =
        path.rsplit('/').next().unwrap_or(path).rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    !is_manifest(path)
        && matches!(ending.as_deref(), Some("yaml" | "yml" | "json"))
        && !OURS.iter().any(|ours| path.ends_with(ours))
}

/// The objects of these documents.
pub(super) fn unfold_all(documents: Vec<Node>, sealed: bool, manifests: &mut Vec<Manifest>, problems: &mut Problems) {
    for document in documents {
        unfold(Manifest { node: document, sealed }, 0, manifests, problems);
    }
}

/// A `List` stands for its items, which may be lists again.
fn unfold(manifest: Manifest, depth: usize, manifests: &mut Vec<Manifest>, problems: &mut Problems) {
    let Manifest { node, sealed } = &manifest;
    let is_list = node.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"))
        && node.get("apiVersion").and_then(Node::text) == Some("v1")
        && node.get("items").is_some();
    if !is_list {
        manifests.push(manifest);
    } else if depth == 8 {
        problems.error(node.problem("lists stand in lists more than eight deep"));
    } else {
        for item in node.get("items").map(Node::items).unwrap_or_default() {
            unfold(Manifest { node: item.clone(), sealed: *sealed }, depth + 1, manifests, problems);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_parsed_by_many_come_in_their_order() {
        let text = |at: usize| format!("a: {at}\nb: {}\n", "x".repeat(WORTH_A_THREAD / 3));
        let texts: Vec<(String, String)> = (0..40).map(|at| (format!("{at:02}.yaml"), text(at))).collect();
        let mut files: Vec<(&str, &[u8])> = texts.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
        files[7].1 = b"a: [";
        for (at, parsed) in parse_all(&files).into_iter().enumerate() {
            match parsed.expect("nothing is sealed") {
                Ok(documents) => {
                    assert_eq!(documents[0].get("a").and_then(Node::text), Some(at.to_string().as_str()))
                }
                Err(problems) => assert_eq!((at, problems[0].place.file.as_str()), (7, "07.yaml")),
            }
        }
    }

    #[test]
    fn only_yaml_and_json_are_manifests() {
        assert!(is_manifest("clusters/prod/shop/web.yaml"));
        assert!(is_manifest("clusters/prod/shop/web.yml"));
        assert!(is_manifest("clusters/prod/shop/web.json"));
        assert!(!is_manifest("clusters/prod/shop/workload.yaml"));
        assert!(!is_manifest("clusters/prod/cluster.yaml"));
        assert!(!is_manifest("clusters/prod/shop/README.md"));
        assert!(!is_manifest("clusters/prod/shop/yaml"));
        assert!(is_nearly_a_manifest("clusters/prod/shop/web.YAML") && !is_nearly_a_manifest("a/web.yaml"));
        assert!(!is_nearly_a_manifest("clusters/prod/shop/workload.yaml") && !is_nearly_a_manifest("a/README.md"));
    }
}
