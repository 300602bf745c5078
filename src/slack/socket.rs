//! Presses that come by Socket Mode: a connection that we open, for a service nobody can reach.
//!
//! Each envelope is acknowledged as soon as it is in the inbox, so a slow worker never delays an
//! acknowledgement; one that finds the inbox full is not acknowledged, and Slack shows the person
//! who pressed that it failed.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::{Inbox, Slack, SlackError, Taken};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a connection ended.
enum End {
    /// Slack moves its connections about every few hours.
    Refresh,
    Broken(String),
}

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(15);
const PING_EVERY: Duration = Duration::from_secs(15);
/// Without a word for so long, a connection is dead whatever the operating system believes.
const SILENCE: Duration = Duration::from_secs(50);
const LARGEST_MESSAGE: usize = 1024 * 1024;

impl Slack {
    /// Listens for presses until it is dropped; returns only when trying again cannot help.
    pub async fn listen(&self, inbox: Inbox) -> SlackError {
        let mut wait = FIRST_WAIT;
        loop {
            match self.connect().await {
                Ok(socket) => {
                    let opened = Instant::now();
                    match serve(socket, &inbox).await {
                        End::Refresh => tracing::debug!("Slack refreshes the connection"),
                        End::Broken(why) => tracing::warn!(why, "the connection to Slack broke"),
                    }
                    // One that breaks as soon as it stands is no reason to hurry.
                    if opened.elapsed() > LONGEST_WAIT {
                        wait = FIRST_WAIT;
                    }
                }
                Err(error) if error.will_pass() => tracing::warn!(%error, "trying again in {wait:?}"),
                Err(error) => return error,
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Asks for an address that serves once, and connects to it.
    async fn connect(&self) -> Result<Socket, SlackError> {
        let deed = "open Socket Mode";
        let token = self.settings().app_token.as_ref().ok_or_else(|| SlackError::unusable("there is no app token"))?;
        let answer = self.call("apps.connections.open", deed, token, &json!({})).await?;
        let unreachable = |why: String| SlackError::Unreachable { deed: deed.to_owned(), why };
        let url = answer["url"].as_str().ok_or_else(|| unreachable("the answer names no address".to_owned()))?;
        // The address is a ticket: it goes into no error.
        let here = url.starts_with("ws://127.0.0.1:") || url.starts_with("ws://localhost:");
        if !here && !url.starts_with("wss://") {
            return Err(SlackError::unusable("Slack names an address that is not wss"));
        }
        let limits = WebSocketConfig::default().max_message_size(Some(LARGEST_MESSAGE));
        let limits = limits.max_frame_size(Some(LARGEST_MESSAGE));
        let tls = Connector::Rustls(self.tls.clone());
        match timeout(PATIENCE, connect_async_tls_with_config(url, Some(limits), true, Some(tls))).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Err(_) => Err(unreachable("no answer in time".to_owned())),
        }
    }
}

/// Reads one connection to its end.
async fn serve(mut socket: Socket, inbox: &Inbox) -> End {
    let mut ping = interval(PING_EVERY);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    return End::Broken("nothing was heard for too long".to_owned());
                }
                if let Err(end) = send(&mut socket, Message::Ping(Default::default())).await {
                    return end;
                }
                continue;
            }
        };
        heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => match frame(&text, inbox) {
                Frame::Nothing => {}
                Frame::Refresh => return End::Refresh,
                Frame::Acknowledge(answer) => {
                    if let Err(end) = send(&mut socket, Message::text(answer)).await {
                        return end;
                    }
                    inbox.acknowledged(heard.elapsed());
                }
            },
            // The library answers a ping by itself with the next read.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) | None => return End::Broken("Slack closed it".to_owned()),
            Some(Err(error)) => return End::Broken(error.to_string()),
        }
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Broken(error.to_string())),
        Err(_) => Err(End::Broken("it takes nothing more".to_owned())),
    }
}

