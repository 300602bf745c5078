//! ministack, spoken to as somebody with an access key.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::Value;

use super::signature::{self, Credentials, Unsigned, percent};

/// What ministack takes as the secret of every account's root user.
const ROOT_SECRET: &str = "test";

/// One who calls AWS.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    endpoint: String,
    credentials: Credentials,
}

impl Caller {
    pub fn new(endpoint: &str, credentials: Credentials) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { client, endpoint: endpoint.to_owned(), credentials })
    }

    /// The root user of an account: to ministack, its key id is the account's number.
    pub fn root(endpoint: &str, account: &str) -> Result<Self> {
        let (key, secret) = (account.to_owned(), ROOT_SECRET.to_owned());
        Self::new(endpoint, Credentials { key, secret, session_token: String::new() })
    }

    /// One action of a Query API (IAM, STS, CloudFormation); the answer is XML.
    pub async fn query(
        &self,
        service: &str,
        region: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let mut body = format!("Action={action}");
        for (name, value) in parameters {
            body += &format!("&{name}={}", percent(value));
        }
        let content = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, "/", service, region, &content, body).await.with_context(|| action.to_owned())
    }

    /// One call of a REST API (EKS); the answer is JSON.
    pub async fn rest(&self, service: &str, region: &str, method: Method, path: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let what = format!("{method} {path}");
        let answer = self
            .send(method, path, service, region, &[("content-type", "application/json")], body)
            .await
            .context(what)?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// Makes an S3 bucket.
    pub async fn make_bucket(&self, region: &str, name: &str) -> Result<()> {
        let path = format!("/{name}");
        let place = format!("<LocationConstraint>{region}</LocationConstraint>");
        let body = format!("<CreateBucketConfiguration>{place}</CreateBucketConfiguration>");
        let content = [("content-type", "application/xml")];
        self.send(Method::PUT, &path, "s3", region, &content, body).await.context(name.to_owned()).map(drop)
    }

    /// Puts an object into a bucket.
    pub async fn put_object(&self, region: &str, bucket: &str, key: &str, text: &str) -> Result<()> {
        let path = format!("/{bucket}/{key}");
        self.send(Method::PUT, &path, "s3", region, &[], text.to_owned()).await.context(path.clone()).map(drop)
    }

    /// Where it calls.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One action of a JSON API (SSM), named with its API's prefix.
    pub async fn json(&self, service: &str, region: &str, target: &str, body: &Value) -> Result<String> {
        let content = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let answer = self.send(Method::POST, "/", service, region, &content, body.to_string()).await;
        answer.with_context(|| target.to_owned())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        service: &str,
        region: &str,
        content: &[(&str, &str)],
        body: String,
    ) -> Result<String> {
        let host = self.endpoint.trim_start_matches("https://").trim_start_matches("http://");
        let unsigned = Unsigned { method: method.as_str(), host, path, body: body.as_bytes(), service, region };
        let headers = signature::headers(&unsigned, &self.credentials, Timestamp::now());
        let mut request = self.client.request(method, format!("{}{path}", self.endpoint));
        for (name, value) in content {
            request = request.header(*name, *value);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await.context("AWS gives no answer")?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }
}

/// The text of the first `<name>` in an answer.
pub fn element<'a>(xml: &'a str, name: &str) -> Result<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>")).with_context(|| format!("no <{name}> in {xml}"))?;
    Ok(rest.split('<').next().unwrap_or_default())
}
