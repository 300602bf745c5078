//! How the nodes of a file are written: in lines or in brackets, and whether one text stands for more.
//!
//! [`Node`](super::Node) says what a text means, and aliases are filled in there. Whoever changes bytes
//! must know what else those bytes mean.

use granit_parser::{Event, Parser, StructureStyle};

/// One node as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) form: Form,
    /// It, or what it stands in, has an anchor: an alias elsewhere may mean the same bytes.
    pub(super) is_shared: bool,
    /// It stands inside brackets.
    pub(super) in_flow: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Scalar,
    Block,
    Flow,
}

/// Every node of a text that can be read, in the order they begin; nothing where an alias stands.
pub(super) fn outline(source: &str) -> Vec<Mark> {
    let mut options = granit_parser::options! {};
    options.set_emit_comments(false);
    let mut marks: Vec<Mark> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut end = 0;
    for event in Parser::new_from_str_with_options(source, options) {
        let Ok((event, span)) = event else { break };
        let range = span.byte_range().expect("a parser of a str knows every byte offset");
        let begun = |form, anchor: usize, open: &[usize], marks: &[Mark]| {
            let around = open.last().map(|at| marks[*at]);
            Mark {
                start: range.start,
                end: range.end,
                form,
                is_shared: anchor != 0 || around.is_some_and(|around| around.is_shared),
                in_flow: around.is_some_and(|around| around.form == Form::Flow || around.in_flow),
            }
        };
        match event {
            Event::Scalar(_, _, anchor, _) => {
                let mark = begun(Form::Scalar, anchor, &open, &marks);
                marks.push(mark);
                end = if range.end > range.start { range.end } else { end };
            }
            Event::SequenceStart(style, anchor, _) | Event::MappingStart(style, anchor, _) => {
                let mark = begun(form(style), anchor, &open, &marks);
                open.push(marks.len());
                marks.push(mark);
                end = end.max(range.start);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                end = if range.end > range.start { range.end } else { end };
                let at = open.pop().expect("the parser ends only what it began");
                marks[at].end = end.max(marks[at].start);
            }
            Event::Alias(_) => end = range.end,
            _ => {}
        }
    }
    marks
}

fn form(style: StructureStyle) -> Form {
    match style {
        StructureStyle::Block => Form::Block,
        StructureStyle::Flow => Form::Flow,
    }
}
