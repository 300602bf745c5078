//! One account and region: its session, and the list of its stacks shared by a whole run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::TemplateStage;
use tokio::sync::{Mutex, OnceCell};

use super::live::Live;
use crate::aws::{Api, Aws, Session, failure};
use crate::unit::KindError;

/// One list answers for all units that are looked at within this time.
const PASS: Duration = Duration::from_secs(15);

/// One account and region.
pub(super) struct Realm {
    pub(super) aws: Aws,
    pub(super) account: String,
    pub(super) region: String,
    reader: OnceCell<Client>,
    list: Mutex<Option<(Instant, Arc<Stacks>)>>,
    /// Stacks changed by us, which the list tells wrongly until it is taken again.
    touched: std::sync::Mutex<BTreeSet<String>>,
    templates: Mutex<BTreeMap<String, (String, Arc<str>)>>,
}

/// Every stack of an account and region, by name.
pub(super) type Stacks = BTreeMap<String, Live>;

impl Realm {
    pub(super) fn new(aws: Aws, account: &str, region: &str) -> Self {
        Self {
            aws,
            account: account.to_owned(),
            region: region.to_owned(),
            reader: OnceCell::new(),
            list: Mutex::default(),
            touched: std::sync::Mutex::default(),
            templates: Mutex::default(),
        }
    }

    pub(super) async fn session(&self) -> Result<Session, KindError> {
        Box::pin(self.aws.session(&self.account, &self.region)).await
    }

    /// For calls that only read.
    pub(super) async fn reader(&self) -> Result<&Client, KindError> {
        let client = || async { Ok(Client::new(self.session().await?.for_reading())) };
        self.reader.get_or_try_init(client).await
    }

    /// For one call that writes, its account proven just now.
    pub(super) async fn writer(&self) -> Result<Client, KindError> {
        Ok(Client::new(&self.session().await?.for_writing().await?))
    }

    /// One stack: from the list of this pass, or asked for by name where we changed it since.
    pub(super) async fn stack(&self, name: &str) -> Result<Option<Live>, KindError> {
        match self.is_touched(name) {
            true => self.look_at(name).await,
            false => Ok(self.stacks().await?.get(name).cloned()),
        }
    }

    fn is_touched(&self, name: &str) -> bool {
        self.touched.lock().expect("no holder panics").contains(name)
    }

    /// Says that the stack is about to be changed by us.
    pub(super) fn touch(&self, name: &str) {
        self.touched.lock().expect("no holder panics").insert(name.to_owned());
    }

    /// Every stack, nested ones included; a list that ends early is an error.
    pub(super) async fn stacks(&self) -> Result<Arc<Stacks>, KindError> {
        let mut list = self.list.lock().await;
        if let Some((taken, stacks)) = list.as_ref().filter(|(taken, _)| taken.elapsed() < PASS) {
            let _ = taken;
            return Ok(stacks.clone());
        }
        let session = self.session().await?;
        let _turn = session.turn(Api::Read).await;
        let mut pages = self.reader().await?.describe_stacks().into_paginator().send();
        let mut stacks = Stacks::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| session.name_the_target(failure("cannot list the stacks", error)))?;
            stacks.extend(
                page.stacks.unwrap_or_default().into_iter().map(Live::of).map(|live| (live.name.clone(), live)),
            );
        }
        let stacks = Arc::new(stacks);
        *list = Some((Instant::now(), stacks.clone()));
        Ok(stacks)
    }

    /// Asks for one stack, by its name or its id.
    pub(super) async fn look_at(&self, name_or_id: &str) -> Result<Option<Live>, KindError> {
        let session = self.session().await?;
        let _turn = session.turn(Api::Read).await;
        let asked = self.reader().await?.describe_stacks().stack_name(name_or_id).send().await;
        match asked {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next().map(Live::of)),
            Err(error) if is_absence(error.code(), error.message()) => Ok(None),
            Err(error) => {
                Err(session.name_the_target(failure(format!("cannot describe the stack `{name_or_id}`"), error)))
            }
        }
    }

    /// The template a stack was deployed with, as it was sent.
    pub(super) async fn template_of(&self, live: &Live) -> Result<Arc<str>, KindError> {
        let mut templates = self.templates.lock().await;
        if let Some((revision, text)) = templates.get(&live.id)
            && *revision == live.revision
        {
            return Ok(text.clone());
        }
        // Not held during the call: a slow answer for one stack must not stop the others.
        drop(templates);
        let session = self.session().await?;
        let turn = session.turn(Api::Read).await;
        let call = self.reader().await?.get_template().stack_name(&live.id).template_stage(TemplateStage::Original);
        let answer = call.send().await;
        drop(turn);
        let deed = format!("cannot read the template of the stack `{}`", live.name);
        let answer = answer.map_err(|error| session.name_the_target(failure(deed, error)))?;
        let text: Arc<str> = Arc::from(answer.template_body.unwrap_or_default());
        templates = self.templates.lock().await;
        templates.insert(live.id.clone(), (live.revision.clone(), text.clone()));
        Ok(text)
    }
}

/// The API has no error of its own for a stack that is not there: only a code and a sentence.
pub(super) fn is_absence(code: Option<&str>, message: Option<&str>) -> bool {
    code == Some("ValidationError") && message.is_some_and(|message| message.contains("does not exist"))
}
