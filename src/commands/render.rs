//! `groundplan render`: what would be sent, without asking anyone.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::arguments::Target;
use super::exit::{CommandError, Done, Exit};
use super::output::{print, print_json};
use super::session::Session;
use super::settings::OperatorArguments;
use crate::graph::Role;
use crate::terminal::manifests_text;
use crate::unit::UnitId;

/// Show the Kubernetes objects that workloads come to: rendered, filled in, secrets masked.
///
/// Needs no network beyond the repository itself. Another unit's output stands as `${NAME}`, because only
/// the world knows it. Stacks are sent as they are written, and not shown.
#[derive(Args)]
pub struct RenderArguments {
    #[command(flatten)]
    target: Target,
}

/// `render --format json`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RenderOutput {
    /// Kubernetes objects, unit by unit. A value of a Secret is `(hidden)`.
    pub objects: Vec<Value>,
}

pub(super) async fn run(operator: OperatorArguments, arguments: RenderArguments) -> Done {
    let session = Session::begin(&operator, arguments.target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let only = &session.target.only;
    // What a unit needs is chosen with it, and was not asked for.
    let is_meant = |id: &UnitId| only.is_empty() || only.iter().any(|name| id.ends_with(name));
    let mut rendered: Vec<(UnitId, Vec<Value>)> = Vec::new();
    for member in selection.graph.members().filter(|member| member.role == Role::Managed) {
        let id = &member.declared.id;
        if is_meant(id)
            && let Some(objects) = member.declared.unit.rendered().map_err(CommandError::failed)?
        {
            rendered.push((id.clone(), objects));
        }
    }
    rendered.sort_by(|one, other| one.0.cmp(&other.0));
    match session.wants_json() {
        true => print_json(&RenderOutput { objects: rendered.into_iter().flat_map(|(_, objects)| objects).collect() })?,
        false => print(&manifests_text(&rendered))?,
    }
    Ok(Exit::Done)
}
