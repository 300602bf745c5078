//! Who a user is, and who is in a user group: asked of Slack, and believed for five minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Slack, SlackError};

/// So long may someone who left act as if they were still there.
const BELIEVED_FOR: Duration = Duration::from_secs(5 * 60);

/// A user, as far as rights are concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// What people call them; never a reason to trust them.
    pub name: String,
    pub standing: Standing,
}

/// What a user is in the workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Full,
    /// A guest of one or some channels, or somebody of another workspace.
    Guest,
    Bot,
    /// Deactivated.
    Gone,
}

/// What Slack said lately.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<HashMap<String, (Instant, Value)>>>);

impl Slack {
    /// Who a user is (`users.info`).
    pub async fn member(&self, user: &str) -> Result<Member, SlackError> {
        let answer = self.known("users.info", json!({"user": user}), &format!("ask who `{user}` is")).await?;
        let user = &answer["user"];
        let is = |name: &str| user[name] == true;
        let standing = match () {
            () if is("deleted") => Standing::Gone,
            () if is("is_bot") => Standing::Bot,
            () if is("is_restricted") || is("is_ultra_restricted") || is("is_stranger") => Standing::Guest,
            () => Standing::Full,
        };
        let named = [&user["profile"]["display_name"], &user["real_name"], &user["name"]];
        let name = named.into_iter().filter_map(Value::as_str).find(|name| !name.is_empty()).unwrap_or_default();
        Ok(Member { name: name.to_owned(), standing })
    }

    /// The ids of those in a user group (`usergroups.users.list`).
    pub async fn group(&self, group: &str) -> Result<Vec<String>, SlackError> {
        let deed = format!("ask who is in the user group `{group}`");
        let answer = self.known("usergroups.users.list", json!({"usergroup": group}), &deed).await?;
        let users = answer["users"].as_array().into_iter().flatten();
        Ok(users.filter_map(|user| user.as_str().map(str::to_owned)).collect())
    }

    /// The id of the workspace that the app is installed in (`auth.test`).
    pub async fn workspace(&self) -> Result<String, SlackError> {
        let deed = "ask which workspace this is";
        let answer = self.known("auth.test", json!({}), deed).await?;
        let team = answer["team_id"].as_str().filter(|team| !team.is_empty());
        let why = || "the answer names no workspace".to_owned();
        team.map(str::to_owned).ok_or_else(|| SlackError::Unreachable { deed: deed.to_owned(), why: why() })
    }

    async fn known(&self, method: &str, body: Value, deed: &str) -> Result<Value, SlackError> {
        let key = format!("{method} {body}");
        let lock = |known: &Known| known.0.lock().expect("nobody panics while holding it").get(&key).cloned();
        if let Some((at, answer)) = lock(&self.known)
            && at.elapsed() < BELIEVED_FOR
        {
            return Ok(answer);
        }
        let answer = self.call(method, deed, self.bot_token()?, &body).await?;
        let mut known = self.known.0.lock().expect("nobody panics while holding it");
        known.retain(|_, (at, _)| at.elapsed() < BELIEVED_FOR);
        known.insert(key, (Instant::now(), answer.clone()));
        Ok(answer)
    }
}
