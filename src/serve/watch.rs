//! Listens to what can tell of its changes, and looks at once at what became another.
//!
//! A watch only rings: what is told is found by the same look as on schedule, so that no case is made of less.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use futures::StreamExt;
use jiff::Zoned;

use super::Service;
use super::look::Scheduled;
use crate::declaration::Declaration;
use crate::drift::{self, Verdict, Watch};
use crate::engine::Selection;
use crate::graph::Stop;
use crate::plan::chain;
use crate::store::StoreError;
use crate::unit::{Moment, UnitId};

/// Whether there is another commit or another environment to watch is asked so often.
const REREAD: Duration = Duration::from_secs(60);
/// What changes within this is looked at together: somebody's `kubectl apply` changes many objects.
const BURST: Duration = Duration::from_millis(300);
/// A look that another replica is at is waited for no longer; the next change or the schedule makes up for it.
const TURNS: u32 = 120;
const TURN: Duration = Duration::from_millis(500);

/// What was known of each unit last.
type Standing = BTreeMap<UnitId, Verdict>;

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
        let mut standing = Standing::new();
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
        let mut reread = tokio::time::interval_at(tokio::time::Instant::now() + REREAD, REREAD);
        loop {
            let mut changed = BTreeSet::new();
            tokio::select! {
                next = watch.moments.next() => {
                    let Some((unit, moment)) = next else { return tokio::time::sleep(REREAD).await };
                    if !heard(declaration, standing, &mut changed, unit, moment) {
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
            let is_going_on = hear_the_rest(&mut watch, declaration, standing, &mut changed).await;
            if !changed.is_empty() {
                self.look_at_once(scheduled, &changed).await;
            }
            if !is_going_on {
                return;
            }
        }
    }

    /// Looks at some units now. It goes on to its end whatever becomes of the watch.
    async fn look_at_once(&self, scheduled: &Scheduled, units: &BTreeSet<UnitId>) {
        let only: Vec<String> = units.iter().map(|unit| unit.as_str().to_owned()).collect();
        let (service, scheduled) = (self.clone(), scheduled.clone());
        let look = tokio::spawn(async move {
            for _ in 0..TURNS {
                // What is left after a sync is seen by the next watch.
                let Some(lease) = service.turn_to_look(&scheduled).await? else {
                    tokio::time::sleep(TURN).await;
                    continue;
                };
                let looked = service.look_at(scheduled.environment.as_str(), &only).await;
                service.store.release(&lease).await?;
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

/// Takes in what else happens now; false where the watch is over.
async fn hear_the_rest(
    watch: &mut Watch,
    declaration: &Declaration,
    standing: &mut Standing,
    changed: &mut BTreeSet<UnitId>,
) -> bool {
    let end = tokio::time::Instant::now() + BURST;
    while let Ok(Some((unit, moment))) = tokio::time::timeout_at(end, watch.moments.next()).await {
        if !heard(declaration, standing, changed, unit, moment) {
            return false;
        }
    }
    true
}

/// Whether the watch goes on after this moment. A unit that stands otherwise than before is to be looked at.
fn heard(
    declaration: &Declaration,
    standing: &mut Standing,
    changed: &mut BTreeSet<UnitId>,
    unit: UnitId,
    moment: Moment,
) -> bool {
    let Some((_, drift)) = drift::verdict_of(&unit, &moment, &declaration.ignore, Zoned::now().date()) else {
        return false;
    };
    let is_news = match &drift.verdict {
        // A server that does not answer for a moment is no drift; the schedule tells it where it lasts.
        Verdict::Unverifiable(_) => false,
        Verdict::Drifted | Verdict::Gone => true,
        Verdict::Clean | Verdict::Foreign | Verdict::Pending => {
            matches!(standing.get(&unit), Some(Verdict::Drifted | Verdict::Gone))
        }
    };
    if !matches!(drift.verdict, Verdict::Unverifiable(_)) {
        standing.insert(unit.clone(), drift.verdict);
    }
    if is_news {
        changed.insert(unit);
    }
    true
}

fn names_of(known: &[Scheduled]) -> Vec<(String, String)> {
    known.iter().map(|scheduled| (scheduled.repository.clone(), scheduled.environment.to_string())).collect()
}
