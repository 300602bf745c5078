//! The one Slack client: posts a case, keeps its message up to date, answers people.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::SlackClientHyperHttpsConnector;
use slack_morphism::{SlackApiToken, SlackClient};

use super::error::plainly;
use super::member::Known;
use super::message::{Detail, Message, message};
use super::notice::posted;
use super::{SlackError, SlackSettings};
use crate::cases::Case;
use crate::unit::Secret;

/// Slack, as far as cases need it. A copy shares its connections.
#[derive(Clone)]
pub struct Slack {
    settings: Arc<SlackSettings>,
    client: SlackClient<SlackClientHyperHttpsConnector>,
    pub(super) tls: Arc<rustls::ClientConfig>,
    /// How often a call is tried where Slack asks for fewer.
    tries: usize,
    pub(super) known: Known,
}

/// Where a case's message is: what [`Slack::update`] needs to find it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Posted {
    pub channel: String,
    pub ts: String,
}

/// Calls in a row that Slack may refuse for coming too fast.
const TRIES: usize = 4;
/// Longer than this, and the caller does better to come back later.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);

impl Slack {
    pub fn new(settings: SlackSettings) -> Result<Self, SlackError> {
        let url = settings.api_url()?;
        let tls = tls(url.starts_with("https:"))?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        let connector = SlackClientHyperHttpsConnector::from(connector).with_slack_api_url(&url);
        Ok(Self {
            settings: Arc::new(settings),
            client: SlackClient::new(connector),
            tls: Arc::new(tls),
            tries: TRIES,
            known: Known::default(),
        })
    }

    /// The same, for a caller that comes back by itself when Slack asks for fewer calls.
    pub fn impatient(&self) -> Self {
        Self { tries: 1, ..self.clone() }
    }

    pub fn settings(&self) -> &SlackSettings {
        &self.settings
    }

    /// Tells of a case in the channel of its environment, plainer where Slack refuses the blocks.
    pub async fn post(&self, case: &Case) -> Result<Posted, SlackError> {
        self.in_a_channel(case.alerts.as_deref(), |channel| Box::pin(self.post_in(channel, case))).await
    }

    async fn post_in(&self, channel: String, case: &Case) -> Result<Posted, SlackError> {
        let metadata = json!({"event_type": "groundplan_case", "event_payload": {"case": case.id}});
        let deed = format!("post case `{}` in channel `{channel}`", case.id);
        let body = json!({"channel": channel, "metadata": metadata, "unfurl_links": false, "unfurl_media": false});
        let answer = self.tell("chat.postMessage", &deed, body, case).await?;
        posted(&deed, &answer)
    }

