//! What a stack file gives to its template: parameters and tags, in every form of both dialects.

use std::collections::BTreeMap;

use super::address::is_region;
use super::dialect::Dialect;
use super::scalar::{Rendered, render};
use super::spec::{Parameter, ParameterValue, Reader, written};
use crate::aws::is_account;
use crate::yaml::{Node, Value};

impl Reader<'_> {
    pub(super) fn parameters(&mut self, node: Option<&Node>) -> BTreeMap<String, Parameter> {
        let mut found = BTreeMap::new();
        for pair in self.pairs("Parameters", node) {
            let Some(value) = self.parameter(&pair) else { continue };
            let (place, line_text) = written(pair.value);
            if found.insert(pair.name.clone(), Parameter { value, place, line_text }).is_some() {
                self.problems.error(pair.key.problem(format!("the parameter `{}` is given twice", pair.name)));
            }
        }
        found
    }

    fn parameter(&mut self, pair: &Pair<'_>) -> Option<ParameterValue> {
        let text = self.value(pair)?;
        match pair.r#type.and_then(Node::text) {
            Some("SSM") => {
                if self.dialect == Dialect::Stackctl {
                    let said = "stackctl sends the path itself, and Groundplan the value it leads to";
                    self.problems.warn(pair.value.problem(said));
                }
                Some(ParameterValue::Ssm { path: text, at: self.elsewhere(pair)? })
            }
            Some("Secret") => self.secret(pair, &text).map(ParameterValue::Text),
            Some("Output") => match text.parse() {
                Ok(name) => Some(ParameterValue::Output(name)),
                Err(why) => {
                    self.problems.error(pair.value.problem(why));
                    None
                }
            },
            Some(other) => {
                let node = pair.r#type.expect("it has a text");
                let problem = node.problem(format!("a parameter has no type `{other}`"));
                let problem = problem.did_you_mean(other, ["SSM", "Output", "Secret"]);
                match self.dialect {
                    Dialect::Native => self.problems.error(problem),
                    Dialect::CloudGenesis | Dialect::Stackctl => self.problems.warn(problem),
                }
                Some(ParameterValue::Text(text))
            }
            None => Some(ParameterValue::Text(text)),
        }
    }

    /// The account and region of `At`, or none; an error where it says nothing that can be one.
    #[expect(clippy::option_option, reason = "not said, wrong, or right")]
    fn elsewhere(&mut self, pair: &Pair<'_>) -> Option<Option<(String, String)>> {
        let Some(node) = pair.at else { return Some(None) };
        let said = node.text().and_then(|text| text.split_once('/'));
        match said.filter(|(account, region)| is_account(account) && is_region(region)) {
            Some((account, region)) => Some(Some((account.to_owned(), region.to_owned()))),
            None => {
                let problem = node.problem("`At` names no account and region");
                self.problems.error(problem.hint("write it as 111122223333/eu-west-1"));
                None
            }
        }
    }

    /// The dynamic reference that CloudFormation resolves when it makes the resource: the value itself
    /// passes through nobody's hands.
    fn secret(&mut self, pair: &Pair<'_>, text: &str) -> Option<String> {
        // An ARN has six colons of its own before the secret's name ends.
        let own = if text.starts_with("arn:") { 6 } else { 0 };
        let mut parts = text.splitn(own + 2, ':');
        let name: Vec<&str> = parts.by_ref().take(own + 1).collect();
        let (name, key) = (name.join(":"), parts.next().unwrap_or_default());
        if name.is_empty() || text.contains(['{', '}', ' ']) || key.contains(':') {
            let problem = pair.value.problem(format!("`{text}` names no secret"));
            self.problems.error(problem.hint("write its name, or NAME:KEY for one value of a JSON secret"));
            return None;
        }
        Some(match key {
            "" => format!("{{{{resolve:secretsmanager:{name}}}}}"),
            key => format!("{{{{resolve:secretsmanager:{name}:SecretString:{key}}}}}"),
        })
    }

    pub(super) fn tags(&mut self, node: Option<&Node>) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for pair in self.pairs("Tags", node) {
            let Some(value) = self.value(&pair) else { continue };
            if found.insert(pair.name.clone(), value).is_some() {
                self.problems.error(pair.key.problem(format!("the tag `{}` is given twice", pair.name)));
            }
        }
        found
    }

    /// Whatever way names and values are paired: an object, or a list with any of the known keys.
    fn pairs<'n>(&mut self, what: &str, node: Option<&'n Node>) -> Vec<Pair<'n>> {
        let Some(node) = node else { return Vec::new() };
        match &node.value {
            Value::Mapping(_) => {
                let pair = |(key, value): (&'n Node, &'n Node)| {
                    Some(Pair { name: key.text()?.to_owned(), key, value, r#type: None, at: None })
                };
                node.entries().filter_map(pair).collect()
            }
            Value::Sequence(items) => items.iter().filter_map(|item| self.listed(what, item)).collect(),
            Value::Scalar(scalar) if scalar.text.is_empty() || scalar.text == "null" => Vec::new(),
            Value::Scalar(_) => {
                self.problems.error(node.problem(format!("`{what}` is a list or a mapping")));
                Vec::new()
            }
        }
    }

    fn listed<'n>(&mut self, what: &str, item: &'n Node) -> Option<Pair<'n>> {
        let among = |keys: &[&str]| keys.iter().find_map(|key| item.get(key));
        let key = among(&["Name", "Key", "ParameterKey"]);
        let value = among(&["Value", "ParameterValue"]);
        let (Some(key), Some(name)) = (key, key.and_then(Node::text)) else {
            let (name, hint) = match what {
                "Tags" => ("a tag", "write `- {Key: …, Value: …}`"),
                _ => ("a parameter", "write `- {Name: …, Value: …}`"),
            };
            self.problems.error(item.problem(format!("{name} needs a name")).hint(hint));
            return None;
        };
        for (entry, _) in item.entries() {
            let entry_name = entry.text().unwrap_or_default();
            let known = ["Name", "Key", "ParameterKey", "Value", "ParameterValue", "Type", "At"];
            if self.dialect == Dialect::Native && !known.contains(&entry_name) {
                let problem = entry.problem(format!("there is no key `{entry_name}` here"));
                self.problems.error(problem.did_you_mean(entry_name, known));
            }
        }
        match value {
            Some(value) => {
                Some(Pair { name: name.to_owned(), key, value, r#type: item.get("Type"), at: item.get("At") })
            }
            // stackctl takes a key without a value as not given.
            None if self.dialect == Dialect::Stackctl => None,
            None => {
                self.problems.error(item.problem(format!("`{name}` has no value")).hint("add `Value: …`"));
                None
            }
        }
    }

    fn value(&mut self, pair: &Pair<'_>) -> Option<String> {
        let (name, node) = (&pair.name, pair.value);
        match (&node.value, node.tag.as_deref()) {
            (Value::Scalar(_), None) => self.rendered(name, node),
            (_, Some(tag)) => {
                self.problems.error(node.problem(format!("`{name}` has the tag `{tag}`, and takes plain text here")));
                None
            }
            (Value::Sequence(_) | Value::Mapping(_), None) => {
                let problem = node.problem(format!("`{name}` takes one value"));
                self.problems.error(problem.hint("write a list as one text with commas: \"a,b\""));
                None
            }
        }
    }

    fn rendered(&mut self, name: &str, node: &Node) -> Option<String> {
        let Value::Scalar(scalar) = &node.value else { return None };
        let tool = self.dialect.tool();
        let quotes = "write it in quotes to say what is meant";
        match render(self.dialect, scalar) {
            Rendered::Same(text) => Some(text),
            Rendered::Changed(text) => {
                self.problems
                    .warn(node.problem(format!("{tool} sends `{name}` as `{text}`, and so it is sent")).hint(quotes));
                Some(text)
            }
            // stackctl takes a key without a value as not given, and a default below it shows.
            Rendered::Nothing if self.dialect == Dialect::Stackctl => None,
            Rendered::Nothing => {
                self.problems
                    .error(node.problem(format!("`{name}` has no value")).hint("write \"\" for an empty text"));
                None
            }
            Rendered::Broken(why) => {
                self.problems.error(node.problem(format!("`{name}`: {why}")).hint(quotes));
                None
            }
        }
    }
}

/// A name, its value, and what the value means.
struct Pair<'n> {
    name: String,
    key: &'n Node,
    value: &'n Node,
    r#type: Option<&'n Node>,
    at: Option<&'n Node>,
}
