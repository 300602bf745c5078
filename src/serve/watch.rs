//! Listens to what can tell of its changes, and looks at once at what became another.
//!
//! What a watch saw is worth as much as a look, and is told without another question to the world wherever it is
//! the whole story. Else it only rings, and the same look as on schedule says what is so.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use futures::StreamExt;
use jiff::{Timestamp, Zoned};

use super::Service;
use super::look::Scheduled;
use crate::declaration::Declaration;
use crate::drift::{self, Verdict, Watch};
use crate::engine::Selection;
use crate::graph::{Role, Stop};
use crate::plan::{Finding, chain};
use crate::store::StoreError;
use crate::unit::{Moment, UnitId};

/// Whether there is another commit or another environment to watch is asked so often.
const REREAD: Duration = Duration::from_secs(60);
/// A look that another replica is at is waited for no longer; the next change or the schedule makes up for it.
const TURNS: u32 = 120;
const TURN: Duration = Duration::from_millis(500);

/// What is known of the units under watch.
#[derive(Default)]
struct Standing {
    /// Those that have not been seen since the watch began.
    unseen: BTreeSet<UnitId>,
    /// How each stood last.
    verdicts: BTreeMap<UnitId, Verdict>,
    /// Those that are to be told of, as they were seen last; nothing where only a look can say how they are.
    news: BTreeMap<UnitId, Option<Finding>>,
    /// When the last of them became another.
    at: Option<Timestamp>,
}

