//! A drift as a case: what people triage, from the first sight of it to two clean reads.
//!
//! Pure: it knows no Slack, no clock and no store. Which drifts are one case, what of a value may be
//! kept, how risky it is, who may do what, and which state follows which is all decided here.
//! Whoever keeps cases compares and sets on the revision; whoever shows them reads [`Case`] and
//! nothing else.

mod audit;
mod case;
mod group;
mod key;
mod policy;
mod proposal;
mod redact;
mod risk;
mod state;

pub use audit::{AuditEntry, AuditRecord, BrokenChain, verify};
pub use case::{Case, CaseUnit, Effects, Sight};
pub use group::{Group, Hand, group};
pub use key::{InstallKey, case_key, state_hash};
pub use policy::{Decision, Policy, Request};
pub use proposal::{Proposal, PullRequest};
pub use redact::{redact, scrub};
pub use risk::{Risk, Weight, weigh};
pub use state::{CaseEvent, CaseState, How, NoSuchStep};

pub use crate::declaration::Action;

#[cfg(test)]
pub(crate) use case::tests::open as open_case;
