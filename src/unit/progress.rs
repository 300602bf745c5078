//! What a deed says while it is under way.

use std::sync::Arc;

/// Takes the sentences of one unit's deed to whoever watches.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Nobody watches.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Says what is going on now, as `CREATE_IN_PROGRESS Queue` or `3 of 4 objects ready`.
    pub fn say(&self, what: impl AsRef<str>) {
        (self.0)(what.as_ref());
    }
}
