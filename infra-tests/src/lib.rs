//! The sandbox of real parts, and what tests need beside them.

pub mod bench;
pub mod faults;
pub mod live;
pub mod product;
pub mod proxy;
pub mod sandbox;
pub mod shop;
pub mod slack;
pub mod stage;
pub mod world;
