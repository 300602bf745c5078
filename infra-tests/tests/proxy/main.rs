//! The proxy in front of a real emulator, seen through the AWS SDK.

mod change_sets;
mod counting;
mod faults;
mod once;
mod passing;
mod revert_drift;
mod values;
mod world;
