//! Executes the change set that was shown, and afterwards puts back what drifted.

use async_trait::async_trait;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use std::sync::Arc;

use super::changeset::{self, ChangeSet};
use super::drift::{self, Found};
use super::events;
use super::policy::Policy;
use super::protection;
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
    /// As it was when the change was planned.
    pub(super) version: String,
    /// The template that the change set was made from, where it was sent as text.
    pub(super) sent: Option<String>,
    pub(super) set: Option<ChangeSet>,
    /// The protection from deletion, where it changes.
    pub(super) protect: Option<bool>,
    /// The policy to be set, where it is another one.
    pub(super) policy: Option<Policy>,
    /// As they are before it.
    pub(super) outputs: Outputs,
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
            let act = Act {
                realm,
                name: &self.name,
                before: Some(self.version.clone()),
                sent: self.sent.as_deref(),
                veil: &self.veil,
                template,
                progress,
            };
            outputs = Some(Box::pin(run(act, set)).await?);
        }
        if let Some(on) = self.protect {
            Box::pin(protection::set(realm, &self.name, on)).await?;
        }
        if let Some(policy) = &self.policy {
            Box::pin(policy.set(realm, &self.name)).await?;
        }
        match (self.drifted.is_empty(), outputs) {
            (true, Some(outputs)) => Ok(outputs),
            (true, None) => Ok(self.outputs),
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
        let detected = drift::detect(&self.realm, &live).await?;
        let left: Vec<Found> = detected.found.into_iter().filter(Found::is_drifted).collect();
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
        let (nested, own): (Vec<Found>, Vec<Found>) = left.into_iter().partition(Found::is_nested);
        let outputs = match own.is_empty() {
            true => live.outputs,
            false => Box::pin(revert(&self.realm, &live, &own, &self.veil, progress)).await?,
        };
        match nested.first() {
            None => Ok(outputs),
            // AWS puts back what one stack itself holds, and a nested stack is changed through its parent only.
            Some(first) => Err(KindError::refused(format!(
                "`{}` ({}) is in a nested stack of `{}`, where CloudFormation puts nothing back",
                first.logical_id, first.r#type, self.name
            ))
            .hint("put it back by hand, or change the nested template so that an update writes it again")),
        }
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
    /// The stack's version before it; none where there is no stack yet.
    pub(super) before: Option<String>,
    /// The template it was made from, to be remembered.
    pub(super) sent: Option<&'a str>,
    pub(super) veil: &'a Veil,
    pub(super) template: Option<&'a Template>,
    pub(super) progress: &'a Progress,
}

/// Executes a change set and waits for its end.
pub(super) async fn run(act: Act<'_>, set: &ChangeSet) -> Result<Outputs, KindError> {
    let Act { realm, name, before, sent, veil, template, progress } = act;
    realm.touch(name);
    let is_new = before.is_none();
    execute(realm, name, set, is_new).await?;
    let watch = Watch { realm, name, stack_id: &set.stack_id, before, token: token(set), veil, template, progress };
    let live = watch.until_the_end().await?;
    match live.status.end() {
        End::Good => {}
        End::Bad | End::Gone | End::Going => return Err(watch.explain(&live).await),
    }
    if let Some(sent) = sent {
        realm.memory.learn(&live, sent);
    }
    if !is_new {
        // The change is made; that its leavings cannot be told does not undo it.
        for event in events::left_behind(&watch.events().await.unwrap_or_default()) {
            progress.say(format!("left behind: {} ({}), which could not be deleted", event.logical_id, event.r#type));
        }
    }
    Ok(live.outputs)
}

async fn execute(realm: &Realm, name: &str, set: &ChangeSet, is_new: bool) -> Result<(), KindError> {
    let (session, client, token) = (realm.session().await?, realm.writer().await?, token(set));
    let call = || {
        let call = client.execute_change_set().change_set_name(&set.id).stack_name(&set.stack_id);
        // Said outright: the API's own words about its default contradict each other. What a first
        // creation made is not kept when it fails, whatever its deletion policy: a name that stays
        // taken would make the next try fail too.
        let call = call.disable_rollback(false).set_retain_except_on_create(is_new.then_some(true));
        call.client_request_token(&token).send()
    };
    let Err(error) = session.call(Api::Write, call).await else { return Ok(()) };
    // The answer may have been lost after the deed was done: the events know.
    let begun = events::of_operation(realm, &set.stack_id, &token).await.unwrap_or_default();
    if !begun.is_empty() {
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
