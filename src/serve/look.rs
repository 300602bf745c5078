//! Looks at environments when their schedules say so, and notices when nobody could look.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::Timestamp;

use super::held::Held;
use super::{Health, ReadError, Service, TellError, underway};
use crate::cases::{CaseEvent, scrub};
use crate::declaration::{Declaration, Environment, Schedule};
use crate::drift::DriftReport;
use crate::engine::Selection;
use crate::graph::Stop;
use crate::plan::chain;
use crate::store::{Looked, Notice, StoreError};
use crate::unit::EnvironmentName;

/// An environment that is looked at by itself.
#[derive(Clone, Debug)]
pub(super) struct Scheduled {
    pub(super) repository: String,
    pub(super) environment: EnvironmentName,
    pub(super) schedule: Schedule,
    pub(super) alerts: Option<String>,
}

/// Which environments there are, and when: read again from Git so often.
const REREAD: Duration = Duration::from_secs(60);
/// A look that takes longer tells what it did not come to.
const LOOK_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Failures in a row after which nobody may take silence for good news.
const SILENCE_IS_NEWS_AFTER: u32 = 2;

impl Service {
    /// Looks at each environment when it is due, until it is dropped. A look that was missed while
    /// nobody served is made up for once.
    pub(super) async fn keep_looking(&self) -> Infallible {
        let mut known = Vec::new();
        loop {
            match self.scheduled().await {
                Ok(scheduled) => known = scheduled,
                // The last that was read counts on, so that each environment says that it cannot be read.
                Err(error) => tracing::warn!(error = chain(&error), "the schedules could not be read again"),
            }
            self.health.set(known.clone());
            let looks = known.iter().map(|scheduled| self.look_if_due(scheduled));
            futures::future::join_all(looks).await;
            for scheduled in &known {
                if let Err(error) = self.digest_if_due(scheduled, Timestamp::now()).await {
                    tracing::warn!(error = chain(&error), "the daily digest could not be kept");
                }
            }
            tokio::time::sleep(self.until_next(&known).await.min(REREAD)).await;
        }
    }

    /// The environments with a schedule, each as its own branch has it.
    async fn scheduled(&self) -> Result<Vec<Scheduled>, ReadError> {
        let head = self.head().await?;
        let mut all = Vec::new();
        for environment in &head.environments {
            let own = match &environment.branch {
                Some(_) => Some(self.current(environment.name.as_str()).await?),
                None => None,
            };
            let declaration = own.as_ref().unwrap_or(&head);
            let Some(environment) = declaration.environment(environment.name.as_str()) else { continue };
            if let Some(schedule) = environment.schedule.clone() {
                all.push(Scheduled {
                    repository: declaration.repository.clone(),
                    environment: environment.name.clone(),
                    schedule,
                    alerts: environment.alerts.clone(),
                });
            }
        }
        Ok(all)
    }

    async fn until_next(&self, known: &[Scheduled]) -> Duration {
        let Ok(looked) = self.store.all_looked().await else { return REREAD };
        let now = Timestamp::now();
        let wait = |scheduled: &Scheduled| {
            let due = due(scheduled, last(&looked, scheduled))?;
            // One that is due still waits for a sync that is under way, or for another replica.
            Duration::try_from(due.duration_since(now)).ok().or(Some(Duration::from_secs(5)))
        };
        known.iter().filter_map(wait).min().unwrap_or(REREAD)
    }

    async fn look_if_due(&self, scheduled: &Scheduled) {
        if let Err(error) = self.try_look(scheduled).await {
            tracing::warn!(environment = %scheduled.environment, error = chain(&error), "a look could not be kept");
        }
    }

    async fn try_look(&self, scheduled: &Scheduled) -> Result<(), TellError> {
        let now = Timestamp::now();
        let looked = self.store.looked(&scheduled.repository, &scheduled.environment).await?;
        if due(scheduled, looked.as_ref()).is_none_or(|due| due > now) {
            return Ok(());
        }
        let Some(lease) = self.turn_to_look(scheduled).await? else { return Ok(()) };
        let result = match self.look_at(scheduled.environment.as_str(), &[]).await {
            Ok(Some(report)) => self.looked_at(scheduled, looked.as_ref(), &report).await,
            // A sync began meanwhile: the look is made again when it has ended.
            Ok(None) => Ok(()),
            Err(reason) => self.could_not_look(scheduled, looked.as_ref(), &reason).await,
        };
        lease.end().await?;
        result
    }

    /// The right to look at an environment; none while another replica looks, or somebody syncs: what is
    /// seen in the middle of that is no drift.
    pub(super) async fn turn_to_look(&self, scheduled: &Scheduled) -> Result<Option<Held>, StoreError> {
        let Scheduled { repository, environment, .. } = scheduled;
        if underway::busy(&self.store, repository, environment).await?.is_some() {
            return Ok(None);
        }
        Held::take(&self.store, format!("look:{repository}:{environment}"), &self.owner).await
    }

