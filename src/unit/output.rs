//! Values that flow from one unit to another along the edges of the graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::OutputName;

/// A value that cannot be printed: it has no `Display`, and its `Debug` says only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one call that sends it where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// A value that may be secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Text {
    Plain(String),
    Secret(Secret),
}

impl Text {
    /// The value itself, for the one call that sends it where it belongs.
    pub fn expose(&self) -> &str {
        match self {
            Text::Plain(text) => text,
            Text::Secret(secret) => secret.expose(),
        }
    }

    pub fn is_secret(&self) -> bool {
        match self {
            Text::Plain(_) => false,
            Text::Secret(_) => true,
        }
    }
}

/// What a unit offers once it is ready.
pub type Outputs = BTreeMap<String, String>;

/// What a unit says offline about its outputs.
#[derive(Clone, PartialEq, Debug)]
pub enum Promised {
    /// These, and no others.
    Exactly(BTreeSet<String>),
    /// Known only to the world.
    Unknown,
}

/// The outputs a unit was promised, by the reference as its author wrote it.
#[derive(Clone, Default, Debug)]
pub struct Inputs(BTreeMap<OutputName, String>);

impl Inputs {
    pub fn insert(&mut self, name: OutputName, value: String) {
        self.0.insert(name, value);
    }

    /// The value of an output that this unit or site named among its references.
    pub fn get(&self, name: &OutputName) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
