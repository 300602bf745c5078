//! Executes the change set that was shown, and afterwards puts back what drifted.

use async_trait::async_trait;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use std::sync::Arc;
use std::time::Duration;

use super::action::Action;
use super::changeset::{self, ChangeSet};
use super::detect;
use super::drift::Found;
use super::due::Due;
use super::events;
use super::invoke::Actions;
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
    pub(super) stack_id: String,
    /// As it was when the change was planned.
    pub(super) version: String,
    /// The template that the change set was made from, where it was sent as text.
    pub(super) sent: Option<String>,
    pub(super) set: Option<ChangeSet>,
    /// The protection from deletion, where it changes.
    pub(super) protect: Option<bool>,
    /// The policy to be set, where it is another one.
    pub(super) policy: Option<Policy>,
    /// How long its operation is waited for.
    pub(super) longest: Duration,
    /// Whether the change set takes over what is there already.
    pub(super) imports: bool,
    /// What is run afterwards.
    pub(super) actions: Vec<Action>,
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
        let due = Due::of(realm, &self.stack_id);
        if let Some(set) = &self.set {
            // Boxed, as every step of a deed: together they are more than the compiler takes at once.
            Box::pin(self.is_still_the_same(set)).await?;
            if !self.actions.is_empty() {
                due.note(&token(set))?;
            }
            let template = self.template.as_deref();
            let act = Act {
                realm,
                name: &self.name,
                before: Some(self.version.clone()),
                kind: if self.imports { Deployment::Import } else { Deployment::Update },
                sent: self.sent.as_deref(),
                longest: self.longest,
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
        let outputs = match (self.drifted.is_empty(), outputs) {
            (true, Some(outputs)) => outputs,
            (true, None) => self.outputs.clone(),
            (false, done) => Box::pin(self.put_back(done, progress)).await?,
        };
        if self.imports {
            Box::pin(self.tell_what_differs(progress)).await;
        }
        let actions = Actions { realm, stack: &self.name, outputs: &outputs, veil: &self.veil, progress };
        Box::pin(actions.run(&self.actions, &due)).await?;
        Ok(outputs)
    }

    async fn abandon(self: Box<Self>) -> Result<(), KindError> {
        match &self.set {
            Some(set) => changeset::delete(&self.realm, &set.stack_id, &set.id).await,
            None => Ok(()),
        }
    }
}

impl Update {
    /// CloudFormation takes the template's word for what it imports. How that differs from what is there
    /// is drift, and worth a word at once.
    async fn tell_what_differs(&self, progress: &Progress) {
        let Ok(Some(live)) = self.realm.look_at(&self.name).await else { return };
        // The next look for drift tells it too.
        let Ok(detected) = detect::detect(&self.realm, &live).await else { return };
        for found in detected.found.iter().filter(|found| found.is_drifted()) {
            progress.say(format!("imported, and not as its template says: {} ({})", found.logical_id, found.r#type));
        }
    }

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
        let detected = detect::detect(&self.realm, &live).await?;
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
            false => Box::pin(revert(&self.realm, &live, &own, self.longest, &self.veil, progress)).await?,
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
    pub(super) kind: Deployment,
    /// How long it is waited for.
    pub(super) longest: Duration,
    /// The template it was made from, to be remembered.
    pub(super) sent: Option<&'a str>,
    pub(super) veil: &'a Veil,
    pub(super) template: Option<&'a Template>,
    pub(super) progress: &'a Progress,
}

/// What a change set does to a stack as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deployment {
    Creation,
    Update,
    Import,
}

/// Executes a change set and waits for its end.
pub(super) async fn run(act: Act<'_>, set: &ChangeSet) -> Result<Outputs, KindError> {
    let Act { realm, name, before, kind, longest, sent, veil, template, progress } = act;
    realm.touch(name);
    execute(realm, name, set, kind).await?;
    let (stack_id, token) = (set.stack_id.as_str(), token(set));
    let watch = Watch { realm, name, stack_id, before, token, longest, veil, template, progress };
    let live = watch.until_the_end().await?;
    match live.status.end() {
        End::Good => {}
        End::Bad | End::Gone | End::Going => return Err(watch.explain(&live).await),
    }
    if let Some(sent) = sent {
        realm.memory.learn(&live, sent);
    }
    if kind != Deployment::Creation {
        // The change is made; that its leavings cannot be told does not undo it.
        for event in events::left_behind(&watch.events().await.unwrap_or_default()) {
            progress.say(format!("left behind: {} ({}), which could not be deleted", event.logical_id, event.r#type));
        }
    }
    Ok(live.outputs)
}

async fn execute(realm: &Realm, name: &str, set: &ChangeSet, kind: Deployment) -> Result<(), KindError> {
    let (session, client, token) = (realm.session().await?, realm.writer().await?, token(set));
    let call = || {
        let call = client.execute_change_set().change_set_name(&set.id).stack_name(&set.stack_id);
        // Said outright: the API's own words about its default contradict each other. What a first
        // creation made is not kept when it fails, whatever its deletion policy: a name that stays
        // taken would make the next try fail too.
        let is_creation = kind == Deployment::Creation;
        let call = call.disable_rollback(false).set_retain_except_on_create(is_creation.then_some(true));
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
pub(super) fn token(set: &ChangeSet) -> String {
    use sha2::{Digest, Sha256};
    format!("{PREFIX}{}", &hex::encode(Sha256::digest(&set.id))[..32])
}
