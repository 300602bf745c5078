//! An EKS token as AWS's own tools make it: a presigned GetCallerIdentity, in base64.
//!
//! Written apart from the product's, which is thus checked against a second hand.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// What a role session signs with.
#[derive(Clone)]
pub struct Credentials {
    pub key: String,
    pub secret: String,
    pub session_token: String,
}

/// The bearer token for `cluster`, good from `now` on.
pub fn eks_token(credentials: &Credentials, region: &str, cluster: &str, now: Timestamp) -> String {
    let (time, day) = (now.strftime("%Y%m%dT%H%M%SZ").to_string(), now.strftime("%Y%m%d").to_string());
    let host = format!("sts.{region}.amazonaws.com");
    let scope = format!("{day}/{region}/sts/aws4_request");
    let query = [
        ("Action", "GetCallerIdentity".to_owned()),
        ("Version", "2011-06-15".to_owned()),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("X-Amz-Credential", format!("{}/{scope}", credentials.key)),
        ("X-Amz-Date", time.clone()),
        ("X-Amz-Expires", "60".to_owned()),
        ("X-Amz-Security-Token", credentials.session_token.clone()),
        ("X-Amz-SignedHeaders", "host;x-k8s-aws-id".to_owned()),
    ]
    .map(|(name, value)| format!("{name}={}", percent(&value)))
    .join("&");

    let empty_body = hex::encode(Sha256::digest(b""));
    let request = format!("GET\n/\n{query}\nhost:{host}\nx-k8s-aws-id:{cluster}\n\nhost;x-k8s-aws-id\n{empty_body}");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(&request)));
    let signature = hex::encode(signing_key(&credentials.secret, &day, region, &to_sign));
    let url = format!("https://{host}/?{query}&X-Amz-Signature={signature}");
    format!("k8s-aws-v1.{}", BASE64_URL_SAFE_NO_PAD.encode(url))
}

fn signing_key(secret: &str, day: &str, region: &str, to_sign: &str) -> Vec<u8> {
    let start = format!("AWS4{secret}").into_bytes();
    [day, region, "sts", "aws4_request", to_sign].iter().fold(start, |key, text| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    })
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
