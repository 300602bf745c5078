//! Text to nodes with their places, and from nodes to what a reader needs.
//!
//! One parser for every file a user writes. It keeps the text of each scalar and the span of each
//! node, refuses duplicate keys, expands anchors and merge keys within a budget, and knows nothing
//! of what a key means. Three views stand on it: [`read`] fills a Rust type and says where and what
//! is wrong; [`kubernetes`] gives the JSON that kubectl would send (YAML 1.1 as `sigs.k8s.io/yaml`
//! reads it); a CloudFormation template is walked as nodes, its tags kept.

mod node;

pub use node::{Node, Scalar, Span, Style, Value};

use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Reads every document of a file. Empty documents are left out.
///
/// All problems of the file that can be found in one pass are returned: a syntax error ends the
/// pass, duplicate keys do not.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Node>, Vec<Problem>> {
    let _ = (file, bytes);
    todo!()
}

/// Reads a file that holds exactly one document.
pub fn parse_one(file: &str, bytes: &[u8]) -> Result<Node, Vec<Problem>> {
    let _ = (file, bytes);
    todo!()
}

/// Fills a type from a node: unknown keys, missing keys and wrong kinds of value become a problem
/// with the place of the node concerned, and a "did you mean" where one is near.
///
/// Scalars are given to the type by the YAML 1.2 core schema, except that a `String` takes any plain
/// scalar as it is written (`1.30` stays `1.30`). [`Spanned`] and [`Scalar`] may stand in the type.
pub fn read<T: DeserializeOwned>(node: &Node) -> Result<T, Problem> {
    let _ = node;
    todo!()
}

/// The JSON that kubectl would send for this node.
pub fn kubernetes(node: &Node) -> Result<serde_json::Value, Problem> {
    let _ = node;
    todo!()
}

/// A value and the place where it is written.
#[derive(Clone, PartialEq, Debug)]
pub struct Spanned<T> {
    pub value: T,
    pub place: crate::problem::Place,
}
