//! Objects as people write them: YAML in blocks.

use std::fmt::Write;

use serde_json::Value;

/// One document, its opening line included.
pub(super) fn document(object: &Value) -> String {
    let mut text = String::from("---\n");
    write(object, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, below) in map {
                let _ = write!(text, "{pad}{key}:");
                write_below(below, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut block = String::new();
                write(item, depth + 1, &mut block);
                // The dash takes the place of the first line's indentation.
                let _ = write!(text, "{pad}- {}", block.trim_start_matches(' '));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(text, "{pad}{value}");
        }
    }
}

fn write_below(value: &Value, depth: usize, text: &mut String) {
    let is_empty =
        value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    if (value.is_array() || value.is_object()) && !is_empty {
        text.push('\n');
        write(value, depth + 1, text);
    } else {
        let _ = writeln!(text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_object() {
        let object = json!({"kind": "A", "spec": {"list": [{"a": 1, "b": ["x", "y"]}, {"c": {}}], "text": "1:2"}});
        let nodes = groundplan::yaml::parse("a.yaml", document(&object).as_bytes()).expect("it is YAML");
        assert_eq!(groundplan::yaml::kubernetes(&nodes[0]).expect("it is an object"), object);
    }
}
