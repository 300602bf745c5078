//! Waiting for an operation on a stack to end, gently, and telling what goes on.

use std::time::{Duration, Instant};

use super::events::{self, Event};
use super::explain;
use super::live::Live;
use super::realm::Realm;
use super::status::{End, Standing, Status};
use super::template::Template;
use super::veil::Veil;
use super::wanted::PREFIX;
use crate::unit::{KindError, Progress};

/// The longest a single operation is watched; CloudFront and databases take most of an hour.
const LONGEST: Duration = Duration::from_secs(4 * 60 * 60);
/// How long somebody else's operation is waited for, where the operator does not say.
const PATIENCE: Duration = Duration::from_secs(2 * 60);
/// How long a status is doubted that no event of the operation bears out.
const DOUBT: Duration = Duration::from_secs(20);
/// What happens in an operation is told from then on, and ever less often: each word costs a call.
const FIRST_WORD: Duration = Duration::from_secs(4);
/// So many reads in a row may fail before a watch is given up: a failed read fails no deployment.
const MOST_MISSES: u32 = 30;

/// The pauses between two looks, growing.
pub(super) struct Pace(Duration);

impl Pace {
    pub(super) fn new() -> Self {
        Self(Duration::from_millis(300))
    }

    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 3 / 2).min(Duration::from_secs(5));
    }

    /// How old an answer may be that serves as one of now.
    pub(super) fn age(&self) -> Duration {
        self.0 / 3
    }
}

/// An operation under way.
pub(super) struct Watch<'a> {
    pub(super) realm: &'a Realm,
    pub(super) name: &'a str,
    /// By its id: a deleted stack has no name any more.
    pub(super) stack_id: &'a str,
    /// The stack's [`Live::version`] from before the operation; none where it was not there.
    pub(super) before: Option<String>,
    /// The operation's own token.
    pub(super) token: String,
    pub(super) longest: Duration,
    pub(super) veil: &'a Veil,
    pub(super) template: Option<&'a Template>,
    pub(super) progress: &'a Progress,
}

impl Watch<'_> {
    /// Until the operation has ended, and how.
    pub(super) async fn until_the_end(&self) -> Result<Live, KindError> {
        let mut looks = Looks::new();
        let mut last = None;
        while looks.started.elapsed() < self.longest {
            looks.pause(self).await;
            match self.realm.follow(self.stack_id, looks.pace.age()).await {
                // Only a stack that somebody deleted meanwhile stays away from the list.
                Ok(None) if looks.started.elapsed() > DOUBT => match self.realm.look_at(self.stack_id).await? {
                    Some(live) if live.status.end() != End::Going => return Ok(live),
                    Some(_) => {}
                    None => return Err(KindError::failed(format!("the stack `{}` was deleted meanwhile", self.name))),
                },
                Ok(live) => {
                    looks.misses = 0;
                    // AWS may still tell the old status after an operation has begun.
                    let moved = |live: &Live| self.before.as_ref() != Some(&live.version());
                    if let Some(live) = &live
                        && live.status.end() != End::Going
                        && (moved(live) || looks.started.elapsed() > DOUBT)
                    {
                        return Ok(live.clone());
                    }
                    last = live.map(|live| live.status).or(last);
                }
                Err(error) if looks.misses >= MOST_MISSES => return Err(error),
                Err(_) => looks.misses += 1,
            }
        }
        Err(self.goes_on(last.as_ref().map_or("an operation", Status::as_str)))
    }

    /// Until the stack is gone, or cannot be deleted; its last description where it has one.
    pub(super) async fn until_gone(&self) -> Result<Option<Live>, KindError> {
        let mut looks = Looks::new();
        while looks.started.elapsed() < self.longest {
            looks.pause(self).await;
            match self.realm.follow(self.stack_id, looks.pace.age()).await {
                // The list leaves out what is deleted; only the id tells that from what is not told yet.
                Ok(None) => match self.realm.look_at(self.stack_id).await? {
                    Some(live) if live.status == Status::DeleteComplete => return Ok(Some(live)),
                    None => return Ok(None),
                    Some(_) => {}
                },
                Ok(Some(live)) => {
                    looks.misses = 0;
                    let moved = self.before.as_ref() != Some(&live.version());
                    if live.status == Status::DeleteFailed && (moved || looks.started.elapsed() > DOUBT) {
                        return Ok(Some(live));
                    }
                }
                Err(error) if looks.misses >= MOST_MISSES => return Err(error),
                Err(_) => looks.misses += 1,
            }
        }
        Err(self.goes_on("DELETE_IN_PROGRESS"))
    }

    fn goes_on(&self, status: &str) -> KindError {
        goes_on(self.realm, self.name, status, self.longest)
    }

    /// Tells what happened since it was last told.
    async fn tell(&self, told: &mut usize) {
        let Ok(events) = events::of_operation(self.realm, self.stack_id, &self.token).await else { return };
        for event in events.iter().skip(*told) {
            let reason = event.reason.as_deref().map(|reason| format!(": {}", self.veil.sentence(reason)));
            self.progress.say(format!("{} {}{}", event.status, event.logical_id, reason.unwrap_or_default()));
        }
        *told = events.len().max(*told);
    }

    /// All events of the operation.
    pub(super) async fn events(&self) -> Result<Vec<Event>, KindError> {
        let ours = events::of_operation(self.realm, self.stack_id, &self.token).await?;
        match events::cause(&ours).is_some() {
            true => Ok(ours),
            // Not everything that happens in an operation carries its token.
            false => events::of_last_operation(self.realm, self.stack_id).await,
        }
    }

    /// Why the operation failed, with the line of the template that it failed at.
    pub(super) async fn explain(&self, live: &Live) -> KindError {
        let events = self.events().await.unwrap_or_default();
        explain::failed(self.realm, live, &events, self.veil, self.template).await
    }
}

