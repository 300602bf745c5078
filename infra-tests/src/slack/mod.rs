//! A stand-in for Slack on this machine: a subset of its Web API with its own limits and words for
//! errors, Socket Mode, signed requests, and somebody to press the buttons.
//!
//! It is stricter than kind: what Slack would refuse is refused here with Slack's own words. It is
//! itself proven by Slack's official SDK (`infra-tests/python/prove_slack.py`).

mod blocks;
mod chat;
mod control;
mod delivery;
mod elements;
mod findings;
mod history;
mod page;
mod press;
mod rates;
mod server;
mod show;
mod socket;
mod views;
mod web;
mod world;

pub use blocks::check_message;
pub use delivery::{Delivery, SignedRequest, Transport};
pub use press::PressError;
pub use server::Simulator;
pub use world::{Call, Message};

/// Who there is and what they hold; nothing here is secret, and nothing is anyone's.
pub const BOT_TOKEN: &str = "xoxb-simulator-bot";
pub const APP_TOKEN: &str = "xapp-simulator-app";
pub const SIGNING_SECRET: &str = "simulator-signing-secret";
pub const APP_ID: &str = "A0GROUND";
pub const TEAM_ID: &str = "T0HOME";
pub const BOT_USER: &str = "U0GROUNDPLAN";
/// The channel of the app, where nobody says otherwise.
pub const ALERTS: &str = "C0ALERTS";
/// A user who belongs to the workspace.
pub const OPERATOR: &str = "U0OPERATOR";
/// Another one.
pub const REVIEWER: &str = "U0REVIEWER";
/// A user of another workspace, in a shared channel.
pub const STRANGER: &str = "U0STRANGER";
/// A guest of a channel or two.
pub const GUEST: &str = "U0GUEST";
