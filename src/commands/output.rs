//! Standard output: the result of a command, and nothing else.

use std::io::{ErrorKind, Write};

use super::exit::CommandError;

/// Writes a result; a reader that closed the pipe has seen enough.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes a value as JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), CommandError> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}
