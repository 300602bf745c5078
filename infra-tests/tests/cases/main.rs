//! Drift as cases, from the look to Slack and back: the product's own line and store, a world in
//! memory, and the Slack simulator.

mod acceptance;
mod channel;
mod faults;
mod given;
mod paging;
mod replicas;
mod schedule;
