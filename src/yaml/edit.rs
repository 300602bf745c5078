//! Changes of a file that leave every other byte as its author wrote it.
//!
//! An edit is made only where one text means one thing. After it the file is read again: what was
//! meant must stand there, and all else must mean what it meant before.

use super::node::{Node, Span, Style, Value};
use super::outline::{Form, Mark, outline};
use super::same::{Expected, check};
use super::{parse, write};
use crate::problem::{Place, Problem};
use crate::repo::{Files, Snapshot};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One change of a file, not made yet.
#[derive(Clone, PartialEq, Debug)]
pub struct Edit {
    start: usize,
    end: usize,
    text: String,
    /// What the node that stood there means afterwards.
    expected: Expected,
}

impl Edit {
    /// Another value in the place of a scalar: text stays text, a number stays a number where the
    /// new value is one.
    pub fn scalar(node: &Node, value: &str) -> Result<Self, Problem> {
        let Value::Scalar(scalar) = &node.value else { return Err(refused(node, "it is not one value")) };
        if let Some(tag) = &node.tag {
            return Err(refused(node, &format!("it is written with `{tag}`")));
        }
        alone(node)?;
        let text = match (scalar.style, node.span.text().chars().next()) {
            (_, None) => return Err(refused(node, "nothing is written there")),
            (Style::Literal | Style::Folded, _) => return Err(refused(node, "it is a block of lines")),
            (_, Some(quote @ ('"' | '\''))) => write::text(value, Some(quote)),
            _ if super::meaning::is_text(scalar) => write::text(value, None),
            _ => write::in_place_of_a_number(value),
        };
        let Span { start, end, .. } = node.span;
        Ok(Self { start, end, text, expected: Expected::Text { value: value.to_owned() } })
    }

    /// One more item at the end of a list.
    pub fn item(list: &Node, item: &serde_json::Value) -> Result<Self, Problem> {
        let Value::Sequence(items) = &list.value else { return Err(refused(list, "it is no list")) };
        let expected = Expected::Item { item: item.clone() };
        match (alone(list)?.form, items.last()) {
            (Form::Block, Some(_)) => {
                // The dash of the first item; where it is another one, the reading afterwards shows it.
                let dash = list.span.source[..items[0].span.start].rfind('-').unwrap_or(list.span.start);
                let indent = column(&list.span, dash);
                Ok(Self::lines(&list.span, &write::item(item), indent, expected))
            }
            (Form::Flow, last) => Ok(Self::in_brackets(list, last, &write::flow(item), expected)),
            (Form::Scalar | Form::Block, _) => Err(refused(list, "it is no list")),
        }
    }

    /// One more key at the end of a mapping.
    pub fn key(mapping: &Node, key: &str, value: &serde_json::Value) -> Result<Self, Problem> {
        let Value::Mapping(pairs) = &mapping.value else { return Err(refused(mapping, "it is no mapping")) };
        let expected = Expected::Key { key: key.to_owned(), value: value.clone() };
        match (alone(mapping)?.form, pairs.last()) {
            (Form::Block, Some(_)) => {
                let indent = column(&mapping.span, mapping.span.start);
                Ok(Self::lines(&mapping.span, &write::entry(key, value), indent, expected))
            }
            (Form::Flow, last) => {
                let text = format!("{}: {}", write::text(key, None), write::flow(value));
                Ok(Self::in_brackets(mapping, last.map(|(_, value)| value), &text, expected))
            }
            (Form::Scalar | Form::Block, _) => Err(refused(mapping, "it is no mapping")),
        }
    }

    /// Whole lines behind what stands there, comments at the end of its last line included.
    fn lines(span: &Span, lines: &[String], indent: usize, expected: Expected) -> Self {
        let (source, end) = (&span.source, span.end);
        let at_line_start = source[..end].ends_with('\n');
        let at = match source[end..].find('\n') {
            _ if at_line_start => end,
            Some(length) => end + length + 1,
            None => source.len(),
        };
        let line_end = line_end(source);
        let mut text = if source[..at].ends_with('\n') { String::new() } else { line_end.to_owned() };
        for line in lines {
            text += &format!("{}{line}{line_end}", " ".repeat(indent));
        }
        Self { start: at, end: at, text, expected }
    }

