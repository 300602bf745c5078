//! One API server: bounded requests, bounded retries, and errors that say which server was asked.

use std::sync::Arc;
use std::time::Duration;

use futures::AsyncBufRead;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::object::ObjectId;
use super::refuse;
use super::tokens::Tokens;
use crate::unit::KindError;

/// How the audit log of a cluster names who asked.
const AGENT: &str = concat!("groundplan/", env!("CARGO_PKG_VERSION"));
/// One request and its answer, at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Every request we send may be sent twice: reads, server-side applies, and deletions of one uid.
const TRIES: u32 = 4;
/// Requests under way to one server at a time, for all deeds together; watches are not among them.
const AT_ONCE: usize = 64;

/// A way to one API server.
#[derive(Clone)]
pub(super) struct Server {
    client: kube::Client,
    /// For errors: `cluster shop-prod (https://…)`.
    pub(super) name: Arc<str>,
    tokens: Option<Arc<Tokens>>,
    /// Whom the server is to take us for.
    stands_for: Arc<[(HeaderName, HeaderValue)]>,
    turns: Arc<Semaphore>,
}

/// What is asked of a server.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) accept: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// What became of asking to be told.
pub(super) enum Stream<L> {
    /// One line for each thing that happens.
    Open(L),
    /// The place to go on from is too old.
    Forgotten,
}

/// What a server answered. It has no `Debug`: it may hold a Secret.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// What a server answered, byte for byte.
pub(super) struct Bytes {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    retry_after: Option<Duration>,
}

impl Ask {
    pub(super) fn get(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            method: Method::GET,
            path,
            accept: "application/json",
            content_type: "application/json",
            body: Vec::new(),
        }
    }

    pub(super) fn accept(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    /// A server-side apply, taking over what others hold of the fields we declare.
    pub(super) fn apply(path: &str, field_manager: &str, dry_run: bool, body: Vec<u8>) -> Self {
        Self::apply_with(path, field_manager, if dry_run { "&force=true&dryRun=All" } else { "&force=true" }, body)
    }

    /// A server-side apply that takes nothing from anybody, and is not done: the answer names what is in the way.
    pub(super) fn apply_gently(path: &str, field_manager: &str, body: Vec<u8>) -> Self {
        Self::apply_with(path, field_manager, "&dryRun=All", body)
    }

    fn apply_with(path: &str, field_manager: &str, how: &str, body: Vec<u8>) -> Self {
        let manager = encode(field_manager);
        Self {
            method: Method::PATCH,
            path: format!("{path}?fieldManager={manager}&fieldValidation=Strict{how}"),
            // JSON is YAML; the server knows no other name for a full apply.
            content_type: "application/apply-patch+yaml",
            ..Self { body, ..Self::get("") }
        }
    }

    /// A JSON patch, which must pin the version it was made for.
    pub(super) fn patch(path: &str, field_manager: &str, patch: &Value) -> Self {
        Self {
            method: Method::PATCH,
            path: format!("{path}?fieldManager={}", encode(field_manager)),
            content_type: "application/json-patch+json",
            body: patch.to_string().into_bytes(),
            ..Self::get("")
        }
    }

    /// A deletion of this very object: one that was made again under its name stays.
    pub(super) fn delete(path: String, uid: &str) -> Self {
        let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background", "preconditions": {"uid": uid}});
        Self { method: Method::DELETE, body: body.to_string().into_bytes(), ..Self::get(path) }
    }
}

/// Percent-encodes a value of a query.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => encoded.push(byte as char),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

