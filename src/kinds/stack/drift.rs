//! Whether what was deployed is still there, by CloudFormation's own drift detection.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::{StackDriftDetectionStatus, StackResourceDrift};

use super::live::Live;
use super::realm::Realm;
use super::veil::Veil;
use super::wait::Pace;
use crate::aws::{Api, Session, failure};
use crate::unit::{Cause, Coverage, Difference, Effect, KindError, Shown};

/// Detection asks many services in turn; beyond this it is given up, and said so.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// One resource as detection found it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Found {
    pub(super) logical_id: String,
    pub(super) r#type: String,
    /// `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`, `UNKNOWN`.
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) properties: Vec<Property>,
}

/// One property that differs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Property {
    pub(super) path: String,
    pub(super) expected: Option<String>,
    pub(super) actual: Option<String>,
}

/// Asks for drift of every resource of a stack, and how many there are to ask for.
pub(super) async fn detect(realm: &Realm, live: &Live) -> Result<(Vec<Found>, Vec<(String, String)>), KindError> {
    let session = realm.session().await?;
    let _turn = session.turn(Api::Drift).await;
    let deed = format!("cannot detect drift of the stack `{}`", live.name);
    let call = realm.reader().await?.detect_stack_drift().stack_name(&live.id);
    let begun = call.send().await.map_err(|error| session.name_the_target(failure(&deed, error)))?;
    let id = begun.stack_drift_detection_id.unwrap_or_default();
    finished(realm, &session, &live.name, &id).await?;
    let mut found = Vec::new();
    let client = realm.reader().await?;
    let mut pages = client.describe_stack_resource_drifts().stack_name(&live.id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| session.name_the_target(failure(&deed, error)))?;
        found.extend(page.stack_resource_drifts.unwrap_or_default().into_iter().map(Found::of));
    }
    let mut all = Vec::new();
    let mut pages = client.list_stack_resources().stack_name(&live.id).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| session.name_the_target(failure(&deed, error)))?;
        for summary in page.stack_resource_summaries.unwrap_or_default() {
            let is_gone = summary.resource_status.as_ref().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
            if !is_gone {
                all.push((summary.logical_resource_id.unwrap_or_default(), summary.resource_type.unwrap_or_default()));
            }
        }
    }
    Ok((found, all))
}

/// A detection that failed has partial results, which count; one that does not end has none.
async fn finished(realm: &Realm, session: &Session, name: &str, id: &str) -> Result<(), KindError> {
    let (mut pace, started) = (Pace::new(), Instant::now());
    loop {
        let call = realm.reader().await?.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        let deed = format!("cannot detect drift of the stack `{name}`");
        let now = call.send().await.map_err(|error| session.name_the_target(failure(deed, error)))?;
        match now.detection_status {
            Some(StackDriftDetectionStatus::DetectionInProgress) if started.elapsed() < LONGEST => pace.pause().await,
            Some(StackDriftDetectionStatus::DetectionInProgress) => {
                let said = format!(
                    "drift detection of the stack `{name}` did not end within {} minutes",
                    LONGEST.as_secs() / 60
                );
                return Err(KindError::failed(said));
            }
            _ => return Ok(()),
        }
    }
}

impl Found {
    fn of(drift: StackResourceDrift) -> Self {
        let property = |difference: &aws_sdk_cloudformation::types::PropertyDifference| Property {
            path: difference.property_path().unwrap_or_default().to_owned(),
            expected: difference.expected_value().map(str::to_owned),
            actual: difference.actual_value().map(str::to_owned),
        };
        Self {
            properties: drift.property_differences().iter().map(property).collect(),
            logical_id: drift.logical_resource_id.unwrap_or_default(),
            r#type: drift.resource_type.unwrap_or_default(),
            status: drift.stack_resource_drift_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: drift.drift_status_reason,
        }
    }

    pub(super) fn is_drifted(&self) -> bool {
        matches!(self.status.as_str(), "MODIFIED" | "DELETED")
    }
}

/// What was changed by hand: from what is there to what should be.
pub(super) fn differences(found: &[Found], veil: &Veil) -> Vec<Difference> {
    let mut differences = Vec::new();
    for resource in found.iter().filter(|resource| resource.is_drifted()) {
        let item = format!("{} ({})", resource.logical_id, resource.r#type);
        let of = |path: &str, from, to, effect| Difference {
            item: item.clone(),
            path: path.to_owned(),
            from,
            to,
            cause: Cause::Drifted,
            effect,
            who: None,
        };
        if resource.status == "DELETED" {
            differences.push(of("", None, Some(Shown::text(&resource.r#type)), Effect::Create));
            continue;
        }
        for property in &resource.properties {
            let path = property_path(&property.path);
            let shown = |value: &Option<String>| {
                value.as_deref().filter(|value| *value != "null").map(|value| veil.shown(&item, &path, value))
            };
            differences.push(of(&path, shown(&property.actual), shown(&property.expected), Effect::InPlace));
        }
        if resource.properties.is_empty() {
            differences.push(of("", Some(Shown::text("changed")), Some(Shown::text("as deployed")), Effect::InPlace));
        }
    }
    differences
}

/// Drift detection leaves out what change sets begin with.
pub(super) fn property_path(path: &str) -> String {
    match path.starts_with("/Properties") {
        true => path.to_owned(),
        false => format!("/Properties{path}"),
    }
}

/// How many of all resources were compared, and which were not.
pub(super) fn coverage(found: &[Found], all: &[(String, String)]) -> Coverage {
    let mut coverage = Coverage { total: all.len(), ..Coverage::default() };
    for (logical_id, r#type) in all {
        let item = format!("{logical_id} ({type})");
        match found.iter().find(|resource| resource.logical_id == *logical_id) {
            Some(resource) if matches!(resource.status.as_str(), "IN_SYNC" | "MODIFIED" | "DELETED") => {
                coverage.checked += 1
            }
            Some(resource) => {
                let why = resource.reason.clone().unwrap_or_else(|| resource.status.clone());
                coverage.unchecked.push(format!("{item}: {why}"));
            }
            None => coverage.unchecked.push(format!("{item}: CloudFormation cannot detect drift of this type")),
        }
    }
    coverage
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(logical_id: &str, status: &str) -> Found {
        Found {
            logical_id: logical_id.into(),
            r#type: "AWS::SQS::Queue".into(),
            status: status.into(),
            ..Found::default()
        }
    }

    #[test]
    fn drift_goes_from_what_is_there_to_what_was_deployed() {
        let mut modified = found("Jobs", "MODIFIED");
        modified.properties = vec![Property {
            path: "/VisibilityTimeout".into(),
            expected: Some("30".into()),
            actual: Some("60".into()),
        }];
        let seen = differences(&[modified, found("Gone", "DELETED"), found("Fine", "IN_SYNC")], &Veil::default());
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].path.as_str(), seen[0].cause), ("/Properties/VisibilityTimeout", Cause::Drifted));
        assert_eq!((&seen[0].from, &seen[0].to), (&Some(Shown::text("60")), &Some(Shown::text("30"))));
        assert_eq!((&seen[1].from, seen[1].effect), (&None, Effect::Create));
    }

    #[test]
    fn what_was_not_checked_is_named_and_never_counted() {
        let all = ["A", "B", "C", "D"].map(|id| (id.to_owned(), "AWS::SQS::Queue".to_owned()));
        let seen = coverage(&[found("A", "IN_SYNC"), found("B", "UNKNOWN"), found("C", "NOT_CHECKED")], &all);
        assert_eq!((seen.checked, seen.total, seen.unchecked.len()), (1, 4, 3));
    }
}
