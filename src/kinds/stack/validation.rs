//! What CloudFormation finds wrong with a change before it begins: it says only that, and tells what to
//! those who ask for the events of the change set.

use aws_sdk_cloudformation::types::{EventFilter, OperationEvent};

use super::realm::Realm;
use crate::aws::Api;

/// So many are told.
const MOST: usize = 5;

/// Whether a change set failed for it.
pub(super) fn is_meant(reason: &str) -> bool {
    reason.contains("AWS::EarlyValidation")
}

/// What it found, as `` `Jobs` at /Properties/Size: no such size ``; none where nobody may ask.
pub(super) async fn found(realm: &Realm, change_set: &str) -> Option<String> {
    let (session, client) = (realm.session().await.ok()?, realm.reader().await.ok()?);
    let failed = EventFilter::builder().failed_events(true).build();
    let call = || client.describe_events().change_set_name(change_set).filters(failed.clone()).send();
    let answer = session.call(Api::Read, call).await.ok()?;
    let events = answer.operation_events.unwrap_or_default();
    let told: Vec<String> = events.iter().filter_map(sentence).take(MOST).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

fn sentence(event: &OperationEvent) -> Option<String> {
    let reason = event.validation_status_reason()?;
    let resource = event.logical_resource_id().map(|id| format!("`{id}`"));
    let path = event.validation_path().map(|path| format!("at {path}"));
    let place: Vec<String> = resource.into_iter().chain(path).collect();
    Some(if place.is_empty() { reason.to_owned() } else { format!("{}: {reason}", place.join(" ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_the_resource_and_the_property() {
        let event = OperationEvent::builder().validation_status_reason("no such size");
        assert_eq!(sentence(&event.clone().build()).as_deref(), Some("no such size"));
        let event = event.logical_resource_id("Jobs").validation_path("/Properties/Size").build();
        assert_eq!(sentence(&event).as_deref(), Some("`Jobs` at /Properties/Size: no such size"));
        assert_eq!(sentence(&OperationEvent::builder().build()), None);
    }
}
