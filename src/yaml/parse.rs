//! From the parser's events to nodes.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::node::{Node, Scalar, Span, Style, Value};
use super::pairs;
use crate::problem::{Place, Problem};

/// Nodes of one file, copies made for aliases included.
const MOST_NODES: usize = 200_000;
/// Bytes of text that aliases may copy: few nodes can still hold much.
const MOST_COPIED_BYTES: usize = 16 * 1024 * 1024;
/// Mappings and lists inside each other.
const DEEPEST: usize = 128;

/// Reads every document that is not empty.
pub(super) fn documents(file: &str, bytes: &[u8]) -> Result<Vec<Node>, Vec<Problem>> {
    let text = std::str::from_utf8(bytes).map_err(|error| vec![not_text(file, bytes, error.valid_up_to())])?;
    let source: Arc<str> = Arc::from(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut builder = Builder::new(Arc::from(file), source.clone());
    let mut options = granit_parser::options! {};
    options.set_emit_comments(false);
    for event in Parser::new_from_str_with_options(&source, options) {
        let taken = match event {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => Err(builder.syntax(&error)),
        };
        if let Err(problem) = taken {
            builder.problems.push(problem);
            break;
        }
    }
    if builder.problems.is_empty() { Ok(builder.documents) } else { Err(builder.problems) }
}

fn not_text(file: &str, bytes: &[u8], valid: usize) -> Problem {
    let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
    let place = Place { file: file.to_owned(), line, column: 0 };
    Problem::new(place, "this is not UTF-8 text").hint("save the file with the encoding UTF-8")
}

struct Builder {
    file: Arc<str>,
    source: Arc<str>,
    open: Vec<Open>,
    /// What an alias may copy; anchors belong to one document.
    anchors: HashMap<usize, Built>,
    nodes: usize,
    copied_bytes: usize,
    /// Where the last thing written ended: a block mapping has no end of its own.
    end: usize,
    /// The offset up to which lines were counted, and the line there.
    counted: Cell<(usize, usize)>,
    documents: Vec<Node>,
    problems: Vec<Problem>,
}

/// A mapping or list whose end is still to come.
struct Open {
    content: Content,
    anchor: usize,
    tag: Option<String>,
    start: usize,
    line: usize,
    size: Size,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { pairs: Vec<(Node, Node)>, key: Option<Node> },
}

#[derive(Clone)]
struct Built {
    node: Node,
    size: Size,
}

/// What copying a node would cost.
#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    bytes: usize,
    height: usize,
}

impl Builder {
    fn new(file: Arc<str>, source: Arc<str>) -> Self {
        Self {
            file,
            source,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            copied_bytes: 0,
            end: 0,
            counted: Cell::new((0, 1)),
            documents: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'_>, at: &granit_parser::Span) -> Result<(), Problem> {
        let span = self.span(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, &span)?;
                let built = scalar(text.into_owned(), style, tag.as_deref(), span);
                self.keep(anchor, built)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Content::Sequence(Vec::new()), anchor, tag.as_deref(), &span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Content::Mapping { pairs: Vec::new(), key: None }, anchor, tag.as_deref(), &span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(&span),
            Event::Alias(anchor) => self.copy(anchor, &span),
            Event::UnresolvedAlias(name) => Err(span.problem(format!("there is no anchor `&{name}` above"))),
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            // Marks of stream and document, comments, and whatever else is not a node.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, content: Content, anchor: usize, tag: Option<&Tag>, span: &Span) -> Result<(), Problem> {
        self.count(1, span)?;
        if self.open.len() >= DEEPEST {
            return Err(too_deep(span));
        }
        self.end = self.end.max(span.start);
        let size = Size { nodes: 1, bytes: 0, height: 1 };
        self.open.push(Open { content, anchor, tag: tag.and_then(written), start: span.start, line: span.line, size });
        Ok(())
    }

    fn finish(&mut self, span: &Span) -> Result<(), Problem> {
        self.end = if span.end > span.start { span.end } else { self.end };
        let open = self.open.pop().expect("the parser ends only what it began");
        let span = Span { start: open.start, end: self.end.max(open.start), line: open.line, ..span.clone() };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { pairs, key: _ } => Value::Mapping(pairs::merged(pairs, &mut self.problems)),
        };
        self.keep(open.anchor, Built { node: Node { tag: open.tag, span, value }, size: open.size })
    }

    /// Puts a finished node where it belongs: into what is open, or among the documents.
    fn keep(&mut self, anchor: usize, built: Built) -> Result<(), Problem> {
        if anchor != 0 {
            // Anchors inside anchors keep copies of copies: they count like aliases.
            self.count_copy(built.size, &built.node.span)?;
            self.anchors.insert(anchor, built.clone());
        }
        self.end = if built.node.span.end > built.node.span.start && built.size.height == 0 {
            built.node.span.end
        } else {
            self.end
        };
        self.place(built)
    }

