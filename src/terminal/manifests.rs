//! Objects as YAML, for people and for whatever reads manifests.

use std::fmt::Write;

use serde_json::Value;

use crate::unit::UnitId;
use crate::yaml;

/// Every object as a document of its own, below the name of its unit.
pub fn manifests_text(units: &[(UnitId, Vec<Value>)]) -> String {
    let mut text = String::new();
    for (unit, objects) in units {
        for object in objects {
            _ = writeln!(text, "---\n# {unit}");
            text += &yaml::document(object);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
