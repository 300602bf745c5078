//! A drift report to a case, and the case to its one message.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Service;
use crate::cases::{Case, CaseEvent, CaseState, CaseUnit, NoSuchStep};
use crate::drift::DriftReport;
use crate::engine::Selection;
use crate::graph::UnknownUnit;
use crate::plan::Plan;
use crate::slack::{Posted, SlackError};
use crate::store::{KeptCase, StoreError};
use crate::unit::UnitId;

#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error("the case could not be kept")]
    Store(#[from] StoreError),
    #[error("the case is kept, and Slack could not be told of it")]
    Slack(#[from] SlackError),
    #[error(transparent)]
    Step(#[from] NoSuchStep),
    #[error(transparent)]
    Unit(#[from] UnknownUnit),
}

impl Service {
    /// Opens a case, brings it up to date, or brings it nearer to its end; silent where there is
    /// neither drift nor a case.
    pub async fn tell(
        &self,
        selection: &Selection<'_>,
        plan: &Plan,
        report: &DriftReport,
        now: Timestamp,
    ) -> Result<Option<Case>, TellError> {
        let (repository, environment) = (&selection.declaration.repository, selection.environment);
        let open = self.store.open_case(repository, &environment.name).await?;
        let drifted: Vec<_> = report.drifted().collect();
        if drifted.is_empty() {
            let event = match report.unverifiable().next() {
                Some((unit, reason)) => CaseEvent::Unreadable { reason: format!("{unit}: {reason}") },
                None => CaseEvent::SeenClean,
            };
            return match open {
                Some(kept) => self.step(kept, event, now).await.map(|kept| Some(kept.case)),
                None => Ok(None),
            };
        }
        let ids: Vec<_> = drifted.iter().map(|unit| unit.unit.to_string()).collect();
        let part = Selection::new(selection.declaration, environment, &ids)?;
        let would_do = plan.part(&part.graph);
        let units =
            would_do.changes().map(|(id, change)| case_unit(id, change.differences(), report)).collect::<Vec<_>>();
        let kept = match open {
            Some(KeptCase { case, told }) => {
                let seen = case.seen_again(units, would_do.digest(), plan.commit.clone(), now)?;
                self.store.set_case(&seen, case.revision).await?;
                KeptCase { case: seen, told }
            }
            None => {
                let case = new_case(selection, plan, units, would_do.digest(), now);
                self.store.add_case(&case).await?;
                KeptCase { case, told: None }
            }
        };
        self.show(&kept).await?;
        Ok(Some(kept.case))
    }

    /// Takes a case one step on, keeps it and shows it. Where another was quicker, the case stays
    /// as the other left it.
    pub(super) async fn step(&self, kept: KeptCase, event: CaseEvent, now: Timestamp) -> Result<KeptCase, TellError> {
        let case = kept.case.after(event, now, self.settle)?;
        let changed = case.revision != kept.case.revision;
        if !self.store.set_case(&case, kept.case.revision).await? {
            return Ok(kept);
        }
        let kept = KeptCase { case, ..kept };
        if changed {
            self.show(&kept).await?;
        }
        Ok(kept)
    }

    /// Posts the case's message, or makes the one there is say what the case is now.
    pub(super) async fn show(&self, kept: &KeptCase) -> Result<(), TellError> {
        match &kept.told {
            Some((channel, ts)) => {
                let posted = Posted { channel: channel.clone(), ts: ts.clone() };
                self.slack.update(&kept.case, &posted).await?;
            }
            None => {
                // A process killed between posting and keeping has left a message: it is taken up.
                let posted = match self.slack.find(&kept.case).await? {
                    Some(posted) => {
                        self.slack.update(&kept.case, &posted).await?;
                        posted
                    }
                    None => self.slack.post(&kept.case).await?,
                };
                self.store.set_told(&kept.case.id, &posted.channel, &posted.ts).await?;
            }
        }
        Ok(())
    }
}

fn case_unit(id: &UnitId, differences: &[crate::unit::Difference], report: &DriftReport) -> CaseUnit {
    let coverage = report.units.iter().find(|unit| unit.unit == *id).map(|unit| unit.coverage.clone());
    CaseUnit { id: id.clone(), differences: differences.to_vec(), coverage: coverage.unwrap_or_default() }
}

fn new_case(selection: &Selection<'_>, plan: &Plan, units: Vec<CaseUnit>, plan_hash: String, now: Timestamp) -> Case {
    let (repository, environment) = (&selection.declaration.repository, selection.environment);
    // The same drift found again while the case is open finds the case in the store, not by its id.
    let key = format!("{repository}\0{}\0{now}", environment.name);
    Case {
        id: format!("d_{}", &hex::encode(Sha256::digest(key))[..8]),
        environment: environment.name.clone(),
        repository: repository.clone(),
        commit: plan.commit.clone(),
        alerts: environment.alerts.clone(),
        state: CaseState::Open,
        revision: 1,
        units,
        plan_hash,
        first_seen: now,
        last_seen: now,
        seen: 1,
        clean_since: None,
    }
}
