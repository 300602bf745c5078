//! The command line: one thin file a command, and what an operator sets.
//!
//! A command reads its arguments, walks the engine's line as far as its name says, and tells the
//! result: for people on a terminal, or as JSON on standard output. Progress goes to standard error.

mod approve;
mod arguments;
mod case;
mod check;
mod completion;
mod destroy;
mod drift;
mod exit;
mod graph;
mod output;
mod plan;
mod process;
mod rebuild;
mod render;
mod schema;
mod serve;
mod session;
mod settings;
mod sync;
mod watch;

pub use exit::Exit;
pub use process::{exit_for_usage, log_to_stderr, prepare_process};
pub use schema::schemas;

use clap::{Parser, Subcommand};

/// Keeps AWS accounts and Kubernetes clusters equal to one Git repository.
///
/// A repository declares CloudFormation stacks (stacks/ACCOUNT/REGION/NAME.yaml) and Kubernetes
/// workloads (clusters/NAME/PATH/) side by side; one graph orders them, from a VPC to a pod.
#[derive(Parser)]
#[command(name = "groundplan", version, arg_required_else_help = true, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    pub operator: settings::OperatorArguments,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Begin with:
  groundplan check                 what is wrong with the repository here, without asking anyone
  groundplan plan                  what a sync would change
  groundplan sync                  show the plan, ask, and do it
  groundplan drift                 what others changed by hand

Exit codes: 0 nothing to do, or done; 1 failed; 2 there are changes (plan) or drift (drift);
3 partly done; 64 wrong usage; 65 the repository is invalid, and nothing was touched.";

#[derive(Subcommand)]
pub enum Command {
    Check(check::CheckArguments),
    Graph(graph::GraphArguments),
    Plan(plan::PlanArguments),
    Sync(sync::SyncArguments),
    Drift(drift::DriftArguments),
    Rebuild(rebuild::RebuildArguments),
    Render(render::RenderArguments),
    Destroy(destroy::DestroyArguments),
    Case(case::CaseArguments),
    Serve(serve::ServeArguments),
    Schema(schema::SchemaArguments),
    Completion(completion::CompletionArguments),
}

/// Runs one command to its end.
pub async fn run(arguments: Arguments) -> Exit {
    let Arguments { operator, command } = arguments;
    let done = match command {
        Command::Check(arguments) => check::run(operator, arguments).await,
        Command::Graph(arguments) => graph::run(operator, arguments).await,
        Command::Plan(arguments) => plan::run(operator, arguments).await,
        Command::Sync(arguments) => sync::run(operator, arguments).await,
        Command::Drift(arguments) => drift::run(operator, arguments).await,
        Command::Rebuild(arguments) => rebuild::run(operator, arguments).await,
        Command::Render(arguments) => render::run(operator, arguments).await,
        Command::Destroy(arguments) => destroy::run(operator, arguments).await,
        Command::Case(arguments) => case::run(operator, arguments).await,
        Command::Serve(arguments) => serve::run(operator, arguments).await,
        Command::Schema(arguments) => schema::run(arguments),
        Command::Completion(arguments) => completion::run(arguments),
    };
    done.unwrap_or_else(exit::tell)
}