impl Server {
    pub(super) fn new(client: kube::Client, name: &str, tokens: Option<Tokens>) -> Self {
        Self {
            client,
            name: name.into(),
            tokens: tokens.map(Arc::new),
            stands_for: Arc::new([]),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The same way to the same server, as a service account: it may do what that one may, and no more.
    pub(super) fn standing_for(&self, namespace: &str, account: &str) -> Result<Self, KindError> {
        let (user, group) = (HeaderName::from_static("impersonate-user"), HeaderName::from_static("impersonate-group"));
        let value = |text: String| {
            HeaderValue::try_from(text)
                .map_err(|_| KindError::failed(format!("`{namespace}/{account}` is no name of a service account")))
        };
        let headers = [
            (user, value(format!("system:serviceaccount:{namespace}:{account}"))?),
            (group.clone(), HeaderValue::from_static("system:serviceaccounts")),
            (group.clone(), value(format!("system:serviceaccounts:{namespace}"))?),
            (group, HeaderValue::from_static("system:authenticated")),
        ];
        let name = format!("{} as service account `{namespace}/{account}`", self.name);
        Ok(Self { name: name.into(), stands_for: Arc::new(headers), ..self.clone() })
    }

    /// Sends a request, again where the server was busy or gone for a moment. An answer of any status
    /// is an answer; only a server that cannot be heard is an error.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Answer, KindError> {
        let Bytes { status, body, .. } = self.fetch(ask).await?;
        match String::from_utf8(body) {
            Ok(body) => Ok(Answer { status, body }),
            Err(_) => Err(KindError::failed(format!("{} answered with what is no text", self.name))),
        }
    }

    /// Sends a request as [`Self::send`] does; what comes back need not be a text.
    pub(super) async fn fetch(&self, ask: &Ask) -> Result<Bytes, KindError> {
        let mut delay = Duration::from_millis(200);
        for attempt in 1.. {
            let last = attempt >= TRIES;
            let pause = match Box::pin(self.once(ask)).await {
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) && !last => {
                    answer.retry_after.unwrap_or(delay).min(Duration::from_secs(10))
                }
                Ok(answer) if answer.status == 401 && attempt == 1 && self.tokens.is_some() => {
                    self.forget_token().await;
                    Duration::ZERO
                }
                Ok(answer) => return Ok(answer),
                Err(Lost::Ours(error)) => return Err(error),
                Err(Lost::Wire(why)) if last => return Err(self.unreachable(ask, attempt, &why)),
                Err(Lost::Wire(_)) => delay,
            };
            tokio::time::sleep(pause).await;
            delay *= 2;
        }
        unreachable!("the last attempt returns")
    }

