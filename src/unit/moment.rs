//! What is seen of a unit without asking: a watch tells it as it happens.

use std::pin::Pin;

use futures::Stream;
use jiff::Timestamp;

use super::{KindError, Planned};

/// The moments of one unit, in order, for as long as somebody takes them.
pub type Moments = Pin<Box<dyn Stream<Item = Moment> + Send>>;

/// What a watch saw of a unit, and the instant for which it is true.
pub enum Moment {
    /// How the whole unit stands, after something of it became another: the first one is the state it began with.
    Seen { at: Timestamp, planned: Box<Planned> },
    /// Nothing is known from this instant on, until it is seen again.
    Unseen { at: Timestamp, error: KindError },
    /// Somebody applied the unit: what was read from Git may be old. It is the last moment.
    Applied { at: Timestamp },
}
