//! A stack file as it was meant: every form of both dialects, read into one.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{self, Action};
use super::address::{Address, check_name};
use super::dialect::Dialect;
use super::file;
use super::import::{self, Imported};
use crate::problem::{Place, Problems};
use crate::unit::OutputName;
use crate::yaml::{Node, Value};

/// CloudFormation tells no more topics than these of a stack's events.
const MOST_TOPICS: usize = 5;
/// A day: no operation takes longer.
const MOST_MINUTES: u32 = 24 * 60;

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
    /// How long one operation of the stack is waited for, in minutes.
    pub(super) timeout: Option<u32>,
    /// What is there already and to become part of the stack, by its logical id.
    pub(super) import: BTreeMap<String, Imported>,
    /// What is run after each deployment, and where it is written.
    pub(super) actions: Vec<(Action, Node)>,
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

/// Reads one file, and gathers what is wrong with it.
pub(super) struct Reader<'a> {
    pub(super) dialect: Dialect,
    pub(super) address: &'a Address,
    pub(super) problems: &'a mut Problems,
}

impl Reader<'_> {
    fn spec(&mut self, node: &Node) -> Option<Spec> {
        if !matches!(node.value, Value::Mapping(_)) {
            self.problems.error(node.problem("a stack file is a mapping").hint("begin with `Template: …`"));
            return None;
        }
        self.unknown_keys(node);
        self.passed_over(node);
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
            timeout: node.get("TimeoutMinutes").and_then(|node| self.minutes("TimeoutMinutes", node)),
            import: node.get("Import").map(|node| import::read(node, self.problems)).unwrap_or_default(),
            actions: node.get("Actions").map(|node| action::read(node, self.problems)).unwrap_or_default(),
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

    fn minutes(&mut self, key: &str, node: &Node) -> Option<u32> {
        let minutes =
            node.text().and_then(|text| text.parse().ok()).filter(|minutes| (1..=MOST_MINUTES).contains(minutes));
        if minutes.is_none() {
            self.problems.error(node.problem(format!("`{key}` is a number of minutes, from 1 to {MOST_MINUTES}")));
        }
        minutes
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
        for key in ["Depends", "Capabilities", "Description", "Actions"] {
            if let Some((key_node, _)) = node.entries().find(|(name, _)| name.text() == Some(key)) {
                let said = format!("CloudGenesis passes over `{key}`, and Groundplan does not");
                self.problems.warn(key_node.problem(said));
            }
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

    pub(super) fn text(&mut self, key: &str, node: &Node) -> Option<String> {
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

/// Where something is written, for errors about it.
pub(super) fn written(node: &Node) -> (Place, Option<String>) {
    let problem = node.problem("");
    (problem.place, problem.line_text)
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
