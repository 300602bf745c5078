//! The token by which an EKS cluster knows who asks: a signed request that the cluster itself sends to STS.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::partition;
use crate::unit::{KindError, Secret};

/// How long the signed request is good for; the cluster accepts what was made from it for some minutes.
const LIFETIME: Duration = Duration::from_secs(60);

/// Makes a cluster's token.
///
/// The host is always the region's own: the cluster's authenticator accepts no other, wherever our own
/// calls are sent.
pub(super) fn eks_token(
    credentials: Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<Secret, KindError> {
    let failed = |why: String| KindError::failed(format!("cannot sign a token for cluster `{cluster}`: {why}"));
    let host = format!("sts.{region}.{}", partition::of(region).dns_suffix());
    let mut url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| failed(error.to_string()))?
        .into();
    let headers = [("host", host.as_str()), ("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", url.as_str(), headers.into_iter(), SignableBody::Bytes(&[]))
        .map_err(|error| failed(error.to_string()))?;
    let (instructions, _) = sign(request, &parameters).map_err(|error| failed(error.to_string()))?.into_parts();

    for (name, value) in instructions.params() {
        url.push('&');
        url.push_str(name);
        url.push('=');
        push_encoded(&mut url, value);
    }
    Ok(Secret::new(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))))
}

/// Percent-encodes all but the unreserved characters, as the signature was computed.
fn push_encoded(url: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(byte as char),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(region: &str, cluster: &str, session: Option<&str>) -> String {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", session.map(str::to_owned), None, "test");
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let token = eks_token(credentials, region, cluster, now).expect("fixed input can be signed");
        let encoded = token.expose().strip_prefix("k8s-aws-v1.").expect("the prefix").to_owned();
        String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).expect("base64 without padding")).expect("text")
    }

    #[test]
    fn a_token_is_a_signed_question_to_the_regional_host() {
        let url = url("eu-west-1", "prod", None);
        let start = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20231114%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20231114T221320Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=";
        assert!(url.starts_with(start), "{url}");
        assert_eq!(url.len(), start.len() + 64);
    }

    #[test]
    fn the_signature_depends_on_the_cluster_and_carries_a_session() {
        assert_ne!(url("eu-west-1", "prod", None), url("eu-west-1", "stage", None));
        assert!(url("eu-west-1", "prod", Some("a/b+c=")).ends_with("&X-Amz-Security-Token=a%2Fb%2Bc%3D"));
        assert!(url("cn-north-1", "prod", None).starts_with("https://sts.cn-north-1.amazonaws.com.cn/?"));
    }

    #[test]
    fn the_signature_is_the_one_of_the_published_algorithm() {
        use hmac::{Hmac, KeyInit, Mac};
        use sha2::Digest;
        let url = url("eu-west-1", "prod", None);
        let (asked, signature) = url.split_once("&X-Amz-Signature=").expect("a signature");
        let query = asked.split_once('?').expect("a query").1;
        let canonical = format!(
            "GET\n/\n{query}\nhost:sts.eu-west-1.amazonaws.com\nx-k8s-aws-id:prod\n\nhost;x-k8s-aws-id\n{}",
            hex::encode(sha2::Sha256::digest(b""))
        );
        let hash = hex::encode(sha2::Sha256::digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n20231114T221320Z\n20231114/eu-west-1/sts/aws4_request\n{hash}");
        let mac = |key: &[u8], data: &str| {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("any length");
            mac.update(data.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let key = ["20231114", "eu-west-1", "sts", "aws4_request"]
            .iter()
            .fold(b"AWS4secret".to_vec(), |key, part| mac(&key, part));
        assert_eq!(signature, hex::encode(mac(&key, &text)));
    }
}
