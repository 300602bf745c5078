//! AWS's request signature, version 4, for the sandbox's own calls and tokens.
//!
//! Written apart from the product's, which uses AWS's own crates and is thus checked against a
//! second hand.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Whoever signs. Only keys of the emulator ever stand here.
#[derive(Clone)]
pub struct Credentials {
    pub key: String,
    pub secret: String,
    /// Of a role session; empty for a user's own key.
    pub session_token: String,
}

/// A request of the sandbox; it has no query.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
}

/// The headers that make a request signed.
pub(crate) fn headers(request: &Unsigned, credentials: &Credentials, now: Timestamp) -> Vec<(&'static str, String)> {
    let Unsigned { method, host, path, body, service, region } = *request;
    let when = When::new(now, region, service);
    let Credentials { key, session_token, .. } = credentials;
    let (mut lines, mut names) = (format!("host:{host}\nx-amz-date:{}\n", when.time), "host;x-amz-date".to_owned());
    let mut headers = vec![("x-amz-date", when.time.clone())];
    if !session_token.is_empty() {
        lines += &format!("x-amz-security-token:{session_token}\n");
        names += ";x-amz-security-token";
        headers.push(("x-amz-security-token", session_token.clone()));
    }
    // A path is encoded once more than it is sent, by everyone but S3.
    let path = path.split('/').map(percent).collect::<Vec<_>>().join("/");
    let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{}", hash(body));
    let signature = when.sign(&canonical, &credentials.secret);
    let scope = &when.scope;
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}");
    headers.push(("authorization", authorization));
    headers
}

/// The bearer token for an EKS cluster: a presigned GetCallerIdentity, in base64.
pub fn eks_token(credentials: &Credentials, region: &str, cluster: &str, now: Timestamp) -> String {
    let when = When::new(now, region, "sts");
    let host = format!("sts.{region}.amazonaws.com");
    let query = [
        ("Action", "GetCallerIdentity"),
        ("Version", "2011-06-15"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &format!("{}/{}", credentials.key, when.scope)),
        ("X-Amz-Date", &when.time),
        ("X-Amz-Expires", "60"),
        ("X-Amz-Security-Token", &credentials.session_token),
        ("X-Amz-SignedHeaders", "host;x-k8s-aws-id"),
    ]
    .map(|(name, value)| format!("{name}={}", percent(value)))
    .join("&");
    let body = hash(b"");
    let canonical = format!("GET\n/\n{query}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\nhost;x-k8s-aws-id\n{body}");
    let signature = when.sign(&canonical, &credentials.secret);
    let url = format!("https://{host}/?{query}&X-Amz-Signature={signature}");
    format!("k8s-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(url))
}

/// When and for whom a signature is good.
struct When {
    time: String,
    scope: String,
}

impl When {
    fn new(now: Timestamp, region: &str, service: &str) -> Self {
        let scope = format!("{}/{region}/{service}/aws4_request", now.strftime("%Y%m%d"));
        Self { time: now.strftime("%Y%m%dT%H%M%SZ").to_string(), scope }
    }

    fn sign(&self, canonical: &str, secret: &str) -> String {
        let Self { time, scope } = self;
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
        let start = format!("AWS4{secret}").into_bytes();
        let key = scope.split('/').fold(start, |key, part| keyed_hash(&key, part));
        hex::encode(keyed_hash(&key, &text))
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn keyed_hash(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Everything but letters, digits and `-_.~` as `%XX`.
pub(super) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get-vanilla` of AWS's published test suite for version 4.
    #[test]
    fn a_signature_is_the_one_of_the_published_suite() {
        let credentials = Credentials {
            key: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: String::new(),
        };
        let request = Unsigned {
            method: "GET",
            host: "example.amazonaws.com",
            path: "/",
            body: b"",
            service: "service",
            region: "us-east-1",
        };
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let (_, authorization) = headers(&request, &credentials, now).pop().unwrap();
        let signature = authorization.rsplit('=').next().unwrap();
        assert_eq!(signature, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    }
}
