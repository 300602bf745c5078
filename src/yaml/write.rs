//! A value as the text of a scalar, written so that every reader takes it for the same.

use super::meaning::{Meaning, core};
use super::node::{Scalar, Style};

/// Words that some reader takes for a boolean, a number or nothing.
const NOT_TEXT: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

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