/// How long one operation is waited for, where no file says.
pub(super) fn longest(realm: &Realm) -> Duration {
    realm.aws.settings().longest.unwrap_or(LONGEST)
}

/// An operation of ours that outlives the wait for it: neither done nor failed.
fn goes_on(realm: &Realm, name: &str, status: &str, after: Duration) -> KindError {
    let said = format!("the stack `{name}` is still in {status} after {}", in_words(after));
    let again =
        "nothing is wrong yet: run again, and it is waited for again (`TimeoutMinutes` of its file says how long)";
    KindError::unfinished(said).hint(match status.starts_with("UPDATE_IN_PROGRESS") {
        true => {
            let give_up =
                format!("aws cloudformation cancel-update-stack --stack-name {name} --region {}", realm.region);
            format!("{again}; to give it up: {give_up}")
        }
        false => again.to_owned(),
    })
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// How a wait goes on: ever more slowly, and with a word now and then for those who watch.
struct Looks {
    pace: Pace,
    started: Instant,
    misses: u32,
    told: usize,
    tell_at: Duration,
    is_new: bool,
}

impl Looks {
    fn new() -> Self {
        Self { pace: Pace::new(), started: Instant::now(), misses: 0, told: 0, tell_at: FIRST_WORD, is_new: true }
    }

    async fn pause(&mut self, watch: &Watch<'_>) {
        if std::mem::take(&mut self.is_new) {
            watch.realm.budget().begin();
        }
        // A thirtieth of what it has taken so far: what that adds in the end is small beside it.
        let pause = (self.started.elapsed() / 30).clamp(Duration::from_millis(300), Duration::from_secs(5));
        watch.realm.next_list(pause).await;
        let elapsed = self.started.elapsed();
        if elapsed >= self.tell_at && watch.realm.budget().take_word() {
            self.tell_at = elapsed * 3 / 2;
            watch.tell(&mut self.told).await;
        }
    }
}

/// The stack when nobody is at work on it. An operation of ours, left by a killed run, is waited for
/// to its end; other people's for a short while.
pub(super) async fn until_idle(
    realm: &Realm,
    name: &str,
    mut live: Live,
    longest: Duration,
) -> Result<Option<Live>, KindError> {
    let (mut pace, started) = (Pace::new(), Instant::now());
    // Whose operation it is does not change while it lasts.
    let newest = match live.status.standing() {
        Standing::Busy => events::newest(realm, &live.id).await?,
        _ => None,
    };
    let token = newest.and_then(|event| event.token);
    while live.status.standing() == Standing::Busy {
        let is_ours = token.as_deref().is_some_and(|token| token.starts_with(PREFIX));
        let patience = realm.aws.settings().patience.unwrap_or(PATIENCE);
        if is_ours && started.elapsed() > longest {
            return Err(goes_on(realm, name, live.status.as_str(), longest));
        }
        if !is_ours && started.elapsed() > patience {
            let who = match &token {
                Some(token) => format!("somebody else (request `{token}`)"),
                None => "somebody else".to_owned(),
            };
            let said = format!("the stack `{name}` is in {}: {who} is at work on it", live.status.as_str());
            return Err(KindError::failed(said).hint(format!(
                "run again when that has ended; what it does: aws cloudformation describe-stack-events --stack-name {name} --region {}",
                realm.region
            )));
        }
        pace.pause().await;
        match realm.follow(&live.id, pace.age()).await? {
            Some(now) => live = now,
            // It may have been deleted, or be left out of a list for a moment.
            None => match realm.look_at(&live.id).await? {
                Some(now) if now.status != Status::DeleteComplete => live = now,
                Some(_) | None => return Ok(None),
            },
        }
    }
    Ok(Some(live))
}
