//! What a template says that must be known offline: parameters, outputs, exports, imports, and
//! where each resource is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::capability;
use super::expression::{Known, argument_of, resolve};
use super::stateful;
use crate::problem::{Place, Problem};
use crate::repo::{Entry, Snapshot};
use crate::yaml::{self, Node, Value};

/// More than this must be put into a bucket.
pub(super) const MOST_SENT: usize = 51_200;
/// The type of a nested stack.
pub(super) const NESTED: &str = "AWS::CloudFormation::Stack";
/// Stacks are nested no deeper than anybody would look.
const DEEPEST: usize = 6;
/// CloudFormation takes no larger template from anywhere.
pub(super) const MOST_BYTES: usize = 1_000_000;

/// One template of the repository.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) path: String,
    pub(super) text: Arc<str>,
    pub(super) parameters: BTreeMap<String, Declared>,
    pub(super) outputs: BTreeMap<String, Option<Node>>,
    pub(super) imports: Vec<Node>,
    pub(super) resources: BTreeMap<String, Resource>,
    pub(super) description: Option<String>,
    /// Macros and transforms: only AWS knows what comes out of them.
    pub(super) is_transformed: bool,
    /// By logical id: the templates of nested stacks, where they are files of the repository too.
    pub(super) children: BTreeMap<String, Arc<Template>>,
}

/// A parameter as the template declares it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Declared {
    pub(super) default: Option<String>,
    /// AWS shows such a value to nobody.
    pub(super) no_echo: bool,
}

/// A resource and where it is written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Resource {
    pub(super) r#type: String,
    pub(super) place: Place,
    /// `DeletionPolicy`, where it says one.
    pub(super) deletion: Option<String>,
    /// Has a name of its own, of the kind that must be acknowledged.
    pub(super) is_named: bool,
    /// Stands under a condition: only AWS knows whether it is made.
    pub(super) is_conditional: bool,
    /// The last part of a nested stack's `TemplateURL` that is written out.
    pub(super) url: Option<String>,
    /// A nested stack whose template is a file of the repository.
    pub(super) is_known: bool,
}

impl Template {
    /// Reads a template of the snapshot; `named` is where a stack file names it.
    pub(super) fn read(snapshot: &Snapshot, path: &str, named: &Node) -> Result<Self, Vec<Problem>> {
        let bytes = match snapshot.entry(path) {
            Some(Entry::Blob(bytes)) => bytes,
            Some(Entry::Symlink(_)) => return refused(named, path, "a symbolic link, which is not followed"),
            Some(Entry::Submodule) => return refused(named, path, "a submodule, which is not read"),
            Some(Entry::LfsPointer) => return refused(named, path, "kept in Git LFS, which is not read"),
            None => return Err(vec![missing(snapshot, path, named)]),
        };
        if bytes.len() > MOST_BYTES {
            let said = format!("the template has {} bytes, and CloudFormation takes {MOST_BYTES}", bytes.len());
            return Err(vec![Problem::new(Place::file(path), said).hint("split the template")]);
        }
        let mut template = Self::parse(path, bytes)?;
        template.find_children(snapshot, DEEPEST);
        Ok(template)
    }

    /// CloudGenesis and others keep a copy of `templates/` in a bucket, so that a URL ends with the path
    /// of a file. What is wrong with such a file is told where a stack names it.
    fn find_children(&mut self, snapshot: &Snapshot, depth: usize) {
        for (name, resource) in &mut self.resources {
            let Some(url) = resource.url.as_ref().filter(|_| depth > 0) else { continue };
            let is_meant = |path: &str| path.strip_prefix("templates/").is_some_and(|short| url.ends_with(short));
            let found =
                snapshot.below("templates").filter(|(path, _)| is_meant(path)).max_by_key(|(path, _)| path.len());
            let Some((path, Entry::Blob(bytes))) = found else { continue };
            let Ok(mut child) = Self::parse(path, bytes) else { continue };
            child.find_children(snapshot, depth - 1);
            resource.is_known = true;
            self.children.insert(name.clone(), Arc::new(child));
        }
    }

    /// Every resource, those of nested stacks after a `/`.
    pub(super) fn all_resources(&self) -> Vec<(String, &Resource)> {
        let own = self.resources.iter().map(|(name, resource)| (name.clone(), resource));
        let nested = self.children.iter().flat_map(|(name, child)| {
            child.all_resources().into_iter().map(move |(inner, resource)| (format!("{name}/{inner}"), resource))
        });
        own.chain(nested).collect()
    }

