//! The way to the emulator: a caller's own request, or a question of ours in the caller's name.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::body::Bytes;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use super::answer::Answer;
use super::form::Form;
use super::xml::Element;

const PATIENCE: Duration = Duration::from_secs(120);

/// The emulator behind the proxy.
pub(super) struct Upstream {
    client: reqwest::Client,
    /// Scheme and authority, without a slash at the end.
    url: String,
}

impl Upstream {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .context("cannot build the client towards the emulator")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
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

    /// Asks something else in the caller's name: the emulator tells callers apart by their headers
    /// and does not check that a signature fits the body.
    pub(super) async fn ask(&self, headers: &HeaderMap, form: &Form) -> anyhow::Result<Answer> {
        let mut headers = headers.clone();
        headers.remove(HeaderName::from_static("x-amz-content-sha256"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.forward(Method::POST, &Uri::from_static("/"), &headers, form.encode().into()).await
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
