//! What a plain scalar means by the YAML 1.2 core schema.

use super::node::{Scalar, Style};

/// What a scalar stands for.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Meaning {
    Null,
    Bool(bool),
    Whole(i128),
    Number(f64),
    Text,
}

/// Reads a scalar by the core schema; only a plain one can be more than text.
///
/// A number with a leading zero is text: an account id must keep it, and an octal one must not be
/// taken for a decimal one.
pub(super) fn core(scalar: &Scalar) -> Meaning {
    if scalar.style != Style::Plain {
        return Meaning::Text;
    }
    match scalar.text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
        "true" | "True" | "TRUE" => Meaning::Bool(true),
        "false" | "False" | "FALSE" => Meaning::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Meaning::Number(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Meaning::Number(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Meaning::Number(f64::NAN),
        text => number(text),
    }
}

/// Whether every reader takes it for text: YAML 1.1 knows more numbers and switches.
pub(super) fn is_text(scalar: &Scalar) -> bool {
    const SWITCHES: &[&str] = &["y", "n", "yes", "no", "on", "off"];
    let switch = || SWITCHES.contains(&scalar.text.to_ascii_lowercase().as_str());
    core(scalar) == Meaning::Text && (scalar.style != Style::Plain || !switch())
}

fn number(text: &str) -> Meaning {
    if let Some(digits) = text.strip_prefix("0o") {
        return whole(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return whole(digits, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if has_leading_zero(unsigned) || !is_decimal(text) {
        return Meaning::Text;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(value) = text.parse::<i128>()
        && (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value)
    {
        return Meaning::Whole(value);
    }
    text.parse().map_or(Meaning::Text, Meaning::Number)
}

fn whole(digits: &str, radix: u32) -> Meaning {
    match u64::from_str_radix(digits, radix) {
        Ok(value) if !digits.starts_with('+') => Meaning::Whole(value.into()),
        Ok(_) | Err(_) => Meaning::Text,
    }
}

/// Whether a number begins with a zero that is not its only digit before the point.
pub(super) fn has_leading_zero(unsigned: &str) -> bool {
    let mut bytes = unsigned.bytes();
    bytes.next() == Some(b'0') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether the whole text is a decimal number: sign, digits, point, exponent.
pub(super) fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    digits(before)
        && digits(after)
        && !(before.is_empty() && after.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}
