//! What Slack has not taken for a while is told to Alertmanager, where it is risky: a channel that is down must not
//! be the reason that nobody knows.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Service;
use crate::alertmanager::Alert;
use crate::cases::{Case, Risk};
use crate::plan::chain;
use crate::store::StoreError;

const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// An alert that is not told again ends then by itself: this process may be gone.
const LASTS: SignedDuration = SignedDuration::from_mins(5);

/// The alerts that were told and not taken back, by the case.
#[derive(Default)]
pub(super) struct Paged(BTreeMap<String, Alert>);

impl Service {
    /// Tells until it is dropped.
    pub(super) async fn keep_paging(&self) -> Infallible {
        let Some(alertmanager) = &self.alertmanager else { return std::future::pending().await };
        let after = Duration::try_from(alertmanager.settings().after).unwrap_or_default();
        let mut paged = Paged::default();
        loop {
            tokio::time::sleep(after.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
            if let Err(error) = self.page(&mut paged).await {
                tracing::warn!(error = chain(&error), "what Slack did not take is told to nobody else either");
            }
        }
    }

    /// Tells what is overdue, and takes back what is not any more.
    async fn page(&self, paged: &mut Paged) -> Result<(), PageError> {
        let Some(alertmanager) = &self.alertmanager else { return Ok(()) };
        let now = Timestamp::now();
        let overdue = self.store.overdue(now - alertmanager.settings().after).await?;
        let wanted: BTreeMap<String, Alert> = overdue
            .into_iter()
            .filter(|(case, _)| is_for_a_pager(case))
            .map(|(case, why)| (case.id.clone(), alert(&case, &why, now + LASTS)))
            .collect();
        let over = paged.0.iter().filter(|(case, _)| !wanted.contains_key(*case));
        let over = over.map(|(_, alert)| Alert { ends_at: now, ..alert.clone() });
        let alerts: Vec<Alert> = over.chain(wanted.values().cloned()).collect();
        if !alerts.is_empty() {
            alertmanager.tell(&alerts).await?;
        }
        paged.0 = wanted;
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Alertmanager(#[from] crate::alertmanager::AlertmanagerError),
}

fn is_for_a_pager(case: &Case) -> bool {
    case.weight.risk == Risk::Risky && !case.quiet && !case.state.is_resolved()
}

/// No more than its message in Slack would say first: what it is, where, and why it is risky.
fn alert(case: &Case, why: &str, ends_at: Timestamp) -> Alert {
    let environment = case.environment.to_string();
    let units: Vec<&str> = case.units.iter().map(|unit| unit.id.as_str()).collect();
    let summary = format!("Drift: {environment}: {} ({})", units.join(", "), case.weight.why.join(", "));
    let description = format!("Slack has not taken this message: {why}. `groundplan case show {}` tells it.", case.id);
    Alert {
        labels: BTreeMap::from([
            ("alertname", "GroundplanDrift".to_owned()),
            ("severity", "critical".to_owned()),
            ("environment", environment),
            ("case", case.id.clone()),
        ]),
        annotations: BTreeMap::from([("summary", summary), ("description", description)]),
        ends_at,
    }
}
