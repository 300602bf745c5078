//! What can be read: who I am, who a user is, what was said.

use serde_json::{Value, json};

use super::blocks::refusal;
use super::world::{Message, State};
use super::{BOT_USER, TEAM_ID};

pub(super) fn auth_test(state: &State) -> Value {
    json!({
        "ok": true, "url": format!("{}/", state.base), "team": "home", "user": "groundplan", "team_id": TEAM_ID,
        "user_id": BOT_USER, "bot_id": "B0GROUND", "is_enterprise_install": false,
    })
}

pub(super) fn users_info(state: &State, arguments: &Value) -> Value {
    let id = arguments["user"].as_str().unwrap_or_default();
    let Some(user) = state.users.get(id) else { return refusal("user_not_found", Vec::new()) };
    let is_stranger = user.team != TEAM_ID;
    json!({"ok": true, "user": {
        "id": id, "team_id": user.team, "name": user.name, "real_name": user.name, "deleted": user.is_deleted, "is_bot": user.is_bot,
        "is_admin": false, "is_restricted": user.is_guest, "is_ultra_restricted": false, "is_stranger": is_stranger,
        "profile": {"real_name": user.name, "display_name": user.name, "email": format!("{}@home.example", user.name)},
    }})
}

/// `usergroups.users.list`: who is in a user group.
pub(super) fn group(state: &State, arguments: &Value) -> Value {
    match state.user_groups.get(arguments["usergroup"].as_str().unwrap_or_default()) {
        Some(users) => json!({"ok": true, "users": users}),
        None => refusal("no_such_subteam", Vec::new()),
    }
}

/// Newest first, a page at a time.
pub(super) fn history(state: &State, arguments: &Value) -> Value {
    let named = arguments["channel"].as_str().unwrap_or_default();
    let Some(id) = state.channel_id(named) else { return refusal("channel_not_found", Vec::new()) };
    let number = |value: &Value| value.as_u64().or(value.as_str().and_then(|text| text.parse().ok()));
    let limit = number(&arguments["limit"]).unwrap_or(100).clamp(1, 999) as usize;
    let start: usize = match arguments["cursor"].as_str().filter(|cursor| !cursor.is_empty()) {
        None => 0,
        Some(cursor) => match cursor.strip_prefix("after:").and_then(|start| start.parse().ok()) {
            Some(start) => start,
            None => return refusal("invalid_cursor", Vec::new()),
        },
    };
    let public = |message: &&Message| {
        let in_thread = message.now().get("thread_ts").is_some();
        message.ephemeral_to.is_none() && !message.deleted && !in_thread && in_range(message, arguments)
    };
    let all: Vec<_> = state.channels[&id].messages.iter().rev().filter(public).collect();
    let with_metadata = matches!(&arguments["include_all_metadata"], Value::Bool(true))
        || arguments["include_all_metadata"].as_str().is_some_and(|word| ["1", "true", "True"].contains(&word));
    let page: Vec<_> = all.iter().skip(start).take(limit).map(|message| shown(message, with_metadata)).collect();
    let next = start + page.len();
    let more = next < all.len();
    let cursor = if more { format!("after:{next}") } else { String::new() };
    json!({"ok": true, "messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}})
}

/// Names of messages are times of equal length: they compare as text.
fn in_range(message: &Message, arguments: &Value) -> bool {
    let inclusive = arguments["inclusive"] == true || arguments["inclusive"] == "1";
    let bound = |name: &str| arguments[name].as_str().filter(|bound| !bound.is_empty() && *bound != "0");
    let ts = message.ts.as_str();
    let after = bound("oldest").is_none_or(|oldest| if inclusive { ts >= oldest } else { ts > oldest });
    let before = bound("latest").is_none_or(|latest| if inclusive { ts <= latest } else { ts < latest });
    after && before
}

fn shown(message: &Message, with_metadata: bool) -> Value {
    let mut shown = message.now().clone();
    if let (Some(object), false) = (shown.as_object_mut(), with_metadata) {
        object.remove("metadata");
    }
    shown
}
