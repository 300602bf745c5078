//! One account and region: its session, and the list of its stacks shared by a whole run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::Builder;
use aws_sdk_cloudformation::config::retry::RetryConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::TemplateStage;
use tokio::sync::{Mutex, Notify, OnceCell};

use super::budget::Budget;
use super::harvest::Harvest;
use super::live::Live;
use super::memory::Memory;
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
    /// Wakes those who wait for the next list.
    fresh: Notify,
    budget: std::sync::Mutex<Budget>,
    /// Stacks changed by us, which the list tells wrongly until it is taken again.
    touched: std::sync::Mutex<BTreeSet<String>>,
    pub(super) memory: Arc<Memory>,
    /// Detections of drift that are waited for.
    pub(super) harvest: Harvest,
}

/// Every stack of an account and region, by name.
pub(super) type Stacks = BTreeMap<String, Live>;

impl Realm {
    pub(super) fn new(aws: Aws, memory: Arc<Memory>, account: &str, region: &str) -> Self {
        Self {
            aws,
            account: account.to_owned(),
            region: region.to_owned(),
            reader: OnceCell::new(),
            list: Mutex::default(),
            fresh: Notify::new(),
            budget: std::sync::Mutex::default(),
            touched: std::sync::Mutex::default(),
            memory,
            harvest: Harvest::default(),
        }
    }

    /// As its site is named.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.account, self.region)
    }

    pub(super) async fn session(&self) -> Result<Session, KindError> {
        Box::pin(self.aws.session(&self.account, &self.region)).await
    }

    /// For calls that only read.
    pub(super) async fn reader(&self) -> Result<&Client, KindError> {
        let client = || async { Ok(client(self.session().await?.for_reading().into())) };
        self.reader.get_or_try_init(client).await
    }

    /// For one call that writes, its account proven just now.
    pub(super) async fn writer(&self) -> Result<Client, KindError> {
        Ok(client((&self.session().await?.for_writing().await?).into()))
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
        self.listed(PASS).await
    }

    /// Every stack, as of no longer ago than `age`. All who wait for something in this account and
    /// region share these lists: whoever asks while one is taken gets that one.
    pub(super) async fn listed(&self, age: Duration) -> Result<Arc<Stacks>, KindError> {
        let asked = Instant::now();
        let mut list = self.list.lock().await;
        if let Some((_, stacks)) = list.as_ref().filter(|(taken, _)| *taken + age >= asked) {
            return Ok(stacks.clone());
        }
        let taken = Instant::now();
        let listed = self.list().await;
        // One that failed has cost a call as well, and is not asked for again at once.
        let pages = listed.as_ref().map_or(1, |(_, pages)| *pages);
        self.budget().spend(pages, Instant::now());
        let stacks = Arc::new(listed?.0);
        *list = Some((taken, stacks.clone()));
        self.fresh.notify_waiters();
        Ok(stacks)
    }

    /// Until somebody has taken a new list, or it is our turn to take one, which is looked at so often.
    pub(super) async fn next_list(&self, pause: Duration) {
        loop {
            tokio::select! {
                () = self.fresh.notified() => return,
                () = tokio::time::sleep(pause) => if self.budget().has_a_list(Instant::now()) { return },
            }
        }
    }

    /// What is left for those who wait here.
    pub(super) fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All pages, and how many they were.
    async fn list(&self) -> Result<(Stacks, u32), KindError> {
        let (session, client) = (self.session().await?, self.reader().await?);
        let (mut stacks, mut next, mut pages) = (Stacks::new(), None, 0);
        loop {
            let call = || client.describe_stacks().set_next_token(next.clone()).send();
            let page = session.call(Api::Read, call).await;
            let page = page.map_err(|error| session.name_the_target(failure("cannot list the stacks", error)))?;
            stacks.extend(
                page.stacks.unwrap_or_default().into_iter().map(Live::of).map(|live| (live.name.clone(), live)),
            );
            (next, pages) = (page.next_token, pages + 1);
            if next.is_none() {
                return Ok((stacks, pages));
            }
        }
    }

    /// One stack by its id, from a list no older than `age`; asked for by itself where that has none.
    pub(super) async fn follow(&self, id: &str, age: Duration) -> Result<Option<Live>, KindError> {
        let stacks = self.listed(age).await?;
        Ok(stacks.values().find(|live| live.id == id).cloned())
    }

    /// Asks for one stack, by its name or its id.
    pub(super) async fn look_at(&self, name_or_id: &str) -> Result<Option<Live>, KindError> {
        let (session, client) = (self.session().await?, self.reader().await?);
        let asked = session.call(Api::Read, || client.describe_stacks().stack_name(name_or_id).send()).await;
        match asked {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next().map(Live::of)),
            Err(error) if is_absence(error.code(), error.message()) => Ok(None),
            Err(error) => {
                Err(session.name_the_target(failure(format!("cannot describe the stack `{name_or_id}`"), error)))
            }
        }
    }

    /// Whether a stack was deployed with this template, as it was sent.
    pub(super) async fn has_template(&self, live: &Live, text: &str) -> Result<bool, KindError> {
        if let Some(known) = self.memory.is_template(live, text) {
            return Ok(known);
        }
        let (session, client) = (self.session().await?, self.reader().await?);
        let call = || client.get_template().stack_name(&live.id).template_stage(TemplateStage::Original).send();
        let deed = format!("cannot read the template of the stack `{}`", live.name);
        let answer = session.call(Api::Read, call).await;
        let answer = answer.map_err(|error| session.name_the_target(failure(deed, error)))?;
        let deployed = answer.template_body.unwrap_or_default();
        self.memory.learn(live, &deployed);
        Ok(deployed == text)
    }
}

/// Tries are counted where the turns are: a client that tries again by itself would not tell.
fn client(config: Builder) -> Client {
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

/// The API has no error of its own for a stack that is not there: only a code and a sentence.
pub(super) fn is_absence(code: Option<&str>, message: Option<&str>) -> bool {
    code == Some("ValidationError") && message.is_some_and(|message| message.contains("does not exist"))
}