    /// Whether only a change set of its own tells what becomes of what it holds.
    pub(super) fn has_nested(&self) -> bool {
        self.is_transformed || self.resources.values().any(|resource| resource.r#type == NESTED)
    }

    pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let root = yaml::parse_one(path, bytes)?;
        if !matches!(root.value, Value::Mapping(_)) {
            return Err(vec![root.problem("a template is a mapping").hint("begin with `Resources:`")]);
        }
        let Some(resources) = root.get("Resources") else {
            return Err(vec![root.problem("the template has no `Resources`")]);
        };
        let text = std::str::from_utf8(bytes).map_err(|_| vec![root.problem("the template is not UTF-8")])?;
        let mut imports = Vec::new();
        find_imports(&root, &mut imports);
        Ok(Self {
            path: path.to_owned(),
            text: Arc::from(text),
            parameters: named(root.get("Parameters"), declared),
            outputs: named(root.get("Outputs"), |_, node| node.get("Export").and_then(|at| at.get("Name")).cloned()),
            imports,
            resources: named(Some(resources), resource),
            description: root.get("Description").and_then(Node::text).map(str::to_owned),
            is_transformed: root.get("Transform").is_some() || calls_a_macro(&root),
            children: BTreeMap::new(),
        })
    }

    /// The names under which outputs are exported, where they can be worked out.
    pub(super) fn exports(&self, known: &Known) -> Vec<String> {
        self.outputs.values().flatten().filter_map(|name| resolve(name, known)).collect()
    }

    /// The exports this template imports, where their names can be worked out, and where it says so.
    pub(super) fn imported(&self, known: &Known) -> Vec<(String, &Node)> {
        self.imports.iter().filter_map(|node| Some((resolve(node, known)?, node))).collect()
    }

    /// Where a resource is written, by the logical ids that lead to it.
    pub(super) fn place_of(&self, path: &[&str]) -> Option<&Place> {
        match path {
            [] => None,
            [one] => self.resources.get(*one).map(|resource| &resource.place),
            [first, rest @ ..] => {
                let inside = self.children.get(*first).and_then(|child| child.place_of(rest));
                // Where its template is kept elsewhere, there is no better place than that stack.
                inside.or_else(|| self.resources.get(*first).map(|resource| &resource.place))
            }
        }
    }

