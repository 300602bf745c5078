//! `groundplan completion`: what a shell needs to complete our words.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit::{Done, Exit};

/// Write the completion script of a shell to standard output.
///
/// For bash: `groundplan completion bash > /etc/bash_completion.d/groundplan`.
#[derive(Args)]
pub struct CompletionArguments {
    shell: Shell,
}

pub(super) fn run(arguments: CompletionArguments) -> Done {
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "groundplan", &mut std::io::stdout());
    Ok(Exit::Done)
}
