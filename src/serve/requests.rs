//! The pull requests that are open, read in the background: no look waits for a forge.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Service;
use crate::cases::PullRequest;
use crate::declaration::Environment;
use crate::forge::OpenRequest;
use crate::graph::Graph;
use crate::plan::chain;
use crate::unit::UnitId;

const READ_EVERY: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);

/// What the forge told last; none where it told nothing yet, or does not answer. A copy is the same.
#[derive(Clone, Default)]
pub struct OpenRequests(Arc<Mutex<Option<Vec<OpenRequest>>>>);

impl OpenRequests {
    fn read(&self) -> Option<Vec<OpenRequest>> {
        self.0.lock().expect("nobody panics while holding it").clone()
    }

    /// Those that change what some units are made of; none where it is not known.
    pub(super) fn touching<'u>(
        &self,
        units: impl Iterator<Item = &'u UnitId> + Clone,
        graph: &Graph,
        environment: &Environment,
    ) -> Option<Vec<PullRequest>> {
        let changes = |request: &OpenRequest| {
            let mut members = units.clone().filter_map(|unit| graph.member(unit));
            members.any(|member| {
                let declared = &member.declared;
                request.files.iter().any(|file| *file == declared.file || declared.unit.is_made_from(file))
            })
        };
        let into_here = |request: &&OpenRequest| request.is_into(environment.branch.as_deref());
        let named = |request: &OpenRequest| {
            let OpenRequest { number, link, branch, .. } = request.clone();
            PullRequest { number, link, branch }
        };
        let all = self.read()?;
        Some(all.iter().filter(into_here).filter(|request| changes(request)).map(named).collect())
    }
}

impl Service {
    /// Reads them once a minute, until it is dropped.
    pub(super) async fn keep_reading_requests(&self) -> Infallible {
        loop {
            self.read_requests().await;
            tokio::time::sleep(READ_EVERY).await;
        }
    }

    /// Asks the forge which pull requests are open. That it does not answer is no reason to tell nobody of a drift.
    pub async fn read_requests(&self) {
        let known = self.requests.read();
        let location = self.source.push_address();
        let asked = self.forge.open_requests(&location, known.as_deref().unwrap_or_default());
        let told = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "which pull requests are open is not known");
                None
            }
            Err(_) => {
                tracing::warn!("which pull requests are open is not known: the forge does not answer");
                None
            }
        };
        *self.requests.0.lock().expect("nobody panics while holding it") = told;
    }
}
