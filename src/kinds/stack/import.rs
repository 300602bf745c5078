//! Resources that are there already and are to become part of a stack: CloudFormation's import.
//!
//! A stack file names each by its logical id and by what the service itself knows it by. Once a stack
//! holds it the entry means nothing more, so that it may stay.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::operation::create_change_set::builders::CreateChangeSetFluentBuilder;
use aws_sdk_cloudformation::types::{ChangeSetType, ResourceToImport};

use super::live::Live;
use super::resources::Resource;
use super::template::Template;
use super::wanted;
use crate::problem::{Problem, Problems};
use crate::unit::{Cause, Difference, Effect, Shown, Word};
use crate::yaml::{Node, Value};

/// CloudFormation changes nothing else while it imports.
pub(super) const ALONE: &str = "an import stands alone: take other changes out of the commit, and sync them afterwards";

/// As the service knows it: `{TableName: orders}`.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Imported {
    pub(super) identifier: BTreeMap<String, String>,
    pub(super) node: Node,
}

/// One resource with all that a change set says of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Import {
    pub(super) logical_id: String,
    pub(super) r#type: String,
    pub(super) identifier: BTreeMap<String, String>,
}

/// Reads `Import`.
pub(super) fn read(node: &Node, problems: &mut Problems) -> BTreeMap<String, Imported> {
    if !matches!(node.value, Value::Mapping(_)) {
        let problem = node.problem("`Import` is a mapping of logical ids");
        problems.error(problem.hint("write `Import: {Items: {TableName: orders}}`"));
        return BTreeMap::new();
    }
    let mut found = BTreeMap::new();
    for (key, value) in node.entries() {
        let pair = |(key, value): (&Node, &Node)| Some((key.text()?.to_owned(), value.text()?.to_owned()));
        let identifier: Option<BTreeMap<String, String>> = value.entries().map(pair).collect();
        match (key.text(), identifier.filter(|identifier| !identifier.is_empty())) {
            (Some(id), Some(identifier)) => {
                found.insert(id.to_owned(), Imported { identifier, node: key.clone() });
            }
            (Some(_) | None, _) => {
                let problem = value.problem("an imported resource needs what the service knows it by");
                problems.error(problem.hint("write it as {TableName: orders}, {BucketName: files}, …"));
            }
        }
    }
    found
}

/// What CloudFormation would refuse of it, told with its line.
pub(super) fn check(import: &BTreeMap<String, Imported>, template: &Template) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, imported) in import {
        match template.resources.get(id) {
            None if template.is_transformed => {}
            None => {
                let problem = imported.node.problem(format!("the template `{}` has no resource `{id}`", template.path));
                problems.push(problem.did_you_mean(id, template.resources.keys().map(String::as_str)));
            }
            Some(resource) if resource.deletion.is_none() => {
                let said = format!("`{id}` cannot be imported: its template says no `DeletionPolicy`");
                let hint = format!("add `DeletionPolicy: Retain` at {}:{}", resource.place.file, resource.place.line);
                problems.push(imported.node.problem(said).hint(hint));
            }
            Some(_) => {}
        }
    }
    problems
}

