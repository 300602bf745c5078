//! Files that sops keeps encrypted in Git: known by their marks, opened by the real program with the operator's key.
//!
//! What is decrypted stays in memory, is never kept in a cache, and is never quoted in an error. In a manifest
//! only `data` and `stringData` may be encrypted: whose Secret it is can be told without any key.

use std::collections::BTreeSet;

use base64::Engine;

use super::program::{Fault, Programs, Tool};
use crate::problem::{Place, Problem};
use crate::yaml::{self, Node, Span, Value};

/// How sops reads a file, by its ending as sops itself does.
fn form(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("yaml" | "yml") => "yaml",
        Some("json") => "json",
        Some("env") => "dotenv",
        Some("ini") => "ini",
        Some(_) | None => "binary",
    }
}

/// Whether sops encrypted this file.
pub(super) fn is_sealed(path: &str, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    // Most files are not even parsed.
    if !text.contains("ENC[") || !text.contains("sops") {
        return false;
    }
    match form(path) {
        "dotenv" => text.lines().any(|line| line.starts_with("sops_mac=")),
        "ini" => text.lines().any(|line| line.trim() == "[sops]"),
        _ => yaml::parse(path, bytes)
            .is_ok_and(|documents| documents.iter().any(|node| node.get("sops").is_some_and(is_seal))),
    }
}

fn is_seal(node: &Node) -> bool {
    node.get("mac").is_some() && node.get("version").is_some()
}

/// What stands in a sealed file, and the values that were encrypted. It has no `Debug`.
pub(super) struct Opened {
    pub(super) text: String,
    pub(super) values: BTreeSet<String>,
}

/// Decrypts a file. The error says what is missing and quotes nothing of it.
pub(super) fn open(programs: &Programs, path: &str, bytes: &[u8]) -> Result<Opened, Problem> {
    let refused = |why: String| Problem::new(Place::file(path), format!("sops cannot decrypt it: {why}"));
    let program = programs.find(Tool::Sops).map_err(&refused)?;
    let folder = tempfile::tempdir().map_err(|error| refused(error.to_string()))?;
    std::fs::write(folder.path().join("sealed"), bytes).map_err(|error| refused(error.to_string()))?;
    let form = form(path);
    let words = ["--disable-version-check", "decrypt", "--input-type", form, "--output-type", form, "sealed"];
    match program.run_with_keys(folder.path(), &words.map(str::to_owned)) {
        Ok(text) => Ok(Opened { values: encrypted(path, bytes, &text), text }),
        Err(Fault::Broken(why)) => Err(refused(why)),
        Err(Fault::Said(said)) => Err(explain(path, bytes, &said)),
    }
}

/// Why sops refused, in words that hold nothing of what it may have read.
fn explain(path: &str, bytes: &[u8], said: &str) -> Problem {
    let problem = |why: &str| Problem::new(Place::file(path), format!("sops cannot decrypt it: {why}"));
    if said.contains("MAC mismatch") {
        return problem("it was changed after it was encrypted").hint("encrypt it again: `sops edit`");
    }
    if said.contains("data key") {
        let text = String::from_utf8_lossy(bytes);
        let starts = text.match_indices("age1").map(|(at, _)| &text[at..]);
        let ends = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let recipients: BTreeSet<&str> =
            starts.map(|rest| &rest[..ends(rest)]).filter(|name| name.len() > 40).collect();
        let named = recipients.into_iter().collect::<Vec<_>>().join(", ");
        return problem("no key at hand opens it").hint(match named.is_empty() {
            true => "it is encrypted for no age key, and only those are used here".to_owned(),
            false => format!("set SOPS_AGE_KEY or SOPS_AGE_KEY_FILE to a key of {named}"),
        });
    }
    problem("its own words are not told, because they may hold what it read").hint("run `sops decrypt` on it by hand")
}

