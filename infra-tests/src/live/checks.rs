//! Each behaviour that the proxy supplies: how AWS is asked for it, or why it is not.

use std::future::Future;
use std::pin::Pin;

use anyhow::{Context, Result, bail, ensure};

use super::place::Place;
use crate::sandbox::element;

/// A queue, and nothing that costs anything.
const QUEUE: &str = r#"{"Parameters": {"Seconds": {"Type": "String", "Default": "5"}},
  "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}}}},
  "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}}}"#;
const ROLE: &str = r#"{"Resources": {"Role": {"Type": "AWS::IAM::Role",
  "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sqs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}}}}}"#;
const EXPORT: &str = r#"{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
  "Outputs": {"Word": {"Value": "word", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-word"}}}}}"#;

type Check = for<'a> fn(&'a Place) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// Whether a behaviour is asked for.
pub(super) enum Asked {
    By(Check),
    /// Why not.
    Not(&'static str),
}

pub(super) fn asked(behaviour: &str) -> Asked {
    match behaviour {
        "change sets with DeploymentMode=REVERT_DRIFT" => Asked::By(|place| Box::pin(revert_drift(place))),
        "DescribeChangeSet with IncludePropertyValues" => Asked::By(|place| Box::pin(property_values(place))),
        "CreateChangeSet without the capability that its template asks for" => {
            Asked::By(|place| Box::pin(capability(place)))
        }
        "ExecuteChangeSet, DeleteStack and others with a ClientRequestToken: once, however often they are called" => {
            Asked::By(|place| Box::pin(once(place)))
        }
        "an update that takes away an export in use: rolled back" => Asked::By(|place| Box::pin(export_in_use(place))),
        "CreateChangeSet with IncludeNestedStacks: change sets of the nested stacks" => {
            Asked::Not("a nested stack needs a bucket for its template")
        }
        "LookupEvents by the name of a resource" => Asked::Not("an event is told up to fifteen minutes late"),
        "DescribeEvents of a change set that early validation refused" => {
            Asked::Not("the sandbox tells what a test asks for, so that its shape alone could be compared")
        }
        "Throttling beyond a rate that a test sets" => Asked::Not("others in the account would feel it"),
        // What a test asks for is nothing that an account could be asked for.
        _ => Asked::Not("a test asks for it, and AWS comes to it by itself"),
    }
}

async fn revert_drift(place: &Place) -> Result<()> {
    let stack = place.name("drift");
    let made = place.make(&stack, QUEUE).await?;
    let revert = [("DeploymentMode", "REVERT_DRIFT"), ("UsePreviousTemplate", "true")];
    let told = place.change_set(&stack, "nothing", &revert).await?;
    let reason = element(&told, "StatusReason")?;
    ensure!(reason.contains("contain changes."), "without drift: {reason}");

    place.set_timeout(element(&made, "OutputValue")?, "77").await?;
    place.detect(&stack).await?;
    let told = place.change_set(&stack, "revert", &revert).await?;
    let (status, actual) = (element(&told, "Status")?, element(&told, "ActualValue")?);
    ensure!((status, actual) == ("CREATE_COMPLETE", "77"), "with drift: {status}, from {actual}");
    place.ask("ExecuteChangeSet", &[("StackName", &stack), ("ChangeSetName", "revert")]).await?;
    let status = place.settles(&stack).await?;
    ensure!(status == "UPDATE_COMPLETE", "it ended in {status}");
    place.detect(&stack).await?;
    let left = place.ask("DescribeStackResourceDrifts", &[("StackName", &stack)]).await?;
    let drift = element(&left, "StackResourceDriftStatus")?;
    ensure!(drift == "IN_SYNC", "afterwards it is {drift}");
    Ok(())
}

async fn property_values(place: &Place) -> Result<()> {
    let stack = place.name("values");
    place.make(&stack, QUEUE).await?;
    let change = [
        ("TemplateBody", QUEUE),
        ("Parameters.member.1.ParameterKey", "Seconds"),
        ("Parameters.member.1.ParameterValue", "7"),
    ];
    let told = place.change_set(&stack, "values", &change).await?;
    let (before, after) = (element(&told, "BeforeValue")?, element(&told, "AfterValue")?);
    ensure!((before, after) == ("5", "7"), "from {before} to {after}");
    Ok(())
}

async fn capability(place: &Place) -> Result<()> {
    let stack = place.name("role");
    let made = [("StackName", stack.as_str()), ("ChangeSetName", "role"), ("ChangeSetType", "CREATE")];
    match place.ask("CreateChangeSet", &[&made[..], &[("TemplateBody", ROLE)]].concat()).await {
        Err(error) if format!("{error:#}").contains("InsufficientCapabilities") => Ok(()),
        Err(error) => Err(error.context("refused for another reason")),
        Ok(_) => bail!("it was taken without a capability"),
    }
}

async fn once(place: &Place) -> Result<()> {
    let stack = place.name("once");
    place.change_set(&stack, "once", &[("ChangeSetType", "CREATE"), ("TemplateBody", QUEUE)]).await?;
    let token = place.name("token");
    let execute = [("StackName", stack.as_str()), ("ChangeSetName", "once"), ("ClientRequestToken", token.as_str())];
    place.ask("ExecuteChangeSet", &execute).await?;
    place.ask("ExecuteChangeSet", &execute).await.context("the same call again")?;
    let status = place.settles(&stack).await?;
    ensure!(status == "CREATE_COMPLETE", "it ended in {status}");
    Ok(())
}

async fn export_in_use(place: &Place) -> Result<()> {
    let (base, reader) = (place.name("base"), place.name("reader"));
    let importing = format!(
        r#"{{"Resources": {{"Queue": {{"Type": "AWS::SQS::Queue", "Properties": {{"Tags": [
          {{"Key": "word", "Value": {{"Fn::ImportValue": "{base}-word"}}}}]}}}}}}}}"#
    );
    place.make(&base, EXPORT).await?;
    place.make(&reader, &importing).await?;
    place.change_set(&base, "without", &[("TemplateBody", QUEUE)]).await?;
    place.ask("ExecuteChangeSet", &[("StackName", &base), ("ChangeSetName", "without")]).await?;
    let status = place.settles(&base).await?;
    ensure!(status == "UPDATE_ROLLBACK_COMPLETE", "it ended in {status}");
    let events = place.ask("DescribeStackEvents", &[("StackName", &base)]).await?;
    ensure!(events.contains("as it is in use by"), "no event says why");
    Ok(())
}