    async fn forget_token(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.forget().await;
        }
    }

    async fn say_who_asks(&self, headers: &mut HeaderMap) -> Result<(), KindError> {
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        self.stands_for.iter().for_each(|(name, value)| _ = headers.append(name, value.clone()));
        if let Some(tokens) = &self.tokens {
            headers.insert(AUTHORIZATION, tokens.header().await?);
        }
        Ok(())
    }

    async fn once(&self, ask: &Ask) -> Result<Bytes, Lost> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(&ask.path)
            .header(ACCEPT, ask.accept)
            .header(CONTENT_TYPE, ask.content_type)
            .body(Body::from(ask.body.clone()))
            .map_err(|error| Lost::Ours(KindError::failed(format!("`{}` is no address: {error}", ask.path))))?;
        self.say_who_asks(request.headers_mut()).await.map_err(Lost::Ours)?;
        let _turn = self.turns.acquire().await.expect("the turns are never closed");
        let answer = async {
            let response = self.client.send(request).await?;
            let status = response.status().as_u16();
            let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let body = response.into_body().collect_bytes().await?;
            Ok::<_, kube::Error>(Bytes { status, body: body.into(), retry_after: seconds.map(Duration::from_secs) })
        };
        match tokio::time::timeout(PATIENCE, Box::pin(answer)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Lost::Wire(chain(&error))),
            Err(_) => Err(Lost::Wire(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    /// Asks to be told of what happens from now on. It is asked once: whoever listens knows when to try again.
    pub(super) async fn open(&self, path: &str) -> Result<Stream<impl AsyncBufRead + Unpin + use<>>, KindError> {
        let mut request = Request::builder()
            .uri(path)
            .header(ACCEPT, "application/json")
            // Pieces must arrive as they are written, and a compressor would keep them.
            .header(ACCEPT_ENCODING, "identity")
            .body(Vec::new())
            .map_err(|error| KindError::failed(format!("`{path}` is no address: {error}")))?;
        self.say_who_asks(request.headers_mut()).await?;
        match tokio::time::timeout(PATIENCE, self.client.request_stream(request)).await {
            Ok(Ok(lines)) => Ok(Stream::Open(Box::pin(lines))),
            Ok(Err(kube::Error::Api(status))) if status.code == 410 => Ok(Stream::Forgotten),
            Ok(Err(kube::Error::Api(status))) => {
                if status.code == 401 {
                    self.forget_token().await;
                }
                Err(KindError::failed(format!("{} answered {}: {}", self.name, status.code, status.message)))
            }
            Ok(Err(error)) => Err(KindError::unreachable(format!("{} does not answer: {}", self.name, chain(&error)))),
            Err(_) => {
                Err(KindError::unreachable(format!("{} does not answer within {} s", self.name, PATIENCE.as_secs())))
            }
        }
    }

    fn unreachable(&self, ask: &Ask, tries: u32, why: &str) -> KindError {
        let path = ask.path.split('?').next().unwrap_or_default();
        KindError::unreachable(format!("{} does not answer: {why}", self.name))
            .hint(format!("asked {tries} times for {} {path}", ask.method))
    }

    /// The error for a list that cannot be read.
    pub(super) fn broken_list(&self, error: &serde_json::Error) -> KindError {
        KindError::failed(format!("{} answered with a broken list: {error}", self.name))
    }

    /// Sends a request whose answer must be a good one.
    pub(super) async fn expect(&self, ask: &Ask, deed: &str) -> Result<String, KindError> {
        let answer = self.send(ask).await?;
        match answer.is_good() {
            true => Ok(answer.body),
            false => Err(answer.refusal(&self.name, deed, None)),
        }
    }
}

enum Lost {
    Ours(KindError),
    Wire(String),
}

/// The message of an error and of all that led to it. None of ours holds a body or a header.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl Answer {
    /// The fields that a refused change may not change; none where it was not refused for that.
    pub(super) fn immutable_fields(&self) -> Vec<String> {
        match self.status {
            422 => {
                let status: Value = serde_json::from_str(&self.body).unwrap_or_default();
                refuse::immutable_fields(&status).into_iter().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the object's namespace is being deleted.
    pub(super) fn namespace_goes(&self) -> bool {
        self.status == 403 && self.body.contains("being terminated")
    }

    /// The webhook that was to be asked about this, and did not answer.
    pub(super) fn silent_webhook(&self) -> Option<String> {
        let status: Value = (self.status == 500).then(|| serde_json::from_str(&self.body).ok())??;
        refuse::unreachable_webhook(status["message"].as_str()?).map(str::to_owned)
    }

    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The answer as an error: what was attempted, and what the server said to it.
    ///
    /// The server quotes values back, so of an answer about a Secret only the reason is kept.
    pub(super) fn refusal(&self, server: &str, deed: &str, about: Option<&ObjectId>) -> KindError {
        let status: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let reason = status["reason"].as_str().unwrap_or("no reason given");
        let message = status["message"].as_str().unwrap_or(reason);
        let denied_by = refuse::denied_by(message);
        let said = match about.is_some_and(ObjectId::is_secret) {
            true => {
                let causes = status["details"]["causes"].as_array().into_iter().flatten();
                let fields: Vec<&str> = causes.filter_map(|cause| cause["field"].as_str()).collect();
                let denied = denied_by.as_ref().map(|who| format!("denied by {who}")).unwrap_or_default();
                format!("{reason} {} {denied}", fields.join(", "))
            }
            false => message.to_owned(),
        };
        let immutable = refuse::immutable_fields(&status);
        if !immutable.is_empty() {
            let fields = immutable.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(" and ");
            let error =
                KindError::failed(format!("{deed}: {fields} cannot be changed once the object is there ({server})"));
            return match about.and_then(super::look::keeps_data) {
                Some(why) => {
                    error.hint(format!("give the new object another name; it is never made anew, because {why}"))
                }
                None => error.hint(format!(
                    "give the new object another name, or agree to losing the old one: annotate it with `{}: allowed`",
                    super::mark::REPLACE_ANNOTATION
                )),
            };
        }
        let error = KindError::failed(format!("{deed}: {server} answered {}: {}", self.status, said.trim_end()));
        if let Some(who) = denied_by {
            return error.hint(format!("{who} denies it: change the object, or ask whoever keeps that rule"));
        }
        match self.status {
            401 => error.hint("the cluster does not know who asks: an EKS cluster needs an access entry for this role"),
            403 if said.contains("being terminated") => {
                error.hint("its namespace is being deleted: wait, then run again")
            }
            404 if message.starts_with("namespaces ") => error
                .hint("declare the namespace in this workload, or name the workload that brings it under `dependsOn`"),
            403 => error.hint("whoever asks lacks the right to do so in this cluster"),
            500 if let Some(name) = refuse::unreachable_webhook(message) => {
                error.hint(format!("admission webhook `{name}` does not answer: is what serves it running?"))
            }
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_about_a_secret_is_not_repeated() {
        let body = json!({"reason": "Invalid", "message": "data[password]: Invalid value: \"hunter2\"", "details": {"causes": [{"field": "data[password]"}]}});
        let answer = Answer { status: 422, body: body.to_string() };
        let about = |kind: &str| ObjectId { kind: kind.into(), name: "x".into(), ..ObjectId::default() };
        assert_eq!(
            answer.refusal("c", "apply", Some(&about("Secret"))).message,
            "apply: c answered 422: Invalid data[password]"
        );
        assert!(answer.refusal("c", "apply", Some(&about("ConfigMap"))).message.contains("hunter2"));
    }
}
