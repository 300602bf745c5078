//! ministack, spoken to as somebody with an access key.
//!
//! ministack looks at the key id, the region and the service of a signature, never at the signature
//! itself (only the token webhook verifies one), so the sandbox's own few calls carry none.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use serde_json::Value;

#[derive(Clone)]
pub struct Caller {
    client: Client,
    endpoint: String,
    key: String,
}

impl Caller {
    /// Somebody with this key id; twelve digits are the root user of that account.
    pub fn new(endpoint: &str, key: &str) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { client, endpoint: endpoint.to_owned(), key: key.to_owned() })
    }

    /// One action of a Query API (IAM, STS, CloudFormation); the answer is XML.
    pub async fn query(
        &self,
        service: &str,
        region: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let mut form = vec![("Action", action)];
        form.extend(parameters);
        let request = self.request(Method::POST, "/", service, region).form(&form);
        let answer = request.send().await.with_context(|| format!("{action} got no answer"))?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{action}: {status}: {body}");
        Ok(body)
    }

    /// One call of a REST API (EKS); the answer is JSON.
    pub async fn rest(&self, service: &str, region: &str, method: Method, path: &str, body: &Value) -> Result<Value> {
        let mut request = self.request(method.clone(), path, service, region);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path} got no answer"))?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{method} {path}: {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    fn request(&self, method: Method, path: &str, service: &str, region: &str) -> reqwest::RequestBuilder {
        let credential = format!("{}/20260101/{region}/{service}/aws4_request", self.key);
        self.client.request(method, format!("{}{path}", self.endpoint)).header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none"),
        )
    }
}

/// The text of the first `<name>` in an answer.
pub fn element<'a>(xml: &'a str, name: &str) -> Result<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>")).with_context(|| format!("no <{name}> in {xml}"))?;
    Ok(rest.split('<').next().unwrap_or_default())
}
