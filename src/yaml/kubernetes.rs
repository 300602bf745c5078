//! The JSON that kubectl would send: YAML 1.1 as `sigs.k8s.io/yaml` over go-yaml v2 reads it.
//!
//! The rules are old and surprising (`yes` and `y` are true, `0644` is 420, `12e03` is 12000), and
//! they are what a cluster's owner has been getting all along. The tests hold what the Go library
//! itself answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::map::Entry;
use serde_json::{Map, Number, Value as Json};

use super::meaning::{Meaning, is_decimal};
use super::node::{Node, Scalar, Style, Value};
use crate::problem::Problem;

pub(super) fn json(node: &Node) -> Result<Json, Problem> {
    match &node.value {
        Value::Scalar(scalar) => value(node, scalar),
        Value::Sequence(items) => items.iter().map(json).collect::<Result<_, _>>().map(Json::Array),
        Value::Mapping(pairs) => object(pairs),
    }
}

fn object(pairs: &[(Node, Node)]) -> Result<Json, Problem> {
    let mut map = Map::with_capacity(pairs.len());
    for (key, value) in pairs {
        match map.entry(name(key)?) {
            Entry::Vacant(entry) => _ = entry.insert(json(value)?),
            Entry::Occupied(entry) => {
                let name = entry.key();
                return Err(key.problem(format!("the key `{name}` stands twice here, written in two ways")));
            }
        }
    }
    Ok(Json::Object(map))
}

fn value(node: &Node, scalar: &Scalar) -> Result<Json, Problem> {
    if let Some(tag) = &node.tag {
        return tagged(node, tag, scalar).map(Json::String);
    }
    match meaning(scalar) {
        Meaning::Null => Ok(Json::Null),
        Meaning::Bool(value) => Ok(Json::Bool(value)),
        Meaning::Whole(value) => whole(value).map(Json::Number).ok_or_else(|| not_json(node, scalar)),
        Meaning::Number(value) => number(value).map(Json::Number).ok_or_else(|| not_json(node, scalar)),
        Meaning::Text => Ok(Json::String(scalar.text.clone())),
    }
}

fn not_json(node: &Node, scalar: &Scalar) -> Problem {
    node.problem(format!("`{}` has no form in JSON", scalar.text)).hint("put quotes around it where text is meant")
}

/// Text under a tag stays text, whatever the tag; only `!!binary` means something.
fn tagged(node: &Node, tag: &str, scalar: &Scalar) -> Result<String, Problem> {
    if tag != "!!binary" {
        return Ok(scalar.text.clone());
    }
    let joined: String = scalar.text.chars().filter(|letter| !matches!(letter, '\n' | '\r')).collect();
    let bytes = STANDARD.decode(joined).map_err(|_| node.problem("`!!binary` takes base64"))?;
    String::from_utf8(bytes).map_err(|_| {
        node.problem("the bytes of this `!!binary` are not text, and JSON holds only text")
            .hint("leave the tag away and keep the base64: `data:` and `binaryData:` take it as it is")
    })
}

fn whole(value: i128) -> Option<Number> {
    match u64::try_from(value) {
        Ok(value) => Some(value.into()),
        Err(_) => i64::try_from(value).ok().map(Number::from),
    }
}

/// Go writes 1.0 as `1`, and an API server then takes it for a whole number.
fn number(value: f64) -> Option<Number> {
    match value.to_string().parse::<i64>() {
        Ok(value) => Some(value.into()),
        Err(_) => Number::from_f64(value),
    }
}

/// A key as Go turns it into text.
fn name(key: &Node) -> Result<String, Problem> {
    let Value::Scalar(scalar) = &key.value else {
        return Err(key.problem("a key must be a single value"));
    };
    if let Some(tag) = &key.tag {
        return tagged(key, tag, scalar);
    }
    match meaning(scalar) {
        Meaning::Null => Err(key.problem("nothing cannot be a key").hint("put quotes around the key")),
        Meaning::Bool(value) => Ok(value.to_string()),
        Meaning::Whole(value) if value > i128::from(i64::MAX) => {
            Err(key.problem("this number is too large for a key").hint("put quotes around the key"))
        }
        Meaning::Whole(value) => Ok(value.to_string()),
        Meaning::Number(value) => Ok(float_name(value)),
        Meaning::Text => Ok(scalar.text.clone()),
    }
}

/// A float as Go's `strconv.FormatFloat(value, 'g', -1, 32)` writes it.
fn float_name(value: f64) -> String {
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    value.to_string()
}

/// What go-yaml v2 takes a scalar for.
fn meaning(scalar: &Scalar) -> Meaning {
    if scalar.style != Style::Plain {
        return Meaning::Text;
    }
    match scalar.text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Meaning::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Meaning::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Meaning::Number(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Meaning::Number(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Meaning::Number(f64::NAN),
        text if text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) => numeric(text),
        _ => Meaning::Text,
    }
}

fn numeric(text: &str) -> Meaning {
    let plain = text.replace('_', "");
    if let Some(value) = integer(&plain).filter(|_| !text.starts_with('.')) {
        return Meaning::Whole(value);
    }
    match plain.parse::<f64>() {
        Ok(value) if is_decimal(&plain) && value.is_finite() => Meaning::Number(value),
        Ok(_) | Err(_) => Meaning::Text,
    }
}

/// A whole number with Go's prefixes, where it fits 64 bits.
fn integer(plain: &str) -> Option<i128> {
    let (negative, unsigned) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(plain)),
    };
    let lower = unsigned.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        Some(_) | None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        Some(_) | None => (lower.as_str(), 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value).then_some(value)
}
