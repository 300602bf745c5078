//! A parsed node: what is written, and where.

use std::sync::Arc;

use crate::problem::{Place, Problem};

/// Where a node stands in its file's bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct Span {
    pub file: Arc<str>,
    /// The whole text of the file, shared by all its nodes.
    pub source: Arc<str>,
    /// Byte offsets into `source`.
    pub start: usize,
    pub end: usize,
    /// On which it begins, counted from 1. To count it when it is asked for would be to read the file
    /// again for each of its objects.
    pub line: usize,
}

/// One node of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// A tag as written, such as `!Sub`; none for the core tags (`!!str`).
    pub tag: Option<String>,
    pub span: Span,
    pub value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    /// Keys are unique; merge keys (`<<`) are already merged.
    Mapping(Vec<(Node, Node)>),
}

/// A scalar whose meaning is left to the reader.
#[derive(Clone, PartialEq, Debug)]
pub struct Scalar {
    /// The text after quotes, escapes and folding.
    pub text: String,
    pub style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Unquoted: the only style whose text may mean a number, a boolean or null.
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

impl Span {
    pub fn place(&self) -> Place {
        let before = &self.source[..self.start.min(self.source.len())];
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Place { file: self.file.to_string(), line: self.line, column }
    }

    /// The one line on which this begins, without its end.
    pub fn line_text(&self) -> Option<String> {
        self.source.lines().nth(self.line.saturating_sub(1)).map(str::to_owned)
    }

    /// What is written here, quotes and all.
    pub fn text(&self) -> &str {
        &self.source[self.start..self.end]
    }

    /// A problem that points here.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { line_text: self.line_text(), ..Problem::new(self.place(), message) }
    }
}

impl Node {
    pub fn place(&self) -> Place {
        self.span.place()
    }

    /// A problem that points at this node.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        self.span.problem(message)
    }

    /// The text of a scalar of any style.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The value of a key, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The pairs of a mapping; nothing for other nodes.
    pub fn entries(&self) -> impl Iterator<Item = (&Node, &Node)> {
        let pairs = match &self.value {
            Value::Mapping(pairs) => pairs.as_slice(),
            Value::Scalar(_) | Value::Sequence(_) => &[],
        };
        pairs.iter().map(|(key, value)| (key, value))
    }

    /// The items of a sequence; nothing for other nodes.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Scalar(_) | Value::Mapping(_) => &[],
        }
    }
}
