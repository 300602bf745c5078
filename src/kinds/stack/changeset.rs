//! A change set: made, described, executed, taken away.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::operation::create_change_set::builders::CreateChangeSetFluentBuilder;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{ChangeSetStatus, ExecutionStatus};

use super::changes::{Changed, merge};
use super::nested;
use super::realm::{Realm, is_absence};
use super::validation;
use super::wait::Pace;
use super::wanted::PREFIX;
use crate::aws::{Api, failure, is_throttled};
use crate::unit::KindError;

/// A change set may stay pending for minutes when macros or nested stacks are in it.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A change set that can be executed.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) stack_id: String,
    pub(super) changes: Vec<Changed>,
}

/// What became of a change set.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Made {
    Ready(ChangeSet),
    /// The stack is already so; nothing was left behind.
    NoChanges,
}

/// Makes a change set and waits until AWS has worked it out. One that failed is taken away again.
///
/// `values`: whether what each property is and will be is asked for; a new stack has no before.
pub(super) async fn make(
    realm: &Realm,
    stack: &str,
    name: &str,
    values: bool,
    fill: impl Fn(CreateChangeSetFluentBuilder) -> CreateChangeSetFluentBuilder,
) -> Result<Made, KindError> {
    let (session, client) = (realm.session().await?, realm.writer().await?);
    let call = || fill(client.create_change_set().stack_name(stack).change_set_name(name)).send();
    match session.call(Api::Write, call).await {
        Ok(_) => {}
        // Made by a call of ours whose answer was lost: everything of ours was swept before.
        Err(error) if error.code() == Some("AlreadyExistsException") => {}
        Err(error) => {
            let deed = format!("cannot make a change set for the stack `{stack}`");
            return Err(session.name_the_target(failure(deed, error)));
        }
    }
    let described = settled(realm, stack, name).await?;
    if described.status == Some(ChangeSetStatus::Failed) {
        let mut reason = described.status_reason.unwrap_or_default();
        if validation::is_meant(&reason)
            && let Some(found) = validation::found(realm, described.change_set_id.as_deref().unwrap_or(name)).await
        {
            reason = found;
        }
        delete(realm, stack, name).await?;
        return match says_no_changes(&reason) {
            true => Ok(Made::NoChanges),
            false => Err(refused(stack, &reason)),
        };
    }
    match values {
        true => {
            let (_, without) = all(realm, stack, name, false, described).await?;
            let (head, with_values) = pages(realm, stack, name, true).await?;
            let changes = nested::spread(realm, merge(with_values, without)).await?;
            ready(stack, name, head, changes).map(Made::Ready)
        }
        false => {
            let (head, changes) = all(realm, stack, name, false, described).await?;
            ready(stack, name, head, changes).map(Made::Ready)
        }
    }
}

fn refused(stack: &str, reason: &str) -> KindError {
    let error = KindError::failed(format!("CloudFormation refuses the change to the stack `{stack}`: {reason}"));
    match reason.contains("CAPABILITY_") || reason.contains("Requires capabilities") {
        true => error.hint("add what it asks for to `Capabilities` of the stack file"),
        false => error,
    }
}

/// Both sentences by which AWS says that there is nothing to change. An empty list does not say so:
/// a change of outputs alone has one.
pub(super) fn says_no_changes(reason: &str) -> bool {
    reason.starts_with("The submitted information didn't contain changes.")
        || reason.starts_with("No updates are to be performed")
}

async fn settled(realm: &Realm, stack: &str, name: &str) -> Result<DescribeChangeSetOutput, KindError> {
    let (mut pace, started) = (Pace::new(), Instant::now());
    loop {
        let page = page(realm, stack, name, None, false).await;
        match page {
            Ok(page) => match &page.status {
                Some(ChangeSetStatus::CreateComplete | ChangeSetStatus::Failed) => return Ok(page),
                _ if started.elapsed() > LONGEST => {
                    let said = format!(
                        "the change set of the stack `{stack}` was not ready after {} minutes",
                        LONGEST.as_secs() / 60
                    );
                    return Err(KindError::failed(said));
                }
                _ => {}
            },
            Err(Missed::Throttled) if started.elapsed() <= LONGEST => {}
            Err(missed) => return Err(missed.into()),
        }
        pace.pause().await;
    }
}

/// All changes of a change set, with their values where AWS gives them.
pub(super) async fn describe(realm: &Realm, stack: &str, name: &str) -> Result<ChangeSet, KindError> {
    let (head, with_values) = pages(realm, stack, name, true).await?;
    // Asked for values, AWS may leave out whole resources.
    let (_, without) = pages(realm, stack, name, false).await?;
    ready(stack, name, head, nested::spread(realm, merge(with_values, without)).await?)
}

/// The changes of a nested stack's change set; none where it has none.
pub(super) async fn changes_of(realm: &Realm, id: &str) -> Result<Vec<Changed>, KindError> {
    // By its id alone: the stack that it belongs to is part of it.
    let described = settled(realm, "", id).await?;
    let reason = described.status_reason.clone().unwrap_or_default();
    if described.status == Some(ChangeSetStatus::Failed) && !says_no_changes(&reason) {
        return Err(refused(described.stack_name.as_deref().unwrap_or(id), &reason));
    }
    let (_, with_values) = pages(realm, "", id, true).await?;
    let (_, without) = all(realm, "", id, false, described).await?;
    Ok(merge(with_values, without))
}