    /// Does something in the channel of `alerts`; in the default one where Slack lets us do nothing there.
    pub(super) async fn in_a_channel<'d, T>(
        &self,
        alerts: Option<&str>,
        deed: impl Fn(String) -> BoxFuture<'d, Result<T, SlackError>>,
    ) -> Result<T, SlackError> {
        let channels = self.settings.channels(alerts)?;
        let (last, others) = channels.split_last().expect("there is one at least");
        for channel in others {
            match deed((*channel).to_owned()).await {
                Err(error) if error.is_about_the_channel() => tracing::warn!(%error, "going on in the default channel"),
                result => return result,
            }
        }
        deed((*last).to_owned()).await
    }

    /// Makes the message say what the case is now.
    pub async fn update(&self, case: &Case, posted: &Posted) -> Result<(), SlackError> {
        let Posted { channel, ts } = posted;
        let deed = format!("update case `{}` in channel `{channel}`", case.id);
        self.tell("chat.update", &deed, json!({"channel": channel, "ts": ts}), case).await.map(drop)
    }

    /// Tells one person in a channel what nobody else needs to read: why a press was refused.
    pub async fn whisper(&self, channel: &str, user: &str, text: &str) -> Result<(), SlackError> {
        let deed = format!("answer a press in channel `{channel}`");
        let body = json!({"channel": channel, "user": user, "text": super::text::safe(text, 2000)});
        self.call("chat.postEphemeral", &deed, self.bot_token()?, &body).await.map(drop)
    }

    /// The message of a case among the latest of its channel: after a crash between posting and
    /// keeping where it was posted.
    pub async fn find(&self, case: &Case) -> Result<Option<Posted>, SlackError> {
        self.look_for(case.alerts.as_deref(), "groundplan_case", "case", &case.id).await
    }

    pub(super) async fn look_for(
        &self,
        alerts: Option<&str>,
        event: &str,
        field: &str,
        name: &str,
    ) -> Result<Option<Posted>, SlackError> {
        let look = |channel| Box::pin(self.look_in(channel, event, field, name)) as BoxFuture<'_, _>;
        self.in_a_channel(alerts, look).await
    }

    async fn look_in(
        &self,
        channel: String,
        event: &str,
        field: &str,
        name: &str,
    ) -> Result<Option<Posted>, SlackError> {
        let deed = format!("look for `{name}` in channel `{channel}`");
        let body = json!({"channel": channel, "limit": 200, "include_all_metadata": true});
        let answer = self.call("conversations.history", &deed, self.bot_token()?, &body).await?;
        let ours = |message: &&Value| {
            message["metadata"]["event_type"] == event && message["metadata"]["event_payload"][field] == name
        };
        let found = answer["messages"].as_array().and_then(|messages| messages.iter().find(ours));
        Ok(found.and_then(|message| message["ts"].as_str()).map(|ts| Posted { channel, ts: ts.to_owned() }))
    }

    /// Sends the message of a case, one step plainer each time Slack does not take its looks.
    async fn tell(&self, method: &str, deed: &str, mut body: Value, case: &Case) -> Result<Value, SlackError> {
        let mut detail = Detail::Full;
        loop {
            let Message { text, blocks } = message(case, detail);
            body["text"] = json!(text);
            // An empty list takes away the blocks there were; none would leave them.
            body["blocks"] = json!(blocks);
            match (self.call(method, deed, self.bot_token()?, &body).await, detail.plainer()) {
                (Err(error), Some(plainer)) if error.is_about_blocks() => {
                    tracing::warn!(%error, "sending the case again with less in it");
                    detail = plainer;
                }
                (result, _) => return result,
            }
        }
    }

    /// One call of the Web API; waits as long as Slack asks, a few times.
    pub(super) async fn call(
        &self,
        method: &str,
        deed: &str,
        token: &Secret,
        body: &Value,
    ) -> Result<Value, SlackError> {
        let mut asked = None;
        for again in 1..=self.tries {
            let answer = tokio::time::timeout(PATIENCE, self.call_once(method, token, body)).await;
            let too_late = |_| SlackError::Unreachable { deed: deed.to_owned(), why: "no answer in time".to_owned() };
            match answer.map_err(too_late)? {
                Err(SlackClientError::RateLimitError(limit)) => {
                    let wait = limit.retry_after.unwrap_or(Duration::from_secs(1));
                    asked = Some(wait);
                    if wait > LONGEST_WAIT || again == self.tries {
                        break;
                    }
                    tokio::time::sleep(wait).await;
                }
                answer => return answer.map_err(|error| plainly(deed, error)),
            }
        }
        Err(SlackError::Throttled { deed: deed.to_owned(), wait: asked })
    }

    async fn call_once(&self, method: &str, token: &Secret, body: &Value) -> Result<Value, SlackClientError> {
        let token = SlackApiToken::new(token.expose().into());
        self.client.open_session(&token).http_session_api.http_post(method, body, None).await
    }

    pub(super) fn bot_token(&self) -> Result<&Secret, SlackError> {
        self.settings.bot_token.as_ref().ok_or_else(|| SlackError::unusable("there is no bot token"))
    }
}

/// One TLS for the Web API and for Socket Mode. Where Slack is a stand-in on this machine, no root
/// certificate is needed, and none is trusted.
fn tls(needed: bool) -> Result<rustls::ClientConfig, SlackError> {
    use hyper_rustls::ConfigBuilderExt;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the default versions");
    let builder = match needed {
        false => builder.with_root_certificates(rustls::RootCertStore::empty()),
        true => builder.with_native_roots().map_err(|error| {
            SlackError::unusable(format!("this machine has no root certificates ({error}): install ca-certificates"))
        })?,
    };
    Ok(builder.with_no_client_auth())
}
