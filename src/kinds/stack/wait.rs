//! Waiting for an operation on a stack to end, gently, and telling what goes on.

use std::time::{Duration, Instant};

use super::events::{self, Event};
use super::live::Live;
use super::realm::Realm;
use super::status::{End, Standing, Status};
use super::template::Template;
use super::veil::Veil;
use super::wanted::PREFIX;
use crate::unit::{KindError, Progress};

/// The longest a single operation is watched; CloudFront and databases take most of an hour.
const LONGEST: Duration = Duration::from_secs(4 * 60 * 60);
/// How long somebody else's operation is waited for.
const PATIENCE: Duration = Duration::from_secs(2 * 60);
/// How long a status is doubted that no event of the operation bears out.
const DOUBT: Duration = Duration::from_secs(20);
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
}

/// An operation under way.
pub(super) struct Watch<'a> {
    pub(super) realm: &'a Realm,
    pub(super) name: &'a str,
    /// By its id: a deleted stack has no name any more.
    pub(super) stack_id: &'a str,
    /// The newest event from before the operation.
    pub(super) after: Option<String>,
    pub(super) veil: &'a Veil,
    pub(super) template: Option<&'a Template>,
    pub(super) progress: &'a Progress,
}

impl Watch<'_> {
    /// Until the operation has ended: how, and all its events.
    pub(super) async fn until_the_end(mut self) -> Result<(Live, Vec<Event>), KindError> {
        let (mut pace, started) = (Pace::new(), Instant::now());
        let (mut seen, mut misses) = (Vec::new(), 0);
        while started.elapsed() < LONGEST {
            match self.look(&mut seen).await {
                Ok(live) => {
                    misses = 0;
                    let told = events::stack_status(&seen);
                    // AWS may still tell the old status, or none, after an operation has begun.
                    let borne_out = told.as_ref() == live.as_ref().map(|live| &live.status);
                    if let Some(live) = live
                        && live.status.end() != End::Going
                        && (borne_out || started.elapsed() > DOUBT)
                    {
                        return Ok((live, seen));
                    }
                }
                Err(error) if misses >= MOST_MISSES => return Err(error),
                Err(_) => misses += 1,
            }
            pace.pause().await;
        }
        let said = format!("the stack `{}` was still at work after {} hours", self.name, LONGEST.as_secs() / 3600);
        Err(KindError::failed(said).hint("run again: its operation goes on, and will be waited for"))
    }

    /// Until the stack is gone, or cannot be deleted; its last description where it has one.
    pub(super) async fn until_gone(mut self) -> Result<(Option<Live>, Vec<Event>), KindError> {
        let (mut pace, started) = (Pace::new(), Instant::now());
        let (mut seen, mut misses) = (Vec::new(), 0);
        while started.elapsed() < LONGEST {
            match self.look(&mut seen).await {
                Ok(None) => return Ok((None, seen)),
                Ok(Some(live)) => {
                    misses = 0;
                    let failed = events::stack_status(&seen) == Some(Status::DeleteFailed);
                    match live.status {
                        Status::DeleteComplete => return Ok((Some(live), seen)),
                        Status::DeleteFailed if failed || started.elapsed() > DOUBT => return Ok((Some(live), seen)),
                        _ => {}
                    }
                }
                Err(error) if misses >= MOST_MISSES => return Err(error),
                Err(_) => misses += 1,
            }
            pace.pause().await;
        }
        let said =
            format!("the stack `{}` was still being deleted after {} hours", self.name, LONGEST.as_secs() / 3600);
        Err(KindError::failed(said).hint("run again: its deletion goes on, and will be waited for"))
    }

    async fn look(&mut self, seen: &mut Vec<Event>) -> Result<Option<Live>, KindError> {
        let new = events::since(self.realm, self.stack_id, self.after.as_deref()).await?;
        for event in &new {
            let reason = event.reason.as_deref().map(|reason| format!(": {}", self.veil.sentence(reason)));
            self.progress.say(format!("{} {}{}", event.status, event.logical_id, reason.unwrap_or_default()));
        }
        if let Some(last) = new.last() {
            self.after = Some(last.id.clone());
        }
        seen.extend(new);
        self.realm.look_at(self.stack_id).await
    }

    /// Why the operation failed, with the line of the template that it failed at.
    pub(super) fn explain(&self, live: &Live, events: &[Event]) -> KindError {
        explain(self.name, live, events, self.veil, self.template)
    }
}

/// Why an operation failed, with the line of the template that it failed at.
pub(super) fn explain(
    name: &str,
    live: &Live,
    events: &[Event],
    veil: &Veil,
    template: Option<&Template>,
) -> KindError {
    let status = live.status.as_str();
    let said = match events::cause(events) {
        Some(event) => {
            let reason =
                event.reason.as_deref().map_or("AWS gives no reason".to_owned(), |reason| veil.sentence(reason));
            let place =
                template.and_then(|template| template.resources.get(&event.logical_id)).map(|resource| &resource.place);
            let place = place.map(|place| format!(" ({}:{})", place.file, place.line)).unwrap_or_default();
            format!("the stack `{name}` ended in {status}: `{}`, {}{place}: {reason}", event.logical_id, event.r#type)
        }
        None => format!("the stack `{name}` ended in {status}, and its events do not say why"),
    };
    KindError::failed(said)
}

/// The stack when nobody is at work on it. An operation of ours, left by a killed run, is waited for
/// to its end; other people's for a short while.
pub(super) async fn until_idle(realm: &Realm, name: &str, mut live: Live) -> Result<Option<Live>, KindError> {
    let (mut pace, started) = (Pace::new(), Instant::now());
    while live.status.standing() == Standing::Busy {
        let newest = events::newest(realm, &live.id).await?;
        let token = newest.and_then(|event| event.token);
        let is_ours = token.as_deref().is_some_and(|token| token.starts_with(PREFIX));
        let longest = if is_ours { LONGEST } else { PATIENCE };
        if started.elapsed() > longest {
            let who = match (is_ours, token) {
                (true, _) => "an earlier run of this program".to_owned(),
                (false, Some(token)) => format!("somebody else (request `{token}`)"),
                (false, None) => "somebody else".to_owned(),
            };
            let said = format!("the stack `{name}` is in {}: {who} is at work on it", live.status.as_str());
            return Err(KindError::failed(said).hint("run again when that has ended"));
        }
        pace.pause().await;
        match realm.look_at(&live.id).await? {
            Some(now) if now.status != Status::DeleteComplete => live = now,
            Some(_) | None => return Ok(None),
        }
    }
    Ok(Some(live))
}
