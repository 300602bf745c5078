//! Parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use groundplan::commands::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    commands::prepare_process();
    let arguments = Arguments::try_parse().unwrap_or_else(|error| commands::exit_for_usage(error));
    commands::log_to_stderr(arguments.operator.verbose);
    commands::run(arguments).await.into()
}
