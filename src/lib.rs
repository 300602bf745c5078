//! Groundplan keeps AWS accounts and Kubernetes clusters equal to one Git repository.
//!
//! ```text
//! commit ─▶ Snapshot ─▶ Declared ─▶ Graph ─▶ Plan ─▶ Approved ─▶ Report ─▶ told
//!           repo        declaration  graph    plan    plan        apply     terminal, slack
//!           Git         no client    no client reads  a person    writes
//! ```
//!
//! Where to start: [`unit`] holds the words every room speaks; [`engine`] is the line, one short
//! function a verb; [`kinds`] is the list of what can be declared. A stack and a workload are two
//! implementations of the same three traits, and nothing above [`kinds`] knows which is which.
//!
//! Rooms import only from the floors below their own in [`FLOORS`], and each outside crate that
//! speaks to the world has exactly one room; `infra-tests/tests/layers.rs` keeps it so.

pub mod alertmanager;
pub mod apply;
pub mod aws;
pub mod cases;
pub mod commands;
pub mod declaration;
pub mod drift;
pub mod engine;
pub mod forge;
pub mod graph;
pub mod kinds;
pub mod metrics;
pub mod plan;
pub mod problem;
pub mod repo;
pub mod serve;
pub mod slack;
pub mod store;
pub mod terminal;
pub mod unit;
pub mod yaml;

/// The rooms from the ground up; each imports only from earlier rows.
pub const FLOORS: &[&[&str]] = &[
    &["metrics", "problem", "repo"],
    &["yaml"],
    &["unit"],
    &["aws", "forge", "graph"],
    &["declaration"],
    &["kinds"],
    &["plan"],
    &["apply", "drift"],
    &["cases", "engine"],
    &["store"],
    &["alertmanager", "slack", "terminal"],
    &["serve"],
    &["commands"],
];
