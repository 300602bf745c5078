//! What serde says of a wrong value, in words for the author of the file.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::node::{Node, Span};
use crate::problem::{Problem, nearest};

/// A wrong value and, as soon as a reader that has the node sees the error, where it stands.
#[derive(Debug)]
pub(super) struct ReadError {
    message: String,
    hint: Option<String>,
    span: Option<Span>,
}

impl ReadError {
    /// Says where the error is, unless someone nearer to it already did.
    pub(super) fn at(mut self, node: &Node) -> Self {
        self.span.get_or_insert_with(|| node.span.clone());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The problem; `root` is the place where none is known.
    pub(super) fn problem(self, root: &Node) -> Problem {
        let span = self.span.unwrap_or_else(|| root.span.clone());
        Problem { hint: self.hint, ..span.problem(self.message) }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let message = match message.starts_with("data did not match any variant") {
            true => "this has none of the forms that are allowed here".to_owned(),
            false => message,
        };
        Self { message, hint: None, span: None }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {}, found {}", wanted(expected), plain(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {}, found {length} items", wanted(expected)))
    }

    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown value `{}`", short(found))).hint(suggestion(found, known, "values"))
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown key `{}`", short(found))).hint(suggestion(found, known, "keys"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is given twice, under two names"))
    }
}

fn suggestion(found: &str, known: &[&str], what: &str) -> String {
    if known.is_empty() {
        return format!("no {what} are known here");
    }
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest(found, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? The known {what} are {list}"),
        None => format!("the known {what} are {list}"),
    }
}

/// What was wanted, without the words of Rust.
fn wanted(expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "a string" | "a borrowed string" | "a character" => "text".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "unit" => "nothing".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "u128" | "usize" => "a whole number, not negative".to_owned(),
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number above 0".to_owned()
        }
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        words if words.starts_with("struct ") => "a mapping".to_owned(),
        words if words.starts_with("enum ") => "a word, or a mapping with one key".to_owned(),
        words if words.starts_with("tuple ") || words.starts_with("a tuple ") => "a list".to_owned(),
        words => words.to_owned(),
    }
}

fn plain(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Char(value) => format!("the text `{value}`"),
        Unexpected::Str(value) => format!("the text `{}`", short(value)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "a mapping".to_owned(),
        Unexpected::UnitVariant | Unexpected::Enum => "a word".to_owned(),
        Unexpected::NewtypeVariant | Unexpected::TupleVariant => "a mapping".to_owned(),
        found @ (Unexpected::Bytes(_) | Unexpected::NewtypeStruct | Unexpected::Other(_)) => found.to_string(),
    }
}

/// The beginning of a text, so that a certificate does not fill the screen.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let begin: String = line.chars().take(60).collect();
    if begin.len() < text.len() { format!("{begin}…") } else { begin }
}
