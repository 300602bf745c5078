//! The Slack simulator, the product's Slack room against it, and Slack's own SDK against both.

#[path = "slack/delivery.rs"]
mod delivery;
#[path = "slack/given.rs"]
mod given;
#[path = "slack/limits.rs"]
mod limits;
#[path = "slack/product.rs"]
mod product;
#[path = "slack/sdk.rs"]
mod sdk;
#[path = "slack/web.rs"]
mod web;
