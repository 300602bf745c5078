//! Objects as YAML, for people and for whatever reads manifests.

use std::fmt::Write;

use serde_json::Value;

use crate::unit::UnitId;

/// Every object as a document of its own, below the name of its unit.
pub fn manifests_text(units: &[(UnitId, Vec<Value>)]) -> String {
    let mut text = String::new();
    for (unit, objects) in units {
        for object in objects {
            _ = writeln!(text, "---\n# {unit}");
            text += &document(object);
        }
    }
    text
}

fn document(object: &Value) -> String {
    let mut text = String::new();
    match object {
        Value::Object(_) | Value::Array(_) => block(&mut text, object, 0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => _ = writeln!(text, "{}", scalar(object)),
    }
    text
}

/// A mapping or a list, each entry on lines of its own.
fn block(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                _ = write!(text, "{indent}{}:", plain(key));
                behind(text, below, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                _ = write!(text, "{indent}-");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        let mut inner = String::new();
                        block(&mut inner, item, depth + 1);
                        // The first key stands behind the dash.
                        _ = write!(text, " {}", inner.trim_start());
                    }
                    Value::Object(_)
                    | Value::Array(_)
                    | Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_) => {
                        behind(text, item, depth + 1);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What stands behind a key or a dash: on the same line where it is one word, below where it is more.
fn behind(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            block(text, value, depth);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(text, value, depth);
        }
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            _ = writeln!(text, " {}", scalar(value));
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// A text without quotes where nothing else could be read in it; else as JSON, which is YAML too.
fn plain(text: &str) -> String {
    // What YAML 1.1 takes for a truth or for nothing, in whatever letters.
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/' || first == '$');
    let is_plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./${}".contains(letter));
    match begins && is_plain && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        false => Value::String(text.to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml;

    #[test]
    fn what_is_written_is_read_as_the_same_object() {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {}, "annotations": {"on": "yes", "1": "1.0"}},
            "data": {"script": "a: b\n# no\n\ttab \"q\" 'x'", "empty": "", "port": "8080", "date": "2026-01-01", "colon": "a: b", "dash": "- x", "tilde": "~", "value": "${NAME}"},
            "items": [1, 1.5, true, null, "x", [], {}, [["deep"], []], {"a": [{"b": 1, "c": {"d": "e"}}], "f": "g"}],
        });
        let text = manifests_text(&[(UnitId::new("clusters/a/b"), vec![object.clone(), json!({"kind": "Empty"})])]);
        assert!(text.starts_with("---\n# clusters/a/b\napiVersion: v1\nkind: ConfigMap\n"), "{text}");
        let read = yaml::parse("a.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        let read: Vec<Value> = read.iter().map(|node| yaml::kubernetes(node).expect("it is plain")).collect();
        assert_eq!(read, [object, json!({"kind": "Empty"})], "{text}");
    }
}
