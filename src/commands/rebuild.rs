//! `groundplan rebuild`: bring a lost environment back from Git alone.

use clap::Args;

use super::arguments::{Approval, Target};
use super::exit::Done;
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use super::sync::carry_out;
use crate::declaration::SyncPolicy;
use crate::unit::Look;

/// Bring back an environment that was lost, from the repository alone.
///
/// The same line as a sync, over a world that is empty or half empty: what is missing is made in
/// the order of the graph, what is there and changed by hand is put back, and nothing is deleted.
/// Always asks, also where the environment syncs by itself.
#[derive(Args)]
pub struct RebuildArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,
}

pub(super) async fn run(operator: OperatorArguments, arguments: RebuildArguments) -> Done {
    let RebuildArguments { target, approval } = arguments;
    let session = Session::begin(&operator, target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let stop = stop_on_interrupt();
    let mut plan = session.engine.plan(&selection, Look::Close, &stop).await;
    // Whoever rebuilds has lost enough: leftovers wait for a sync.
    plan.deletions.clear();
    carry_out(&session, &selection, plan, &approval, SyncPolicy::Approval, stop).await
}
