//! Whether a request comes from Slack, and now.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::unit::Secret;

/// Checks signatures with the app's signing secret, or with two while it is changed.
#[derive(Clone, Debug)]
pub struct Signatures {
    /// None of them is empty: that one anyone could sign with.
    secrets: Vec<Secret>,
}

/// Why a request is not taken for Slack's. Tells the sender nothing that helps to forge one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("a request needs exactly one signature and one timestamp")]
    Headers,
    #[error("the timestamp is more than five minutes off")]
    Time,
    #[error("the signature is wrong")]
    Signature,
}

/// The signature and timestamp of one request, each given exactly once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Signed<'a> {
    pub(super) signature: &'a str,
    timestamp: &'a str,
}

/// How far the sender's clock may be off, either way.
pub(super) const SKEW_SECONDS: i64 = 300;

/// The signature that Slack gives a body sent at `timestamp`.
fn signature(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
    for part in [b"v0:", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

impl Signatures {
    /// `secret` may be two with a comma between them, the new one and the old one: so it is changed without a press
    /// that is lost.
    pub fn new(secret: &Secret) -> Self {
        let secrets = secret.expose().split(',').map(str::trim).filter(|secret| !secret.is_empty());
        Self { secrets: secrets.map(Secret::new).collect() }
    }

    /// Whether `signed` is the signature of `body`; needs the time checked before, by [`Signed::of`].
    pub(super) fn verify(&self, signed: &Signed<'_>, body: &[u8]) -> Result<(), Refusal> {
        let is_of = |secret: &Secret| -> bool {
            let expected = signature(secret, signed.timestamp, body);
            expected.as_bytes().ct_eq(signed.signature.as_bytes()).into()
        };
        if self.secrets.iter().any(is_of) { Ok(()) } else { Err(Refusal::Signature) }
    }
}

impl<'a> Signed<'a> {
    /// Reads and judges the headers, before a byte of the body is read.
    pub(super) fn of(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, Refusal> {
        let one = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let first = values.next().and_then(|value| value.to_str().ok());
            if values.next().is_some() { None } else { first }
        };
        let signature = one("x-slack-signature").ok_or(Refusal::Headers)?;
        let timestamp = one("x-slack-request-timestamp").ok_or(Refusal::Headers)?;
        // Only digits: `+5` and `5` would be two texts of one time, each with a signature of its own.
        let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let sent: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(Refusal::Headers)?;
        let off = now.as_second().saturating_sub(sent).saturating_abs();
        if off > SKEW_SECONDS { Err(Refusal::Time) } else { Ok(Self { signature, timestamp }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's own documentation.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const SENT: i64 = 1_531_420_618;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().expect("a header"))
        };
        HeaderMap::from_iter(pairs.iter().map(pair).collect::<Vec<_>>()).clone()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn judge(signature: &str, timestamp: &str, body: &[u8], now: i64) -> Result<(), Refusal> {
        let headers = headers(&[("x-slack-signature", signature), ("x-slack-request-timestamp", timestamp)]);
        let signed = Signed::of(&headers, at(now))?;
        Signatures::new(&Secret::new(SECRET)).verify(&signed, body)
    }

    #[test]
    fn the_example_of_slacks_documentation_is_taken() {
        assert_eq!(judge(SIGNATURE, "1531420618", BODY, SENT), Ok(()));
    }

    #[test]
    fn five_minutes_off_is_taken_and_a_second_more_is_not() {
        for (off, verdict) in [(300, Ok(())), (-300, Ok(())), (301, Err(Refusal::Time)), (-301, Err(Refusal::Time))] {
            assert_eq!(judge(SIGNATURE, "1531420618", BODY, SENT + off), verdict, "{off}");
        }
    }

    #[test]
    fn another_body_signature_or_spelling_of_the_time_is_refused() {
        assert_eq!(judge(SIGNATURE, "1531420618", b"payload={}", SENT), Err(Refusal::Signature));
        assert_eq!(judge(&SIGNATURE.to_uppercase(), "1531420618", BODY, SENT), Err(Refusal::Signature));
        assert_eq!(judge("v0=", "1531420618", BODY, SENT), Err(Refusal::Signature));
        assert_eq!(judge(SIGNATURE, "01531420618", BODY, SENT), Err(Refusal::Signature));
        assert_eq!(judge(SIGNATURE, "+1531420618", BODY, SENT), Err(Refusal::Headers));
        assert_eq!(judge(SIGNATURE, "-9223372036854775808", BODY, SENT), Err(Refusal::Headers));
    }

    #[test]
    fn two_signatures_or_two_timestamps_are_none() {
        let mut twice = headers(&[("x-slack-signature", SIGNATURE), ("x-slack-request-timestamp", "1531420618")]);
        twice.append("x-slack-signature", "v0=00".parse().expect("a header"));
        assert_eq!(Signed::of(&twice, at(SENT)), Err(Refusal::Headers));
        assert_eq!(Signed::of(&headers(&[("x-slack-signature", SIGNATURE)]), at(SENT)), Err(Refusal::Headers));
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let empty = signature(&Secret::new(""), "1531420618", BODY);
        let signed = Signed { signature: &empty, timestamp: "1531420618" };
        for secret in ["", ",", " , ", &format!("{SECRET},")] {
            assert_eq!(
                Signatures::new(&Secret::new(secret)).verify(&signed, BODY),
                Err(Refusal::Signature),
                "{secret}"
            );
        }
    }

    #[test]
    fn while_the_secret_is_changed_the_old_one_counts_too() {
        let signed = Signed { signature: SIGNATURE, timestamp: "1531420618" };
        let judge = |secrets: &str| Signatures::new(&Secret::new(secrets)).verify(&signed, BODY);
        assert_eq!(judge(&format!("new,{SECRET}")), Ok(()));
        assert_eq!(judge(&format!("{SECRET}, new")), Ok(()));
        assert_eq!(judge("new,other"), Err(Refusal::Signature));
    }
}
