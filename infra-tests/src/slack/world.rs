//! All that the simulator knows, behind one lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::delivery::Delivery;
use super::rates::Rates;
use super::{ALERTS, APP_ID, BOT_USER, GUEST, OPERATOR, REVIEWER, STRANGER, TEAM_ID};

/// A message with everything it ever said.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Message {
    pub ts: String,
    /// The first as it was posted, the last as it stands.
    pub versions: Vec<Value>,
    /// Only this user sees it.
    pub ephemeral_to: Option<String>,
    pub deleted: bool,
}

impl Message {
    /// As it stands.
    pub fn now(&self) -> &Value {
        self.versions.last().expect("a message has at least the version that was posted")
    }
}

/// One call of the Web API, as it came.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Call {
    pub at: jiff::Timestamp,
    pub method: String,
    pub arguments: Value,
    pub answer: Value,
}

pub(super) struct Channel {
    pub(super) name: String,
    pub(super) archived: bool,
    pub(super) messages: Vec<Message>,
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) team: String,
    pub(super) is_bot: bool,
    pub(super) is_guest: bool,
    pub(super) is_deleted: bool,
}

/// What a method answers instead of doing its work.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// 429 with this many seconds to wait.
    Throttle(u64),
    /// `ok: false` with this word.
    Word(String),
    /// This status and no JSON.
    Status(u16),
    /// No answer for as long as anyone waits.
    Hang,
    /// The work is done, and the connection breaks before the answer is out.
    LoseAnswer,
}

/// A `response_url` that was handed out.
pub(super) struct Response {
    pub(super) channel: String,
    pub(super) ts: String,
    pub(super) user: String,
    pub(super) uses: u32,
    pub(super) made: Instant,
}

pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) frames: mpsc::UnboundedSender<String>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) base: String,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) users: BTreeMap<String, User>,
    pub(super) connections: Vec<Connection>,
    pub(super) tickets: HashSet<String>,
    pub(super) unacknowledged: HashMap<String, oneshot::Sender<Value>>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) interactivity: Option<String>,
    pub(super) faults: Vec<(String, Fault)>,
    pub(super) calls: Vec<Call>,
    pub(super) triggers: HashMap<String, Instant>,
    pub(super) views: Vec<Value>,
    pub(super) responses: HashMap<String, Response>,
    /// Slack's own limits; none where they were not asked for.
    pub(super) rates: Option<Rates>,
    pub(super) user_groups: BTreeMap<String, Vec<String>>,
    pub(super) is_revoked: bool,
    counter: u64,
}

/// Shared by the server's tasks and the one who drives it.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<State>>);

/// Slack forgets a trigger after this long.
pub(super) const TRIGGER_LIFE: Duration = Duration::from_secs(3);

impl World {
    pub(super) fn new(base: String) -> Self {
        let world = World::default();
        let mut state = world.lock();
        state.base = base;
        for (id, name) in [(ALERTS, "alerts"), ("C0PLATFORM", "platform")] {
            state.add_channel(id, name);
        }
        for (id, name, team) in [
            (BOT_USER, "groundplan", TEAM_ID),
            (OPERATOR, "operator", TEAM_ID),
            (REVIEWER, "reviewer", TEAM_ID),
            (STRANGER, "stranger", "T0ELSEWHERE"),
            (GUEST, "guest", TEAM_ID),
        ] {
            let user = User {
                name: name.to_owned(),
                team: team.to_owned(),
                is_bot: id == BOT_USER,
                is_guest: id == GUEST,
                is_deleted: false,
            };
            state.users.insert(id.to_owned(), user);
        }
        drop(state);
        world
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must still be able to stop its simulator.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn add_channel(&mut self, id: &str, name: &str) {
        let channel = Channel { name: name.to_owned(), archived: false, messages: Vec::new() };
        self.channels.insert(id.to_owned(), channel);
    }

    /// A number that nothing else has.
    pub(super) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// What a modal may be opened with, for as long as it lives.
    pub(super) fn trigger(&mut self) -> String {
        let trigger = format!("{}.1.trigger", self.next());
        self.triggers.insert(trigger.clone(), Instant::now());
        trigger
    }

    /// The time as Slack names messages by it: unique in a channel, and in order.
    pub(super) fn next_ts(&mut self) -> String {
        let second = jiff::Timestamp::now().as_second();
        format!("{second}.{:06}", self.next() * 100)
    }

    /// By id, or as `#name`.
    pub(super) fn channel_id(&self, named: &str) -> Option<String> {
        let name = named.strip_prefix('#').unwrap_or(named);
        let by_name = || self.channels.iter().find(|(_, channel)| channel.name == name).map(|(id, _)| id.clone());
        if self.channels.contains_key(named) { Some(named.to_owned()) } else { by_name() }
    }

    pub(super) fn message(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        let messages = &mut self.channels.get_mut(channel)?.messages;
        messages.iter_mut().find(|message| message.ts == ts && !message.deleted)
    }

    /// What the next call of a method does instead of its work.
    pub(super) fn fault(&mut self, method: &str) -> Option<Fault> {
        let at = self.faults.iter().position(|(of, _)| of == method)?;
        Some(self.faults.remove(at).1)
    }

    /// A message of the bot as Slack keeps it: with what Slack adds.
    pub(super) fn bot_message(&mut self, ts: &str, text: &str, blocks: Value, metadata: Option<&Value>) -> Value {
        let mut message = json!({
            "type": "message", "user": BOT_USER, "bot_id": "B0GROUND", "app_id": APP_ID, "team": TEAM_ID,
            "text": text, "ts": ts,
        });
        if blocks.as_array().is_some_and(|blocks| !blocks.is_empty()) {
            message["blocks"] = self.with_ids(blocks);
        }
        if let Some(metadata) = metadata {
            message["metadata"] = metadata.clone();
        }
        message
    }

    /// Slack names the blocks and elements that their author did not.
    fn with_ids(&mut self, mut blocks: Value) -> Value {
        for block in blocks.as_array_mut().into_iter().flatten() {
            if block.get("block_id").is_none() {
                block["block_id"] = json!(format!("b{}", self.next()));
            }
            for element in block.get_mut("elements").and_then(Value::as_array_mut).into_iter().flatten() {
                if element["type"] == "button" && element.get("action_id").is_none() {
                    element["action_id"] = json!(format!("a{}", self.next()));
                }
            }
        }
        blocks
    }
}