    /// What would be lost with the stack: a guard for each.
    pub(super) fn stateful(&self) -> Vec<String> {
        let kept = |resource: &Resource| {
            resource.deletion.as_deref().is_some_and(|policy| matches!(policy, "Retain" | "Snapshot"))
        };
        let all = self.all_resources();
        let held = all.iter().filter(|(_, resource)| !kept(resource));
        held.filter_map(|(name, resource)| stateful::guard(name, &resource.r#type)).collect()
    }

    pub(super) fn is_json(&self) -> bool {
        self.text.trim_start().starts_with('{')
    }
}

fn named<T>(node: Option<&Node>, read: impl Fn(&Node, &Node) -> T) -> BTreeMap<String, T> {
    let entries = node.into_iter().flat_map(Node::entries);
    entries.filter_map(|(key, value)| Some((key.text()?.to_owned(), read(key, value)))).collect()
}

fn declared(_: &Node, node: &Node) -> Declared {
    let is_true = |node: &Node| node.text().is_some_and(|text| text.eq_ignore_ascii_case("true"));
    Declared {
        default: node.get("Default").and_then(Node::text).map(str::to_owned),
        no_echo: node.get("NoEcho").is_some_and(is_true),
    }
}

fn resource(key: &Node, node: &Node) -> Resource {
    let r#type = node.get("Type").and_then(Node::text).unwrap_or("(no type)").to_owned();
    let deletion = node.get("DeletionPolicy").and_then(Node::text).map(str::to_owned);
    let naming = capability::acknowledged(&r#type).flatten();
    let is_named = naming.is_some_and(|name| node.get("Properties").is_some_and(|all| all.get(name).is_some()));
    let is_conditional = node.get("Condition").is_some();
    let url = node.get("Properties").filter(|_| r#type == NESTED).and_then(|all| all.get("TemplateURL"));
    let url = url.and_then(last_text).map(str::to_owned);
    Resource { r#type, place: key.place(), deletion, is_named, is_conditional, url, is_known: false }
}

/// The last text of an expression: of `!Sub 'https://${Bucket}/a.yaml'` and of `!Join ['/', [!Ref Bucket, a.yaml]]`.
fn last_text(node: &Node) -> Option<&str> {
    node.text()
        .or_else(|| node.items().iter().rev().find_map(last_text))
        .or_else(|| node.entries().last().and_then(|(_, value)| last_text(value)))
}

fn find_imports(node: &Node, found: &mut Vec<Node>) {
    if let Some(argument) = argument_of(node, "ImportValue") {
        // The short form's own tag would hide what it is applied to.
        let bare = match argument.tag.as_deref() {
            Some("!ImportValue") => Node { tag: None, ..argument.clone() },
            _ => argument.clone(),
        };
        found.push(bare);
        return;
    }
    for (_, value) in node.entries() {
        find_imports(value, found);
    }
    for item in node.items() {
        find_imports(item, found);
    }
}

fn calls_a_macro(node: &Node) -> bool {
    argument_of(node, "Transform").is_some()
        || node.entries().any(|(key, value)| key.text() == Some("Fn::Transform") || calls_a_macro(value))
        || node.items().iter().any(calls_a_macro)
}

fn refused<T>(named: &Node, path: &str, what: &str) -> Result<T, Vec<Problem>> {
    Err(vec![named.problem(format!("the template `{path}` is {what}")).hint("commit the file itself")])
}

fn missing(snapshot: &Snapshot, path: &str, named: &Node) -> Problem {
    let short = path.strip_prefix("templates/").unwrap_or(path);
    let problem = named.problem(format!("there is no template `{path}`"));
    let known: Vec<&str> =
        snapshot.below("templates").map(|(path, _)| path.strip_prefix("templates/").unwrap_or(path)).collect();
    // The same file name in another folder is a nearer guess than a similar path.
    let file = short.rsplit('/').next().unwrap_or(short);
    match known.iter().find(|path| path.rsplit('/').next() == Some(file)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.did_you_mean(short, known.iter().copied()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Description: a vpc
Parameters:
  Env: {Type: String, Default: prod}
  Password: {Type: String, NoEcho: true}
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: !ImportValue 'base-cidr', Other: {'Fn::ImportValue': !Sub '${Env}-zone'}}
Outputs:
  VpcId: {Value: !Ref Vpc, Export: {Name: !Sub '${Env}-vpc'}}
  Plain: {Value: x}
";

    #[test]
    fn a_template_is_read_for_what_others_need_of_it() {
        let template = Template::parse("templates/vpc.yaml", TEXT.as_bytes()).expect("valid");
        let known = Known(BTreeMap::from([("Env".into(), "prod".into())]));
        assert_eq!(template.exports(&known), ["prod-vpc"]);
        let imported: Vec<_> =
            template.imported(&known).into_iter().map(|(name, node)| (name, node.place().line)).collect();
        assert_eq!(imported, [("base-cidr".to_owned(), 8), ("prod-zone".to_owned(), 8)]);
        assert!(template.parameters["Password"].no_echo && !template.parameters["Env"].no_echo);
        assert_eq!(template.outputs.keys().collect::<Vec<_>>(), ["Plain", "VpcId"]);
        assert_eq!(
            (template.resources["Vpc"].r#type.as_str(), template.resources["Vpc"].place.line),
            ("AWS::EC2::VPC", 6)
        );
        assert!(!template.is_transformed && !template.is_json());
    }

    #[test]
    fn a_json_template_reads_the_same() {
        let text = r#"{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"U": {"Value": {"Ref": "Q"}}}}"#;
        let template = Template::parse("templates/q.json", text.as_bytes()).expect("valid");
        assert!(template.is_json());
        assert_eq!(template.resources["Q"].r#type, "AWS::SQS::Queue");
    }

    #[test]
    fn a_missing_template_is_answered_with_the_nearest() {
        let files = [("templates/network/vpc.yaml", "x"), ("templates/queue.yaml", "x")];
        let snapshot = Snapshot::of_files(crate::repo::CommitId::new("c"), files);
        let named = yaml::parse_one("s.yaml", b"vpc.yaml").expect("valid");
        let hint = |path: &str| Template::read(&snapshot, path, &named).err().map(|all| all[0].hint.clone());
        assert_eq!(hint("templates/vpc.yaml"), Some(Some("did you mean `network/vpc.yaml`?".into())));
        assert_eq!(hint("templates/quue.yaml"), Some(Some("did you mean `queue.yaml`?".into())));
    }
}
