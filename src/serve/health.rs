//! The heartbeat: clean looks are silent in the channel, so something else must say that they happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;

use super::Service;
use super::look::{Scheduled, last};
use crate::metrics::{self, Standing};
use crate::plan::chain;
use crate::store::StoreError;

/// The environments that are looked at by themselves, as the service knows them now.
#[derive(Clone, Default)]
pub struct Health {
    known: Arc<Mutex<Vec<Scheduled>>>,
}

impl Health {
    pub(super) fn set(&self, known: Vec<Scheduled>) {
        *self.known.lock().expect("nobody panics while holding it") = known;
    }

    pub(super) fn known(&self) -> Vec<Scheduled> {
        self.known.lock().expect("nobody panics while holding it").clone()
    }
}

impl Service {
    /// How things stand, for those who count.
    async fn standing(&self) -> Result<Standing, StoreError> {
        let looked = self.store.all_looked().await?;
        let seen = |scheduled: &Scheduled| {
            let at = last(&looked, scheduled).and_then(|looked| looked.succeeded_at);
            (scheduled.environment.to_string(), at)
        };
        let mut open_cases = BTreeMap::new();
        for kept in self.store.every_open_case().await? {
            *open_cases.entry(kept.case.environment.to_string()).or_default() += 1;
        }
        let (unsent, _) = self.store.unsent().await?;
        let last_look = self.health.known().iter().map(seen).collect();
        Ok(Standing { unsent, oldest_unsent: self.store.oldest_unsent().await?, open_cases, last_look })
    }
}

/// `GET /healthz`: 200 where every environment was seen in time, else 503; says which. `GET /metrics`: for Prometheus.
///
/// Whoever watches the service from outside asks here: a service that is gone does not answer, and
/// one that cannot look any more says so.
pub(super) fn router(service: Service) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/metrics", get(metrics)).with_state(service)
}

async fn metrics(State(service): State<Service>) -> Response {
    match service.standing().await {
        Ok(standing) => {
            let text = service.metrics.text(&standing, Timestamp::now());
            ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, chain(&error)).into_response(),
    }
}

async fn healthz(State(service): State<Service>) -> impl IntoResponse {
    let (well, report) = service.health.report(&service, Timestamp::now()).await;
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}
