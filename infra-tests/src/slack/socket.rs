//! Socket Mode: a ticket that serves once, and the connection it opens.

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::APP_ID;
use super::blocks::refusal;
use super::world::{Connection, State, World};

const MOST_CONNECTIONS: usize = 10;

/// `apps.connections.open`
pub(super) fn open(state: &mut State) -> Value {
    if state.connections.len() >= MOST_CONNECTIONS {
        return refusal("too_many_websockets", Vec::new());
    }
    let ticket = format!("ticket-{}", state.next());
    state.tickets.insert(ticket.clone());
    let host = state.base.trim_start_matches("http://");
    json!({"ok": true, "url": format!("ws://{host}/link/?ticket={ticket}&app_id={APP_ID}")})
}

#[derive(serde::Deserialize)]
pub(super) struct Link {
    ticket: String,
}

/// `/link/`: the connection itself.
pub(super) async fn link(
    Shared(world): Shared<World>,
    Query(link): Query<Link>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !world.lock().tickets.remove(&link.ticket) {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(move |socket| converse(world, socket))
}

async fn converse(world: World, mut socket: WebSocket) {
    let (frames, mut outgoing) = mpsc::unbounded_channel();
    let (id, hello) = {
        let mut state = world.lock();
        let id = state.next();
        // Known before the greeting goes out: whoever was greeted gets what is pressed next.
        state.connections.push(Connection { id, frames });
        (id, hello(state.connections.len()))
    };
    let mut open = socket.send(Message::text(hello)).await.is_ok();
    while open {
        open = tokio::select! {
            frame = outgoing.recv() => match frame {
                Some(frame) => {
                    let last = frame.contains(r#""type":"disconnect""#);
                    socket.send(Message::text(frame)).await.is_ok() && !last
                }
                // The simulator is going away.
                None => false,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    acknowledged(&world, &text);
                    true
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            },
        };
    }
    world.lock().connections.retain(|connection| connection.id != id);
}

fn hello(connections: usize) -> String {
    json!({
        "type": "hello",
        "num_connections": connections,
        "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060},
        "connection_info": {"app_id": APP_ID},
    })
    .to_string()
}

/// What Slack says before it closes a connection.
pub(super) fn disconnect(reason: &str) -> String {
    json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}).to_string()
}

fn acknowledged(world: &World, text: &str) {
    let Ok(answer) = serde_json::from_str::<Value>(text) else { return };
    let Some(envelope) = answer["envelope_id"].as_str() else { return };
    if let Some(waiting) = world.lock().unacknowledged.remove(envelope) {
        // Whoever pressed may have stopped waiting.
        let _ = waiting.send(answer);
    }
}
