//! Text to nodes with their places, and from nodes to what a reader needs.
//!
//! One parser for every file a user writes. It keeps the text of each scalar and the span of each
//! node, refuses duplicate keys, expands anchors and merge keys within a budget, and knows nothing
//! of what a key means. Three views stand on it: [`read`] fills a Rust type and says where and what
//! is wrong; [`kubernetes`] gives the JSON that kubectl would send (YAML 1.1 as `sigs.k8s.io/yaml`
//! reads it); a CloudFormation template is walked as nodes, its tags kept. The way back is an
//! [`Edit`], which changes one value and no other byte.

mod capture;
mod edit;
mod kubernetes;
mod meaning;
mod node;
mod outline;
mod pairs;
mod parse;
mod read;
mod read_error;
mod same;
mod spanned;
#[cfg(test)]
mod tests;
mod write;

pub use edit::{Edit, begun, edited, edited_in};
pub use node::{Node, Scalar, Span, Style, Value};
pub use spanned::Spanned;
pub use write::document;

use serde::de::DeserializeOwned;

use crate::problem::{Place, Problem};

/// Reads every document of a file. Empty documents are left out.
///
/// All problems of the file that can be found in one pass are returned: a syntax error ends the
/// pass, duplicate keys do not.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Node>, Vec<Problem>> {
    parse::documents(file, bytes)
}

/// Reads every document of a file of manifests, as kubectl does: line by line, each with its end.
///
/// A block text at the very end of a file whose last line has none ends with a line break all the same.
pub fn parse_manifests(file: &str, bytes: &[u8]) -> Result<Vec<Node>, Vec<Problem>> {
    match bytes.last() {
        None | Some(b'\n') => parse(file, bytes),
        Some(_) => parse(file, &[bytes, b"\n"].concat()),
    }
}

/// Reads a file that holds exactly one document.
pub fn parse_one(file: &str, bytes: &[u8]) -> Result<Node, Vec<Problem>> {
    let mut documents = parse(file, bytes)?.into_iter();
    match (documents.next(), documents.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(second)) => {
            Err(vec![second.problem("a second document begins here, and this file takes one").hint("leave `---` away")])
        }
        (None, _) => Err(vec![Problem::new(Place::file(file), "this file is empty")]),
    }
}

/// Fills a type from a node: unknown keys, missing keys and wrong kinds of value become a problem
/// with the place of the node concerned, and a "did you mean" where one is near.
///
/// Scalars are given to the type by the YAML 1.2 core schema, except that a `String` takes any plain
/// scalar as it is written (`1.30` stays `1.30`). [`Spanned`], [`Scalar`] and [`Node`] may stand in
/// the type.
pub fn read<T: DeserializeOwned>(node: &Node) -> Result<T, Problem> {
    read::read(node)
}

/// The JSON that kubectl would send for this node.
///
/// Keys keep the order they are written in. Text under a tag (`!Sub x`) is text, as for kubectl.
pub fn kubernetes(node: &Node) -> Result<serde_json::Value, Problem> {
    kubernetes::json(node)
}
