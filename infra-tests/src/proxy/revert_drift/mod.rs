//! Drift-aware change sets: CreateChangeSet with `DeploymentMode=REVERT_DRIFT` and all that follows.
//!
//! The emulator takes the mode and ignores it. Here its own drift detection says what to put right,
//! the change set is kept in the proxy under the id that the emulator gave it, and executing it makes
//! the emulator write the template's values again.

mod change_set;
mod drift;
mod execute;
mod large_template;
mod template;

use axum::http::StatusCode;
use tokio::sync::Mutex;

use super::answer::Answer;
use super::form::Form;
use super::property_values;
use super::supplied::Asked;
use super::xml::Element;
use change_set::{ChangeSet, Execution};

/// More change sets than this are not kept; the oldest goes first.
const MOST_KEPT: usize = 1000;

/// The change sets that only the proxy knows.
#[derive(Default)]
pub(super) struct RevertDrift {
    change_sets: Mutex<Vec<ChangeSet>>,
}

impl RevertDrift {
    /// Answers what concerns a drift-aware change set; none leaves the call to the emulator.
    pub(super) async fn answer(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let form = &asked.call.form;
        match asked.call.action.as_str() {
            "CreateChangeSet" => match self.named(asked).await? {
                Some(taken) => Ok(Some(already_exists(asked, &taken.name))),
                None if form.get("DeploymentMode") == Some("REVERT_DRIFT") => self.create(asked).await.map(Some),
                None => Ok(None),
            },
            "DescribeChangeSet" => Ok(self.find(asked).await?.map(|found| {
                let result = found.describe(form.is_true("IncludePropertyValues"));
                Answer::cloudformation("DescribeChangeSet", result)
            })),
            "GetTemplate" => Ok(self.named(asked).await?.map(|found| {
                let result = Element::default().leaf("TemplateBody", &found.template);
                Answer::cloudformation("GetTemplate", result.children)
            })),
            "DeleteChangeSet" => Ok(self.delete(asked).await?),
            "ListChangeSets" => self.list(asked).await,
            "ExecuteChangeSet" => match self.find(asked).await? {
                Some(found) => self.execute(asked, found).await.map(Some),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    async fn create(&self, asked: Asked<'_>) -> anyhow::Result<Answer> {
        let Asked { upstream, headers, call } = asked;
        let name = call.form.get("ChangeSetName").unwrap_or_default();
        // The emulator judges the rest of the call, and finds what the template alone would change.
        let answer = upstream.ask(headers, &call.form.clone().without("DeploymentMode")).await?;
        if answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let envelope = Element::parse(&answer.text())?;
        let created = envelope.child("CreateChangeSetResult").cloned().unwrap_or_default();
        let (id, stack_id) = (created.text_of("Id"), created.text_of("StackId"));
        let described = upstream.result(headers, &Form::action("DescribeChangeSet").with("ChangeSetName", id)).await?;
        let template = Form::action("GetTemplate").with("ChangeSetName", id).with("TemplateStage", "Original");
        let template = upstream.result(headers, &template).await?.text_of("TemplateBody").to_owned();
        let of_change_set = Form::action("GetTemplate").with("ChangeSetName", id);
        let wanted = property_values::side(asked, &of_change_set, &described).await?;
        upstream.ask(headers, &Form::action("DeleteChangeSet").with("ChangeSetName", id)).await?;
        let drifts = drift::detect(upstream, headers, stack_id).await?;
        let mut change_set = ChangeSet {
            id: id.to_owned(),
            name: name.to_owned(),
            stack_id: stack_id.to_owned(),
            stack_changed: execute::stack(asked, stack_id).await?.text_of("LastUpdatedTime").to_owned(),
            form: call.form.clone(),
            template,
            described,
            drifts: drifts.into_iter().map(|drift| drift.synced_with(|id, name| wanted.property(id, name))).collect(),
            execution: Execution::Unavailable,
        };
        if change_set.has_changes() {
            change_set.execution = Execution::Available;
        }
        self.keep(change_set).await;
        Ok(answer)
    }

    async fn keep(&self, change_set: ChangeSet) {
        let mut change_sets = self.change_sets.lock().await;
        if change_sets.len() >= MOST_KEPT {
            change_sets.remove(0);
        }
        change_sets.push(change_set);
    }

    /// The change set that a call names, as it stands now.
    async fn find(&self, asked: Asked<'_>) -> anyhow::Result<Option<ChangeSet>> {
        let Some(mut found) = self.named(asked).await? else { return Ok(None) };
        if found.execution == Execution::Available {
            let stack = execute::stack(asked, &found.stack_id).await?;
            if stack.text_of("LastUpdatedTime") != found.stack_changed {
                found.execution = Execution::Obsolete;
                self.mark(&found.id, found.execution).await;
            }
        }
        Ok(Some(found))
    }

    /// The change set with the id that a call gives, or with the name and the stack.
    async fn named(&self, asked: Asked<'_>) -> anyhow::Result<Option<ChangeSet>> {
        let form = &asked.call.form;
        let Some(name) = form.get("ChangeSetName") else { return Ok(None) };
        let named: Vec<ChangeSet> = {
            let change_sets = self.change_sets.lock().await;
            change_sets.iter().filter(|known| known.id == name || known.name == name).cloned().collect()
        };
        let by_id = named.iter().find(|known| known.id == name);
        let (None, Some(stack), false) = (by_id, form.get("StackName"), named.is_empty()) else {
            return Ok(by_id.cloned());
        };
        // One name may stand for stacks of several accounts and regions: the emulator knows whose.
        let stack_id = stack_id(asked, stack).await?;
        Ok(named.into_iter().find(|known| Some(&known.stack_id) == stack_id.as_ref()))
    }

    async fn delete(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let Some(found) = self.named(asked).await? else { return Ok(None) };
        self.change_sets.lock().await.retain(|known| known.id != found.id);
        Ok(Some(Answer::cloudformation("DeleteChangeSet", Vec::new())))
    }

    /// Adds ours to the first page of the emulator's list.
    async fn list(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let form = &asked.call.form;
        if self.change_sets.lock().await.is_empty() || form.get("NextToken").is_some() {
            return Ok(None);
        }
        let Some(stack_id) = stack_id(asked, form.get("StackName").unwrap_or_default()).await? else { return Ok(None) };
        let mut result = asked.upstream.result(asked.headers, form).await?;
        let change_sets = self.change_sets.lock().await;
        let ours = change_sets.iter().filter(|known| known.stack_id == stack_id);
        let ours: Vec<Element> = ours.map(|known| Element::new("member").with_all(known.summary())).collect();
        if let Some(summaries) = result.children.iter_mut().find(|child| child.name == "Summaries") {
            summaries.children.extend(ours);
        }
        Ok(Some(Answer::cloudformation("ListChangeSets", result.children)))
    }

    /// Sets how far the execution of a change set is.
    async fn mark(&self, id: &str, execution: Execution) {
        let mut change_sets = self.change_sets.lock().await;
        if let Some(known) = change_sets.iter_mut().find(|known| known.id == id) {
            known.execution = execution;
        }
    }
}

fn already_exists(asked: Asked<'_>, name: &str) -> Answer {
    let message = format!("ChangeSet {name} already exists");
    Answer::error(asked.call.protocol, StatusCode::BAD_REQUEST, "AlreadyExistsException", &message)
}

/// The id of a stack that is there.
async fn stack_id(asked: Asked<'_>, stack: &str) -> anyhow::Result<Option<String>> {
    if stack.starts_with("arn:") {
        return Ok(Some(stack.to_owned()));
    }
    let answer = asked.upstream.ask(asked.headers, &Form::action("DescribeStacks").with("StackName", stack)).await?;
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    let envelope = Element::parse(&answer.text())?;
    let stacks = envelope.child("DescribeStacksResult").map_or(&[][..], |result| result.members("Stacks"));
    Ok(stacks.first().map(|stack| stack.text_of("StackId").to_owned()))
}
