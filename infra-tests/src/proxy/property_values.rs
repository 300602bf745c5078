//! DescribeChangeSet with `IncludePropertyValues`: what each property was and will be.
//!
//! The emulator takes the flag and ignores it. Here the two templates are compared, with parameters
//! put in; what only the service could resolve (`Fn::GetAtt`) is left out.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::form::Form;
use super::supplied::Asked;
use super::template;
use super::xml::Element;

pub(super) async fn answer(asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
    let form = &asked.call.form;
    if asked.call.action != "DescribeChangeSet" || !form.is_true("IncludePropertyValues") {
        return Ok(None);
    }
    let answer = asked.upstream.ask(asked.headers, form).await?;
    if answer.status != StatusCode::OK {
        return Ok(Some(answer));
    }
    let envelope = Element::parse(&answer.text())?;
    let mut described = envelope.child("DescribeChangeSetResult").cloned().unwrap_or_default();
    if described.members("Changes").is_empty() {
        return Ok(Some(answer));
    }
    let sides = sides(asked, &described).await?;
    for changes in described.children.iter_mut().filter(|child| child.name == "Changes") {
        for change in changes.children.iter_mut().flat_map(|member| &mut member.children) {
            if change.name == "ResourceChange" {
                sides.tell(change);
            }
        }
    }
    Ok(Some(Answer::cloudformation("DescribeChangeSet", described.children)))
}

/// The template of a stack and that of a change set, each with its parameters.
struct Sides {
    before: Side,
    after: Side,
}

#[derive(Default)]
pub(super) struct Side {
    template: Value,
    parameters: Map<String, Value>,
}

async fn sides(asked: Asked<'_>, described: &Element) -> anyhow::Result<Sides> {
    let stack_id = described.text_of("StackId");
    let of_change_set = Form::action("GetTemplate").with("ChangeSetName", described.text_of("ChangeSetId"));
    let after = side(asked, &of_change_set, described).await?;
    let stacks = Form::action("DescribeStacks").with("StackName", stack_id);
    let stacks = asked.upstream.result(asked.headers, &stacks).await?;
    let before = match stacks.members("Stacks").first() {
        // A stack that is only planned has no template of its own yet.
        Some(stack) if stack.text_of("StackStatus") != "REVIEW_IN_PROGRESS" => {
            side(asked, &Form::action("GetTemplate").with("StackName", stack_id), stack).await?
        }
        Some(_) | None => Side::default(),
    };
    Ok(Sides { before, after })
}

pub(super) async fn side(asked: Asked<'_>, form: &Form, owner: &Element) -> anyhow::Result<Side> {
    let form = form.clone().with("TemplateStage", "Processed");
    let body = asked.upstream.result(asked.headers, &form).await?;
    let template = template::parse(body.text_of("TemplateBody"))?;
    let parameters = owner.members("Parameters").iter().map(|parameter| {
        let name = parameter.text_of("ParameterKey");
        let silent = template["Parameters"][name]["NoEcho"] == true || template["Parameters"][name]["NoEcho"] == "true";
        (name.to_owned(), json!(if silent { "****" } else { parameter.text_of("ParameterValue") }))
    });
    let parameters = parameters.collect();
    Ok(Side { template, parameters })
}

impl Sides {
    /// Adds contexts and values to one `ResourceChange`.
    fn tell(&self, change: &mut Element) {
        let resource = change.text_of("LogicalResourceId").to_owned();
        let details = change.children.iter_mut().filter(|child| child.name == "Details");
        for target in details.flat_map(|details| &mut details.children).flat_map(|detail| &mut detail.children) {
            if target.name == "Target" && target.text_of("Attribute") == "Properties" {
                self.tell_target(&resource, target);
            }
        }
        let context =
            |side: &Side| side.properties(&resource).map(|properties| json!({"Properties": properties}).to_string());
        let (before, after) = (context(&self.before), context(&self.after));
        let contexts =
            Element::default().leaf_if("BeforeContext", before.as_deref()).leaf_if("AfterContext", after.as_deref());
        change.children.extend(contexts.children);
    }

    fn tell_target(&self, resource: &str, target: &mut Element) {
        let name = target.text_of("Name").to_owned();
        let (before, after) = (self.before.property(resource, &name), self.after.property(resource, &name));
        let change_type = match (self.before.has(resource, &name), self.after.has(resource, &name)) {
            (false, _) => "Add",
            (true, false) => "Remove",
            (true, true) => "Modify",
        };
        let values = Element::default()
            .leaf("Path", &format!("/Properties/{name}"))
            .leaf_if("BeforeValue", before.as_deref())
            .leaf_if("AfterValue", after.as_deref())
            .leaf("AttributeChangeType", change_type);
        target.children.extend(values.children);
    }
}

impl Side {
    fn has(&self, resource: &str, name: &str) -> bool {
        !self.template["Resources"][resource]["Properties"][name].is_null()
    }

    /// A property's value as the API writes it: plain text, or JSON where it has parts.
    pub(super) fn property(&self, resource: &str, name: &str) -> Option<String> {
        match self.resolved(&self.template["Resources"][resource]["Properties"][name])? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Some(other.to_string()),
        }
    }

    /// All properties of a resource that can be told; none where the resource is missing.
    pub(super) fn properties(&self, resource: &str) -> Option<Value> {
        let resource = self.template["Resources"].get(resource)?;
        let known = resource["Properties"].as_object().into_iter().flatten();
        let known = known.filter_map(|(name, value)| Some((name.clone(), self.resolved(value)?)));
        Some(Value::Object(known.collect()))
    }

    /// A value with parameters put in; none where it needs more than those.
    fn resolved(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(pairs) if pairs.len() == 1 && pairs.contains_key("Ref") => {
                self.parameters.get(pairs["Ref"].as_str()?).cloned()
            }
            Value::Object(pairs) if pairs.keys().any(|key| key.starts_with("Fn::")) => None,
            Value::Object(pairs) => {
                let pairs = pairs.iter().map(|(key, item)| Some((key.clone(), self.resolved(item)?)));
                pairs.collect::<Option<Map<String, Value>>>().map(Value::Object)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_told_only_where_parameters_suffice() {
        let parameters = Map::from_iter([("Size".to_owned(), json!("5"))]);
        let side = Side { template: Value::Null, parameters };
        assert_eq!(side.resolved(&json!({"a": [{"Ref": "Size"}, 1]})), Some(json!({"a": ["5", 1]})));
        assert_eq!(side.resolved(&json!({"Ref": "Queue"})), None);
        assert_eq!(side.resolved(&json!(["x", {"Fn::GetAtt": ["Queue", "Arn"]}])), None);
    }
}