    fn place(&mut self, built: Built) -> Result<(), Problem> {
        let Some(open) = self.open.last_mut() else {
            if !is_empty(&built.node) {
                self.documents.push(built.node);
            }
            return Ok(());
        };
        open.size.nodes += built.size.nodes;
        open.size.bytes += built.size.bytes;
        open.size.height = open.size.height.max(built.size.height + 1);
        match &mut open.content {
            Content::Sequence(items) => items.push(built.node),
            Content::Mapping { pairs, key } => match key.take() {
                Some(key) => pairs.push((key, built.node)),
                None => *key = Some(pairs::key(built.node)?),
            },
        }
        Ok(())
    }

    /// Puts what an anchor names where its alias stands.
    fn copy(&mut self, anchor: usize, span: &Span) -> Result<(), Problem> {
        let Some(built) = self.anchors.get(&anchor) else {
            return Err(span.problem("this alias stands inside the very node it names"));
        };
        let size = built.size;
        self.count_copy(size, span)?;
        if self.open.len() + size.height > DEEPEST {
            return Err(too_deep(span));
        }
        let built = self.anchors[&anchor].clone();
        self.end = span.end;
        self.place(built)
    }

    fn count_copy(&mut self, size: Size, span: &Span) -> Result<(), Problem> {
        self.count(size.nodes, span)?;
        self.copied_bytes += size.bytes;
        if self.copied_bytes > MOST_COPIED_BYTES {
            return Err(span.problem("the anchors and aliases of this file copy more than 16 MiB of text"));
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return Err(span.problem(format!(
                "this file holds more than {MOST_NODES} values, copies for anchors and aliases included"
            )));
        }
        Ok(())
    }

    fn span(&self, at: &granit_parser::Span) -> Span {
        let range = at.byte_range().expect("a parser of a str knows every byte offset");
        let line = self.line_at(range.start);
        Span { file: self.file.clone(), source: self.source.clone(), start: range.start, end: range.end, line }
    }

    /// Counts on from where it last was: nodes come in the order of the text.
    fn line_at(&self, offset: usize) -> usize {
        let (from, line) = self.counted.get();
        let (from, line) = if from <= offset { (from, line) } else { (0, 1) };
        let line = line + self.source.as_bytes()[from..offset].iter().filter(|byte| **byte == b'\n').count();
        self.counted.set((offset, line));
        line
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let marker = error.marker();
        let place = Place { file: self.file.to_string(), line: marker.line(), column: marker.col() + 1 };
        let line_text = self.source.lines().nth(marker.line().saturating_sub(1)).map(str::to_owned);
        let info = error.info();
        let problem =
            Problem { line_text, ..Problem::new(place, format!("this is not YAML: {}", info.trim_end_matches('.'))) };
        match problem.line_text.as_deref() {
            Some(line) if line.trim_start_matches(' ').starts_with('\t') => {
                problem.hint("indent with spaces, not with tabs")
            }
            Some(_) | None => problem,
        }
    }
}

fn too_deep(span: &Span) -> Problem {
    span.problem(format!("mappings and lists stand inside each other more than {DEEPEST} deep"))
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Built {
    let text = as_written(text, style, &span);
    let size = Size { nodes: 1, bytes: text.len(), height: 0 };
    let style = match tag {
        Some(tag) => tagged_style(tag, written_style(style)),
        None => written_style(style),
    };
    Built { node: Node { tag: tag.and_then(written), span, value: Value::Scalar(Scalar { text, style }) }, size }
}

/// Takes back what the parser added: `~` where nothing stands, and a line end that the file lacks.
fn as_written(mut text: String, style: ScalarStyle, span: &Span) -> String {
    match style {
        ScalarStyle::Plain if span.start == span.end => text.clear(),
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let unended = span.end == span.source.len() && !span.source.ends_with(char::is_whitespace);
            if unended && text.ends_with('\n') {
                text.pop();
            }
        }
        ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {}
    }
    text
}

fn written_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

/// `!!str 12` is text as if it were quoted, and `!!int "12"` a number as if it were not.
fn tagged_style(tag: &Tag, style: Style) -> Style {
    match tag.core_suffix() {
        Some("str") if style == Style::Plain => Style::DoubleQuoted,
        Some("int" | "float" | "bool" | "null") => Style::Plain,
        None if tag.original() == "!" && style == Style::Plain => Style::DoubleQuoted,
        Some(_) | None => style,
    }
}

/// The tag as its author wrote it; none for a tag that only says what is plain anyway.
fn written(tag: &Tag) -> Option<String> {
    if tag.core_suffix().is_some() || tag.original() == "!" {
        return None;
    }
    match tag.suffix_in_namespace("tag:yaml.org,2002:") {
        Some(suffix) => Some(format!("!!{suffix}")),
        None => Some(tag.original()),
    }
}

/// Nothing between two `---`, or only comments.
fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.is_empty() && scalar.style == Style::Plain && node.tag.is_none(),
        Value::Sequence(_) | Value::Mapping(_) => false,
    }
}