    fn in_brackets(node: &Node, last: Option<&Node>, text: &str, expected: Expected) -> Self {
        let (at, text) = match last {
            Some(last) => (last.span.end, format!(", {text}")),
            None => (node.span.start + 1, text.to_owned()),
        };
        Self { start: at, end: at, text, expected }
    }
}

/// The bytes of a file after these edits, which were made from its nodes; the same edit twice is one.
pub fn edited(file: &str, bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>, Problem> {
    let problem = |message: &str| Problem::new(Place::file(file), message);
    let (mark, text) = match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => (BYTE_ORDER_MARK, text),
        None => (&b""[..], bytes),
    };
    let mut text = std::str::from_utf8(text).map_err(|_| problem("this is not UTF-8 text"))?.to_owned();
    let mut sorted: Vec<&Edit> = Vec::new();
    for edit in edits {
        if !sorted.contains(&edit) {
            sorted.push(edit);
        }
    }
    sorted.sort_by_key(|edit| (edit.start, edit.end));
    if sorted.windows(2).any(|pair| pair[1].start < pair[0].end || pair[1].start == pair[0].start) {
        return Err(problem("two values would be written to one place"));
    }
    let before = parse(file, bytes).map_err(first)?;
    for edit in sorted.iter().rev() {
        text.replace_range(edit.start..edit.end, &edit.text);
    }
    let written = [mark, text.as_bytes()].concat();
    let after = parse(file, &written).map_err(first)?;
    let expected: Vec<_> = sorted.iter().map(|edit| (edit.start, &edit.expected)).collect();
    match check(&before, &after, &expected) {
        true => Ok(written),
        false => {
            Err(problem("this file is written in a way that a program cannot change safely").hint("change it by hand"))
        }
    }
}

/// A file of the repository with some changes, or why they cannot be made.
pub fn edited_in(snapshot: &Snapshot, file: &str, edits: &[Edit]) -> Result<Files, String> {
    let bytes = snapshot.file(file).ok_or_else(|| format!("there is no file `{file}`"))?;
    let bytes = edited(file, bytes, edits).map_err(|problem| format!("{file}: {}", problem.message))?;
    Ok(Files::from([(file.to_owned(), bytes)]))
}

/// A file's first key, or the bytes of one that holds only comments with its first key.
pub fn begun(bytes: &[u8], key: &str, value: &serde_json::Value) -> Vec<u8> {
    let before = String::from_utf8_lossy(bytes);
    let line_end = line_end(&before);
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { line_end };
    let lines: String = write::entry(key, value).iter().map(|line| format!("{line}{line_end}")).collect();
    format!("{before}{gap}{lines}").into_bytes()
}

fn first(problems: Vec<Problem>) -> Problem {
    problems.into_iter().next().expect("a failure has a problem")
}

fn refused(node: &Node, why: &str) -> Problem {
    node.problem(format!("this cannot be changed by a program: {why}")).hint("change it by hand")
}

/// How a node is written, where its bytes mean nothing else.
fn alone(node: &Node) -> Result<Mark, Problem> {
    let is_it = |mark: &&Mark| (mark.start, mark.end) == (node.span.start, node.span.end) && fits(mark, node);
    match outline(&node.span.source).iter().find(is_it) {
        Some(mark) if mark.is_shared => Err(refused(node, "it has an anchor, and may be meant elsewhere too")),
        Some(mark) => Ok(*mark),
        None => Err(refused(node, "it is not written here")),
    }
}

fn fits(mark: &Mark, node: &Node) -> bool {
    match node.value {
        Value::Scalar(_) => mark.form == Form::Scalar,
        Value::Sequence(_) | Value::Mapping(_) => mark.form != Form::Scalar,
    }
}

/// How far from the beginning of its line a byte stands.
fn column(span: &Span, at: usize) -> usize {
    let line = span.source[..at].rsplit('\n').next().unwrap_or_default();
    line.chars().count()
}

/// The end of lines that the file has already.
fn line_end(source: &str) -> &'static str {
    match source.find('\n') {
        Some(at) if source[..at].ends_with('\r') => "\r\n",
        Some(_) | None => "\n",
    }
}
