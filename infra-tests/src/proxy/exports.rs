//! An update that takes away an export in use: begun, refused and rolled back, as the service does.
//!
//! The emulator lets it pass. Here the change set is not executed, and the stack is told as rolled back
//! with the service's own words for why.

use axum::http::StatusCode;

use super::form::Form;
use super::pretence::PretendedEvent;
use super::supplied::Asked;
use super::template;
use super::xml::Element;

/// What is told of a stack whose export is in use.
pub(super) struct InUse {
    pub(super) stack: String,
    pub(super) events: Vec<PretendedEvent>,
}

/// Whether executing a change set would take away an export that somebody imports.
pub(super) async fn taken_away(asked: Asked<'_>) -> anyhow::Result<Option<InUse>> {
    let form = &asked.call.form;
    let (Some(set), Some(stack)) = (form.get("ChangeSetName"), form.get("StackName")) else { return Ok(None) };
    if asked.call.action != "ExecuteChangeSet" {
        return Ok(None);
    }
    let described = result(asked, &Form::action("DescribeStacks").with("StackName", stack)).await?;
    let Some(live) = described.as_ref().and_then(|described| described.members("Stacks").first()) else {
        return Ok(None);
    };
    let exported: Vec<&Element> =
        live.members("Outputs").iter().filter(|output| !output.text_of("ExportName").is_empty()).collect();
    if exported.is_empty() {
        return Ok(None);
    }
    let of_set = Form::action("GetTemplate").with("ChangeSetName", set).with("StackName", stack);
    let Some(answer) = result(asked, &of_set.with("TemplateStage", "Original")).await? else { return Ok(None) };
    let Ok(wanted) = template::parse(answer.text_of("TemplateBody")) else { return Ok(None) };
    for output in exported {
        let export = output.text_of("ExportName");
        if wanted["Outputs"][output.text_of("OutputKey")]["Export"].is_null()
            && let Some(importers) = result(asked, &Form::action("ListImports").with("ExportName", export)).await?
            && let Some(importer) = importers.members("Imports").first()
        {
            let said = format!("Export {export} cannot be deleted as it is in use by {}", importer.text);
            return Ok(Some(InUse { stack: live.text_of("StackName").to_owned(), events: events(live, &said) }));
        }
    }
    Ok(None)
}

fn events(live: &Element, said: &str) -> Vec<PretendedEvent> {
    let event = |status: &str, reason: &str| PretendedEvent {
        logical_id: live.text_of("StackName").to_owned(),
        r#type: "AWS::CloudFormation::Stack".to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        physical_id: String::new(),
    };
    vec![
        event("UPDATE_IN_PROGRESS", "User Initiated"),
        event("UPDATE_ROLLBACK_IN_PROGRESS", said),
        event("UPDATE_ROLLBACK_COMPLETE", ""),
    ]
}

/// What is asked may not be there: then nothing is said.
async fn result(asked: Asked<'_>, form: &Form) -> anyhow::Result<Option<Element>> {
    let answer = asked.upstream.ask(asked.headers, form).await?;
    if answer.status != StatusCode::OK {
        return Ok(None);
    }
    let action = form.get("Action").unwrap_or_default();
    Ok(Element::parse(&answer.text())?.child(&format!("{action}Result")).cloned())
}
