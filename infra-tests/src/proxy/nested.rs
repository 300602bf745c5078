//! CreateChangeSet with `IncludeNestedStacks`: a change set for each nested stack too, named in the
//! parent's changes.
//!
//! The emulator takes the flag and makes none. Here those of the children are made beside the
//! parent's, told with it, and taken away with it.

use axum::http::StatusCode;
use serde_json::Value;
use tokio::sync::Mutex;

use super::answer::Answer;
use super::form::Form;
use super::property_values::{self, Side};
use super::supplied::Asked;
use super::xml::Element;

const NESTED: &str = "AWS::CloudFormation::Stack";

/// The change sets that hang on another one.
#[derive(Default)]
pub(super) struct Nested {
    families: Mutex<Vec<Family>>,
}

/// A change set and those of the nested stacks below it.
#[derive(Clone)]
struct Family {
    parent: String,
    /// By the logical id of the nested stack.
    children: Vec<(String, String)>,
}

impl Nested {
    /// Answers what concerns a change set with nested ones; none leaves the call to others.
    pub(super) async fn answer(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let form = &asked.call.form;
        match asked.call.action.as_str() {
            "CreateChangeSet" if form.is_true("IncludeNestedStacks") && form.get("DeploymentMode").is_none() => {
                self.create(asked).await.map(Some)
            }
            "DescribeChangeSet" => self.describe(asked).await,
            "DeleteChangeSet" | "ExecuteChangeSet" => self.end(asked).await,
            _ => Ok(None),
        }
    }

    async fn create(&self, asked: Asked<'_>) -> anyhow::Result<Answer> {
        let answer = asked.upstream.ask(asked.headers, &asked.call.form).await?;
        if answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let envelope = Element::parse(&answer.text())?;
        let parent = envelope.child("CreateChangeSetResult").map_or("", |result| result.text_of("Id")).to_owned();
        let described = Form::action("DescribeChangeSet").with("ChangeSetName", &parent);
        let described = asked.upstream.result(asked.headers, &described).await?;
        if described.members("Changes").iter().all(|change| nested_stack(change).is_none()) {
            return Ok(answer);
        }
        let after = Form::action("GetTemplate").with("ChangeSetName", &parent);
        let after = property_values::side(asked, &after, &described).await?;
        let mut children = Vec::new();
        for change in described.members("Changes").iter().filter_map(nested_stack) {
            let (logical_id, stack) = (change.text_of("LogicalResourceId"), change.text_of("PhysicalResourceId"));
            if let Some(child) = create_child(asked, &after, logical_id, stack).await? {
                children.push((logical_id.to_owned(), child));
            }
        }
        self.families.lock().await.push(Family { parent, children });
        Ok(answer)
    }

    async fn family(&self, name: &str) -> Option<Family> {
        self.families.lock().await.iter().find(|family| family.parent == name || short(&family.parent) == name).cloned()
    }

    async fn describe(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let Some(family) = self.family(asked.call.form.get("ChangeSetName").unwrap_or_default()).await else {
            return Ok(None);
        };
        let answer = match property_values::answer(asked).await? {
            Some(answer) => answer,
            None => asked.upstream.ask(asked.headers, &asked.call.form).await?,
        };
        if answer.status != StatusCode::OK {
            return Ok(Some(answer));
        }
        let envelope = Element::parse(&answer.text())?;
        let mut result = envelope.child("DescribeChangeSetResult").cloned().unwrap_or_default();
        for changes in result.children.iter_mut().filter(|child| child.name == "Changes") {
            for change in changes.children.iter_mut().flat_map(|member| &mut member.children) {
                let child = family.children.iter().find(|(id, _)| id == change.text_of("LogicalResourceId"));
                if let Some((_, id)) = child.filter(|_| change.name == "ResourceChange") {
                    *change = std::mem::take(change).leaf("ChangeSetId", id);
                }
            }
        }
        Ok(Some(Answer::cloudformation("DescribeChangeSet", result.children)))
    }

    /// The parent's end is that of all.
    async fn end(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let Some(family) = self.family(asked.call.form.get("ChangeSetName").unwrap_or_default()).await else {
            return Ok(None);
        };
        self.families.lock().await.retain(|known| known.parent != family.parent);
        for (_, child) in &family.children {
            asked.upstream.ask(asked.headers, &Form::action("DeleteChangeSet").with("ChangeSetName", child)).await?;
        }
        Ok(None)
    }
}

/// The change of a nested stack that is there already.
fn nested_stack(change: &Element) -> Option<&Element> {
    let change = change.child("ResourceChange")?;
    let is_there = change.text_of("PhysicalResourceId").starts_with("arn:") && change.text_of("Action") == "Modify";
    (change.text_of("ResourceType") == NESTED && is_there).then_some(change)
}

async fn create_child(asked: Asked<'_>, after: &Side, logical_id: &str, stack: &str) -> anyhow::Result<Option<String>> {
    let form = &asked.call.form;
    let properties = after.properties(logical_id).unwrap_or_default();
    let Some(url) = properties["TemplateURL"].as_str() else { return Ok(None) };
    let name = format!("{}-{logical_id}", form.get("ChangeSetName").unwrap_or_default());
    let mut child = Form::action("CreateChangeSet")
        .with("StackName", stack)
        .with("ChangeSetName", &name)
        .with("TemplateURL", url)
        .with_all(form, &["Capabilities"]);
    for (number, (key, value)) in properties["Parameters"].as_object().into_iter().flatten().enumerate() {
        let member = format!("Parameters.member.{}", number + 1);
        child = child.with(&format!("{member}.ParameterKey"), key);
        child = match value {
            Value::String(text) => child.with(&format!("{member}.ParameterValue"), text),
            Value::Bool(_) | Value::Number(_) => child.with(&format!("{member}.ParameterValue"), &value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                child.with(&format!("{member}.UsePreviousValue"), "true")
            }
        };
    }
    let made = asked.upstream.result(asked.headers, &child).await?;
    Ok(Some(made.text_of("Id").to_owned()))
}

fn short(id: &str) -> &str {
    id.split('/').nth(1).unwrap_or(id)
}
