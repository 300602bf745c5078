//! Puts a stack back to what was deployed, and nothing beyond it.
//!
//! AWS's drift-aware change set is made from the deployed template and checked against the drift
//! that was reported: it may bring along changes nobody asked for (an attachment made by another
//! stack, a phantom replacement), and those are refused, not made.

use std::time::Duration;

use aws_sdk_cloudformation::types::{DeploymentMode, Parameter};

use super::changes::Changed;
use super::changeset::{self, Made};
use super::drift::{Found, property_path};
use super::live::Live;
use super::realm::Realm;
use super::update::{Act, Deployment, run};
use super::veil::Veil;
use super::wanted::{self, PREFIX};
use crate::unit::{Effect, KindError, Outputs, Progress};

/// Reverts the drift found in a stack.
pub(super) async fn revert(
    realm: &Realm,
    live: &Live,
    reported: &[Found],
    longest: Duration,
    veil: &Veil,
    progress: &Progress,
) -> Result<Outputs, KindError> {
    changeset::sweep(realm, &live.name).await?;
    let name = format!("{PREFIX}revert-drift");
    let previous = |name: &String| Parameter::builder().parameter_key(name).use_previous_value(true).build();
    let made = changeset::make(realm, &live.name, &name, true, |call| {
        call.change_set_type(aws_sdk_cloudformation::types::ChangeSetType::Update)
            .use_previous_template(true)
            .deployment_mode(DeploymentMode::RevertDrift)
            .set_parameters(Some(live.parameters.keys().map(previous).collect()))
            .set_tags(Some(wanted::tags(&live.own_tags())))
            .set_capabilities(wanted::capabilities(&live.capabilities))
    });
    let set = match made.await? {
        Made::Ready(set) => set,
        Made::NoChanges => {
            let said = format!(
                "CloudFormation sees nothing to put back in the stack `{}`, though it reports drift",
                live.name
            );
            return Err(KindError::refused(said)
                .hint("this API may lack REVERT_DRIFT; put the values back by hand, or deploy a change"));
        }
    };
    let beyond = beyond(&set.changes, reported);
    if !beyond.is_empty() {
        changeset::delete(realm, &live.name, &set.id).await?;
        let said = format!("putting the stack `{}` back would also change {}", live.name, beyond.join(", "));
        return Err(KindError::refused(said).hint("look at these first; nothing was changed"));
    }
    let (name, before) = (live.name.as_str(), Some(live.version()));
    let kind = Deployment::Update;
    let act = Act { realm, name, before, kind, longest, sent: None, veil, template: None, progress };
    run(act, &set).await
}

/// Whatever a change set would do that was not reported as drift.
pub(super) fn beyond(changes: &[Changed], reported: &[Found]) -> Vec<String> {
    changes.iter().filter_map(|changed| surplus(changed, reported)).collect()
}

fn surplus(changed: &Changed, reported: &[Found]) -> Option<String> {
    let item = format!("`{}` ({})", changed.logical_id, changed.r#type);
    let drifted = reported.iter().find(|found| found.logical_id == changed.logical_id && found.is_drifted());
    let Some(drifted) = drifted else { return Some(item) };
    let is_deleted = drifted.status == "DELETED";
    match changed.effect() {
        Effect::Create if is_deleted => None,
        Effect::InPlace => {
            let known = |path: &str| {
                is_deleted || drifted.properties.iter().any(|property| overlap(path, &property_path(&property.path)))
            };
            let unknown = changed.details.iter().find(|detail| !known(&detail.path));
            unknown.map(|detail| format!("{item} at {}", detail.path))
        }
        Effect::Create => Some(format!("{item}, by making it anew")),
        Effect::Delete => Some(format!("{item}, by deleting it")),
        Effect::Replace | Effect::MayReplace => Some(format!("{item}, by replacing it")),
    }
}

/// Whether one path is the other, or stands above it.
fn overlap(one: &str, other: &str) -> bool {
    let above = |upper: &str, lower: &str| lower.strip_prefix(upper).is_some_and(|rest| rest.starts_with('/'));
    // A change of all properties says nothing of which ones.
    one == other || (above(one, other) && one != "/Properties") || above(other, one)
}

#[cfg(test)]
mod tests {
    use super::super::changes::Detail;
    use super::super::drift::Property;
    use super::*;

    fn reported(status: &str, path: &str) -> Found {
        Found {
            logical_id: "Jobs".into(),
            r#type: "AWS::SQS::Queue".into(),
            status: status.into(),
            properties: vec![Property { path: path.into(), ..Property::default() }],
            ..Found::default()
        }
    }

    fn changed(id: &str, action: &str, replacement: &str, path: &str) -> Changed {
        Changed {
            logical_id: id.into(),
            r#type: "AWS::SQS::Queue".into(),
            action: action.into(),
            replacement: Some(replacement.into()),
            details: vec![Detail { path: path.into(), ..Detail::default() }],
            ..Changed::default()
        }
    }

    #[test]
    fn only_what_was_reported_may_be_put_back() {
        let modified = [reported("MODIFIED", "/RedrivePolicy/maxReceiveCount")];
        let deleted = [reported("DELETED", "")];
        let table = [
            (changed("Jobs", "Modify", "False", "/Properties/RedrivePolicy/maxReceiveCount"), &modified, true),
            (changed("Jobs", "Modify", "False", "/Properties/RedrivePolicy"), &modified, true),
            (changed("Jobs", "Modify", "False", "/Properties/KmsMasterKeyId"), &modified, false),
            (changed("Jobs", "Modify", "False", "/Properties"), &modified, false),
            (changed("Jobs", "Modify", "True", "/Properties/RedrivePolicy"), &modified, false),
            (changed("Jobs", "Modify", "Conditional", "/Properties/RedrivePolicy"), &modified, false),
            (changed("Jobs", "Remove", "False", "/Properties/RedrivePolicy"), &modified, false),
            (changed("Jobs", "Add", "False", ""), &modified, false),
            (changed("Other", "Modify", "False", "/Properties/RedrivePolicy"), &modified, false),
            (changed("Jobs", "Add", "False", ""), &deleted, true),
        ];
        for (changed, reported, fine) in table {
            assert_eq!(beyond(std::slice::from_ref(&changed), reported).is_empty(), fine, "{changed:?}");
        }
    }
}
