//! Makes the world agree with an approved plan. No other room calls for a write.
//!
//! Each unit is prepared again at its turn; what it would do now must lie within what was approved,
//! and then that very deed is performed. A unit that fails stops itself and what waits for it.

mod delete;
mod event;
mod report;
mod run;

pub use event::{Ending, Event, State, Watch};
pub use report::{ApplyError, Outcome, Report, Success};
pub use run::{AT_ONCE, Run, run};
