//! What happens to one request, from its first byte to the answer.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::alteration::Alterations;
use super::answer::Answer;
use super::call::Call;
use super::counts::{Counted, Counts, Tally};
use super::crowd::Crowd;
use super::duration::Durations;
use super::exports;
use super::faults::{Fate, Faults};
use super::pretence::Pretences;
use super::record::Record;
use super::supplied::{Asked, Supplies};
use super::tokens::Tokens;
use super::trail::Trail;
use super::upstream::Upstream;

const LARGEST_BODY: usize = 64 << 20;

/// Everything the proxy knows.
pub(super) struct Desk {
    upstream: Upstream,
    counts: Mutex<Counts>,
    faults: Faults,
    pretences: Pretences,
    crowd: Crowd,
    durations: Durations,
    alterations: Alterations,
    supplies: Supplies,
    trail: Trail,
    tokens: Tokens,
    record: Record,
}

pub(super) fn router(desk: Arc<Desk>) -> Router {
    let counts = get(|State(desk): State<Arc<Desk>>| async move { Json(desk.counts().json()) })
        .delete(|State(desk): State<Arc<Desk>>| async move { desk.reset_counts() });
    Router::new().route("/_proxy/counts", counts).fallback(receive).with_state(desk)
}

async fn receive(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match to_bytes(body, LARGEST_BODY).await {
        Ok(body) => desk.handle(parts, body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

impl Desk {
    pub(super) fn new(upstream: &str) -> anyhow::Result<Self> {
        Ok(Self {
            upstream: Upstream::new(upstream)?,
            counts: Mutex::default(),
            faults: Faults::default(),
            pretences: Pretences::default(),
            crowd: Crowd::default(),
            durations: Durations::default(),
            alterations: Alterations::default(),
            supplies: Supplies::default(),
            trail: Trail::default(),
            tokens: Tokens::default(),
            record: Record::default(),
        })
    }

    pub(super) fn counts(&self) -> Counts {
        self.counting().clone()
    }

    pub(super) fn reset_counts(&self) {
        *self.counting() = Counts::default();
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(super) fn pretences(&self) -> &Pretences {
        &self.pretences
    }

    pub(super) fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    pub(super) fn durations(&self) -> &Durations {
        &self.durations
    }

    pub(super) fn alterations(&self) -> &Alterations {
        &self.alterations
    }

    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }

    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    fn counting(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handle(&self, parts: Parts, body: Bytes) -> Response {
        let call = Call::of(&parts, &body);
        self.record.keep(&call);
        let sent = body.len();
        match self.faults.fate(&call.action, &self.upstream.place(&parts.headers)) {
            Fate::Pass { after } => {
                let answer = self.perform(&parts, &call, body).await;
                tokio::time::sleep(after).await;
                self.count(&call, sent, &answer);
                answer.into_response()
            }
            Fate::Refuse { code, message } => {
                let answer = Answer::error(call.protocol, StatusCode::BAD_REQUEST, &code, &message);
                self.count(&call, sent, &answer);
                answer.into_response()
            }
            Fate::Lose => {
                let answer = self.perform(&parts, &call, body).await;
                self.count(&call, sent, &answer);
                dropped_connection()
            }
        }
    }

    async fn perform(&self, parts: &Parts, call: &Call, body: Bytes) -> Answer {
        if let Some(answer) = self.pretences.answer(call) {
            return answer;
        }
        if let Some(answer) = self.trail.answer(call, &body) {
            return answer;
        }
        if let Some(answer) = self.tokens.answer(call) {
            return answer;
        }
        let asked = Asked { upstream: &self.upstream, headers: &parts.headers, call };
        // What cannot be found out is no reason to answer otherwise than the emulator.
        if let Ok(Some(in_use)) = exports::taken_away(asked).await {
            self.pretences.status(&in_use.stack, "UPDATE_ROLLBACK_COMPLETE");
            self.pretences.events(&in_use.stack, in_use.events);
            return Answer::cloudformation(&call.action, Vec::new());
        }
        let supplied = match self.crowd.answer(asked).await {
            Ok(None) => self.supplies.answer(asked).await,
            told => told,
        };
        let answer = match supplied {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => self.upstream.forward(parts.method.clone(), &parts.uri, &parts.headers, body).await,
            Err(error) => Err(error),
        };
        if let (Ok(answer), "AssumeRole") = (&answer, call.action.as_str()) {
            self.upstream.learn(answer);
        }
        if let Ok(answer) = &answer {
            self.tokens.keep(call, answer);
        }
        let told = answer.and_then(|answer| self.durations.dress(call, answer));
        let told = told.and_then(|answer| self.pretences.dress(call, answer));
        told.and_then(|answer| self.alterations.apply(call, answer)).unwrap_or_else(|error| {
            Answer::error(call.protocol, StatusCode::BAD_GATEWAY, "ProxyFailure", &format!("{error:#}"))
        })
    }

    fn count(&self, call: &Call, sent: usize, answer: &Answer) {
        let counted = Counted {
            service: call.service.clone(),
            action: call.action.clone(),
            caller: call.caller.clone(),
            status: answer.status.as_u16(),
        };
        let tally = Tally { calls: 1, sent: sent as u64, received: answer.body.len() as u64 };
        self.counting().add(counted, tally);
    }
}

/// A response whose body fails before its first byte: the connection is closed with nothing written.
fn dropped_connection() -> Response {
    let lost = futures::stream::once(async { Err::<Bytes, _>(io::Error::other("the answer is lost on purpose")) });
    Response::new(Body::from_stream(lost))
}