impl Service {
    /// Watches each environment that is looked at by schedule, until it is dropped.
    pub(super) async fn keep_watching(&self) -> Infallible {
        loop {
            let known = self.health.known();
            let names = names_of(&known);
            let until_others = async {
                while names_of(&self.health.known()) == names {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            };
            let watched = known.iter().map(|scheduled| self.watch_environment(scheduled));
            tokio::select! {
                _ = futures::future::join_all(watched), if !known.is_empty() => {}
                () = until_others => {}
            }
        }
    }

    async fn watch_environment(&self, scheduled: &Scheduled) -> Infallible {
        let mut standing = Standing::default();
        loop {
            match self.current(scheduled.environment.as_str()).await {
                Ok(declaration) => self.watch_commit(scheduled, &declaration, &mut standing).await,
                // The schedule's look tells it, where it lasts.
                Err(error) => {
                    tracing::warn!(environment = %scheduled.environment, error = chain(&error), "Git cannot be read, so nothing is watched")
                }
            }
            tokio::time::sleep(TURN).await;
        }
    }

    /// Watches one commit until another counts, or until a unit was applied.
    async fn watch_commit(&self, scheduled: &Scheduled, declaration: &Declaration, standing: &mut Standing) {
        let Some(environment) = declaration.environment(scheduled.environment.as_str()) else {
            return tokio::time::sleep(REREAD).await;
        };
        let Ok(selection) = Selection::new(declaration, environment, &[]) else {
            return tokio::time::sleep(REREAD).await;
        };
        let mut watch = self.engine.watch(&selection, &Stop::default()).await;
        let managed = selection.graph.members().filter(|member| member.role == Role::Managed);
        standing.unseen = managed.map(|member| member.declared.id.clone()).collect();
        let total = standing.unseen.len();
        standing.unseen.retain(|unit| !watch.unwatched.contains(unit));
        let watched = standing.unseen.len();
        let mut is_told = false;
        let mut reread = tokio::time::interval_at(tokio::time::Instant::now() + REREAD, REREAD);
        loop {
            if standing.unseen.is_empty() && !std::mem::replace(&mut is_told, true) {
                let (name, commit) = (&scheduled.environment, declaration.commit.short());
                anstream::eprintln!("Watching {name} at {commit}: {watched} of {total} units tell of changes");
            }
            tokio::select! {
                next = watch.moments.next() => {
                    let Some((unit, moment)) = next else { return tokio::time::sleep(REREAD).await };
                    if !standing.hear(declaration, unit, moment) {
                        return;
                    }
                }
                _ = reread.tick() => {
                    let current = self.current(scheduled.environment.as_str()).await;
                    if current.is_ok_and(|current| current.commit != declaration.commit) {
                        return;
                    }
                }
            }
            if standing.news.is_empty() {
                continue;
            }
            let is_going_on = self.hear_the_rest(&mut watch, declaration, standing).await;
            let (news, at) = standing.take_news();
            let units: Vec<String> = news.keys().map(UnitId::to_string).collect();
            if !(is_going_on && self.told_at_once(&selection, &watch.found, news, at).await) {
                self.look_at_once(scheduled, units).await;
            }
            if !is_going_on {
                return;
            }
        }
    }

    /// Takes in what else happens now: somebody's `kubectl apply` changes many objects, which are one message.
    /// False where the watch is over.
    async fn hear_the_rest(&self, watch: &mut Watch, declaration: &Declaration, standing: &mut Standing) -> bool {
        let end = tokio::time::Instant::now() + self.group_wait;
        while let Ok(Some((unit, moment))) = tokio::time::timeout_at(end, watch.moments.next()).await {
            if !standing.hear(declaration, unit, moment) {
                return false;
            }
        }
        true
    }

    /// Tells what was seen, where that is the whole story.
    async fn told_at_once(
        &self,
        watched: &Selection<'_>,
        found: &BTreeMap<UnitId, Finding>,
        news: BTreeMap<UnitId, Option<Finding>>,
        at: Timestamp,
    ) -> bool {
        let ids: Vec<String> = news.keys().map(UnitId::to_string).collect();
        let Some(seen) = news.into_iter().map(|(unit, found)| Some((unit, found?))).collect() else { return false };
        let Ok(selection) = Selection::new(watched.declaration, watched.environment, &ids) else { return false };
        match self.tell_seen(&selection, found, seen, at).await {
            Ok(true) => {
                anstream::eprintln!("Looked at {} at once: the watch told of a change", ids.join(", "));
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(error = chain(&error), "what the watch saw could not be told");
                false
            }
        }
    }

    /// Looks at some units now. It goes on to its end whatever becomes of the watch.
    async fn look_at_once(&self, scheduled: &Scheduled, only: Vec<String>) {
        let (service, scheduled) = (self.clone(), scheduled.clone());
        let look = tokio::spawn(async move {
            for _ in 0..TURNS {
                // What is left after a sync is seen by the next watch.
                let Some(lease) = service.turn_to_look(&scheduled).await? else {
                    tokio::time::sleep(TURN).await;
                    continue;
                };
                let looked = service.look_at(scheduled.environment.as_str(), &only).await;
                lease.end().await?;
                match looked {
                    Ok(None) => {}
                    Ok(Some(_)) => {
                        anstream::eprintln!("Looked at {} at once: the watch told of a change", only.join(", "));
                        return Ok::<_, StoreError>(());
                    }
                    Err(reason) => {
                        tracing::warn!(reason, "what the watch told of could not be looked at");
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        match look.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "what the watch told of could not be looked at"),
            Err(error) => tracing::error!(%error, "a look ended before its end"),
        }
    }
}

impl Standing {
    /// Whether the watch goes on after this moment. A unit that stands otherwise than before is news.
    fn hear(&mut self, declaration: &Declaration, unit: UnitId, moment: Moment) -> bool {
        let Some((at, finding)) = drift::finding_of(moment) else { return false };
        self.unseen.remove(&unit);
        let verdict = drift::verdict_of(&unit, &finding, &declaration.ignore, Zoned::now().date()).verdict;
        let is_known = !matches!(verdict, Verdict::Unverifiable(_));
        let is_news = match verdict {
            // A server that does not answer for a moment is no drift; the schedule tells it where it lasts.
            Verdict::Unverifiable(_) => false,
            Verdict::Drifted | Verdict::Gone => true,
            Verdict::Clean | Verdict::Foreign | Verdict::Pending => {
                matches!(self.verdicts.get(&unit), Some(Verdict::Drifted | Verdict::Gone))
            }
        };
        if is_known {
            self.verdicts.insert(unit.clone(), verdict);
        }
        if is_news || self.news.contains_key(&unit) {
            self.news.insert(unit, is_known.then_some(finding));
            self.at = Some(at);
        }
        true
    }

    fn take_news(&mut self) -> (BTreeMap<UnitId, Option<Finding>>, Timestamp) {
        (std::mem::take(&mut self.news), self.at.take().unwrap_or_else(Timestamp::now))
    }
}

fn names_of(known: &[Scheduled]) -> Vec<(String, String)> {
    known.iter().map(|scheduled| (scheduled.repository.clone(), scheduled.environment.to_string())).collect()
}
