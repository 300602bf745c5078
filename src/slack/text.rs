//! Words of others, made safe to stand in a message.
//!
//! A resource named `<!channel>` must not page the company, and one with a right-to-left override
//! must not read as another one.

use crate::unit::Shown;

/// `text` without control and direction characters and backticks, escaped, in at most `budget`
/// characters as Slack counts them.
pub(super) fn safe(text: &str, budget: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    let kept: Vec<char> = hide_accounts(text).chars().filter_map(harmless).collect();
    let whole: usize = kept.iter().map(|c| escaped(*c).chars().count()).sum();
    let room = if whole <= budget { budget } else { budget.saturating_sub(1) };
    for (index, c) in kept.iter().enumerate() {
        let piece = escaped(*c);
        used += piece.chars().count();
        // A letter stays together with the marks that follow it, or both go.
        let letter = kept[index..].iter().skip(1).take_while(|next| joins(**next)).count();
        if used + if joins(*c) { 0 } else { letter } > room {
            break;
        }
        out.push_str(&piece);
    }
    if whole > budget {
        out.push('…');
    }
    out
}

/// Several lines, each safe by itself, with room for all of them or a dot for the rest.
pub(super) fn lines(text: &str, budget: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = safe(line, 300);
        if out.chars().count() + line.chars().count() + 3 > budget {
            return out + "\n…";
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out += &line;
    }
    out
}

/// `text` as code, in which nothing is a link, a mention or bold.
pub(super) fn code(text: &str, budget: usize) -> String {
    match safe(text, budget.saturating_sub(2)) {
        safe if safe.trim().is_empty() => "_empty_".to_owned(),
        safe => format!("`{safe}`"),
    }
}

/// A value as it may be shown, or a word for why it is not.
pub(super) fn value(shown: Option<&Shown>, budget: usize) -> String {
    match shown {
        None => "_absent_".to_owned(),
        Some(Shown::Hidden(_)) => "_hidden_".to_owned(),
        Some(Shown::Text(text)) if is_credential(text) => "_hidden_".to_owned(),
        Some(Shown::Text(text)) => code(text, budget),
    }
}

/// A person: a mention where `by` is a Slack user, which an edit of a message does not notify.
pub(super) fn person(by: &str) -> String {
    let letters = |rest: &str| rest.len() >= 6 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    match by.strip_prefix(['U', 'W']) {
        Some(rest) if letters(rest) => format!("<@{by}>"),
        _ => code(by, 80),
    }
}

/// Shapes that are credentials wherever they stand; the rooms below mask by meaning, this is the
/// last look before a value leaves the house.
fn is_credential(text: &str) -> bool {
    let key_id = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        word.len() == 20 && (word.starts_with("AKIA") || word.starts_with("ASIA"))
    };
    let token = |word: &str| word.starts_with("eyJ") && word.matches('.').count() == 2;
    text.contains("-----BEGIN") || text.split(|c: char| c.is_whitespace() || c == '=').any(|w| key_id(w) || token(w))
}

/// Of an account's twelve digits only the tail is told.
fn hide_accounts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        out.push_str(before);
        match number.len() {
            12 => out.extend(["…", &number[8..]]),
            _ => out.push_str(number),
        }
        rest = after;
    }
    out + rest
}

fn harmless(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' => Some(' '),
        '`' => None,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// Whether a character belongs to the one before it: an accent, a variation, a skin tone.
fn joins(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

fn escaped(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_page_the_company_or_leave_its_code() {
        assert_eq!(code("<!channel> `x` & more", 80), "`&lt;!channel&gt; x &amp; more`");
        assert_eq!(safe("a\u{202e}b\u{0}c\nd", 80), "abc d");
    }

    #[test]
    fn a_cut_falls_neither_inside_an_escape_nor_between_a_letter_and_its_accent() {
        assert_eq!(safe("aaaa<bbbb", 7), "aaaa…");
        assert_eq!(safe("abcde\u{301}f", 6), "abcd…");
        assert_eq!(safe("abcde\u{301}", 6), "abcde\u{301}");
        assert_eq!(safe("&&&", 15).chars().count(), 15);
        assert!(safe(&"&".repeat(100), 40).chars().count() <= 40);
    }

    #[test]
    fn an_account_shows_its_tail_only() {
        assert_eq!(safe("stacks/prod.111122223333/eu-west-1/vpc", 80), "stacks/prod.…3333/eu-west-1/vpc");
        assert_eq!(safe("1234567890123 and 42", 80), "1234567890123 and 42");
    }

    #[test]
    fn hidden_absent_and_credential_shaped_values_are_words() {
        assert_eq!(value(None, 80), "_absent_");
        assert_eq!(value(Some(&Shown::Hidden("abc123".into())), 80), "_hidden_");
        assert_eq!(value(Some(&Shown::text("key=AKIAIOSFODNN7EXAMPLE")), 80), "_hidden_");
        assert_eq!(value(Some(&Shown::text("")), 80), "_empty_");
        assert_eq!(value(Some(&Shown::text("45")), 80), "`45`");
    }

    #[test]
    fn only_the_shape_of_a_slack_user_is_a_mention() {
        assert_eq!(person("U0OPERATOR"), "<@U0OPERATOR>");
        assert_eq!(person("U<!here>"), "`U&lt;!here&gt;`");
    }
}