fn ready(
    stack: &str,
    name: &str,
    head: DescribeChangeSetOutput,
    changes: Vec<Changed>,
) -> Result<ChangeSet, KindError> {
    if head.status != Some(ChangeSetStatus::CreateComplete) || head.execution_status != Some(ExecutionStatus::Available)
    {
        let said = format!("the change set of the stack `{stack}` can no longer be executed");
        return Err(KindError::moved(said).hint("plan again"));
    }
    Ok(ChangeSet {
        id: head.change_set_id.unwrap_or_else(|| name.to_owned()),
        stack_id: head.stack_id.unwrap_or_else(|| stack.to_owned()),
        changes,
    })
}

async fn pages(
    realm: &Realm,
    stack: &str,
    name: &str,
    values: bool,
) -> Result<(DescribeChangeSetOutput, Vec<Changed>), KindError> {
    let head = page(realm, stack, name, None, values).await.map_err(KindError::from)?;
    all(realm, stack, name, values, head).await
}

/// The first page, and the changes of all that follow it.
async fn all(
    realm: &Realm,
    stack: &str,
    name: &str,
    values: bool,
    mut head: DescribeChangeSetOutput,
) -> Result<(DescribeChangeSetOutput, Vec<Changed>), KindError> {
    let mut changes: Vec<Changed> =
        head.changes.take().unwrap_or_default().into_iter().filter_map(Changed::of).collect();
    let mut next = head.next_token.take();
    while let Some(token) = next {
        let more = page(realm, stack, name, Some(token), values).await.map_err(KindError::from)?;
        changes.extend(more.changes.unwrap_or_default().into_iter().filter_map(Changed::of));
        next = more.next_token;
    }
    Ok((head, changes))
}

/// Why a page could not be had.
enum Missed {
    Throttled,
    Gone(KindError),
    Failed(KindError),
}

impl From<Missed> for KindError {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Throttled => KindError::failed("AWS asks to go slower than any work could be done"),
            Missed::Gone(error) | Missed::Failed(error) => error,
        }
    }
}

async fn page(
    realm: &Realm,
    stack: &str,
    name: &str,
    token: Option<String>,
    values: bool,
) -> Result<DescribeChangeSetOutput, Missed> {
    let session = realm.session().await.map_err(Missed::Failed)?;
    let client = realm.reader().await.map_err(Missed::Failed)?;
    let call = || {
        let stack = Some(stack).filter(|stack| !stack.is_empty()).map(str::to_owned);
        let call = client.describe_change_set().set_stack_name(stack).change_set_name(name);
        let call = call.set_next_token(token.clone());
        call.set_include_property_values(values.then_some(true)).send()
    };
    session.call(Api::Read, call).await.map_err(|error| match error.code() {
        code if is_throttled(code) => Missed::Throttled,
        Some("ChangeSetNotFound" | "ChangeSetNotFoundException") => {
            Missed::Gone(KindError::moved(format!("the change set of the stack `{stack}` is gone")).hint("plan again"))
        }
        _ => Missed::Failed(
            session.name_the_target(failure(format!("cannot read the change set of the stack `{stack}`"), error)),
        ),
    })
}

/// Takes a change set away; one that is gone already is as good.
pub(super) async fn delete(realm: &Realm, stack: &str, name: &str) -> Result<(), KindError> {
    let (session, client) = (realm.session().await?, realm.writer().await?);
    let call = || client.delete_change_set().stack_name(stack).change_set_name(name).send();
    match session.call(Api::Write, call).await {
        Ok(_) => Ok(()),
        Err(error) if is_absence(error.code(), error.message()) => Ok(()),
        Err(error) if error.code().is_some_and(|code| code.starts_with("ChangeSetNotFound")) => Ok(()),
        Err(error) => {
            let deed = format!("cannot delete the change set of the stack `{stack}`");
            Err(session.name_the_target(failure(deed, error)))
        }
    }
}

/// Takes away what an earlier run left behind; other people's change sets stay. Returns theirs.
pub(super) async fn sweep(realm: &Realm, stack: &str) -> Result<usize, KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    let (mut ours, mut theirs, mut next) = (Vec::new(), 0, None);
    loop {
        let call = || client.list_change_sets().stack_name(stack).set_next_token(next.clone()).send();
        let page = session.call(Api::Read, call).await.map_err(|error| {
            session.name_the_target(failure(format!("cannot list the change sets of the stack `{stack}`"), error))
        })?;
        for summary in page.summaries.unwrap_or_default() {
            match summary.change_set_name {
                Some(name) if name.starts_with(PREFIX) => ours.push(summary.change_set_id.unwrap_or(name)),
                _ => theirs += 1,
            }
        }
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    for id in ours {
        delete(realm, stack, &id).await?;
    }
    Ok(theirs)
}

#[cfg(test)]
mod tests {
    use super::says_no_changes;

    #[test]
    fn both_sentences_say_that_nothing_changes() {
        assert!(says_no_changes(
            "The submitted information didn't contain changes. Submit different information to create a change set."
        ));
        assert!(says_no_changes("No updates are to be performed."));
        assert!(!says_no_changes("Parameters: [A] must have values"));
    }
}
