//! The resources that a stack holds, as its account lists them.

use super::live::Live;
use super::realm::Realm;
use crate::aws::{Api, failure};
use crate::unit::KindError;

/// One resource of a stack.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Resource {
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) r#type: String,
    pub(super) status: String,
    /// What the last drift detection said of it: `IN_SYNC`, `NOT_CHECKED`, ….
    pub(super) drift: String,
}

/// All of them, deleted ones included; a list that ends early is an error.
pub(super) async fn of(realm: &Realm, live: &Live) -> Result<Vec<Resource>, KindError> {
    of_id(realm, &live.name, &live.id).await
}

/// All of a stack that may be a nested one; `name` is for errors.
pub(super) async fn of_id(realm: &Realm, name: &str, id: &str) -> Result<Vec<Resource>, KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let call = || client.list_stack_resources().stack_name(id).set_next_token(next.clone()).send();
        let page = session.call(Api::Read, call).await.map_err(|error| {
            session.name_the_target(failure(format!("cannot list the resources of the stack `{name}`"), error))
        })?;
        all.extend(page.stack_resource_summaries.unwrap_or_default().into_iter().map(|summary| {
            Resource {
                logical_id: summary.logical_resource_id.unwrap_or_default(),
                physical_id: summary.physical_resource_id.unwrap_or_default(),
                r#type: summary.resource_type.unwrap_or_default(),
                drift: summary
                    .drift_information
                    .and_then(|drift| drift.stack_resource_drift_status)
                    .map(|status| status.as_str().to_owned())
                    .unwrap_or_default(),
                status: summary.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            }
        }));
        next = page.next_token;
        if next.is_none() {
            return Ok(all);
        }
    }
}
