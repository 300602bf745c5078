//! The intrinsic functions of a template, as far as they can be worked out offline.

use std::collections::BTreeMap;

use crate::yaml::{Node, Value};

/// What is known of a stack before it is there: its parameters and where it will live.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(pub(super) BTreeMap<String, String>);

/// A function call: its name without `Fn::`, and its argument. Both the short and the long form.
pub(super) fn call(node: &Node) -> Option<(&str, &Node)> {
    if let Value::Mapping(pairs) = &node.value
        && let ([(key, argument)], None) = (pairs.as_slice(), node.tag.as_deref())
    {
        let name = key.text()?;
        return match name.strip_prefix("Fn::") {
            Some(function) => Some((function, argument)),
            None if name == "Ref" => Some((name, argument)),
            None => None,
        };
    }
    None
}

/// The short form's function, whose argument is the node itself.
fn short(node: &Node) -> Option<&str> {
    node.tag.as_deref().and_then(|tag| tag.strip_prefix('!'))
}

/// The argument of `function`, where the node calls it in either form.
pub(super) fn argument_of<'n>(node: &'n Node, function: &str) -> Option<&'n Node> {
    match short(node) {
        Some(name) => (name == function).then_some(node),
        None => call(node).filter(|(name, _)| *name == function).map(|(_, argument)| argument),
    }
}

/// The text of an expression, where it depends on nothing but what is known.
pub(super) fn resolve(node: &Node, known: &Known) -> Option<String> {
    let (function, argument) = match short(node) {
        Some(function) => (function, node),
        None => match call(node) {
            Some(call) => call,
            None => return node.text().map(str::to_owned),
        },
    };
    match function {
        "Ref" => known.0.get(argument.text()?).cloned(),
        "Sub" => substituted(argument, known),
        "Join" => match argument.items() {
            [separator, list] => {
                let parts: Option<Vec<String>> = list.items().iter().map(|item| resolve(item, known)).collect();
                Some(parts?.join(separator.text()?))
            }
            _ => None,
        },
        _ => None,
    }
}

fn substituted(argument: &Node, known: &Known) -> Option<String> {
    let (text, own) = match (&argument.value, argument.items()) {
        (Value::Scalar(scalar), _) => (scalar.text.as_str(), None),
        (_, [text, own]) => (text.text()?, Some(own)),
        _ => return None,
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}')?;
        result.push_str(before);
        match name.strip_prefix('!') {
            Some(literal) => result.push_str(&format!("${{{literal}}}")),
            None => match own.and_then(|own| own.get(name.trim())) {
                Some(node) => result.push_str(&resolve(node, known)?),
                None => result.push_str(known.0.get(name.trim())?),
            },
        }
        rest = after;
    }
    result.push_str(rest);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn what_depends_on_known_names_only_is_worked_out() {
        let known = Known(BTreeMap::from([("Env".into(), "prod".into()), ("AWS::Region".into(), "eu-west-1".into())]));
        let table = [
            ("plain", Some("plain")),
            ("!Ref Env", Some("prod")),
            ("{Ref: Env}", Some("prod")),
            ("!Sub '${Env}-vpc-${AWS::Region}'", Some("prod-vpc-eu-west-1")),
            ("{'Fn::Sub': '${Env}-${!Literal}'}", Some("prod-${Literal}")),
            ("!Sub ['${Env}-${X}', {X: !Ref Env}]", Some("prod-prod")),
            ("{'Fn::Join': ['-', [!Ref Env, id]]}", Some("prod-id")),
            ("!Sub '${Bucket.Arn}'", None),
            ("!GetAtt Bucket.Arn", None),
            ("!Ref Bucket", None),
        ];
        for (text, expected) in table {
            let node = yaml::parse_one("t.yaml", text.as_bytes()).expect(text);
            assert_eq!(resolve(&node, &known).as_deref(), expected, "{text}");
        }
    }
}
