//! Brings a stack about that is not there.
//!
//! A plan leaves no trace of it: the change set is made when the deed is done. What a killed or
//! failed run left (a stack in review, a creation rolled back) is taken up or cleared first.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudformation::types::ChangeSetType;

use super::action::Action;
use super::changeset::{self, Made};
use super::due::Due;
use super::import::{self, Import};
use super::invoke::Actions;
use super::live::Live;
use super::protection;
use super::realm::Realm;
use super::resources::{self, Resource};
use super::site::delete;
use super::status::{Standing, Status};
use super::template::Template;
use super::update::{Act, Deployment, run, token};
use super::upload;
use super::wait;
use super::wanted::Wanted;
use crate::unit::{Deed, KindError, Outputs, Owner, Progress};

/// A stack to be created.
pub(super) struct Create {
    pub(super) realm: Arc<Realm>,
    pub(super) wanted: Wanted,
    pub(super) template: Option<Arc<Template>>,
    /// What stands in its place: a stack in review, or a creation rolled back.
    pub(super) found: Option<Live>,
    /// What is there already, and makes up the stack; nothing of it is created then.
    pub(super) imports: Vec<Import>,
    pub(super) actions: Vec<Action>,
}

#[async_trait]
impl Deed for Create {
    async fn perform(self: Box<Self>, _owner: &Owner, progress: &Progress) -> Result<Outputs, KindError> {
        let (realm, name) = (self.realm.as_ref(), self.wanted.name.as_str());
        realm.touch(name);
        // A stack that came up meanwhile is seen by AWS itself: a creation is refused then.
        if self.found.is_some() {
            Box::pin(self.clear_the_way(progress)).await?;
        }
        let change_set = self.wanted.change_set_name();
        let body = Box::pin(upload::placed(realm, &self.wanted.body)).await?;
        let made = changeset::make(realm, name, &change_set, false, |call| match self.imports.is_empty() {
            true => self.wanted.fill(&body, call.change_set_type(ChangeSetType::Create)),
            false => import::into(self.wanted.fill(&body, call), &self.imports, None),
        });
        let set = match Box::pin(made).await {
            Ok(Made::Ready(set)) => set,
            Ok(Made::NoChanges) => {
                Box::pin(self.leave_nothing()).await?;
                return Err(KindError::failed(format!("CloudFormation sees nothing to create in the stack `{name}`")));
            }
            Err(error) => {
                // The refusal is what matters; a stack in review that stays is taken up next time.
                let _ = Box::pin(self.leave_nothing()).await;
                return Err(self.veiled(error));
            }
        };
        let (veil, template, sent) = (&self.wanted.veil, self.template.as_deref(), self.wanted.body.text());
        let due = Due::of(realm, &set.stack_id);
        if !self.actions.is_empty() {
            due.note(&token(&set))?;
        }
        let kind = if self.imports.is_empty() { Deployment::Creation } else { Deployment::Import };
        let longest = self.wanted.longest;
        let act = Act { realm, name, before: None, kind, sent, longest, veil, template, progress };
        let outputs = Box::pin(run(act, &set)).await?;
        if self.wanted.protection == Some(true) {
            Box::pin(protection::set(realm, name, true)).await?;
        }
        if let Some(policy) = &self.wanted.policy {
            Box::pin(policy.set(realm, name)).await?;
        }
        let actions = Actions { realm, stack: name, outputs: &outputs, veil, progress };
        Box::pin(actions.run(&self.actions, &due)).await?;
        Ok(outputs)
    }
}

impl Create {
    async fn clear_the_way(&self, progress: &Progress) -> Result<(), KindError> {
        let (realm, name) = (self.realm.as_ref(), self.wanted.name.as_str());
        let Some(live) = realm.look_at(name).await? else { return Ok(()) };
        match live.status.standing() {
            Standing::Absent => Ok(()),
            Standing::Review => changeset::sweep(realm, name).await.map(|_| ()),
            Standing::NeverCreated => {
                self.check_that_nothing_is_left(&live).await?;
                progress.say(format!("deleting {name}, whose first creation failed"));
                delete(realm, &live, &self.wanted.veil, progress).await
            }
            Standing::Ready | Standing::Busy | Standing::HandsOff { .. } => {
                let said = format!("the stack `{name}` is there now, in {}", live.status.as_str());
                Err(KindError::moved(said).hint("plan again"))
            }
        }
    }

    async fn check_that_nothing_is_left(&self, live: &Live) -> Result<(), KindError> {
        let all = resources::of(&self.realm, live).await?;
        // One that failed before it was there has nothing to keep.
        let is_there = |resource: &&Resource| !resource.physical_id.is_empty() && resource.status != "DELETE_COMPLETE";
        let kept: Vec<&str> = all.iter().filter(is_there).map(|resource| resource.logical_id.as_str()).collect();
        match kept.is_empty() {
            true => Ok(()),
            false => Err(KindError::refused(format!(
                "the first creation of the stack `{}` failed, and its rollback kept {}",
                live.name,
                kept.join(", ")
            ))
            .hint(format!(
                "look at them, then: aws cloudformation delete-stack --stack-name {} --region {}",
                live.name, self.realm.region
            ))),
        }
    }

    /// A stack in review is ours when it holds nobody else's change set.
    async fn leave_nothing(&self) -> Result<(), KindError> {
        let (realm, name) = (self.realm.as_ref(), self.wanted.name.as_str());
        let Some(live) = realm.look_at(name).await? else { return Ok(()) };
        if live.status != Status::ReviewInProgress || changeset::sweep(realm, name).await? > 0 {
            return Ok(());
        }
        delete(realm, &live, &self.wanted.veil, &Progress::silent()).await
    }

    fn veiled(&self, error: KindError) -> KindError {
        KindError { message: self.wanted.veil.sentence(&error.message), ..error }
    }
}

/// The stack once nobody is at work on it, for a plan.
pub(super) async fn settled(realm: &Realm, name: &str, longest: Duration) -> Result<Option<Live>, KindError> {
    match realm.stack(name).await? {
        Some(live) if live.status.standing() == Standing::Busy => wait::until_idle(realm, name, live, longest).await,
        live => Ok(live),
    }
}
