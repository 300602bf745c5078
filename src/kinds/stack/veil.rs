//! What must not be shown, and how everything else is.

use crate::unit::{Shown, Text};

/// Hides the secret values of one unit wherever they turn up.
#[derive(Clone, Default)]
pub(super) struct Veil(Vec<Text>);

/// Names of properties whose value is hidden whatever it is.
const SECRET_WORDS: [&str; 7] = ["password", "passwd", "secret", "token", "privatekey", "apikey", "credential"];

/// How AWS itself hides a value.
pub(super) const MASK: &str = "****";

impl Veil {
    pub(super) fn over<'a>(values: impl IntoIterator<Item = &'a Text>) -> Self {
        let secret = |value: &&Text| value.is_secret() && !value.expose().is_empty();
        Self(values.into_iter().filter(secret).cloned().collect())
    }

    /// A value at a path, hidden where its name or its content says so.
    pub(super) fn shown(&self, item: &str, path: &str, value: &str) -> Shown {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        let is_named_so = SECRET_WORDS.iter().any(|word| name.contains(word));
        match is_named_so || value == MASK || self.holds_secret(value) {
            true => Shown::hidden(&format!("{item}{path}"), value.as_bytes()),
            false => Shown::text(value),
        }
    }

    /// A sentence of AWS, its secrets taken out.
    pub(super) fn sentence(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "(hidden)"))
    }

    fn holds_secret(&self, value: &str) -> bool {
        self.0.iter().any(|secret| value.contains(secret.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Secret;

    #[test]
    fn a_secret_is_hidden_by_its_name_and_by_its_content() {
        let veil = Veil::over(&[Text::Secret(Secret::new("hunter2")), Text::Plain("eu".into())]);
        let hidden = |path: &str, value: &str| matches!(veil.shown("Db", path, value), Shown::Hidden(_));
        assert!(hidden("/Properties/MasterUserPassword", "x"));
        assert!(hidden("/Properties/Url", "postgres://u:hunter2@db"));
        assert!(hidden("/Properties/Any", "****"));
        assert!(!hidden("/Properties/Region", "eu"));
        assert_eq!(veil.sentence("bad value hunter2"), "bad value (hidden)");
    }
}