/// The values that are in the text now, and were not in the file.
fn encrypted(path: &str, bytes: &[u8], text: &str) -> BTreeSet<String> {
    let plain = |path: &str, bytes: &[u8]| -> BTreeSet<String> {
        match form(path) {
            "yaml" | "json" => {
                let mut texts = BTreeSet::new();
                let documents = yaml::parse(path, bytes).unwrap_or_default();
                documents.iter().for_each(|node| gather(node, &mut texts));
                texts
            }
            "dotenv" | "ini" => {
                let lines = String::from_utf8_lossy(bytes).into_owned();
                lines.lines().filter_map(|line| Some(line.split_once('=')?.1.trim().to_owned())).collect()
            }
            _ => String::from_utf8_lossy(bytes).lines().map(|line| line.trim().to_owned()).collect(),
        }
    };
    let before = plain(path, bytes);
    plain(path, text.as_bytes()).into_iter().filter(|value| !before.contains(value)).collect()
}

fn gather(node: &Node, texts: &mut BTreeSet<String>) {
    match &node.value {
        Value::Scalar(scalar) => _ = texts.insert(scalar.text.clone()),
        Value::Sequence(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Mapping(pairs) => pairs.iter().for_each(|(_, value)| gather(value, texts)),
    }
}

/// The Secrets of a sealed file, with their places in it and nothing that could be quoted.
pub(super) fn manifests(programs: &Programs, path: &str, bytes: &[u8]) -> Result<Vec<Node>, Problem> {
    let sealed = yaml::parse(path, bytes).map_err(|mut problems| problems.swap_remove(0))?;
    for document in &sealed {
        refuse_hidden_names(document)?;
    }
    let opened = open(programs, path, bytes)?;
    let unread = || Problem::new(Place::file(path), "what sops decrypted is no YAML");
    let documents = yaml::parse(path, opened.text.as_bytes()).map_err(|_| unread())?;
    if documents.len() != sealed.len() {
        return Err(unread());
    }
    Ok(documents.iter().zip(&sealed).map(|(node, sealed)| veil(node, &sealed.span)).collect())
}

/// Only a Secret's values are kept back wherever objects are shown; and its name must be known to everybody.
fn refuse_hidden_names(document: &Node) -> Result<(), Problem> {
    if document.get("kind").and_then(Node::text) != Some("Secret") {
        let kind = document.get("kind").unwrap_or(document);
        return Err(kind
            .problem("what sops encrypts must be a Secret: whatever else it is, its values are shown")
            .hint("put the value into a Secret and name that, or encrypt only `data` and `stringData`"));
    }
    for (key, value) in document.entries() {
        if matches!(key.text(), Some("data" | "stringData" | "sops")) {
            continue;
        }
        let mut texts = BTreeSet::new();
        gather(value, &mut texts);
        if texts.iter().any(|text| text.starts_with("ENC[")) {
            return Err(key
                .problem(format!(
                    "`{}` is encrypted, and only `data` and `stringData` may be",
                    key.text().unwrap_or("")
                ))
                .hint("encrypt it with `encrypted_regex: ^(data|stringData)$` in .sops.yaml"));
        }
    }
    Ok(())
}

/// A copy whose places are all that of the document, and whose text cannot be quoted from there.
pub(super) fn veil(node: &Node, at: &Span) -> Node {
    let place = at.place();
    // A text of nothing but line ends, so that the place stays right.
    let source = "\n".repeat(place.line.saturating_sub(1));
    let (end, source) = (source.len(), source.into());
    let span = Span { file: at.file.clone(), source, start: end, end, line: place.line };
    veiled(node, &span)
}

fn veiled(node: &Node, span: &Span) -> Node {
    let value = match &node.value {
        Value::Scalar(scalar) => Value::Scalar(scalar.clone()),
        Value::Sequence(items) => Value::Sequence(items.iter().map(|item| veiled(item, span)).collect()),
        Value::Mapping(pairs) => Value::Mapping(
            pairs
                .iter()
                .filter(|(key, value)| !(key.text() == Some("sops") && is_seal(value)))
                .map(|(key, value)| (veiled(key, span), veiled(value, span)))
                .collect(),
        ),
    };
    Node { tag: node.tag.clone(), span: span.clone(), value }
}

/// Whether any of these values stands in a document that is no Secret, as it is or in base64.
pub(super) fn escapes(document: &Node, values: &BTreeSet<String>) -> bool {
    /// A shorter one stands in every text by chance.
    const SHORTEST: usize = 6;
    if document.get("kind").and_then(Node::text) == Some("Secret") {
        return false;
    }
    let mut texts = BTreeSet::new();
    gather(document, &mut texts);
    values.iter().filter(|value| value.len() >= SHORTEST).any(|value| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(value);
        texts.iter().any(|text| text.contains(value.as_str()) || text.contains(&encoded))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: &str = "sops: {mac: 'ENC[x]', version: 3.13.0}\n";

    fn parsed(text: &str) -> Node {
        yaml::parse_one("a.yaml", text.as_bytes()).expect("valid")
    }

    #[test]
    fn a_sealed_file_is_known_by_its_seal_and_not_by_its_name() {
        for (path, text, sealed) in [
            ("a.yaml", format!("data: {{a: 'ENC[x]'}}\n{SEAL}"), true),
            ("a.json", "{\"data\": \"ENC[x]\", \"sops\": {\"mac\": \"ENC[y]\", \"version\": \"3\"}}".to_owned(), true),
            ("a.env", "A=ENC[x]\nsops_mac=ENC[y]\n".to_owned(), true),
            ("a.yaml", "data: {a: 'sops writes ENC[…]'}\n".to_owned(), false),
            ("a.yaml", "sops: {mac: x, version: 3}\n".to_owned(), false),
            ("a.env", "A=ENC[x] sops\n".to_owned(), false),
        ] {
            assert_eq!(is_sealed(path, text.as_bytes()), sealed, "{path} {text}");
        }
    }

    #[test]
    fn only_the_values_of_a_secret_may_be_encrypted() {
        let secret = |more: &str| parsed(&format!("kind: Secret\nmetadata: {{name: a}}\n{more}{SEAL}"));
        assert!(refuse_hidden_names(&secret("data: {a: 'ENC[x]'}\n")).is_ok());
        assert!(
            refuse_hidden_names(&secret("type: 'ENC[x]'\n")).is_err_and(|problem| problem.message.contains("`type`"))
        );
        assert!(refuse_hidden_names(&parsed(&format!("kind: ConfigMap\n{SEAL}"))).is_err());
    }

    #[test]
    fn a_veiled_document_keeps_its_line_and_quotes_nothing() {
        let documents = yaml::parse("a.yaml", b"a: 1\n---\nkind: Secret\ndata: {a: canary}\n").expect("valid");
        let node = veil(&documents[1], &documents[1].span);
        let problem = node.get("data").expect("it is there").problem("wrong");
        assert_eq!((problem.place.line, problem.line_text), (3, None));
        assert!(!node.span.source.contains("canary"));
    }

    #[test]
    fn a_decrypted_value_outside_of_a_secret_is_found_in_either_writing() {
        let values = BTreeSet::from(["hunter2-hunter2".to_owned(), "x".to_owned()]);
        assert!(escapes(&parsed("kind: ConfigMap\ndata: {a: 'say hunter2-hunter2'}\n"), &values));
        assert!(escapes(&parsed("kind: ConfigMap\nbinaryData: {a: aHVudGVyMi1odW50ZXIy}\n"), &values));
        assert!(!escapes(&parsed("kind: Secret\ndata: {a: hunter2-hunter2}\n"), &values));
        assert!(!escapes(&parsed("kind: ConfigMap\ndata: {a: x}\n"), &values));
    }

    #[test]
    fn what_sops_said_is_told_only_as_far_as_it_is_known() {
        let recipient = format!("age1{}", "q".repeat(58));
        let problem = explain("a.yaml", format!("recipient: {recipient}\n").as_bytes(), "Failed to get the data key");
        assert!(problem.hint.is_some_and(|hint| hint.contains(&recipient)));
        assert!(explain("a.yaml", b"", "MAC mismatch. File has A, computed B").message.contains("was changed after"));
        assert!(!format!("{:?}", explain("a.yaml", b"", "cannot parse `hunter2`")).contains("hunter2"));
    }
}
