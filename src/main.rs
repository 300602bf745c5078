//! Parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use groundplan::commands::{self, Arguments};

// What a look at thousands of objects took is given back within seconds: glibc would keep it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    commands::prepare_process();
    let arguments = Arguments::try_parse().unwrap_or_else(|error| commands::exit_for_usage(error));
    commands::log_to_stderr(arguments.operator.verbose);
    commands::run(arguments).await.into()
}
