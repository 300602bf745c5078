//! `groundplan check`: what is wrong with the repository.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::Target;
use super::exit::{Done, Exit};
use super::output::{print, print_json};
use super::session::{Checked, Session};
use super::settings::OperatorArguments;
use crate::graph::Edge;
use crate::problem::Problem;
use crate::terminal::{count, problems_text};
use crate::unit::UnitId;

/// Read the repository and tell everything that is wrong with it.
///
/// Needs no network beyond the repository itself, and no credentials. Exits with 65 where there is
/// an error.
#[derive(Args)]
pub struct CheckArguments {
    #[command(flatten)]
    target: Target,
}

/// `check --format json`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CheckOutput {
    pub units: Vec<UnitId>,
    pub edges: Vec<Edge>,
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

pub(super) async fn run(operator: OperatorArguments, arguments: CheckArguments) -> Done {
    let session = Session::begin(&operator, arguments.target).await?;
    let Checked { declaration, problems } = session.check().await?;
    let drawing = declaration.graph.drawing();
    let exit = if problems.errors.is_empty() { Exit::Done } else { Exit::Invalid };
    if session.wants_json() {
        let units = drawing.nodes.into_iter().map(|node| node.id).collect();
        print_json(&CheckOutput { units, edges: drawing.edges, errors: problems.errors, warnings: problems.warnings })?;
        return Ok(exit);
    }
    anstream::eprint!("{}", problems_text(&problems));
    if problems.errors.is_empty() {
        let (units, edges) = (count(drawing.nodes.len(), "unit"), count(drawing.edges.len(), "edge"));
        let environments = count(declaration.environments.len(), "environment");
        let commit = declaration.commit.short();
        print(&format!("{units} and {edges} in {environments} at {commit}: nothing is wrong.\n"))?;
    }
    Ok(exit)
}
