//! Names, parsed once and never passed as bare strings.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// The name of a [`Kind`](super::Kind): `stack`, `workload`.
    KindName
}
name! {
    /// The name of an environment, as `production`.
    EnvironmentName
}
name! {
    /// Names a [`Site`](super::Site): `111122223333/eu-west-1`, `clusters/prod`.
    SiteName
}
name! {
    /// A unit's path in the repository without its extension, as
    /// `stacks/prod.111122223333/eu-west-1/network/vpc` or `clusters/prod/payments`.
    UnitId
}

impl KindName {
    pub fn new(word: &'static str) -> Self {
        Self(word.to_owned())
    }
}

impl SiteName {
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl UnitId {
    /// From the path of the file or folder that declares it, the extension already taken off.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Whether `tail` names this unit: equal to the end of its path, cut at a `/`.
    pub fn ends_with(&self, tail: &str) -> bool {
        self.0 == tail || self.0.strip_suffix(tail).is_some_and(|rest| rest.ends_with('/'))
    }
}

impl FromStr for EnvironmentName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match !text.is_empty() && text.chars().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(ParseIdError(text.to_owned())),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no name: write lowercase letters, digits and dashes")]
pub struct ParseIdError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_names_a_unit_only_when_cut_at_a_slash() {
        let id = UnitId::new("stacks/prod.111122223333/eu-west-1/network/vpc");
        assert!(id.ends_with("network/vpc"));
        assert!(id.ends_with("vpc"));
        assert!(!id.ends_with("pc"));
        assert!(!id.ends_with("etwork/vpc"));
    }
}