    /// One look at a whole environment, or at some units of it with what they need, told as cases; none where a
    /// sync was under way in it.
    pub(super) async fn look_at(&self, environment: &str, only: &[String]) -> Result<Option<DriftReport>, String> {
        let declaration: Declaration = self.current(environment).await.map_err(|error| chain(&error))?;
        let gone = || format!("the environment `{environment}` is not in the repository any more");
        let environment: &Environment = declaration.environment(environment).ok_or_else(gone)?;
        let selection = Selection::new(&declaration, environment, only).map_err(|error| error.to_string())?;
        let stop = Stop::default();
        let over = stop.clone();
        let watch = tokio::spawn(async move {
            tokio::time::sleep(LOOK_WITHIN).await;
            over.ask();
        });
        let looked = self.look_closely(&selection, &stop).await;
        watch.abort();
        let kept = async {
            let seen = looked?;
            match self.tell(&selection, &seen, Timestamp::now()).await {
                Ok(_) => Ok(Some(seen.report)),
                Err(TellError::Underway { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        kept.await.map_err(|error| chain(&error))
    }

    /// A look ended: a line in the log is all that a clean one says.
    async fn looked_at(
        &self,
        scheduled: &Scheduled,
        before: Option<&Looked>,
        report: &DriftReport,
    ) -> Result<(), TellError> {
        let (drifted, unread) = (report.drifted().count(), report.unverifiable().count());
        if unread > 0 && unread == report.units.len() {
            let reason = report.unverifiable().next().map(|(unit, why)| format!("{unit}: {why}")).unwrap_or_default();
            return self.could_not_look(scheduled, before, &reason).await;
        }
        let Scheduled { environment, schedule, alerts, .. } = scheduled;
        let next = schedule.next(Timestamp::now()).map_or("never".to_owned(), |next| next.to_string());
        let (checked, total) = (report.coverage.checked, report.coverage.total);
        anstream::eprintln!(
            "Looked at {environment} at {}: {drifted} of {} units drifted, {checked} of {total} checked; next {next}",
            report.commit.short(),
            report.units.len()
        );
        let Some(before) = before.filter(|before| before.failures >= SILENCE_IS_NEWS_AFTER) else { return Ok(()) };
        let text = format!("{environment} is looked at again, after {} looks that failed.", before.failures);
        let name = format!("again:{environment}:{}", before.at);
        Ok(self.say(Notice { name, alerts: alerts.clone(), text }).await?)
    }

    /// Nobody may take silence for good news: after two failures in a row the open cases are stale,
    /// and the channel is told once.
    async fn could_not_look(
        &self,
        scheduled: &Scheduled,
        before: Option<&Looked>,
        reason: &str,
    ) -> Result<(), TellError> {
        let Scheduled { repository, environment, alerts, .. } = scheduled;
        let (reason, now) = (scrub(reason), Timestamp::now());
        let failures = self.store.remember_failure(repository, environment, now, &reason).await?;
        anstream::eprintln!("warning: {environment} could not be looked at ({failures} in a row): {reason}");
        if failures < SILENCE_IS_NEWS_AFTER {
            return Ok(());
        }
        for kept in self.store.open_cases(repository, environment).await? {
            self.step(kept, CaseEvent::Unreadable { reason: reason.clone() }, now).await?;
        }
        if failures > SILENCE_IS_NEWS_AFTER {
            return Ok(());
        }
        let last = before.and_then(|before| before.succeeded_at);
        let since = last.map_or("never".to_owned(), |last| last.to_string());
        let text = format!(
            "\u{26a0}\u{fe0f} {environment} could not be looked at {failures} times in a row, so silence says nothing.\n\
             Last seen: {since}.\n{reason}"
        );
        let name = format!("stale:{environment}:{since}");
        Ok(self.say(Notice { name, alerts: alerts.clone(), text }).await?)
    }
}

/// When an environment is due: at once where nobody has ever looked.
fn due(scheduled: &Scheduled, looked: Option<&Looked>) -> Option<Timestamp> {
    match looked {
        None => Some(Timestamp::UNIX_EPOCH),
        Some(looked) => scheduled.schedule.next(looked.at),
    }
}

pub(super) fn last<'a>(looked: &'a [Looked], scheduled: &Scheduled) -> Option<&'a Looked> {
    let is_its = |looked: &&Looked| {
        looked.repository == scheduled.repository && looked.environment == scheduled.environment.as_str()
    };
    looked.iter().find(is_its)
}

/// Whether two periods went by since an environment was last seen.
pub(super) fn is_overdue(scheduled: &Scheduled, looked: Option<&Looked>, now: Timestamp) -> bool {
    let Some(seen) = looked.and_then(|looked| looked.succeeded_at) else { return looked.is_some() };
    let next = |after| scheduled.schedule.next(after);
    next(seen).and_then(next).is_some_and(|second| second < now)
}

impl Health {
    /// What `/healthz` says: each environment with a schedule, and whether all were seen in time.
    pub(super) async fn report(&self, service: &Service, now: Timestamp) -> (bool, serde_json::Value) {
        let known = self.known();
        let looked = match service.store.all_looked().await {
            Ok(looked) => looked,
            Err(error) => return (false, serde_json::json!({"error": chain(&error)})),
        };
        let mut well = true;
        let mut environments = BTreeMap::new();
        for scheduled in &known {
            let looked = last(&looked, scheduled);
            let overdue = is_overdue(scheduled, looked, now);
            well &= !overdue;
            let seen = looked.and_then(|looked| looked.succeeded_at).map(|at| at.to_string());
            let next = due(scheduled, looked).map(|due| due.max(now).to_string());
            let failures = looked.map_or(0, |looked| looked.failures);
            let state = serde_json::json!({"seen": seen, "next": next, "failures": failures, "overdue": overdue});
            environments.insert(scheduled.environment.to_string(), state);
        }
        let (unsent, _) = service.store.unsent().await.unwrap_or_default();
        (well, serde_json::json!({"well": well, "environments": environments, "unsentMessages": unsent}))
    }
}
