//! A stack file's description, put into the template the way stackctl does.

use super::template::Template;

/// The text to send: the template's own bytes, unless a description is to be added.
///
/// To the byte what stackctl sends, because a template that differs in its first line is a change
/// of every stack of an adopted repository. A template's own description wins.
pub(super) fn with_description(template: &Template, description: Option<&str>) -> String {
    match (description, &template.description) {
        (None, _) | (Some(_), Some(_)) => template.text.to_string(),
        (Some(description), None) => match template.is_json() {
            true => in_json(&template.text, description).unwrap_or_else(|| template.text.to_string()),
            false => format!("Description: {}\n{}", haskell_quoted(description), template.text),
        },
    }
}

/// Written anew, compact and with sorted keys, as aeson does.
fn in_json(text: &str, description: &str) -> Option<String> {
    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
    value.as_object_mut()?.insert("Description".to_owned(), description.into());
    value.sort_all_objects();
    serde_json::to_string(&value).ok()
}

/// Haskell's `show` of a text, which stackctl uses for quoting.
fn haskell_quoted(text: &str) -> String {
    const CONTROL: [&str; 32] = [
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a", "b", "t", "n", "v", "f", "r", "SO", "SI", "DLE", "DC1",
        "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
    ];
    let mut quoted = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7f}' => quoted.push_str("\\DEL"),
            c if (c as u32) < 32 => {
                quoted.push('\\');
                quoted.push_str(CONTROL[c as usize]);
                // `\SO` before an H would read as `\SOH`.
                if c == '\u{e}' && next == Some('H') {
                    quoted.push_str("\\&");
                }
            }
            c if (c as u32) > 127 => {
                quoted.push_str(&format!("\\{}", c as u32));
                if next.is_some_and(|next| next.is_ascii_digit()) {
                    quoted.push_str("\\&");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(template: &str, description: Option<&str>) -> String {
        let template = Template::parse("templates/t", template.as_bytes()).expect("valid");
        with_description(&template, description)
    }

    #[test]
    fn a_description_is_prepended_to_yaml_and_added_to_json() {
        let yaml = "# comment\nResources: {}\n";
        assert_eq!(sent(yaml, Some("A \"b\" é1\n")), format!("Description: \"A \\\"b\\\" \\233\\&1\\n\"\n{yaml}"));
        assert_eq!(sent("{\"Resources\": {}}", Some("d")), r#"{"Description":"d","Resources":{}}"#);
    }

    #[test]
    fn a_templates_own_description_wins_and_its_bytes_stay() {
        let own = "Description: mine\nResources: {}\n";
        assert_eq!(sent(own, Some("other")), own);
        assert_eq!(sent("Resources:   {}\n", None), "Resources:   {}\n");
    }
}