/// What is still to be imported into a stack that holds these resources.
pub(super) fn pending(
    import: &BTreeMap<String, Imported>,
    template: Option<&Template>,
    held: &[Resource],
) -> Vec<Import> {
    let is_held = |id: &str| held.iter().any(|known| known.logical_id == id && known.status != "DELETE_COMPLETE");
    let missing = import.iter().filter(|(id, _)| !is_held(id));
    let all = missing.filter_map(|(id, imported)| {
        let r#type = template?.resources.get(id)?.r#type.clone();
        Some(Import { logical_id: id.clone(), r#type, identifier: imported.identifier.clone() })
    });
    all.collect()
}

impl Import {
    fn item(&self) -> String {
        format!("{} ({})", self.logical_id, self.r#type)
    }

    fn known_as(&self) -> String {
        self.identifier.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
    }

    /// As a plan shows it.
    pub(super) fn difference(&self) -> Difference {
        Difference {
            item: self.item(),
            path: String::new(),
            from: Some(Shown::text(format!("there already, outside of the stack: {}", self.known_as()))),
            to: Some(Shown::text("part of the stack, by import")),
            cause: Cause::Declared,
            effect: Effect::InPlace,
            who: None,
        }
    }

    fn for_change_set(&self) -> ResourceToImport {
        ResourceToImport::builder()
            .resource_type(&self.r#type)
            .logical_resource_id(&self.logical_id)
            .set_resource_identifier(Some(self.identifier.clone().into_iter().collect()))
            .build()
    }
}

/// Makes a change set one that imports. It may not change the stack's tags, so they stay what they are:
/// declared ones, and the mark, come with the next change.
pub(super) fn into(
    call: CreateChangeSetFluentBuilder,
    imports: &[Import],
    live: Option<&Live>,
) -> CreateChangeSetFluentBuilder {
    let resources = imports.iter().map(Import::for_change_set).collect();
    let tags = live.map(|live| wanted::tags(&live.own_tags()));
    call.change_set_type(ChangeSetType::Import).set_resources_to_import(Some(resources)).set_tags(tags)
}

/// What takes over a thing that somebody made otherwise needs a word of its own: from then on the stack
/// changes it, and a later removal from the template may delete it.
pub(super) fn words(imports: &[Import]) -> Vec<Word> {
    if imports.is_empty() {
        return Vec::new();
    }
    let all: Vec<String> = imports.iter().map(|import| format!("{} as {}", import.item(), import.known_as())).collect();
    vec![Word { word: "import".to_owned(), why: format!("takes over what is there already: {}", all.join("; ")) }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    const TEMPLATE: &str = "Resources:
  Items: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain}
  Files: {Type: AWS::S3::Bucket}
";

    fn read_text(text: &str) -> (BTreeMap<String, Imported>, Vec<String>) {
        let node = yaml::parse_one("s.yaml", text.as_bytes()).expect("valid YAML");
        let mut problems = Problems::default();
        let found = read(&node, &mut problems);
        (found, problems.errors.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn an_import_names_a_resource_of_the_template_that_is_kept_when_the_stack_goes() {
        let template = Template::parse("templates/t.yaml", TEMPLATE.as_bytes()).expect("valid");
        for (text, said) in [
            ("{Items: {TableName: orders}}", None),
            ("{Item: {TableName: orders}}", Some("has no resource `Item`")),
            ("{Files: {BucketName: files}}", Some("says no `DeletionPolicy`")),
        ] {
            let (found, errors) = read_text(text);
            assert_eq!(errors, [""; 0]);
            let problems = check(&found, &template);
            assert_eq!(problems.is_empty(), said.is_none(), "{text}: {problems:?}");
            assert!(said.is_none_or(|said| problems[0].message.contains(said)), "{problems:?}");
        }
        assert!(read_text("[Items]").1[0].contains("is a mapping"));
        assert!(read_text("{Items: orders}").1[0].contains("what the service knows it by"));
    }

    #[test]
    fn what_the_stack_holds_is_imported_no_more() {
        let template = Template::parse("templates/t.yaml", TEMPLATE.as_bytes()).expect("valid");
        let (found, _) = read_text("{Items: {TableName: orders}}");
        let held = |status: &str| {
            [Resource {
                logical_id: "Items".into(),
                physical_id: "orders".into(),
                r#type: "AWS::DynamoDB::Table".into(),
                status: status.into(),
                drift: String::new(),
            }]
        };
        assert_eq!(pending(&found, Some(&template), &held("IMPORT_COMPLETE")), []);
        assert_eq!(pending(&found, Some(&template), &held("DELETE_COMPLETE")).len(), 1);
        let left = pending(&found, Some(&template), &[]);
        assert!(
            words(&left)[0].why.ends_with("Items (AWS::DynamoDB::Table) as TableName orders"),
            "{:?}",
            words(&left)
        );
    }
}
