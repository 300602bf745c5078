//! A value as it may be shown to people, kept and sent: never a secret.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The display of a value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Text(String),
    /// The value is there and must not be told. The few letters tell two hidden values apart; they
    /// come from a keyed digest whose key lives in this process only.
    Hidden(String),
}

impl Shown {
    pub fn text(text: impl Into<String>) -> Self {
        Shown::Text(text.into())
    }

    /// Hides a value, keeping only whether it equals another hidden one.
    ///
    /// `context` is where the value stands, so that equal secrets in two places do not show as equal.
    pub fn hidden(context: &str, value: &[u8]) -> Self {
        use hmac::{Hmac, KeyInit, Mac};
        // Without a key, a short secret could be found by trying all of them against the digest.
        static KEY: std::sync::LazyLock<[u8; 16]> = std::sync::LazyLock::new(|| {
            let state = std::collections::hash_map::RandomState::new();
            let half = |salt: u8| std::hash::BuildHasher::hash_one(&state, salt).to_le_bytes();
            let mut key = [0; 16];
            key[..8].copy_from_slice(&half(0));
            key[8..].copy_from_slice(&half(1));
            key
        });
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&*KEY).expect("HMAC takes a key of any length");
        mac.update(context.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        Shown::Hidden(hex::encode(&mac.finalize().into_bytes()[..3]))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Text(text) => f.write_str(text),
            Shown::Hidden(_) => f.write_str("(hidden)"),
        }
    }
}
