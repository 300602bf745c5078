//! A few words that are no case, and replies in the thread of one: said once, edited after.

use serde_json::{Value, json};

use super::message::Message;
use super::{Posted, Slack, SlackError};

impl Slack {
    /// Says a few words in the channel that `alerts` means; `name` finds them again.
    pub async fn notice(&self, alerts: Option<&str>, name: &str, text: &str) -> Result<Posted, SlackError> {
        self.in_a_channel(alerts, |channel| Box::pin(self.notice_in(channel, name, text))).await
    }

    async fn notice_in(&self, channel: String, name: &str, text: &str) -> Result<Posted, SlackError> {
        let deed = format!("tell `{name}` in channel `{channel}`");
        let metadata = json!({"event_type": "groundplan_notice", "event_payload": {"name": name}});
        let text = super::text::lines(text, 2800);
        let body = json!({"channel": channel, "text": text, "metadata": metadata, "unfurl_links": false});
        posted(&deed, &self.call("chat.postMessage", &deed, self.bot_token()?, &body).await?)
    }

    /// Says other words in the place of those that were said.
    pub async fn edit_notice(&self, said: &Posted, text: &str) -> Result<(), SlackError> {
        let Posted { channel, ts } = said;
        let deed = format!("edit a notice in channel `{channel}`");
        let body = json!({"channel": channel, "ts": ts, "text": super::text::lines(text, 2800)});
        self.call("chat.update", &deed, self.bot_token()?, &body).await.map(drop)
    }

    /// The words that [`notice`](Self::notice) said already, after a crash in the middle.
    pub async fn find_notice(&self, alerts: Option<&str>, name: &str) -> Result<Option<Posted>, SlackError> {
        self.look_for(alerts, "groundplan_notice", "name", name).await
    }

    /// Answers in the thread of a message, or says it anew in the place of an older answer.
    pub async fn reply(&self, to: &Posted, message: &Message, older: Option<&Posted>) -> Result<Posted, SlackError> {
        let Message { text, blocks } = message;
        let channel = &to.channel;
        let deed = format!("reply in channel `{channel}`");
        let mut body = json!({"channel": channel, "text": text, "blocks": blocks, "unfurl_links": false});
        if let Some(older) = older {
            body["ts"] = json!(older.ts);
            return self.call("chat.update", &deed, self.bot_token()?, &body).await.map(|_| older.clone());
        }
        body["thread_ts"] = json!(to.ts);
        posted(&deed, &self.call("chat.postMessage", &deed, self.bot_token()?, &body).await?)
    }
}

/// Where Slack says that it put a message.
pub(super) fn posted(deed: &str, answer: &Value) -> Result<Posted, SlackError> {
    let word = |name: &str| answer[name].as_str().map(str::to_owned);
    match (word("channel"), word("ts")) {
        (Some(channel), Some(ts)) => Ok(Posted { channel, ts }),
        _ => Err(SlackError::Unreachable { deed: deed.to_owned(), why: "the answer names no message".to_owned() }),
    }
}
