//! A value as text, written so that every reader takes it for the same.

use serde_json::Value;

use super::meaning::{Meaning, core};
use super::node::{Scalar, Style};

/// Words that some reader takes for a boolean, a number or nothing.
const NOT_TEXT: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// A value as a document of its own.
pub fn document(value: &Value) -> String {
    block(value).unwrap_or_else(|| vec![flow(value)]).iter().map(|line| format!("{line}\n")).collect()
}

/// The lines of a key and its value.
pub(super) fn entry(key: &str, value: &Value) -> Vec<String> {
    let key = text(key, None);
    match block(value) {
        None => vec![format!("{key}: {}", flow(value))],
        Some(lines) => [format!("{key}:")].into_iter().chain(lines.iter().map(|line| format!("  {line}"))).collect(),
    }
}

/// The lines of an item of a list: the first stands behind the dash.
pub(super) fn item(value: &Value) -> Vec<String> {
    let begin = |at: usize| if at == 0 { "- " } else { "  " };
    let lines = block(value).unwrap_or_else(|| vec![flow(value)]);
    lines.iter().enumerate().map(|(at, line)| format!("{}{line}", begin(at))).collect()
}

/// A value in one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(value) => text(value, None),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", text(key, None), flow(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// The lines of what needs more than one.
fn block(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Object(map) if !map.is_empty() => Some(map.iter().flat_map(|(key, value)| entry(key, value)).collect()),
        Value::Array(items) if !items.is_empty() => Some(items.iter().flat_map(item).collect()),
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A text, in the quotes that its author used before; none where it has none and needs none.
pub(super) fn text(value: &str, before: Option<char>) -> String {
    match before {
        Some('"') => double_quoted(value),
        Some(_) => quoted(value),
        None if is_plain_text(value) => value.to_owned(),
        None => quoted(value),
    }
}

/// A value in the place of a plain number or switch: another such stays bare, all else becomes text.
pub(super) fn in_place_of_a_number(value: &str) -> String {
    match core(&Scalar { text: value.to_owned(), style: Style::Plain }) {
        Meaning::Bool(_) | Meaning::Whole(_) | Meaning::Number(_) => value.to_owned(),
        Meaning::Null | Meaning::Text => text(value, None),
    }
}

/// Whether a text without quotes is the same text in YAML 1.1 and 1.2, in lines and in brackets.
fn is_plain_text(value: &str) -> bool {
    let begins = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        || (value.starts_with(|c: char| c.is_ascii_digit()) && value.contains('/'));
    let fits = |c: char| c.is_ascii_alphanumeric() || "_./:@+- ".contains(c);
    let parts = [": ", " #", " :", "  "];
    begins
        && value.chars().all(fits)
        && !value.ends_with([':', ' '])
        && !parts.iter().any(|part| value.contains(part))
        && !NOT_TEXT.contains(&value.to_ascii_lowercase().as_str())
}

/// Single quotes where they can hold it: they change no letter but their own.
fn quoted(value: &str) -> String {
    match value.chars().any(|c| c.is_control() || is_odd(c)) {
        true => double_quoted(value),
        false => format!("'{}'", value.replace('\'', "''")),
    }
}

/// Written so that it is JSON as well.
fn double_quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() || is_odd(c) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Breaks a line for some readers, or is not seen by people: better told by its number.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
