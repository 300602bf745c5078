//! The heartbeat: clean looks are silent in the channel, so something else must say that they happen.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;

use super::Service;
use super::look::Scheduled;

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

/// `GET /healthz`: 200 where every environment was seen in time, else 503; says which.
///
/// Whoever watches the service from outside asks here: a service that is gone does not answer, and
/// one that cannot look any more says so.
pub(super) fn router(service: Service) -> Router {
    Router::new().route("/healthz", get(healthz)).with_state(service)
}

async fn healthz(State(service): State<Service>) -> impl IntoResponse {
    let (well, report) = service.health.report(&service, Timestamp::now()).await;
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
}
