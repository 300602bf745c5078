//! How a press reaches the app, and whether it was heard.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::oneshot;

use super::SIGNING_SECRET;
use super::press::PressError;
use super::world::{Connection, World};

/// One press as it was delivered.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Delivery {
    pub transport: Transport,
    pub payload: Value,
    /// What was sent, for delivery by HTTP: to be sent again by those who try what happens then.
    pub request: Option<SignedRequest>,
    /// The app's answer: its status by HTTP.
    pub status: Option<u16>,
    /// None where three seconds passed without one: Slack shows a warning beside the button.
    pub acknowledged_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    SocketMode,
    Http,
}

/// A request with Slack's signature.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SignedRequest {
    pub timestamp: i64,
    pub signature: String,
    /// A form with the field `payload`.
    pub body: String,
}

/// Slack waits so long for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(3);

/// Slack's signature over a body sent at `timestamp`.
pub(super) fn signature(timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("v0:{timestamp}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

/// By Socket Mode where somebody is connected, by HTTP otherwise, as Slack does.
pub(super) async fn deliver(world: &World, payload: Value) -> Result<Delivery, PressError> {
    let delivery = match by_socket(world, &payload) {
        Some((sent, answer)) => {
            let heard = tokio::time::timeout(PATIENCE, answer).await.is_ok_and(|answer| answer.is_ok());
            let acknowledged_after = heard.then(|| sent.elapsed());
            Delivery { transport: Transport::SocketMode, payload, request: None, status: None, acknowledged_after }
        }
        None => by_http(world, payload).await?,
    };
    world.lock().deliveries.push(delivery.clone());
    Ok(delivery)
}

fn by_socket(world: &World, payload: &Value) -> Option<(Instant, oneshot::Receiver<Value>)> {
    let mut state = world.lock();
    let envelope_id = format!("00000000-0000-4000-8000-{:012}", state.next());
    let envelope = json!({
        "envelope_id": envelope_id, "type": "interactive", "accepts_response_payload": true, "payload": payload,
    });
    let (heard, answer) = oneshot::channel();
    let send = |connection: &Connection| connection.frames.send(envelope.to_string()).is_ok();
    if !state.connections.iter().rev().any(send) {
        return None;
    }
    // The lock is still held, so the answer cannot come before it is waited for.
    state.unacknowledged.insert(envelope_id, heard);
    Some((Instant::now(), answer))
}

async fn by_http(world: &World, payload: Value) -> Result<Delivery, PressError> {
    let url = world.lock().interactivity.clone().ok_or(PressError::NobodyListens)?;
    let timestamp = jiff::Timestamp::now().as_second();
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    let request = SignedRequest { timestamp, signature: signature(timestamp, &body), body };
    let sent = Instant::now();
    let answer = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
        .header("x-slack-request-timestamp", timestamp)
        .header("x-slack-signature", &request.signature)
        .body(request.body.clone())
        .timeout(PATIENCE)
        .send()
        .await;
    let status = answer.ok().map(|answer| answer.status().as_u16());
    let acknowledged_after = status.filter(|status| *status == 200).map(|_| sent.elapsed());
    Ok(Delivery { transport: Transport::Http, payload, request: Some(request), status, acknowledged_after })
}
