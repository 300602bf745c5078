//! Presses that come by HTTP: signed by Slack, small, and new.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::{Form, Router};
use jiff::Timestamp;
use serde_json::Value;

use super::signature::Signed;
use super::{Inbox, Signatures, Taken};

/// More than any payload of Slack's.
const LARGEST_BODY: usize = 1024 * 1024;
/// Slack itself gives up after three seconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Door {
    signatures: Signatures,
    inbox: Inbox,
}

/// `POST /slack/interactions`, to be merged into the service's own router.
pub fn router(signatures: Signatures, inbox: Inbox) -> Router {
    Router::new().route("/slack/interactions", post(interaction)).with_state(Door { signatures, inbox })
}

async fn interaction(State(door): State<Door>, request: Request) -> StatusCode {
    let came = Instant::now();
    match door.admit(request).await {
        Ok(taken) => {
            door.inbox.acknowledged(came.elapsed());
            answer(taken)
        }
        Err(refused) => refused,
    }
}

impl Door {
    async fn admit(&self, request: Request) -> Result<Taken, StatusCode> {
        let (head, body) = request.into_parts();
        let now = Timestamp::now();
        let refuse = |refusal| {
            tracing::warn!(%refusal, "a request to /slack/interactions was refused");
            StatusCode::UNAUTHORIZED
        };
        let signed = Signed::of(&head.headers, now).map_err(refuse)?;
        let body = read(body).await?;
        self.signatures.verify(&signed, &body).map_err(refuse)?;
        let payload = payload(body).await.ok_or(StatusCode::BAD_REQUEST)?;
        Ok(self.inbox.take(signed.signature, &payload, now))
    }
}

/// The raw bytes, for the signature is over them; never more than the cap, never longer than Slack
/// itself would wait.
async fn read(body: Body) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The form field `payload`, given once.
async fn payload(body: Bytes) -> Option<Value> {
    // The extractor wants a request; this one has nothing of the sender's but the proven bytes.
    let form =
        Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).ok()?;
    let Form(fields): Form<Vec<(String, String)>> = Form::from_request(form, &()).await.ok()?;
    let mut payloads = fields.into_iter().filter(|(name, _)| name == "payload");
    let (_, first) = payloads.next()?;
    if payloads.next().is_some() { None } else { serde_json::from_str(&first).ok() }
}

fn answer(taken: Taken) -> StatusCode {
    match taken {
        Taken::Accepted | Taken::NotOurs => StatusCode::OK,
        Taken::Repeated => StatusCode::CONFLICT,
        Taken::Malformed => StatusCode::BAD_REQUEST,
        Taken::Full => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_payload_of_a_form_is_decoded_and_stands_there_once() {
        let read = |body: &'static str| payload(Bytes::from_static(body.as_bytes()));
        assert_eq!(read("payload=%7B%22a%22%3A+%22%C3%A9%22%7D").await, Some(serde_json::json!({"a": "é"})));
        assert_eq!(read("payload=%7B%7D&payload=%7B%7D").await, None);
        assert_eq!(read("payload=%7").await, None);
        assert_eq!(read("other=1").await, None);
    }
}
