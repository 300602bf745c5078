//! What people read in a terminal: problems, plans, drift, progress and how a run ended.
//!
//! Everything but progress is text from data, so that it can be snapshot-tested; colours are taken
//! out by the stream that writes it, where it is no terminal or `NO_COLOR` is set.

mod cases;
mod drift;
mod manifests;
mod plan;
mod problems;
mod progress;
mod report;
mod style;

pub use cases::{audit_text, case_text, cases_text};
pub use drift::{drift_text, watched_text};
pub use manifests::manifests_text;
pub use plan::{differences_text, plan_text};
pub use problems::problems_text;
pub use progress::ProgressView;
pub use report::report_text;
pub use style::{count, elapsed};
