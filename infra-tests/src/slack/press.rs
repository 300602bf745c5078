//! Somebody presses a button of a message as it stands.

use std::time::Instant;

use serde_json::{Value, json};

use super::delivery::{Delivery, deliver};
use super::world::{Response, State, World};
use super::{APP_ID, TEAM_ID};

/// Why nothing was pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PressError {
    NoSuchMessage,
    /// The message as it stands has no such button: a resolved case has none.
    NoSuchButton,
    NoSuchUser,
    /// No modal was opened.
    NoSuchModal,
    /// No socket is connected, and no address for requests is set.
    NobodyListens,
}

impl std::fmt::Display for PressError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PressError::NoSuchMessage => "there is no such message",
            PressError::NoSuchButton => "the message as it stands has no such button",
            PressError::NoSuchModal => "no modal was opened",
            PressError::NoSuchUser => "there is no such user",
            PressError::NobodyListens => "no socket is connected, and no address for requests is set",
        })
    }
}

impl std::error::Error for PressError {}

/// Finds the button, says yes to its dialog, and waits until the app heard it or Slack gives up.
pub(super) async fn press(
    world: &World,
    channel: &str,
    ts: &str,
    action_id: &str,
    user: &str,
) -> Result<Delivery, PressError> {
    let payload = payload(&mut world.lock(), channel, ts, action_id, user)?;
    deliver(world, payload).await
}

/// Types into the field of the modal that was opened last, chooses a day where it asks for one, and sends it
/// back. Without a day, the one that stands there is sent.
pub(super) async fn submit(world: &World, text: &str, day: Option<&str>, user: &str) -> Result<Delivery, PressError> {
    let payload = submission(&mut world.lock(), text, day, user)?;
    deliver(world, payload).await
}

fn submission(state: &mut State, text: &str, day: Option<&str>, user: &str) -> Result<Value, PressError> {
    let mut view = state.views.last().cloned().ok_or(PressError::NoSuchModal)?;
    let (name, team) = state.users.get(user).map(|u| (u.name.clone(), u.team.clone())).ok_or(PressError::NoSuchUser)?;
    let inputs: Vec<_> =
        view["blocks"].as_array().into_iter().flatten().filter(|block| block["type"] == "input").cloned().collect();
    if inputs.is_empty() {
        return Err(PressError::NoSuchButton);
    }
    for input in inputs {
        let element = &input["element"];
        let (block, action) = (input["block_id"].as_str(), element["action_id"].as_str());
        let (block, action) = block.zip(action).ok_or(PressError::NoSuchButton)?;
        view["state"]["values"][block][action] = match element["type"].as_str() {
            Some("datepicker") => {
                let chosen = day.map_or_else(|| element["initial_date"].clone(), Value::from);
                json!({"type": "datepicker", "selected_date": chosen})
            }
            kind => json!({"type": kind, "value": text}),
        };
    }
    let trigger = state.trigger();
    Ok(json!({
        "type": "view_submission",
        "user": {"id": user, "username": name, "name": name, "team_id": team},
        "api_app_id": APP_ID,
        "token": "simulator-verification-token",
        "trigger_id": trigger,
        "team": {"id": TEAM_ID, "domain": "home"},
        "enterprise": null,
        "is_enterprise_install": false,
        "view": view,
        "response_urls": [],
    }))
}

fn payload(state: &mut State, channel: &str, ts: &str, action_id: &str, user: &str) -> Result<Value, PressError> {
    let channel = state.channel_id(channel).ok_or(PressError::NoSuchMessage)?;
    let message = state.message(&channel, ts).ok_or(PressError::NoSuchMessage)?.now().clone();
    let action = action(&message, action_id).ok_or(PressError::NoSuchButton)?;
    let (name, team) = state.users.get(user).map(|u| (u.name.clone(), u.team.clone())).ok_or(PressError::NoSuchUser)?;
    let trigger = state.trigger();
    let response = format!("r{}", state.next());
    let response_url = format!("{}/actions/{TEAM_ID}/{response}", state.base);
    let made = Instant::now();
    let answer = Response { channel: channel.clone(), ts: ts.to_owned(), user: user.to_owned(), uses: 0, made };
    state.responses.insert(response, answer);
    let channel_name = state.channels[&channel].name.clone();
    Ok(json!({
        "type": "block_actions",
        "user": {"id": user, "username": name, "name": name, "team_id": team},
        "api_app_id": APP_ID,
        "token": "simulator-verification-token",
        "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": false},
        "trigger_id": trigger,
        "team": {"id": TEAM_ID, "domain": "home"},
        "enterprise": null,
        "is_enterprise_install": false,
        "channel": {"id": channel, "name": channel_name},
        "message": message,
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [action],
    }))
}

/// The button as the payload tells of it: without what it does not carry.
fn action(message: &Value, action_id: &str) -> Option<Value> {
    let blocks = message["blocks"].as_array()?;
    // `case_snooze=4 hours` chooses from a menu.
    let (name, choice) = action_id.split_once('=').map_or((action_id, None), |(name, label)| (name, Some(label)));
    let is_pressable = |element: &Value| match choice {
        Some(_) => element["type"] == "static_select" || element["type"] == "overflow",
        None => element["type"] == "button",
    };
    let of_block = |block: &Value| -> Vec<(Value, Value)> {
        let id = block["block_id"].clone();
        let elements = block["elements"].as_array().cloned().unwrap_or_default();
        elements.into_iter().chain(block.get("accessory").cloned()).map(|element| (id.clone(), element)).collect()
    };
    let mut elements = blocks.iter().flat_map(of_block);
    let (block_id, button) = elements.find(|(_, element)| is_pressable(element) && element["action_id"] == name)?;
    if let Some(label) = choice {
        let options = button["options"].as_array()?;
        let chosen = options.iter().find(|option| option["text"]["text"] == label)?;
        let now = jiff::Timestamp::now();
        let mut action = json!({
            "type": button["type"], "action_id": name, "block_id": block_id, "selected_option": chosen,
            "action_ts": format!("{}.000000", now.as_second()),
        });
        if let Some(placeholder) = button.get("placeholder") {
            action["placeholder"] = placeholder.clone();
        }
        return Some(action);
    }
    let action_id = name;
    let mut action = json!({"type": "button", "action_id": action_id, "block_id": block_id});
    for name in ["text", "value", "style", "url", "confirm"] {
        if let Some(value) = button.get(name) {
            action[name] = value.clone();
        }
    }
    let now = jiff::Timestamp::now();
    action["action_ts"] = json!(format!("{}.{:06}", now.as_second(), now.subsec_microsecond()));
    Some(action)
}
