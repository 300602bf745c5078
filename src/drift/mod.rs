//! What the world did to what we keep: four verdicts, never one word for all.
//!
//! Pure, but for [`watch`]. A drift report is a plan that looked closely, read with other eyes: what Git changed is
//! pending, what others changed of ours is drifted, what others keep beside ours is foreign, and
//! what could not be asked is unverifiable and never shown as clean.

mod ignore;
mod report;
mod watch;

pub use ignore::{Ignored, Today};
pub use report::{DriftReport, UnitDrift, Verdict, report};
pub use watch::{Watch, Watched, finding_of, verdict_of, watch};