/// What a frame of Slack's asks of us.
#[derive(PartialEq, Debug)]
enum Frame {
    Nothing,
    Refresh,
    Acknowledge(String),
}

fn frame(text: &str, inbox: &Inbox) -> Frame {
    let Ok(frame) = serde_json::from_str::<Value>(text) else { return Frame::Nothing };
    match (frame["type"].as_str(), frame["envelope_id"].as_str()) {
        (Some("hello"), _) => {
            greet(&frame);
            Frame::Nothing
        }
        (Some("disconnect"), _) => Frame::Refresh,
        (Some("interactive"), Some(envelope)) => match inbox.take(envelope, &frame["payload"], Timestamp::now()) {
            // A repeated envelope is one whose acknowledgement was lost: it wants another.
            Taken::Accepted | Taken::Repeated | Taken::NotOurs => acknowledge(envelope),
            Taken::Malformed => {
                tracing::warn!("Slack sent a press that lacks what every press has");
                acknowledge(envelope)
            }
            Taken::Full => {
                tracing::error!("a press was lost: more came than could be worked off");
                Frame::Nothing
            }
        },
        // Events and commands that nobody subscribed to; unacknowledged ones would come again.
        (Some(_), Some(envelope)) => acknowledge(envelope),
        (_, _) => Frame::Nothing,
    }
}

fn acknowledge(envelope: &str) -> Frame {
    Frame::Acknowledge(json!({"envelope_id": envelope}).to_string())
}

/// More connections than replicas are ghosts: Slack sends them presses that nobody gets.
fn greet(hello: &Value) {
    match hello["num_connections"].as_u64() {
        Some(connections) if connections > 1 => {
            tracing::warn!(connections, "others are connected with this app token too, and get some of the presses");
        }
        Some(_) | None => tracing::info!("listening for presses by Socket Mode"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(id: &str) -> String {
        json!({"type": "interactive", "envelope_id": id, "payload": {
            "type": "block_actions",
            "user": {"id": "U0OPERATOR"},
            "container": {"message_ts": "1.000100", "channel_id": "C0ALERTS"},
            "actions": [{"action_id": "case_sync", "value": r#"{"v":1,"case":"d_1","rev":7,"action":"sync","plan":"4f0d"}"#}],
        }})
        .to_string()
    }

    #[test]
    fn an_envelope_is_acknowledged_by_its_id_and_pressed_once() {
        let (inbox, mut presses) = Inbox::new(4, Default::default());
        let expected = Frame::Acknowledge(r#"{"envelope_id":"e1"}"#.to_owned());
        assert_eq!(frame(&envelope("e1"), &inbox), expected);
        assert_eq!(frame(&envelope("e1"), &inbox), expected);
        assert_eq!(presses.try_recv().map(|press| press.case), Ok("d_1".to_owned()));
        assert!(presses.try_recv().is_err());
    }

    #[test]
    fn a_press_that_finds_no_room_is_not_acknowledged_and_may_come_again() {
        let (inbox, mut presses) = Inbox::new(1, Default::default());
        frame(&envelope("e1"), &inbox);
        assert_eq!(frame(&envelope("e2"), &inbox), Frame::Nothing);
        assert!(presses.try_recv().is_ok());
        assert!(matches!(frame(&envelope("e2"), &inbox), Frame::Acknowledge(_)));
    }

    #[test]
    fn what_is_no_envelope_is_let_be() {
        let (inbox, _presses) = Inbox::new(1, Default::default());
        assert_eq!(frame("not json", &inbox), Frame::Nothing);
        assert_eq!(frame("[]", &inbox), Frame::Nothing);
        assert_eq!(frame(r#"{"type":"hello","num_connections":3}"#, &inbox), Frame::Nothing);
        assert_eq!(frame(r#"{"type":"disconnect","reason":"warning"}"#, &inbox), Frame::Refresh);
        assert!(matches!(frame(r#"{"type":"events_api","envelope_id":"e"}"#, &inbox), Frame::Acknowledge(_)));
    }
}
