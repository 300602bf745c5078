//! Whether a file after an edit means what it meant before, but for what was meant to change.

use super::kubernetes::json;
use super::meaning::{self, Meaning};
use super::node::{Node, Value};

/// What a node means after an edit.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expected {
    /// It is this value now.
    Text { value: String },
    /// It has one more item.
    Item { item: serde_json::Value },
    /// It has one more key.
    Key { key: String, value: serde_json::Value },
}

/// Compares two readings of a file; `expected` by where each edit began.
pub(super) fn check(before: &[Node], after: &[Node], expected: &[(usize, &Expected)]) -> bool {
    let mut met = 0;
    let same = all(before, after, expected, &mut met);
    same && met == expected.len()
}

fn all(before: &[Node], after: &[Node], expected: &[(usize, &Expected)], met: &mut usize) -> bool {
    before.len() == after.len() && before.iter().zip(after).all(|(before, after)| same(before, after, expected, met))
}

fn same(before: &Node, after: &Node, expected: &[(usize, &Expected)], met: &mut usize) -> bool {
    if before.tag != after.tag {
        return false;
    }
    match (&before.value, &after.value) {
        (Value::Scalar(old), Value::Scalar(new)) => {
            let wanted = expected.iter().find_map(|(start, wanted)| match wanted {
                Expected::Text { value } if *start == before.span.start => Some(value),
                Expected::Text { .. } | Expected::Item { .. } | Expected::Key { .. } => None,
            });
            match wanted {
                None => old == new,
                Some(value) => {
                    *met += 1;
                    // What was text must not turn into a number.
                    new.text == *value && (!meaning::is_text(old) || meaning::is_text(new))
                }
            }
        }
        (Value::Sequence(old), Value::Sequence(new)) if new.len() == old.len() + 1 => {
            let (last, rest) = new.split_last().expect("it is longer than another");
            let is_it = expected.iter().any(|(_, wanted)| match wanted {
                Expected::Item { item } => means(last, item),
                Expected::Text { .. } | Expected::Key { .. } => false,
            });
            *met += usize::from(is_it);
            is_it && all(old, rest, expected, met)
        }
        (Value::Sequence(old), Value::Sequence(new)) => all(old, new, expected, met),
        (Value::Mapping(old), Value::Mapping(new)) => {
            let grown = new.len() == old.len() + 1;
            let is_it =
                new.get(old.len()).is_some_and(|added| expected.iter().any(|(_, wanted)| is_key(added, wanted)));
            *met += usize::from(grown && is_it);
            (new.len() == old.len() || (grown && is_it))
                && old.iter().zip(new).all(|((old_key, old), (new_key, new))| {
                    same(old_key, new_key, &[], &mut 0) && same(old, new, expected, met)
                })
        }
        (Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_), _) => false,
    }
}

fn is_key((key, value): &(Node, Node), wanted: &Expected) -> bool {
    let Expected::Key { key: name, value: inserted } = wanted else { return false };
    is_the_text(key, name) && means(value, inserted)
}

fn means(node: &Node, value: &serde_json::Value) -> bool {
    json(node).is_ok_and(|read| read == *value)
}

fn is_the_text(node: &Node, text: &str) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.text == text && node.tag.is_none() && meaning::core(scalar) == Meaning::Text,
        Value::Sequence(_) | Value::Mapping(_) => false,
    }
}
