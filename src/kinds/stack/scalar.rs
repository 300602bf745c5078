//! What a scalar of a stack file is sent as, in the dialect its repository was written for.
//!
//! A repository that was deployed by CloudGenesis or stackctl must plan as empty, so a value is
//! rendered as that tool would have sent it; where that differs from what is written, a lint asks
//! for quotes. Files of our own keep what is written.

use super::dialect::Dialect;
use crate::yaml::{Scalar, Style};

/// A scalar as it will be sent.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Rendered {
    /// As written.
    Same(String),
    /// The dialect's tool changes it; worth a word.
    Changed(String),
    /// Null: the key is there, and has no value.
    Nothing,
    /// The tool would fail on it, or send nonsense: why.
    Broken(&'static str),
}

pub(super) fn render(dialect: Dialect, scalar: &Scalar) -> Rendered {
    let text = scalar.text.as_str();
    if scalar.style != Style::Plain {
        return Rendered::Same(text.to_owned());
    }
    match dialect {
        Dialect::Native if is_null(text) => Rendered::Nothing,
        Dialect::Native => Rendered::Same(text.to_owned()),
        Dialect::CloudGenesis => as_cloudgenesis(text),
        Dialect::Stackctl => as_stackctl(text),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// YAML 1.1 as SnakeYAML resolves it, then strict JSON numbers.
fn as_cloudgenesis(text: &str) -> Rendered {
    if is_null(text) {
        return Rendered::Nothing;
    }
    match text.to_ascii_lowercase().as_str() {
        lower @ ("true" | "false") if is_cased(text, lower) => return boolean(text, lower == "true"),
        lower @ ("yes" | "no" | "on" | "off") if is_cased(text, lower) => {
            return Rendered::Broken("CloudGenesis fails on a plain yes, no, on or off");
        }
        _ => {}
    }
    if !looks_like_a_number(text) {
        return Rendered::Same(text.to_owned());
    }
    match is_json_decimal(text) {
        true => changed(text, normal_decimal(text)),
        false => Rendered::Broken("CloudGenesis fails on a number in this form"),
    }
}

/// The words of Haskell's `yaml`, and its numbers printed through a double.
fn as_stackctl(text: &str) -> Rendered {
    if is_null(text) {
        return Rendered::Nothing;
    }
    match text.to_ascii_lowercase().as_str() {
        lower @ ("true" | "yes" | "on" | "y") if is_cased(text, lower) => return boolean(text, true),
        lower @ ("false" | "no" | "off" | "n") if is_cased(text, lower) => return boolean(text, false),
        _ => {}
    }
    let Some(number) = haskell_number(text) else {
        return Rendered::Same(text.to_owned());
    };
    // Haskell shows a double outside of this range with an exponent.
    match number == 0.0 || (0.1..10_000_000.0).contains(&number.abs()) {
        true => changed(text, number.to_string()),
        false => Rendered::Broken("stackctl sends this number with an exponent"),
    }
}

/// Lower, upper or title case, as both tools know their words.
fn is_cased(text: &str, lower: &str) -> bool {
    let title = lower[..1].to_ascii_uppercase() + &lower[1..];
    text == lower || text == title || text == lower.to_ascii_uppercase()
}

fn boolean(text: &str, value: bool) -> Rendered {
    changed(text, if value { "True" } else { "False" }.to_owned())
}

fn changed(text: &str, rendered: String) -> Rendered {
    match text == rendered {
        true => Rendered::Same(rendered),
        false => Rendered::Changed(rendered),
    }
}

/// Whether YAML 1.1 takes a plain scalar for an integer or a float.
fn looks_like_a_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '_');
    if matches!(unsigned.to_ascii_lowercase().as_str(), ".inf" | ".nan") {
        return true;
    }
    if let Some(rest) = unsigned.strip_prefix("0x") {
        return !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
    }
    if let Some(rest) = unsigned.strip_prefix("0b") {
        return !rest.is_empty() && rest.chars().all(|c| matches!(c, '0' | '1' | '_'));
    }
    if let Some((first, rest)) = unsigned.split_once(':') {
        // Base sixty: `12:30` is a number to YAML 1.1.
        let minutes = |part: &str| part.len() <= 2 && part.parse::<u8>().is_ok_and(|number| number < 60);
        return digits(first) && !first.starts_with('0') && rest.split(':').all(minutes);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    if !exponent.is_none_or(|exponent| !exponent.is_empty() && exponent.chars().all(|c| c.is_ascii_digit())) {
        return false;
    }
    match mantissa.split_once('.') {
        Some((whole, part)) => {
            mantissa != "." && (whole.is_empty() || digits(whole)) && (part.is_empty() || digits(part))
        }
        // A leading zero with an 8 or 9 is neither octal nor decimal.
        None if exponent.is_none() && mantissa.len() > 1 && mantissa.starts_with('0') => {
            digits(mantissa) && !mantissa.contains(['8', '9'])
        }
        None => digits(mantissa) && mantissa.starts_with(|c: char| c.is_ascii_digit()),
    }
}

/// A JSON number without an exponent, which the tools print in ways of their own.
fn is_json_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = unsigned.split_once('.').map_or((unsigned, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && part.is_none_or(digits)
}

fn normal_decimal(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

fn haskell_number(text: &str) -> Option<f64> {
    if let Some(rest) = text.strip_prefix("0x") {
        return u64::from_str_radix(rest, 16).ok().map(|number| number as f64);
    }
    if let Some(rest) = text.strip_prefix("0o") {
        return u64::from_str_radix(rest, 8).ok().map(|number| number as f64);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts_and_ends =
        unsigned.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit());
    let known = unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
    match starts_and_ends && known && !unsigned.contains(".e") {
        true => text.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Rendered::{Broken, Changed, Nothing, Same};
    use super::*;

    fn plain(dialect: Dialect, text: &str) -> Rendered {
        let rendered = render(dialect, &Scalar { text: text.into(), style: Style::Plain });
        if let Broken(_) = rendered { Broken("") } else { rendered }
    }

    #[test]
    fn each_dialect_sends_a_plain_scalar_as_its_tool_does() {
        let same = |text: &str| Same(text.into());
        let changed = |text: &str| Changed(text.into());
        let table = [
            ("plain text", same("plain text"), same("plain text")),
            ("true", changed("True"), changed("True")),
            ("FALSE", changed("False"), changed("False")),
            ("tRue", same("tRue"), same("tRue")),
            ("True", same("True"), same("True")),
            ("yes", Broken(""), changed("True")),
            ("Off", Broken(""), changed("False")),
            ("y", same("y"), changed("True")),
            ("N", same("N"), changed("False")),
            ("7", same("7"), same("7")),
            ("5.0", changed("5"), changed("5")),
            ("1.30", changed("1.3"), changed("1.3")),
            ("100", same("100"), same("100")),
            ("-3.50", changed("-3.5"), changed("-3.5")),
            ("0123", Broken(""), changed("123")),
            ("089", same("089"), changed("89")),
            ("0x1F", Broken(""), changed("31")),
            ("0o17", same("0o17"), changed("15")),
            ("1_000", Broken(""), same("1_000")),
            (".5", Broken(""), same(".5")),
            ("+5", Broken(""), changed("5")),
            ("1e3", Broken(""), changed("1000")),
            ("123456789012", same("123456789012"), Broken("")),
            ("0.05", same("0.05"), Broken("")),
            ("12:30", Broken(""), same("12:30")),
            ("2026-01-02", same("2026-01-02"), same("2026-01-02")),
            ("10.0.0.0/16", same("10.0.0.0/16"), same("10.0.0.0/16")),
            ("1.2.3", same("1.2.3"), same("1.2.3")),
            ("", Nothing, Nothing),
            ("~", Nothing, Nothing),
        ];
        for (text, cloudgenesis, stackctl) in table {
            assert_eq!(plain(Dialect::CloudGenesis, text), cloudgenesis, "CloudGenesis: {text}");
            assert_eq!(plain(Dialect::Stackctl, text), stackctl, "stackctl: {text}");
        }
    }

    #[test]
    fn our_own_files_and_quoted_text_keep_what_is_written() {
        for text in ["1.30", "yes", "0123", "true", "123456789012"] {
            assert_eq!(plain(Dialect::Native, text), Same(text.into()));
            let quoted = Scalar { text: text.into(), style: Style::DoubleQuoted };
            assert_eq!(render(Dialect::CloudGenesis, &quoted), Same(text.into()));
        }
    }
}
