//! A stack file as it was meant: every form of both dialects, read into one.

use std::collections::{BTreeMap, BTreeSet};

use super::address::{Address, check_name, is_account, is_region};
use super::dialect::Dialect;
use super::file;
use super::scalar::{Rendered, render};
use crate::problem::{Place, Problems};
use crate::unit::OutputName;
use crate::yaml::{Node, Value};

/// CloudFormation tells no more topics than these of a stack's events.
const MOST_TOPICS: usize = 5;

/// What a stack file says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Spec {
    pub(super) template: TemplateAt,
    pub(super) name: Option<String>,
    pub(super) parameters: BTreeMap<String, Parameter>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) depends: Vec<Depends>,
    pub(super) capabilities: BTreeSet<String>,
    pub(super) description: Option<String>,
    /// Whether the stack is to refuse its deletion; as it is where nothing is said.
    pub(super) protection: Option<bool>,
    /// The file of the stack policy, and where it is named.
    pub(super) policy: Option<(String, Node)>,
    /// None leaves the topics as they are.
    pub(super) notifications: Option<BTreeSet<String>>,
}

/// Where the template is kept.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum TemplateAt {
    /// A path of this repository, and where the stack file names it.
    Repository { path: String, node: Node },
    /// A bucket outside, by its URL.
    Url(String),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Parameter {
    pub(super) value: ParameterValue,
    pub(super) place: Place,
    pub(super) line_text: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum ParameterValue {
    Text(String),
    /// The path of an SSM parameter, and the account and region to read it from where it says so.
    Ssm {
        path: String,
        at: Option<(String, String)>,
    },
    Output(OutputName),
}

/// A unit or stack to wait for, as written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Depends {
    pub(super) on: DependsOn,
    pub(super) place: Place,
    pub(super) line_text: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum DependsOn {
    /// A unit, by its path or a tail of it.
    Unit(String),
    /// A stack of the same account and region, by its name.
    Stack(String),
}

/// Reads one stack file. What is wrong in it is added to `problems`; without a template there is
/// nothing to return.
pub(super) fn read(node: &Node, dialect: Dialect, address: &Address, problems: &mut Problems) -> Option<Spec> {
    Reader { dialect, address, problems }.spec(node)
}

/// What stackctl's configuration gives to every stack: parameters and tags.
pub(super) fn defaults(
    node: &Node,
    dialect: Dialect,
    problems: &mut Problems,
) -> (BTreeMap<String, Parameter>, BTreeMap<String, String>) {
    let nowhere = Address { account: String::new(), region: String::new(), name: String::new() };
    let mut reader = Reader { dialect, address: &nowhere, problems };
    let defaults = node.get("defaults");
    let of = |key| defaults.and_then(|defaults| defaults.get(key));
    (reader.parameters(of("parameters")), reader.tags(of("tags")))
}

struct Reader<'a> {
    dialect: Dialect,
    address: &'a Address,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn spec(&mut self, node: &Node) -> Option<Spec> {
        if !matches!(node.value, Value::Mapping(_)) {
            self.problems.error(node.problem("a stack file is a mapping").hint("begin with `Template: …`"));
            return None;
        }
        self.unknown_keys(node);
        self.passed_over(node);
        self.actions(node);
        let template = self.template(node);
        let spec = Spec {
            name: self.name(node),
            parameters: self.parameters(node.get("Parameters")),
            tags: self.tags(node.get("Tags")),
            depends: self.depends(node),
            capabilities: self.words(node.get("Capabilities")).map(|(word, _)| word).collect(),
            description: node.get("Description").and_then(|node| self.text("Description", node)),
            protection: node.get("TerminationProtection").and_then(|node| self.truth("TerminationProtection", node)),
            policy: node.get("StackPolicy").and_then(|node| Some((self.text("StackPolicy", node)?, node.clone()))),
            notifications: node.get("NotificationArns").map(|node| self.topics(node)),
            template: template?,
        };
        Some(spec)
    }

    fn truth(&mut self, key: &str, node: &Node) -> Option<bool> {
        match node.text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) | None => {
                self.problems.error(node.problem(format!("`{key}` is `true` or `false`")));
                None
            }
        }
    }

    fn topics(&mut self, node: &Node) -> BTreeSet<String> {
        let mut topics = BTreeSet::new();
        for (arn, node) in self.words(Some(node)) {
            let is_topic =
                arn.starts_with("arn:") && arn.split(':').nth(2) == Some("sns") && arn.split(':').count() == 6;
            match is_topic {
                true => _ = topics.insert(arn),
                false => {
                    let problem = node.problem(format!("`{arn}` is no topic"));
                    self.problems.error(problem.hint("write its ARN: arn:aws:sns:REGION:ACCOUNT:NAME"));
                }
            }
        }
        if topics.len() > MOST_TOPICS {
            let said = format!("the stack has {} topics, and CloudFormation takes {MOST_TOPICS}", topics.len());
            self.problems.error(node.problem(said));
        }
        topics
    }

    fn unknown_keys(&mut self, node: &Node) {
        for (key, _) in node.entries() {
            let name = key.text().unwrap_or_default();
            if file::keys().iter().any(|known| known == name) {
                continue;
            }
            let known = file::keys().iter().map(String::as_str);
            let problem = key.problem(format!("a stack file has no key `{name}`")).did_you_mean(name, known);
            match self.dialect {
                Dialect::Native => self.problems.error(problem),
                // Both tools pass over what they do not know.
                Dialect::CloudGenesis | Dialect::Stackctl => self.problems.warn(problem),
            }
        }
    }

    /// What CloudGenesis has no key for, and we take as stackctl does.
    fn passed_over(&mut self, node: &Node) {
        if self.dialect != Dialect::CloudGenesis {
            return;
        }
        for key in ["Depends", "Capabilities", "Description"] {
            if let Some((key_node, _)) = node.entries().find(|(name, _)| name.text() == Some(key)) {
                let said = format!("CloudGenesis passes over `{key}`, and Groundplan does not");
                self.problems.warn(key_node.problem(said));
            }
        }
    }

    fn actions(&mut self, node: &Node) {
        if let Some(actions) = node.get("Actions") {
            let problem = actions.problem("`Actions` are not run yet: only the stack itself is deployed");
            self.problems.warn(problem.hint("run them where stackctl is not used any more, or remove them"));
        }
    }

    fn template(&mut self, node: &Node) -> Option<TemplateAt> {
        let Some(template) = node.get("Template") else {
            self.problems.error(node.problem("the stack names no template").hint("add `Template: NAME.yaml`"));
            return None;
        };
        let text = self.text("Template", template)?;
        let mut say = |key: &str| {
            let value = node.get(key)?;
            if self.dialect == Dialect::Stackctl {
                self.problems.warn(value.problem(format!("stackctl passes over `{key}`, and Groundplan does not")));
            }
            self.text(key, value)
        };
        let bucket = say("TemplateBucket");
        let prefix = say("TemplatePrefix").unwrap_or_else(|| "templates/".to_owned());
        Some(match bucket {
            Some(bucket) => {
                let Address { region, .. } = self.address;
                let suffix = crate::aws::partition::of(region).dns_suffix();
                TemplateAt::Url(format!("https://{bucket}.s3.{region}.{suffix}/{prefix}{text}"))
            }
            None => TemplateAt::Repository { path: format!("{prefix}{text}"), node: template.clone() },
        })
    }

    fn name(&mut self, node: &Node) -> Option<String> {
        let value = node.get("StackName")?;
        let name = self.text("StackName", value)?;
        if let Err(why) = check_name(&name) {
            self.problems.error(value.problem(why));
            return None;
        }
        match self.dialect {
            Dialect::Native => Some(name),
            _ if name == self.address.name => None,
            dialect @ (Dialect::CloudGenesis | Dialect::Stackctl) => {
                let path_name = &self.address.name;
                let tool = dialect.tool();
                let said = format!("{tool} names this stack by its path, `{path_name}`, and so does Groundplan here");
                self.problems.warn(value.problem(said).hint("remove `StackName`, or name the file after the stack"));
                None
            }
        }
    }

    fn parameters(&mut self, node: Option<&Node>) -> BTreeMap<String, Parameter> {
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

    fn tags(&mut self, node: Option<&Node>) -> BTreeMap<String, String> {
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

    fn depends(&mut self, node: &Node) -> Vec<Depends> {
        let depends = |on, node: &Node| {
            let (place, line_text) = written(node);
            Depends { on, place, line_text }
        };
        let dialect = self.dialect;
        let on = |word| match dialect {
            Dialect::Native => DependsOn::Unit(word),
            Dialect::CloudGenesis | Dialect::Stackctl => DependsOn::Stack(word),
        };
        let theirs: Vec<_> = self.words(node.get("Depends")).map(|(word, at)| depends(on(word), at)).collect();
        let ours = self.words(node.get("DependsOn")).map(|(word, at)| depends(DependsOn::Unit(word), at));
        theirs.into_iter().chain(ours).collect()
    }

    /// The texts of a list, or of a single one.
    fn words<'n>(&mut self, node: Option<&'n Node>) -> impl Iterator<Item = (String, &'n Node)> + use<'n> {
        let nodes: Vec<&Node> = match node.map(|node| &node.value) {
            Some(Value::Sequence(items)) => items.iter().collect(),
            Some(Value::Scalar(_)) => node.into_iter().collect(),
            Some(Value::Mapping(_)) | None => Vec::new(),
        };
        if let Some(node) = node.filter(|node| matches!(node.value, Value::Mapping(_))) {
            self.problems.error(node.problem("a list of names is needed here"));
        }
        nodes.into_iter().filter_map(|node| Some((node.text()?.to_owned(), node)))
    }

    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        if let Some(tag) = &node.tag {
            self.problems.error(node.problem(format!("`{key}` has the tag `{tag}`, and takes plain text here")));
            return None;
        }
        let text = node.text().filter(|text| !text.is_empty()).map(str::to_owned);
        if text.is_none() {
            self.problems.error(node.problem(format!("`{key}` takes a text")));
        }
        text
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

fn written(node: &Node) -> (Place, Option<String>) {
    let problem = node.problem("");
    (problem.place, problem.line_text)
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
