//! `${NAME}` in the scalars of a manifest, by Flux's rules.
//!
//! `${NAME}`, `${NAME:-default}` and `${NAME:=default}` are replaced, `$${NAME}` stands for the text
//! `${NAME}`, and a bare `$NAME` is left alone. Text is put into one scalar at a time and never parsed
//! as YAML again, so a value cannot add a key or a list: a plain scalar only gets its type from the
//! new text, which makes `replicas: ${N}` a number.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Problem;
use crate::yaml::{Node, Scalar, Value};

/// The values a workload declares, by name.
pub(super) type Values = BTreeMap<String, String>;

/// Whether anything below has a value to be put in; of most manifests nothing has.
pub(super) fn asks_for_values(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.text.contains("${"),
        Value::Sequence(items) => items.iter().any(asks_for_values),
        Value::Mapping(pairs) => pairs.iter().any(|(key, value)| asks_for_values(key) || asks_for_values(value)),
    }
}

/// A copy of the node with the values in their places.
pub(super) fn substitute(node: &Node, values: &Values, used: &mut BTreeSet<String>) -> Result<Node, Problem> {
    let value = match &node.value {
        Value::Scalar(scalar) if scalar.text.contains("${") => {
            let text = fill(&scalar.text, values, used).map_err(|fault| fault.at(node, values))?;
            Value::Scalar(Scalar { text, style: scalar.style })
        }
        Value::Scalar(_) => return Ok(node.clone()),
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| substitute(item, values, used)).collect::<Result<_, _>>()?)
        }
        Value::Mapping(pairs) => Value::Mapping(
            pairs
                .iter()
                .map(|(key, value)| Ok((kept_key(key)?, substitute(value, values, used)?)))
                .collect::<Result<_, Problem>>()?,
        ),
    };
    Ok(Node { tag: node.tag.clone(), span: node.span.clone(), value })
}

/// A key names a field: were it filled, two keys could become one.
pub(super) fn kept_key(key: &Node) -> Result<Node, Problem> {
    match key.text() {
        Some(text) if text.replace("$${", "").contains("${") => Err(key
            .problem(format!("the key `{text}` holds a value"))
            .hint("values are filled in only where a value stands")),
        _ => Ok(key.clone()),
    }
}

#[derive(PartialEq, Debug)]
enum Fault {
    Unknown(String),
    Malformed(String),
}

impl Fault {
    fn at(self, node: &Node, values: &Values) -> Problem {
        match self {
            Fault::Unknown(name) => {
                let problem = node.problem(format!("`${{{name}}}` has no value")).hint(format!(
                    "name it under `values:` in workload.yaml, give it a default (`${{{name}:=…}}`), or write `$${{{name}}}` for the text itself"
                ));
                problem.did_you_mean(&name, values.keys().map(String::as_str))
            }
            Fault::Malformed(found) => node
                .problem(format!("`{found}` is no value"))
                .hint("write `${NAME}`, `${NAME:=default}`, or `$${` for the text `${`"),
        }
    }
}

fn fill(text: &str, values: &Values, used: &mut BTreeSet<String>) -> Result<String, Fault> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        if let Some(kept) = before.strip_suffix('$') {
            filled.push_str(kept);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let end = after.find('}').ok_or_else(|| Fault::Malformed(rest[start..].to_owned()))?;
        filled.push_str(&value_of(&after[..end], values, used)?);
        rest = &after[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The value of what stands between the braces.
fn value_of(inside: &str, values: &Values, used: &mut BTreeSet<String>) -> Result<String, Fault> {
    let (name, default) = match inside.split_once(":=").or_else(|| inside.split_once(":-")) {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(Fault::Malformed(format!("${{{inside}}}")));
    }
    used.insert(name.to_owned());
    match (values.get(name), default) {
        // As in a shell, and so in Flux: an empty value gives way to the default.
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::Unknown(name.to_owned())),
    }
}

/// Letters, digits and underscores, not starting with a digit.
pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Fault> {
        let values = [("N", "3"), ("HOST", "db.local"), ("EMPTY", ""), ("TRICK", "a: {b: ${N}}\n- c")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        fill(text, &values, &mut BTreeSet::new())
    }

    #[test]
    fn values_are_filled_by_the_rules_of_flux() {
        for (text, seen) in [
            ("${N}", "3"),
            ("http://${HOST}:80/${N}", "http://db.local:80/3"),
            ("${GONE:=x}", "x"),
            ("${GONE:-}", ""),
            ("${EMPTY:=full}", "full"),
            ("${EMPTY}", ""),
            ("$${N}", "${N}"),
            ("$N and $(N)", "$N and $(N)"),
            ("${GONE:=a:-b}", "a:-b"),
            // What a value brings in is text: it is not filled again, and is no structure.
            ("${TRICK}", "a: {b: ${N}}\n- c"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(seen), "{text}");
        }
    }

    #[test]
    fn a_value_nobody_declared_and_a_malformed_one_are_refused() {
        assert_eq!(filled("${GONE}"), Err(Fault::Unknown("GONE".into())));
        assert_eq!(filled("${A B}"), Err(Fault::Malformed("${A B}".into())));
        assert_eq!(filled("x ${N"), Err(Fault::Malformed("${N".into())));
    }
}
