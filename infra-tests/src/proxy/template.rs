//! Templates as JSON, which is how they are compared and rewritten here.

use groundplan::yaml::{self, Node, Style};
use serde_json::{Value, json};

/// Reads a template, JSON or YAML, with its short forms written out.
pub(super) fn parse(body: &str) -> anyhow::Result<Value> {
    if let Ok(template) = serde_json::from_str(body) {
        return Ok(template);
    }
    let node = yaml::parse_one("template", body.as_bytes())
        .map_err(|problems| anyhow::anyhow!("the deployed template cannot be read: {problems:?}"))?;
    Ok(value(&node))
}

fn value(node: &Node) -> Value {
    let plain = match &node.value {
        yaml::Value::Scalar(scalar) if scalar.style == Style::Plain && node.tag.is_none() => plain(&scalar.text),
        yaml::Value::Scalar(scalar) => Value::String(scalar.text.clone()),
        yaml::Value::Sequence(items) => items.iter().map(value).collect(),
        yaml::Value::Mapping(pairs) => {
            let pairs = pairs.iter().map(|(key, item)| (key.text().unwrap_or_default().to_owned(), value(item)));
            Value::Object(pairs.collect())
        }
    };
    match node.tag.as_deref().and_then(|tag| tag.strip_prefix('!')) {
        Some(short) if !short.starts_with('!') => long_form(short, plain),
        Some(_) | None => plain,
    }
}

/// `!Sub x` as `{"Fn::Sub": x}`; `!GetAtt a.b` takes a list there.
fn long_form(short: &str, argument: Value) -> Value {
    match (short, &argument) {
        ("Ref" | "Condition", _) => json!({short: argument}),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((path, ""));
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        _ => json!({format!("Fn::{short}"): argument}),
    }
}

/// A plain scalar as YAML 1.1 reads it, which is how templates are read.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let digits = text.trim_start_matches(['-', '+']);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if digits.len() > 1 && digits.starts_with('0') && !digits.contains('.') {
        return i64::from_str_radix(digits, 8).ok().map(Value::from);
    }
    let whole = text.trim_start_matches('+').parse::<i64>().ok().map(Value::from);
    let fraction = || digits.contains('.').then(|| text.parse::<f64>().ok()).flatten().map(Value::from);
    whole.or_else(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_written_out() {
        let body = "A: !Sub '${X}-1'\nB: !GetAtt Queue.Arn\nC: !If [Small, 1, !Ref AWS::NoValue]\nD: 2012-10-17\nE: 0123456789\n";
        let template = parse(body).expect("valid YAML");
        let expected = json!({
            "A": {"Fn::Sub": "${X}-1"},
            "B": {"Fn::GetAtt": ["Queue", "Arn"]},
            "C": {"Fn::If": ["Small", 1, {"Ref": "AWS::NoValue"}]},
            "D": "2012-10-17",
            "E": "0123456789",
        });
        assert_eq!(template, expected);
    }
}
