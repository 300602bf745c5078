//! The way to the emulator: a caller's own request, or a question of ours in the caller's name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use jiff::Timestamp;

use super::answer::Answer;
use super::form::Form;
use super::xml::Element;
use crate::sandbox::element;
use crate::sandbox::signature::{self, Credentials, Unsigned};

/// What the emulator takes as the secret of every account's root user.
const ROOT_SECRET: &str = "test";
const PATIENCE: Duration = Duration::from_secs(120);

/// The emulator behind the proxy.
pub(super) struct Upstream {
    client: reqwest::Client,
    /// Scheme and authority, without a slash at the end.
    url: String,
    /// Accounts by the keys of role sessions.
    sessions: Mutex<HashMap<String, String>>,
}

/// Who signed a request, and what for: `KEY/20261121/REGION/SERVICE/aws4_request`.
struct Scope {
    key: String,
    region: String,
    service: String,
}

impl Scope {
    fn of(headers: &HeaderMap) -> Self {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scope =
            header.split_once("Credential=").map_or("", |(_, rest)| rest.split([',', ' ']).next().unwrap_or(rest));
        let words: Vec<&str> = scope.split('/').collect();
        let word = |index: usize| words.get(index).copied().unwrap_or_default().to_owned();
        Self { key: word(0), region: word(2), service: word(3) }
    }
}

impl Upstream {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .context("cannot build the client towards the emulator")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), sessions: Mutex::default() })
    }

    /// Performs a request as it came: same path, headers and bytes, so that a signature stays true.
    pub(super) async fn forward(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = headers.clone();
        // The client counts the bytes itself, and expects nothing before it sends them.
        for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, EXPECT] {
            headers.remove(name);
        }
        let keeps_length = method == Method::HEAD;
        let request = self.client.request(method, format!("{}{path}", self.url)).headers(headers).body(body);
        let response = request.send().await.context("the emulator does not answer")?;
        let status = response.status();
        let mut headers = response.headers().clone();
        headers.remove(CONNECTION);
        headers.remove(TRANSFER_ENCODING);
        if !keeps_length {
            headers.remove(CONTENT_LENGTH);
        }
        let body = response.bytes().await.context("the emulator's answer breaks off")?;
        Ok(Answer { status, headers, body })
    }

    /// Asks something else, as the root user of the account that the caller works in.
    ///
    /// With AUTH=true the emulator checks the signatures of role sessions, so the caller's own cannot
    /// stand over another body.
    pub(super) async fn ask(&self, headers: &HeaderMap, form: &Form) -> anyhow::Result<Answer> {
        let caller = Scope::of(headers);
        let body = form.encode();
        let mut signed = HeaderMap::new();
        signed.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let unsigned = Unsigned {
            method: "POST",
            host: self.url.trim_start_matches("http://"),
            path: "/",
            body: body.as_bytes(),
            service: &caller.service,
            region: &caller.region,
        };
        let root = Credentials {
            key: self.account_of(&caller.key),
            secret: ROOT_SECRET.to_owned(),
            session_token: String::new(),
        };
        for (name, value) in signature::headers(&unsigned, &root, Timestamp::now()) {
            signed.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
        }
        self.forward(Method::POST, &Uri::from_static("/"), &signed, body.into()).await
    }

    /// Remembers which account the keys of an AssumeRole answer belong to.
    pub(super) fn learn(&self, answer: &Answer) {
        let text = answer.text();
        let key = element(&text, "AccessKeyId").ok();
        let account = element(&text, "Arn").ok().and_then(|arn| arn.split(':').nth(4));
        if let (Some(key), Some(account)) = (key, account) {
            self.sessions().insert(key.to_owned(), account.to_owned());
        }
    }

    /// The account and region that a call is for.
    pub(super) fn place(&self, headers: &HeaderMap) -> String {
        let caller = Scope::of(headers);
        format!("{}/{}", self.account_of(&caller.key), caller.region)
    }

    /// To the emulator a key that is an account's number is that account's root user; what was never
    /// seen to be assumed is a key of that kind.
    fn account_of(&self, key: &str) -> String {
        self.sessions().get(key).cloned().unwrap_or_else(|| key.to_owned())
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and reads the result inside the answer's envelope.
    pub(super) async fn result(&self, headers: &HeaderMap, form: &Form) -> anyhow::Result<Element> {
        let action = form.get("Action").unwrap_or_default().to_owned();
        let answer = self.ask(headers, form).await?;
        if answer.status != StatusCode::OK {
            bail!("{action} was refused: {}", answer.text());
        }
        let envelope = Element::parse(&answer.text())?;
        let result = envelope.child(&format!("{action}Result")).cloned();
        result.with_context(|| format!("the answer to {action} holds no result"))
    }
}
