//! What issue 3 promises of bad days, through the user's door: the binary.

mod bad_input;
mod bad_manifests;
mod deletion;
mod interrupted;
mod presses;
mod secrets;
mod unreachable;
