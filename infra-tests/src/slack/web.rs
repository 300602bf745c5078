//! `/api/METHOD`: who calls, with what, and what goes wrong on request.

use std::time::{Duration, Instant};

use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json, extract::FromRequest};
use serde_json::{Map, Value, json};

use super::blocks::refusal;
use super::world::{Call, Fault, World};
use super::{APP_TOKEN, BOT_TOKEN, chat, history, socket, views};

const LARGEST_BODY: usize = 8 * 1024 * 1024;
const LONGER_THAN_ANYONE_WAITS: Duration = Duration::from_secs(300);

/// Any method: authorised, then a fault where one is due, then its work.
pub(super) async fn method(State(world): State<World>, Path(method): Path<String>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let Some(mut arguments) = arguments(&head.headers, head.uri.query(), body).await else {
        return Json(refusal("invalid_json", Vec::new())).into_response();
    };
    let at = jiff::Timestamp::now();
    let token = token(&head.headers, &mut arguments);
    let arguments = Value::Object(arguments);
    if let Some(seconds) = too_fast(&world, &method, &arguments) {
        return throttled(seconds);
    }
    let fault = world.lock().fault(&method);
    let loses_answer = matches!(fault, Some(Fault::LoseAnswer));
    let answer = match fault {
        Some(Fault::Throttle(seconds)) => return throttled(seconds),
        Some(Fault::Hang) => {
            tokio::time::sleep(LONGER_THAN_ANYONE_WAITS).await;
            return StatusCode::GATEWAY_TIMEOUT.into_response();
        }
        Some(Fault::Status(status)) => {
            return StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        }
        Some(Fault::Word(word)) => Err(word),
        None | Some(Fault::LoseAnswer) if world.lock().is_revoked => Err("token_revoked".to_owned()),
        None | Some(Fault::LoseAnswer) => authorised(&method, token.as_deref()).map_err(str::to_owned),
    };
    let answer = match answer {
        Ok(()) => work(&world, &method, &arguments),
        Err(word) => refusal(&word, Vec::new()),
    };
    world.lock().calls.push(Call { at, method, arguments, answer: answer.clone() });
    if loses_answer {
        let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the answer is lost")) });
        return Response::new(axum::body::Body::from_stream(broken));
    }
    Json(answer).into_response()
}

/// How long Slack's own limits ask to wait, where they are kept.
fn too_fast(world: &World, method: &str, arguments: &Value) -> Option<u64> {
    world.lock().rates.as_mut()?.take(method, arguments, Instant::now())
}

fn throttled(seconds: u64) -> Response {
    let body = Json(refusal("ratelimited", Vec::new()));
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())], body).into_response()
}

fn work(world: &World, method: &str, arguments: &Value) -> Value {
    let state = &mut *world.lock();
    match method {
        "auth.test" => history::auth_test(state),
        "usergroups.users.list" => history::group(state, arguments),
        "users.info" => history::users_info(state, arguments),
        "conversations.history" => history::history(state, arguments),
        "chat.postMessage" => chat::post(state, arguments),
        "chat.update" => chat::update(state, arguments),
        "chat.postEphemeral" => chat::post_ephemeral(state, arguments),
        "views.open" => views::open(state, arguments),
        "apps.connections.open" => socket::open(state),
        _ => refusal("unknown_method", Vec::new()),
    }
}

/// The one method of app tokens refuses bot tokens, and the other way round.
fn authorised(method: &str, token: Option<&str>) -> Result<(), &'static str> {
    let wants_app = method == "apps.connections.open";
    match token {
        None => Err("not_authed"),
        Some(APP_TOKEN) if wants_app => Ok(()),
        Some(BOT_TOKEN) if !wants_app => Ok(()),
        Some(APP_TOKEN | BOT_TOKEN) => Err("not_allowed_token_type"),
        Some(_) => Err("invalid_auth"),
    }
}

fn token(headers: &HeaderMap, arguments: &mut Map<String, Value>) -> Option<String> {
    let in_arguments = arguments.remove("token").and_then(|token| token.as_str().map(str::to_owned));
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned).or(in_arguments)
}

/// The arguments from wherever Slack takes them: the query, a form, or JSON.
async fn arguments(headers: &HeaderMap, query: Option<&str>, body: Bytes) -> Option<Map<String, Value>> {
    let mut arguments = form(query.unwrap_or_default().to_owned().into()).await?;
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        if !body.is_empty() {
            arguments.extend(serde_json::from_slice::<Map<String, Value>>(&body).ok()?);
        }
    } else {
        arguments.extend(form(body).await?);
    }
    Some(arguments)
}

async fn form(body: Bytes) -> Option<Map<String, Value>> {
    let request = Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let Form(fields): Form<Vec<(String, String)>> =
        Form::from_request(request.body(body.into()).ok()?, &()).await.ok()?;
    Some(fields.into_iter().map(|(name, value)| parsed(name, value)).collect())
}

/// In a form, what is not text is JSON in text.
fn parsed(name: String, value: String) -> (String, Value) {
    let structured = ["blocks", "metadata", "view", "attachments"].contains(&name.as_str());
    match serde_json::from_str(&value) {
        Ok(json) if structured => (name, json),
        _ => (name, json!(value)),
    }
}
