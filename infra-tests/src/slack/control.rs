//! `/control/…`: the simulator for scripts, and the `response_url`s it hands out.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::world::{Fault, World};
use super::{ALERTS, APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, chat, page, press, show, socket};

const RESPONSE_USES: u32 = 5;
const RESPONSE_LIFE: Duration = Duration::from_secs(30 * 60);

type Answer = (StatusCode, Json<Value>);

pub(super) fn router() -> Router<World> {
    Router::new()
        .route("/control/settings", get(settings))
        .route("/control/messages", get(messages))
        .route("/control/show", get(shown))
        .route("/control/page", get(drawn))
        .route("/control/deliveries", get(deliveries))
        .route("/control/press", post(pressed))
        .route("/control/interactivity", post(interactivity))
        .route("/control/disconnect", post(disconnect))
        .route("/control/faults", post(faults))
}

/// Everything a script needs to use it.
async fn settings(State(world): State<World>) -> Json<Value> {
    let state = world.lock();
    let channels: BTreeMap<_, _> =
        state.channels.iter().map(|(id, channel)| (channel.name.clone(), id.clone())).collect();
    Json(json!({
        "api_url": format!("{}/api", state.base), "bot_token": BOT_TOKEN, "app_token": APP_TOKEN,
        "signing_secret": SIGNING_SECRET, "channels": channels, "connections": state.connections.len(),
    }))
}

#[derive(Deserialize)]
struct InChannel {
    #[serde(default)]
    channel: Option<String>,
}

impl InChannel {
    fn name(&self) -> &str {
        self.channel.as_deref().unwrap_or(ALERTS)
    }
}

async fn messages(State(world): State<World>, Query(asked): Query<InChannel>) -> Answer {
    let state = world.lock();
    match state.channel_id(asked.name()) {
        Some(id) => (StatusCode::OK, Json(json!({"channel": id, "messages": state.channels[&id].messages}))),
        None => (StatusCode::NOT_FOUND, Json(json!({"error": "channel_not_found"}))),
    }
}

async fn shown(State(world): State<World>, Query(asked): Query<InChannel>) -> String {
    show::show(&world.lock(), asked.name())
}

async fn drawn(State(world): State<World>, Query(asked): Query<InChannel>) -> Html<String> {
    Html(page::page(&world.lock(), asked.name()))
}

async fn deliveries(State(world): State<World>) -> Json<Value> {
    Json(json!({"deliveries": world.lock().deliveries}))
}

#[derive(Deserialize)]
struct Press {
    channel: String,
    ts: String,
    action_id: String,
    user: String,
}

async fn pressed(State(world): State<World>, Json(asked): Json<Press>) -> Answer {
    match press::press(&world, &asked.channel, &asked.ts, &asked.action_id, &asked.user).await {
        Ok(delivery) => (StatusCode::OK, Json(json!({"delivery": delivery}))),
        Err(error) => (StatusCode::CONFLICT, Json(json!({"error": error.to_string()}))),
    }
}

#[derive(Deserialize)]
struct Interactivity {
    url: Option<String>,
}

async fn interactivity(State(world): State<World>, Json(asked): Json<Interactivity>) -> StatusCode {
    world.lock().interactivity = asked.url;
    StatusCode::NO_CONTENT
}

async fn disconnect(State(world): State<World>) -> StatusCode {
    for connection in &world.lock().connections {
        let _ = connection.frames.send(socket::disconnect("refresh_requested"));
    }
    StatusCode::NO_CONTENT
}

/// `{method, throttle: SECONDS}`, `{method, error: WORD}` or `{method, status: CODE}`, for the next call.
#[derive(Deserialize)]
struct FaultAsked {
    method: String,
    throttle: Option<u64>,
    error: Option<String>,
    status: Option<u16>,
}

async fn faults(State(world): State<World>, Json(asked): Json<FaultAsked>) -> StatusCode {
    let fault = match (asked.throttle, asked.error, asked.status) {
        (Some(seconds), None, None) => Fault::Throttle(seconds),
        (None, Some(word), None) => Fault::Word(word),
        (None, None, Some(status)) => Fault::Status(status),
        _ => return StatusCode::BAD_REQUEST,
    };
    world.lock().faults.push((asked.method, fault));
    StatusCode::NO_CONTENT
}

/// A `response_url`: five times, for half an hour.
pub(super) async fn respond(
    State(world): State<World>,
    Path((_, id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> (StatusCode, String) {
    let mut state = world.lock();
    let Some(response) = state.responses.get_mut(&id) else { return (StatusCode::NOT_FOUND, "no_such_url".to_owned()) };
    response.uses += 1;
    if response.uses > RESPONSE_USES || response.made.elapsed() > RESPONSE_LIFE {
        return (StatusCode::NOT_FOUND, "used_url".to_owned());
    }
    let (channel, ts, user) = (response.channel.clone(), response.ts.clone(), response.user.clone());
    match chat::respond(&mut state, &channel, &ts, &user, &body) {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(word) => (StatusCode::OK, word),
    }
}
