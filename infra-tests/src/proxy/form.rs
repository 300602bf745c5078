//! The fields of a call in AWS's Query protocol.

/// Form fields in the order in which they were sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    pub(super) fn action(name: &str) -> Self {
        Self::default().with("Action", name).with("Version", "2010-05-15")
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The same form with this field set.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut form = self.without(name);
        form.0.push((name.to_owned(), value.to_owned()));
        form
    }

    /// The same form without this field.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(key, _)| key != name);
        self
    }

    /// The same form with those fields of another whose first word is listed: `Tags` takes
    /// `Tags.member.1.Key` too.
    pub(super) fn with_all(mut self, other: &Self, first_words: &[&str]) -> Self {
        let wanted = |key: &str| first_words.contains(&key.split('.').next().unwrap_or(key));
        self.0.extend(other.0.iter().filter(|(key, _)| wanted(key)).cloned());
        self
    }

    pub(super) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}
