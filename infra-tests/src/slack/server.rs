//! The simulator itself: started on a free port, stopped when dropped.

use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::delivery::{Delivery, signature};
use super::press::{PressError, press};
use super::rates::Rates;
use super::show::show;
use super::world::{Call, Fault, Message, World};
use super::{APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, control, socket, web};

/// A running Slack of one workspace and one app.
pub struct Simulator {
    world: World,
    url: String,
    server: JoinHandle<()>,
}

impl Simulator {
    /// On a free port of 127.0.0.1.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let world = World::new(url.clone());
        let router = Router::new()
            .route("/api/{method}", any(web::method))
            .route("/link/", get(socket::link))
            .route("/actions/{team}/{id}", post(control::respond))
            .merge(control::router())
            .with_state(world.clone());
        let server = tokio::spawn(async move {
            // It ends with the simulator, and there is nobody left to tell.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { world, url, server })
    }

    /// `http://127.0.0.1:PORT`; the Web API is below `/api`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the Web API is.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.url)
    }

    pub fn bot_token(&self) -> &'static str {
        BOT_TOKEN
    }

    pub fn app_token(&self) -> &'static str {
        APP_TOKEN
    }

    pub fn signing_secret(&self) -> &'static str {
        SIGNING_SECRET
    }

    /// Where presses go when no socket is connected.
    pub fn send_presses_to(&self, url: impl Into<String>) {
        self.world.lock().interactivity = Some(url.into());
    }

    /// Presses a button of a message as it stands, and waits until the app heard it.
    pub async fn press(&self, channel: &str, ts: &str, action_id: &str, user: &str) -> Result<Delivery, PressError> {
        press(&self.world, channel, ts, action_id, user).await
    }

    /// Every message of a channel with all its versions, oldest first; those for one person too.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        let state = self.world.lock();
        let id = state.channel_id(channel);
        id.map(|id| state.channels[&id].messages.clone()).unwrap_or_default()
    }

    /// A channel as text, for a terminal.
    pub fn show(&self, channel: &str) -> String {
        show(&self.world.lock(), channel)
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.world.lock().deliveries.clone()
    }

    /// Every call of the Web API that was answered in JSON, with its answer.
    pub fn calls(&self) -> Vec<Call> {
        self.world.lock().calls.clone()
    }

    /// Every modal that was opened.
    pub fn views(&self) -> Vec<Value> {
        self.world.lock().views.clone()
    }

    pub fn archive(&self, channel: &str) {
        if let Some(channel) = self.world.lock().channels.get_mut(channel) {
            channel.archived = true;
        }
    }

    /// The next call of `method` is told to wait; call it twice for two.
    pub fn throttle(&self, method: &str, seconds: u64) {
        self.world.lock().faults.push((method.to_owned(), Fault::Throttle(seconds)));
    }

    /// The next call of `method` is refused with `word`.
    pub fn refuse(&self, method: &str, word: &str) {
        self.world.lock().faults.push((method.to_owned(), Fault::Word(word.to_owned())));
    }

    /// The next call of `method` gets a bare status.
    pub fn fail(&self, method: &str, status: u16) {
        self.world.lock().faults.push((method.to_owned(), Fault::Status(status)));
    }

    /// The next call of `method` is never answered.
    pub fn hang(&self, method: &str) {
        self.world.lock().faults.push((method.to_owned(), Fault::Hang));
    }

    /// The next call of `method` does its work, and its answer is lost on the way.
    pub fn lose_answer(&self, method: &str) {
        self.world.lock().faults.push((method.to_owned(), Fault::LoseAnswer));
    }

    /// From now on Slack's own rate limits are kept; [`too_fast`](Self::too_fast) tells who broke them.
    pub fn limit(&self) {
        self.world.lock().rates = Some(Rates::default());
    }

    /// The methods that were called faster than Slack allows, in order.
    pub fn too_fast(&self) -> Vec<String> {
        self.world.lock().rates.as_ref().map(|rates| rates.refused.clone()).unwrap_or_default()
    }

    /// Every token is refused from now on.
    pub fn revoke_tokens(&self) {
        self.world.lock().is_revoked = true;
    }

    /// A user group, for `usergroups.users.list`.
    pub fn set_user_group(&self, id: &str, users: &[&str]) {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        self.world.lock().user_groups.insert(id.to_owned(), users);
    }

    /// They left.
    pub fn deactivate(&self, user: &str) {
        if let Some(user) = self.world.lock().users.get_mut(user) {
            user.is_deleted = true;
        }
    }

    /// Types `text` into the field of the modal that was opened last, and sends it back.
    pub async fn submit(&self, text: &str, user: &str) -> Result<Delivery, PressError> {
        super::press::submit(&self.world, text, None, user).await
    }

    /// The same, with a day chosen where the modal asks for one.
    pub async fn submit_until(&self, text: &str, day: &str, user: &str) -> Result<Delivery, PressError> {
        super::press::submit(&self.world, text, Some(day), user).await
    }

    pub fn connections(&self) -> usize {
        self.world.lock().connections.len()
    }

    /// Waits until `count` sockets are connected; false when that takes longer than `patience`.
    pub async fn connected(&self, count: usize, patience: Duration) -> bool {
        let reached = async {
            while self.connections() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(patience, reached).await.is_ok()
    }

    /// Tells every socket to come back, as Slack does every few hours, and closes it.
    pub fn disconnect(&self, reason: &str) {
        for connection in &self.world.lock().connections {
            let _ = connection.frames.send(socket::disconnect(reason));
        }
    }

    /// Slack's signature over a body sent at `timestamp`.
    pub fn sign(&self, timestamp: i64, body: &str) -> String {
        signature(timestamp, body)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
        // A socket whose sender is gone closes.
        self.world.lock().connections.clear();
    }
}
