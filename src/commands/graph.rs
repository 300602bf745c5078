//! `groundplan graph`: who waits for whom.

use clap::{Args, ValueEnum};

use super::exit::{CommandError, Done, Exit};
use super::output::{print, print_json};
use super::session::Session;
use super::settings::OperatorArguments;

/// Show which unit waits for which, and why.
#[derive(Args)]
pub struct GraphArguments {
    /// The repository: a path, or a file:// or http(s):// address.
    #[arg(long, default_value = ".", value_name = "PATH|URL", env = "GROUNDPLAN_REPO")]
    repo: String,

    /// A branch, tag or commit.
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,

    /// Only this environment, with what it needs from others.
    #[arg(long, short, value_name = "NAME", env = "GROUNDPLAN_ENVIRONMENT")]
    environment: Option<String>,

    /// Only this unit, with what it needs; may be given more than once.
    #[arg(long, value_name = "UNIT")]
    only: Vec<String>,

    /// text; json; dot for Graphviz; mermaid for Markdown.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Drawn,
}

#[derive(Clone, Copy, ValueEnum)]
enum Drawn {
    Text,
    Json,
    Dot,
    Mermaid,
}

pub(super) async fn run(operator: OperatorArguments, arguments: GraphArguments) -> Done {
    let GraphArguments { repo, revision, environment, only, format } = arguments;
    let target = super::arguments::Target { repo, revision, environment, only, format: super::arguments::Format::Text };
    let session = Session::begin(&operator, target).await?;
    let declaration = session.declaration().await?;
    let graph = match &session.target.environment {
        Some(_) => session.select(&declaration)?.graph,
        None if session.target.only.is_empty() => declaration.graph,
        None => declaration.graph.only(&session.target.only).map_err(CommandError::usage)?,
    };
    let drawing = graph.drawing();
    match format {
        Drawn::Text => print(&drawing.text())?,
        Drawn::Json => print_json(&drawing)?,
        Drawn::Dot => print(&drawing.dot())?,
        Drawn::Mermaid => print(&drawing.mermaid())?,
    }
    Ok(Exit::Done)
}
