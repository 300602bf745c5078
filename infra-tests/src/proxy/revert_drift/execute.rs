//! Executing a drift-aware change set: two updates of the stack, out and back.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::StatusCode;

use super::super::answer::Answer;
use super::super::form::Form;
use super::super::supplied::Asked;
use super::super::template::parse;
use super::super::xml::Element;
use super::change_set::{ChangeSet, Execution};
use super::large_template::Stashed;
use super::{RevertDrift, drift, template};

const POLL: Duration = Duration::from_millis(10);
const MOST_POLLS: u32 = 3000;
const MOST_ROUNDS: u32 = 3;
const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];

/// What CreateChangeSet and UpdateStack have in common.
const OF_CREATE: [&str; 7] =
    ["Parameters", "Tags", "Capabilities", "RoleARN", "NotificationARNs", "RollbackConfiguration", "ResourceTypes"];
/// What ExecuteChangeSet and UpdateStack have in common.
const OF_EXECUTE: [&str; 3] = ["ClientRequestToken", "DisableRollback", "RetainExceptOnCreate"];

impl RevertDrift {
    pub(super) async fn execute(&self, asked: Asked<'_>, change_set: ChangeSet) -> anyhow::Result<Answer> {
        if change_set.execution != Execution::Available {
            return Ok(refusal(asked, &change_set.id, change_set.execution));
        }
        let stack = stack(asked, &change_set.stack_id).await?;
        self.mark(&change_set.id, Execution::InProgress).await;
        let outcome = revert(asked, &change_set, &stack).await;
        let execution = match outcome {
            Ok(Outcome::Complete) => Execution::Complete,
            Ok(Outcome::RolledBack | Outcome::Refused(_)) | Err(_) => Execution::Failed,
        };
        self.mark(&change_set.id, execution).await;
        // An executed change set takes the stack's others with it.
        let mut change_sets = self.change_sets.lock().await;
        change_sets.retain(|known| known.id == change_set.id || known.stack_id != change_set.stack_id);
        match outcome? {
            Outcome::Complete | Outcome::RolledBack => Ok(Answer::cloudformation("ExecuteChangeSet", Vec::new())),
            Outcome::Refused(answer) => Ok(answer),
        }
    }
}

/// How an execution ended.
enum Outcome {
    Complete,
    /// The emulator took the update, and it failed.
    RolledBack,
    /// The emulator did not take the update.
    Refused(Answer),
}

fn refusal(asked: Asked<'_>, id: &str, execution: Execution) -> Answer {
    let message =
        format!("ChangeSet [{id}] cannot be executed in its current execution status of [{}]", execution.name());
    Answer::error(asked.call.protocol, StatusCode::BAD_REQUEST, "InvalidChangeSetStatus", &message)
}

async fn revert(asked: Asked<'_>, change_set: &ChangeSet, stack: &Element) -> anyhow::Result<Outcome> {
    if !change_set.drifts.is_empty() {
        match go_out(asked, change_set, stack).await? {
            Outcome::Complete => {}
            other @ (Outcome::RolledBack | Outcome::Refused(_)) => return Ok(other),
        }
    }
    update(asked, back(asked, change_set)).await
}

/// Writes the drift into the template. What was deleted comes back on the way, for some types without
/// its tags: what then still drifts is written too.
async fn go_out(asked: Asked<'_>, change_set: &ChangeSet, stack: &Element) -> anyhow::Result<Outcome> {
    let processed = parse(&deployed(asked, &change_set.stack_id).await?)?;
    let mut drifts = change_set.drifts.clone();
    for _ in 0..MOST_ROUNDS {
        let drifted = template::with_drift(processed.clone(), &drifts).to_string();
        let outcome = update(asked, out(stack, &drifted)).await?;
        if !matches!(outcome, Outcome::Complete) {
            return Ok(outcome);
        }
        let left = drift::detect(asked.upstream, asked.headers, &change_set.stack_id).await?;
        if left.is_empty() {
            break;
        }
        drifts.extend(left);
    }
    Ok(Outcome::Complete)
}

/// The update that writes the drift into the template. Tags that are not sent stay.
fn out(stack: &Element, template: &str) -> Form {
    let mut form =
        Form::action("UpdateStack").with("StackName", stack.text_of("StackId")).with("TemplateBody", template);
    for (number, parameter) in (1..).zip(stack.members("Parameters")) {
        form = form
            .with(&format!("Parameters.member.{number}.ParameterKey"), parameter.text_of("ParameterKey"))
            .with(&format!("Parameters.member.{number}.UsePreviousValue"), "true");
    }
    for (number, capability) in (1..).zip(CAPABILITIES) {
        form = form.with(&format!("Capabilities.member.{number}"), capability);
    }
    form
}

/// The update that the change set stands for.
fn back(asked: Asked<'_>, change_set: &ChangeSet) -> Form {
    Form::action("UpdateStack")
        .with("StackName", &change_set.stack_id)
        .with("TemplateBody", &change_set.template)
        .with_all(&change_set.form, &OF_CREATE)
        .with_all(&asked.call.form, &OF_EXECUTE)
}

/// Updates a stack and waits until it is done.
async fn update(asked: Asked<'_>, form: Form) -> anyhow::Result<Outcome> {
    let stashed = Stashed::new(asked, form).await?;
    let answer = asked.upstream.ask(asked.headers, &stashed.form).await?;
    let form = stashed.form.clone();
    stashed.clear(asked).await?;
    if answer.status != StatusCode::OK {
        return Ok(Outcome::Refused(answer));
    }
    let name = form.get("StackName").unwrap_or_default();
    for _ in 0..MOST_POLLS {
        match stack(asked, name).await?.text_of("StackStatus") {
            "UPDATE_COMPLETE" => return Ok(Outcome::Complete),
            status if status.ends_with("_IN_PROGRESS") => tokio::time::sleep(POLL).await,
            _ => return Ok(Outcome::RolledBack),
        }
    }
    bail!("`{name}` is still being updated after {MOST_POLLS} looks")
}

/// A stack as DescribeStacks shows it.
pub(super) async fn stack(asked: Asked<'_>, name: &str) -> anyhow::Result<Element> {
    let form = Form::action("DescribeStacks").with("StackName", name);
    let result = asked.upstream.result(asked.headers, &form).await?;
    result.members("Stacks").first().cloned().with_context(|| format!("there is no stack `{name}`"))
}

/// The template of a stack with its transforms done, so that it names the stack's resources.
async fn deployed(asked: Asked<'_>, name: &str) -> anyhow::Result<String> {
    let form = Form::action("GetTemplate").with("StackName", name).with("TemplateStage", "Processed");
    let result = asked.upstream.result(asked.headers, &form).await?;
    Ok(result.text_of("TemplateBody").to_owned())
}
