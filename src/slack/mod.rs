//! A case as one Slack message, kept up to date for life, and its buttons as presses.
//!
//! The only room that speaks to Slack. It decides nothing about a case: a press says who pressed
//! what on which revision, and everything else is read again by whoever acts on it. Slack being
//! down is an error for the caller to try again, never a wait without an end. Tokens are
//! [`Secret`](crate::unit::Secret)s and stand in no error and no log.

mod button;
mod client;
mod confirm;
mod deliveries;
mod dialog;
mod error;
mod inbox;
mod interactions;
mod line;
mod member;
mod message;
mod news;
mod notice;
mod press;
mod reason;
mod settings;
mod signature;
mod socket;
mod text;
mod thread;

pub use client::{Posted, Slack};
pub use error::SlackError;
pub use inbox::{Inbox, Taken};
pub use interactions::router;
pub use member::{Member, Standing};
pub use message::{Detail, Message, message};
pub use press::{Press, PressError};
pub use settings::SlackSettings;
pub use signature::{Refusal, Signatures};
pub use thread::{activity, changes};

pub use crate::cases::Action;
