//! Executes the change set that was shown, and afterwards puts back what drifted.

use async_trait::async_trait;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use std::sync::Arc;

use super::changeset::{self, ChangeSet};
use super::drift::{self, Found};
use super::events;
use super::realm::Realm;
use super::revert::revert;
use super::status::End;
use super::template::Template;
use super::veil::Veil;
use super::wait::Watch;
use super::wanted::PREFIX;
use crate::aws::{Api, failure};
use crate::unit::{Deed, ErrorKind, KindError, Outputs, Owner, Progress};

/// A change set and drift to be put right, either or both.
pub(super) struct Update {
    pub(super) realm: Arc<Realm>,
    pub(super) name: String,
    pub(super) set: Option<ChangeSet>,
    pub(super) drifted: Vec<Found>,
    pub(super) veil: Veil,
    pub(super) template: Option<Arc<Template>>,
}

#[async_trait]
impl Deed for Update {
    async fn perform(self: Box<Self>, _owner: &Owner, progress: &Progress) -> Result<Outputs, KindError> {
        let realm = self.realm.as_ref();
        let mut outputs = None;
        if let Some(set) = &self.set {
            // Boxed, as every step of a deed: together they are more than the compiler takes at once.
            Box::pin(self.is_still_the_same(set)).await?;
            let template = self.template.as_deref();
            let act = Act { realm, name: &self.name, veil: &self.veil, template, progress };
            outputs = Some(Box::pin(run(act, set)).await?);
        }
        match (self.drifted.is_empty(), outputs) {
            (true, Some(outputs)) => Ok(outputs),
            (true, None) => Ok(Outputs::new()),
            (false, done) => Box::pin(self.put_back(done, progress)).await,
        }
    }

    async fn abandon(self: Box<Self>) -> Result<(), KindError> {
        match &self.set {
            Some(set) => changeset::delete(&self.realm, &set.stack_id, &set.id).await,
            None => Ok(()),
        }
    }
}

impl Update {
    /// What was approved is what runs: the change set says the same as when it was shown.
    async fn is_still_the_same(&self, set: &ChangeSet) -> Result<(), KindError> {
        match changeset::describe(&self.realm, &set.stack_id, &set.id).await? == *set {
            true => Ok(()),
            false => {
                let said = format!("the change set of the stack `{}` is no longer the one that was shown", self.name);
                Err(KindError::moved(said).hint("plan again"))
            }
        }
    }

    /// Looks again first: an update may have put right what had drifted.
    async fn put_back(&self, done: Option<Outputs>, progress: &Progress) -> Result<Outputs, KindError> {
        let gone = || KindError::moved(format!("the stack `{}` is gone", self.name));
        let live = self.realm.look_at(&self.name).await?.ok_or_else(gone)?;
        progress.say(format!("looking for drift of {}", self.name));
        let (found, _) = drift::detect(&self.realm, &live).await?;
        let left: Vec<Found> = found.into_iter().filter(Found::is_drifted).collect();
        if left.is_empty() {
            return Ok(done.unwrap_or(live.outputs));
        }
        let new = left.iter().find(|found| !self.drifted.iter().any(|known| is_within(found, known)));
        if let Some(new) = new {
            let said = format!(
                "`{}` ({}) of the stack `{}` was changed since it was shown",
                new.logical_id, new.r#type, self.name
            );
            return Err(KindError::moved(said).hint("plan again"));
        }
        Box::pin(revert(&self.realm, &live, &left, &self.veil, progress)).await
    }
}

/// Whether what is found now is what was shown, or less.
fn is_within(now: &Found, shown: &Found) -> bool {
    now.logical_id == shown.logical_id
        && now.status == shown.status
        && now.properties.iter().all(|property| shown.properties.contains(property))
}

/// What executing a change set needs beside it.
pub(super) struct Act<'a> {
    pub(super) realm: &'a Realm,
    pub(super) name: &'a str,
    pub(super) veil: &'a Veil,
    pub(super) template: Option<&'a Template>,
    pub(super) progress: &'a Progress,
}

/// Executes a change set and waits for its end.
pub(super) async fn run(act: Act<'_>, set: &ChangeSet) -> Result<Outputs, KindError> {
    let Act { realm, name, veil, template, progress } = act;
    let after = events::newest(realm, &set.stack_id).await?.map(|event| event.id);
    realm.touch(name);
    execute(realm, name, set, after.as_deref()).await?;
    let watch = |after| Watch { realm, name, stack_id: &set.stack_id, after, veil, template, progress };
    let (live, seen) = watch(after).until_the_end().await?;
    for event in events::left_behind(&seen) {
        progress.say(format!("left behind: {} ({}), which could not be deleted", event.logical_id, event.r#type));
    }
    match live.status.end() {
        End::Good => Ok(live.outputs),
        End::Bad | End::Gone | End::Going => Err(watch(None).explain(&live, &seen)),
    }
}

async fn execute(realm: &Realm, name: &str, set: &ChangeSet, after: Option<&str>) -> Result<(), KindError> {
    let session = realm.session().await?;
    let _turn = session.turn(Api::Write).await;
    let token = token(set);
    let call = realm.writer().await?.execute_change_set().change_set_name(&set.id).stack_name(&set.stack_id);
    // Said outright: the API's own words about its default contradict each other.
    let sent = call.client_request_token(&token).disable_rollback(false).send().await;
    let Err(error) = sent else { return Ok(()) };
    // The answer may have been lost after the deed was done: the events know.
    let begun = events::since(realm, &set.stack_id, after).await.unwrap_or_default();
    if begun.iter().any(|event| event.token.as_deref() == Some(token.as_str())) {
        return Ok(());
    }
    let is_moved = matches!(error.code(), Some("InvalidChangeSetStatus" | "ChangeSetNotFound"));
    let error = failure(format!("cannot execute the change set of the stack `{name}`"), error);
    let error = session.name_the_target(error);
    match is_moved {
        true => Err(KindError { kind: ErrorKind::Moved, ..error }.hint("plan again")),
        false => Err(error),
    }
}

/// The same for the same change set, so that a second try is no second deed.
fn token(set: &ChangeSet) -> String {
    use sha2::{Digest, Sha256};
    format!("{PREFIX}{}", &hex::encode(Sha256::digest(&set.id))[..32])
}
