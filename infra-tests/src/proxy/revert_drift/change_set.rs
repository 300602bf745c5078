//! A drift-aware change set and its shape in the API.

use super::super::form::Form;
use super::super::xml::Element;
use super::drift::{Difference, Drift, Kind};

/// CloudFormation's words when there is nothing to do.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// A change set that the emulator does not know.
#[derive(Clone, Debug)]
pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) stack_id: String,
    /// When the stack was changed last; a later change makes the change set obsolete.
    pub(super) stack_changed: String,
    /// The CreateChangeSet call.
    pub(super) form: Form,
    /// The template as it was when the change set was made, byte for byte.
    pub(super) template: String,
    /// How the emulator described the same change set without its deployment mode.
    pub(super) described: Element,
    pub(super) drifts: Vec<Drift>,
    pub(super) execution: Execution,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Execution {
    Unavailable,
    Available,
    InProgress,
    Complete,
    Failed,
    Obsolete,
}

impl Execution {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "UNAVAILABLE",
            Self::Available => "AVAILABLE",
            Self::InProgress => "EXECUTE_IN_PROGRESS",
            Self::Complete => "EXECUTE_COMPLETE",
            Self::Failed => "EXECUTE_FAILED",
            Self::Obsolete => "OBSOLETE",
        }
    }
}

impl ChangeSet {
    /// Whether there is anything to execute: drift, or what the emulator found in the template.
    pub(super) fn has_changes(&self) -> bool {
        let refused = self.described.text_of("Status") == "FAILED";
        let empty = self.described.text_of("StatusReason").starts_with("The submitted information didn't contain");
        if refused { empty && !self.drifts.is_empty() } else { true }
    }

    /// The result of DescribeChangeSet. As in AWS, values are told only where they are asked for.
    pub(super) fn describe(&self, with_values: bool) -> Vec<Element> {
        let mut shown: Vec<Element> = self.summary();
        let kept = ["Description", "Parameters", "Tags", "Capabilities", "NotificationARNs", "RollbackConfiguration"];
        shown.extend(kept.iter().filter_map(|name| self.described.child(name).cloned()));
        shown.push(Element::new("Changes").with_all(self.changes(with_values)));
        let drifted = if self.drifts.is_empty() { "IN_SYNC" } else { "DRIFTED" };
        let mode = Element::default().leaf("DeploymentMode", "REVERT_DRIFT").leaf("StackDriftStatus", drifted);
        shown.extend(mode.children);
        shown
    }

    /// What ListChangeSets tells, which DescribeChangeSet tells too.
    pub(super) fn summary(&self) -> Vec<Element> {
        let (status, reason) = match (self.has_changes(), self.described.text_of("StatusReason")) {
            (true, _) => ("CREATE_COMPLETE", None),
            (false, "") => ("FAILED", Some(NO_CHANGES)),
            (false, reason) => ("FAILED", Some(reason)),
        };
        let summary = Element::default()
            .leaf("ChangeSetId", &self.id)
            .leaf("ChangeSetName", &self.name)
            .leaf("StackId", &self.stack_id)
            .leaf("StackName", self.described.text_of("StackName"))
            .leaf("CreationTime", self.described.text_of("CreationTime"))
            .leaf("Status", status)
            .leaf_if("StatusReason", reason)
            .leaf("ExecutionStatus", self.execution.name());
        summary.children
    }

    /// What puts the drift right, then what the template changes besides.
    fn changes(&self, with_values: bool) -> Vec<Element> {
        let drifted = |name: &str| self.drifts.iter().any(|drift| drift.logical_id == name);
        let declared = self.described.members("Changes").iter();
        let others = declared.filter(|change| {
            let resource = change.child("ResourceChange");
            resource.is_some_and(|resource| !drifted(resource.text_of("LogicalResourceId")))
        });
        self.drifts.iter().map(|drift| change(drift, with_values)).chain(others.cloned()).collect()
    }
}

fn change(drift: &Drift, with_values: bool) -> Element {
    let resource = match &drift.kind {
        Kind::Deleted => Element::new("ResourceChange")
            .leaf("Action", "Add")
            .leaf("LogicalResourceId", &drift.logical_id)
            .leaf("ResourceType", &drift.resource_type)
            .leaf("ResourceDriftStatus", "DELETED")
            .with(Element::new("Scope"))
            .with(Element::new("Details")),
        Kind::Modified { expected, actual, differences } => {
            let context = |properties| serde_json::json!({"Properties": properties}).to_string();
            let (before, after) = (context(actual), context(expected));
            let told = |text| with_values.then_some(text);
            let details = differences.iter().map(|difference| detail(difference, &drift.found_at, with_values));
            let is_synced = differences.iter().all(|difference| difference.is_synced);
            Element::new("ResourceChange")
                .leaf("Action", if is_synced { "SyncWithActual" } else { "Modify" })
                .leaf("LogicalResourceId", &drift.logical_id)
                .leaf("PhysicalResourceId", &drift.physical_id)
                .leaf("ResourceType", &drift.resource_type)
                .leaf("Replacement", "False")
                .leaf("ResourceDriftStatus", "MODIFIED")
                .with(Element::new("Scope").leaf("member", "Properties"))
                .with(Element::new("Details").with_all(details))
                .leaf_if("BeforeContext", told(before.as_str()))
                .leaf_if("AfterContext", told(after.as_str()))
                .leaf_if("PreviousDeploymentContext", told(after.as_str()))
        }
    };
    Element::new("member").leaf("Type", "Resource").with(resource)
}

fn detail(difference: &Difference, found_at: &str, with_values: bool) -> Element {
    let mut target = Element::new("Target")
        .leaf("Attribute", "Properties")
        .leaf("Name", difference.property())
        .leaf("RequiresRecreation", "Never");
    if with_values {
        target = target.with_all(values(difference, found_at));
    }
    let detail = Element::new("member").with(target);
    detail.leaf("Evaluation", "Static").leaf("ChangeSource", "DirectModification")
}

/// The values of one property on their way from the world back to the template.
fn values(difference: &Difference, found_at: &str) -> Vec<Element> {
    let (expected, actual) = (difference.expected.as_deref(), difference.actual.as_deref());
    let change_type = match (actual, expected) {
        _ if difference.is_synced => "SyncWithActual",
        (None, _) => "Add",
        (Some(_), None) => "Remove",
        (Some(_), Some(_)) => "Modify",
    };
    let drift = Element::new("Drift")
        .leaf_if("PreviousValue", expected)
        .leaf_if("ActualValue", actual)
        .leaf("DriftDetectionTimestamp", found_at);
    let values = Element::default()
        .leaf("Path", &format!("/Properties{}", difference.path))
        .leaf_if("BeforeValue", actual)
        .leaf_if("AfterValue", if difference.is_synced { actual } else { expected })
        .leaf("BeforeValueFrom", "ACTUAL_STATE")
        .leaf("AfterValueFrom", "TEMPLATE")
        .with(drift)
        .leaf("AttributeChangeType", change_type);
    values.children
}
