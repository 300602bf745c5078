//! `chat.*`: what is said, and what it is changed to.

use serde_json::{Value, json};

use super::BOT_USER;
use super::blocks::{check_message, refusal};
use super::world::{Message, State};

pub(super) fn post(state: &mut State, arguments: &Value) -> Value {
    let (text, blocks) = said(arguments);
    let channel = match channel(state, arguments) {
        Ok(channel) => channel,
        Err(word) => return refusal(word, Vec::new()),
    };
    if let Some(refused) = check_message(text, blocks) {
        return refused;
    }
    let ts = state.next_ts();
    let mut message = state.bot_message(&ts, text, blocks.cloned().unwrap_or_default(), arguments.get("metadata"));
    if let Some(thread) = arguments["thread_ts"].as_str() {
        if state.message(&channel, thread).is_none() {
            return refusal("thread_not_found", Vec::new());
        }
        message["thread_ts"] = json!(thread);
    }
    keep(
        state,
        &channel,
        Message { ts: ts.clone(), versions: vec![message.clone()], ephemeral_to: None, deleted: false },
    );
    json!({"ok": true, "channel": channel, "ts": ts, "message": message})
}

pub(super) fn update(state: &mut State, arguments: &Value) -> Value {
    let channel = match channel(state, arguments) {
        Ok(channel) => channel,
        Err(word) => return refusal(word, Vec::new()),
    };
    let ts = arguments["ts"].as_str().unwrap_or_default().to_owned();
    let Some(before) = state.message(&channel, &ts).map(|message| message.clone()) else {
        return refusal("message_not_found", Vec::new());
    };
    if before.ephemeral_to.is_some() || before.now()["user"] != BOT_USER {
        return refusal("cant_update_message", Vec::new());
    }
    let (text, blocks) = said(arguments);
    // What is not given stays; an empty list of blocks takes them away.
    let kept_text =
        if arguments.get("text").is_some() { text } else { before.now()["text"].as_str().unwrap_or_default() };
    let kept_blocks = blocks.or(before.now().get("blocks"));
    if let Some(refused) = check_message(kept_text, kept_blocks) {
        return refused;
    }
    let metadata = arguments.get("metadata").or(before.now().get("metadata"));
    let mut message = state.bot_message(&ts, kept_text, kept_blocks.cloned().unwrap_or_default(), metadata);
    let edited = state.next_ts();
    if let Some(thread) = before.now().get("thread_ts") {
        message["thread_ts"] = thread.clone();
    }
    message["edited"] = json!({"user": BOT_USER, "ts": edited});
    let kept = state.message(&channel, &ts).expect("it was there a moment ago, under the same lock");
    kept.versions.push(message.clone());
    json!({"ok": true, "channel": channel, "ts": ts, "text": kept_text, "message": message})
}

pub(super) fn post_ephemeral(state: &mut State, arguments: &Value) -> Value {
    let (text, blocks) = said(arguments);
    let channel = match channel(state, arguments) {
        Ok(channel) => channel,
        Err(word) => return refusal(word, Vec::new()),
    };
    let user = arguments["user"].as_str().unwrap_or_default().to_owned();
    if !state.users.contains_key(&user) {
        return refusal("user_not_in_channel", Vec::new());
    }
    if let Some(refused) = check_message(text, blocks) {
        return refused;
    }
    let ts = state.next_ts();
    let message = state.bot_message(&ts, text, blocks.cloned().unwrap_or_default(), None);
    keep(
        state,
        &channel,
        Message { ts: ts.clone(), versions: vec![message], ephemeral_to: Some(user), deleted: false },
    );
    json!({"ok": true, "message_ts": ts})
}

/// What a `response_url` was sent: an answer to whoever pressed, or another message in its place.
pub(super) fn respond(state: &mut State, channel: &str, ts: &str, user: &str, body: &Value) -> Result<(), String> {
    if body["delete_original"] == true {
        state.message(channel, ts).ok_or("message_not_found")?.deleted = true;
        return Ok(());
    }
    let mut arguments = body.clone();
    arguments["channel"] = json!(channel);
    let answer = if body["replace_original"] == true {
        arguments["ts"] = json!(ts);
        // Here the whole message is replaced: blocks that are not given are gone.
        arguments["blocks"] = body.get("blocks").cloned().unwrap_or_else(|| json!([]));
        update(state, &arguments)
    } else if body["response_type"] == "in_channel" {
        post(state, &arguments)
    } else {
        arguments["user"] = json!(user);
        post_ephemeral(state, &arguments)
    };
    if answer["ok"] == true { Ok(()) } else { Err(answer["error"].as_str().unwrap_or_default().to_owned()) }
}

fn said(arguments: &Value) -> (&str, Option<&Value>) {
    (arguments["text"].as_str().unwrap_or_default(), arguments.get("blocks").filter(|blocks| !blocks.is_null()))
}

fn channel(state: &State, arguments: &Value) -> Result<String, &'static str> {
    let named = arguments["channel"].as_str().unwrap_or_default();
    let id = state.channel_id(named).ok_or("channel_not_found")?;
    if state.channels[&id].archived { Err("is_archived") } else { Ok(id) }
}

fn keep(state: &mut State, channel: &str, message: Message) {
    if let Some(channel) = state.channels.get_mut(channel) {
        channel.messages.push(message);
    }
}
