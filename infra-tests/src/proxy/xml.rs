//! XML as AWS's Query protocol uses it: elements with either text or children, attributes ignored.

use std::fmt;

use anyhow::{Context, bail};
use xmlparser::{ElementEnd, Token, Tokenizer};

/// One element.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(super) fn parse(source: &str) -> anyhow::Result<Self> {
        let mut open = vec![Self::default()];
        for token in Tokenizer::from(source) {
            read(&mut open, token.context("the answer is not XML")?)?;
        }
        let root = open.pop().and_then(|document| document.children.into_iter().next());
        root.context("the answer holds no element")
    }

    pub(super) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    pub(super) fn leaf(self, name: &str, text: &str) -> Self {
        self.with(Self { text: text.to_owned(), ..Self::new(name) })
    }

    /// A leaf where there is a text to write: an empty element means an empty string to a client.
    pub(super) fn leaf_if(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.leaf(name, text),
            None => self,
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child; empty where it is missing.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| &child.text)
    }

    /// The members of a list; nothing where it is missing.
    pub(super) fn members(&self, name: &str) -> &[Self] {
        self.child(name).map_or(&[], |child| &child.children)
    }

    /// The whole document, in a namespace.
    pub(super) fn document(&self, namespace: &str) -> String {
        let element = self.to_string();
        let after_name = 1 + self.name.len();
        format!("{} xmlns=\"{namespace}\"{}", &element[..after_name], &element[after_name..])
    }
}

/// Takes one token into the elements that are open, the innermost last.
fn read(open: &mut Vec<Element>, token: Token<'_>) -> anyhow::Result<()> {
    match token {
        Token::ElementStart { local, .. } => open.push(Element::new(local.as_str())),
        Token::ElementEnd { end: ElementEnd::Close(..) | ElementEnd::Empty, .. } => {
            let closed = open.pop().context("an element ends that did not start")?;
            let Some(parent) = open.last_mut() else { bail!("an element ends that did not start") };
            parent.children.push(closed);
        }
        Token::Text { text } => append(open, &unescape(text.as_str())),
        Token::Cdata { text, .. } => append(open, text.as_str()),
        Token::ElementEnd { end: ElementEnd::Open, .. }
        | Token::Attribute { .. }
        | Token::Declaration { .. }
        | Token::ProcessingInstruction { .. }
        | Token::Comment { .. }
        | Token::DtdStart { .. }
        | Token::EmptyDtd { .. }
        | Token::EntityDeclaration { .. }
        | Token::DtdEnd { .. } => {}
    }
    Ok(())
}

fn append(open: &mut [Element], text: &str) {
    if let Some(innermost) = open.last_mut() {
        innermost.text.push_str(text);
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').unwrap_or((after, ""));
        plain.extend(character(entity));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

fn escape(text: &str) -> String {
    // A bare carriage return would reach the reader as a line feed.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{}>", self.name)?;
        if self.children.is_empty() {
            write!(formatter, "{}", escape(&self.text))?;
        }
        for child in &self.children {
            write!(formatter, "{child}")?;
        }
        write!(formatter, "</{}>", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_as_it_was_written() {
        let list = Element::new("Tags").with(Element::new("member").leaf("Key", "a<b & \"c\"").leaf("Value", "1\r\n2"));
        let written = Element::new("Result").with(list).leaf("Empty", "");
        let read = Element::parse(&written.document("http://example/")).expect("what was written is XML");
        assert_eq!(read, written);
        assert_eq!(read.members("Tags")[0].text_of("Key"), "a<b & \"c\"");
        assert_eq!(read.text_of("Missing"), "");
    }
}
