//! What is wrong with blocks, in the words that Slack has for it.

use serde_json::{Map, Value};

/// Collects every finding, each with a pointer to its place.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) found: Vec<String>,
}

/// Which text objects a place takes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Markup {
    PlainOnly,
    Either,
}

impl Findings {
    pub(super) fn say(&mut self, at: &str, what: impl AsRef<str>) {
        self.found.push(format!("[ERROR] {} [json-pointer:{at}]", what.as_ref()));
    }

    /// The value as an object that has all of `required` and nothing beyond `optional`.
    pub(super) fn object<'a>(
        &mut self,
        at: &str,
        value: &'a Value,
        required: &[&str],
        optional: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.say(at, "must provide an object");
            return None;
        };
        for name in required.iter().filter(|name| !object.contains_key(**name)) {
            self.say(at, format!("missing required field: {name}"));
        }
        let known = |name: &&String| name.as_str() == "type" || [required, optional].concat().contains(&name.as_str());
        for name in object.keys().filter(|name| !known(name)) {
            self.say(at, format!("invalid additional property: {name}"));
        }
        Some(object)
    }

    /// A list between two lengths; each item with its own pointer.
    pub(super) fn list<'a>(
        &mut self,
        at: &str,
        value: &'a Value,
        least: usize,
        most: usize,
    ) -> Vec<(String, &'a Value)> {
        let Some(items) = value.as_array() else {
            self.say(at, "must be an array");
            return Vec::new();
        };
        if items.len() < least {
            self.say(at, format!("no less than {least} items allowed"));
        }
        if items.len() > most {
            self.say(at, format!("no more than {most} items allowed"));
        }
        items.iter().enumerate().map(|(index, item)| (format!("{at}/{index}"), item)).collect()
    }

    /// A string of one to `most` characters, where it is given.
    pub(super) fn string(&mut self, at: &str, object: &Map<String, Value>, name: &str, most: usize) {
        let Some(value) = object.get(name) else { return };
        let at = format!("{at}/{name}");
        match value.as_str() {
            None => self.say(&at, "must be a string"),
            Some(text) => self.length(&at, text, most),
        }
    }

    pub(super) fn one_of(&mut self, at: &str, object: &Map<String, Value>, name: &str, words: &[&str]) {
        if let Some(value) = object.get(name)
            && !value.as_str().is_some_and(|word| words.contains(&word))
        {
            self.say(&format!("{at}/{name}"), "value is not in the list of allowed values");
        }
    }

    /// A text object, where it is given.
    pub(super) fn text(&mut self, at: &str, object: &Map<String, Value>, name: &str, markup: Markup, most: usize) {
        if let Some(value) = object.get(name) {
            self.text_object(&format!("{at}/{name}"), value, markup, most);
        }
    }

    pub(super) fn text_object(&mut self, at: &str, value: &Value, markup: Markup, most: usize) {
        let optional: &[&str] = match value["type"].as_str() {
            Some("plain_text") => &["emoji"],
            Some("mrkdwn") if markup == Markup::Either => &["verbatim"],
            Some(_) | None => {
                let allowed = if markup == Markup::Either { "plain_text or mrkdwn" } else { "plain_text" };
                return self.say(&format!("{at}/type"), format!("must be {allowed}"));
            }
        };
        if let Some(object) = self.object(at, value, &["text"], optional) {
            self.string(at, object, "text", most);
        }
    }

    fn length(&mut self, at: &str, text: &str, most: usize) {
        match text.chars().count() {
            0 => self.say(at, "must be more than 0 characters"),
            length if length > most => self.say(at, format!("must be less than {} characters", most + 1)),
            _ => {}
        }
    }
}
