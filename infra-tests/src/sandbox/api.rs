//! A cluster's API server, spoken to as its administrator.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use reqwest::{Certificate, Client, Identity, Method, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub struct Api {
    client: Client,
    url: String,
}

impl Api {
    pub(super) fn new(url: String, pki: &Path) -> Result<Self> {
        let authority = Certificate::from_pem(&fs::read(pki.join("ca.crt"))?)?;
        let mut identity = fs::read(pki.join("admin.key"))?;
        identity.extend(fs::read(pki.join("admin.crt"))?);
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([authority])
            .identity(Identity::from_pem(&identity)?)
            .build()?;
        Ok(Self { client, url })
    }

    /// What the server answers, or nothing when there is no such thing.
    pub async fn find(&self, path: &str) -> Result<Option<Value>> {
        let (status, body) = self.ask(Method::GET, path, None).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        ensure!(status.is_success(), "GET {path}: {status}: {body}");
        Ok(Some(serde_json::from_str(&body).unwrap_or(Value::String(body))))
    }

    pub async fn create(&self, path: &str, object: &Value) -> Result<Value> {
        self.send(Method::POST, path, object).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.send(Method::DELETE, path, &Value::Null).await
    }

    /// A JSON merge patch.
    pub async fn patch(&self, path: &str, change: &Value) -> Result<Value> {
        self.send(Method::PATCH, path, change).await
    }

    /// Any request, as any tool might send it; an answer of any status is an answer.
    pub async fn request(&self, method: &str, path: &str, content: &str, body: &Value) -> Result<(u16, Value)> {
        let mut request = self.client.request(method.parse()?, format!("{}{path}", self.url));
        if !body.is_null() {
            request = request.header("content-type", content).body(body.to_string());
        }
        let answer = request.send().await.with_context(|| format!("the API server does not answer {path}"))?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn send(&self, method: Method, path: &str, object: &Value) -> Result<Value> {
        let (status, body) = self.ask(method.clone(), path, Some(object)).await?;
        ensure!(status.is_success(), "{method} {path}: {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    async fn ask(&self, method: Method, path: &str, object: Option<&Value>) -> Result<(StatusCode, String)> {
        let content = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(object) = object.filter(|object| !object.is_null()) {
            request = request.header("content-type", content).body(object.to_string());
        }
        let answer = request.send().await.with_context(|| format!("the API server does not answer {path}"))?;
        Ok((answer.status(), answer.text().await?))
    }
}
