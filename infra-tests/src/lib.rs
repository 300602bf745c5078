//! The sandbox of real parts, and what tests need beside them.

pub mod proxy;
pub mod sandbox;
pub mod slack;
pub mod world;
