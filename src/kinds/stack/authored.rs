//! Where a live value would be written: a literal of the template, or the parameter that fills it.

use serde_json::json;

use super::expression::argument_of;
use super::spec::ParameterValue;
use super::template::Template;
use super::unit::StackUnit;
use crate::repo::{Files, Snapshot};
use crate::unit::{Difference, Shown};
use crate::yaml::{self, Edit, Node, Value};

/// What a property is filled with.
#[derive(Clone, PartialEq, Debug)]
enum Source {
    Literal(Node),
    Parameter(String),
}

/// The file with the value in its place, or why there is none.
pub(super) fn authored(unit: &StackUnit, snapshot: &Snapshot, difference: &Difference) -> Result<Files, String> {
    let (file, edit) = edit(unit, snapshot, difference)?;
    yaml::edited_in(snapshot, &file, &[edit])
}

fn edit(unit: &StackUnit, snapshot: &Snapshot, difference: &Difference) -> Result<(String, Edit), String> {
    let Some(template) = &unit.template else { return Err("its template is not in this repository".to_owned()) };
    let Some(Shown::Text(live)) = &difference.from else { return Err("what is there now is not known".to_owned()) };
    let logical_id = difference.item.split(' ').next().unwrap_or_default();
    if logical_id.contains('/') {
        return Err("it is in a nested stack: change its template by hand".to_owned());
    }
    match source(template, snapshot, logical_id, &difference.path)? {
        Source::Literal(node) => {
            Ok((template.path.clone(), Edit::scalar(&node, live).map_err(|problem| problem.message)?))
        }
        Source::Parameter(name) => parameter(unit, template, snapshot, &name, live),
    }
}

fn source(template: &Template, snapshot: &Snapshot, logical_id: &str, path: &str) -> Result<Source, String> {
    let file = &template.path;
    let bytes = snapshot.file(file).ok_or_else(|| format!("there is no file `{file}`"))?;
    let root = yaml::parse_one(file, bytes).map_err(|_| "its template cannot be read")?;
    let missing = || format!("`{file}` does not say it: write it there by hand, or sync");
    let mut node = root.get("Resources").and_then(|all| all.get(logical_id)).ok_or_else(missing)?;
    for step in path.split('/').skip(1) {
        if is_function(node) {
            return Err(format!("`{file}` works it out by a function: change it by hand"));
        }
        node = match &node.value {
            Value::Mapping(_) => node.get(&step.replace("~1", "/").replace("~0", "~")).ok_or_else(missing)?,
            Value::Sequence(items) => step.parse().ok().and_then(|at: usize| items.get(at)).ok_or_else(missing)?,
            Value::Scalar(_) => return Err(missing()),
        };
    }
    match argument_of(node, "Ref").and_then(Node::text) {
        Some(name) if template.parameters.contains_key(name) => Ok(Source::Parameter(name.to_owned())),
        Some(_) => Err(format!("`{file}` fills it with something that AWS knows: change it by hand")),
        None if is_function(node) => Err(format!("`{file}` works it out by a function: change it by hand")),
        None if node.text().is_none() => Err(format!("`{file}` holds more than one value there: change it by hand")),
        None => Ok(Source::Literal(node.clone())),
    }
}

fn is_function(node: &Node) -> bool {
    let long = |key: &Node| key.text().is_some_and(|key| key.starts_with("Fn::") || key == "Ref");
    node.tag.is_some() || node.entries().any(|(key, _)| long(key))
}

/// The parameter of the stack file; one that the file leaves to a default is added to it.
fn parameter(
    unit: &StackUnit,
    template: &Template,
    snapshot: &Snapshot,
    name: &str,
    live: &str,
) -> Result<(String, Edit), String> {
    if template.parameters.get(name).is_some_and(|declared| declared.no_echo) {
        return Err(format!("the parameter `{name}` is a secret"));
    }
    let uses = mentions(template, name);
    if uses > 1 {
        return Err(format!(
            "the parameter `{name}` stands in {uses} places of `{}`: change it by hand",
            template.path
        ));
    }
    match unit.spec.parameters.get(name).map(|parameter| &parameter.value) {
        Some(ParameterValue::Ssm { path, at: _ }) => {
            return Err(format!("it comes from the SSM parameter `{path}`: change it there"));
        }
        Some(ParameterValue::Output(output)) => return Err(format!("it is the output `{output}`: change it there")),
        Some(ParameterValue::Text(text)) if text.contains("{{resolve:") => {
            return Err(format!("the parameter `{name}` is a reference to a secret: change it there"));
        }
        Some(ParameterValue::Text(_)) | None => {}
    }
    let file = &unit.file;
    let bytes = snapshot.file(file).ok_or_else(|| format!("there is no file `{file}`"))?;
    let root = yaml::parse_one(file, bytes).map_err(|_| format!("`{file}` cannot be read"))?;
    let edit = match (root.get("Parameters"), root.get("Parameters").and_then(|all| value_of(all, name))) {
        (_, Some(value)) => Edit::scalar(value, live),
        (None, None) => Edit::key(&root, "Parameters", &json!({name: live})),
        (Some(all), None) => match &all.value {
            Value::Sequence(_) => Edit::item(all, &json!({"Name": name, "Value": live})),
            Value::Mapping(_) | Value::Scalar(_) => Edit::key(all, name, &json!(live)),
        },
    };
    Ok((file.clone(), edit.map_err(|problem| problem.message)?))
}

/// The value of a parameter, however names and values are paired.
fn value_of<'n>(parameters: &'n Node, name: &str) -> Option<&'n Node> {
    let among = |item: &'n Node, keys: &[&str]| keys.iter().find_map(|key| item.get(key));
    let is_it = |item: &&'n Node| among(item, &["Name", "Key", "ParameterKey"]).and_then(Node::text) == Some(name);
    match &parameters.value {
        Value::Sequence(items) => among(items.iter().find(is_it)?, &["Value", "ParameterValue"]),
        Value::Mapping(_) | Value::Scalar(_) => parameters.get(name),
    }
}

/// In how many places of a template a parameter is used.
fn mentions(template: &Template, name: &str) -> usize {
    let Ok(root) = yaml::parse_one(&template.path, template.text.as_bytes()) else { return usize::MAX };
    uses(&root, name)
}

fn uses(node: &Node, name: &str) -> usize {
    let filled = format!("${{{name}}}");
    let is_ref = argument_of(node, "Ref").and_then(Node::text) == Some(name);
    let here = node.text().map_or(0, |text| text.matches(&filled).count()) + usize::from(is_ref);
    let inside = if is_ref { 0 } else { node.entries().map(|(_, value)| uses(value, name)).sum() };
    here + inside + node.items().iter().map(|item| uses(item, name)).sum::<usize>()
}

#[cfg(test)]
#[path = "authored_tests.rs"]
mod tests;
