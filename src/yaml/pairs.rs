//! The pairs of a mapping: keys are plain words, unique, and `<<` is merged.

use std::collections::{HashMap, HashSet};

use super::node::{Node, Span, Style, Value};
use crate::problem::Problem;

/// A key must be one value: nothing that is kept in a repository has a list or mapping for a key.
pub(super) fn key(node: Node) -> Result<Node, Problem> {
    match &node.value {
        Value::Scalar(_) => Ok(node),
        Value::Sequence(_) => Err(node.problem("a list cannot be a key")),
        Value::Mapping(_) => Err(node
            .problem("a mapping cannot be a key")
            .hint("where `{{ … }}` is meant as text, put quotes around it")),
    }
}

/// Refuses keys written twice, and puts what `<<` names behind the keys of the mapping itself.
///
/// The mapping's own keys win wherever `<<` stands. (go-yaml lets a `<<` below win; there the order
/// of lines decides what a cluster gets, which nobody can mean.)
pub(super) fn merged(pairs: Vec<(Node, Node)>, problems: &mut Vec<Problem>) -> Vec<(Node, Node)> {
    if is_plain(&pairs) {
        return pairs;
    }
    let mut unique: Vec<(Node, Node)> = Vec::with_capacity(pairs.len());
    let mut seen: HashMap<String, Span> = HashMap::with_capacity(pairs.len());
    let mut merges = Vec::new();
    for (key, value) in pairs {
        let name = key.text().unwrap_or_default().to_owned();
        if let Some(first) = seen.get(&name) {
            let line = first.place().line;
            problems.push(key.problem(format!("the key `{name}` is written twice: first on line {line}")));
            continue;
        }
        seen.insert(name, key.span.clone());
        if is_merge(&key) {
            merges.push(value);
        } else {
            unique.push((key, value));
        }
    }
    for value in merges {
        for (key, value) in sources(value, problems) {
            let name = key.text().unwrap_or_default();
            if !seen.contains_key(name) {
                seen.insert(name.to_owned(), key.span.clone());
                unique.push((key, value));
            }
        }
    }
    unique
}

/// Whether nothing has to be refused or merged, which is so of nearly every mapping.
fn is_plain(pairs: &[(Node, Node)]) -> bool {
    /// So many names are sooner compared than hashed.
    const FEW: usize = 12;
    let names = || pairs.iter().map(|(key, _)| key.text().unwrap_or_default());
    let are_unique = match pairs.len() <= FEW {
        true => names().enumerate().all(|(at, name)| names().take(at).all(|other| other != name)),
        false => {
            let mut seen = HashSet::with_capacity(pairs.len());
            names().all(|name| seen.insert(name))
        }
    };
    are_unique && !pairs.iter().any(|(key, _)| is_merge(key))
}

/// Whether a key is the merge key: `"<<"` in quotes is a key like any other.
fn is_merge(key: &Node) -> bool {
    match &key.value {
        Value::Scalar(scalar) => scalar.text == "<<" && scalar.style == Style::Plain,
        Value::Sequence(_) | Value::Mapping(_) => false,
    }
}

/// The pairs that `<<` names, those that win first.
fn sources(value: Node, problems: &mut Vec<Problem>) -> Vec<(Node, Node)> {
    let span = value.span.clone();
    match value.value {
        Value::Mapping(pairs) => pairs,
        Value::Sequence(items) if items.iter().all(|item| matches!(item.value, Value::Mapping(_))) => {
            items.into_iter().flat_map(|item| sources(item, problems)).collect()
        }
        Value::Sequence(_) | Value::Scalar(_) => {
            problems.push(span.problem("`<<` takes a mapping, or a list of mappings"));
            Vec::new()
        }
    }
}
