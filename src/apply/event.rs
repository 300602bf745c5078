//! What those who watch a run are told.

use std::sync::Arc;

use crate::unit::UnitId;

/// One thing that happened to one unit.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub unit: UnitId,
    pub state: State,
}

#[derive(Clone, PartialEq, Debug)]
pub enum State {
    /// Asking the world once more what would change.
    Preparing,
    Applying,
    /// What the deed says of itself.
    Note(String),
    Deleting,
    /// The last event of a unit.
    Done(Ending),
}

/// How a unit fared, in a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    Unchanged,
    Created,
    Updated,
    Deleted,
    /// Its outputs were read, and nothing of it touched.
    Read,
    Failed(String),
    /// It goes on without us: neither done nor failed.
    Unfinished(String),
    Skipped(UnitId),
    Stopped,
}

/// Takes events to whoever watches; the default watches nothing.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn(Event) + Send + Sync>);

impl Watch {
    pub fn new(see: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    /// Tells two who watch.
    pub fn and(self, other: Watch) -> Self {
        Self::new(move |event| {
            (self.0)(event.clone());
            (other.0)(event);
        })
    }

    pub fn see(&self, unit: &UnitId, state: State) {
        (self.0)(Event { unit: unit.clone(), state });
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new(|_| {})
    }
}
