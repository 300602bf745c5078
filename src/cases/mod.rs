//! A drift as a case: what people triage, from the first sight of it to two clean reads.
//!
//! Pure: it knows no Slack, no clock and no store. Whoever keeps cases compares and sets on the
//! revision; whoever shows them reads [`Case`] and nothing else.

mod case;
mod state;

pub use case::{Case, CaseUnit, Effects};
pub use state::{CaseEvent, CaseState, How, NoSuchStep};
