//! `groundplan destroy`: remove all that carries our mark.

use clap::Args;

use super::arguments::{Approval, Target};
use super::exit::Done;
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use super::sync::{Work, carry_out};
use crate::declaration::SyncPolicy;

/// Remove everything in an environment that carries this repository's mark.
///
/// The plan with nothing declared, in reverse order of the graph: workloads before the cluster they
/// run in, a stack before those whose outputs it takes. Asks for a word of its own (`--agree
/// delete`, and more where many or protected things go).
#[derive(Args)]
pub struct DestroyArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,
}

pub(super) async fn run(operator: OperatorArguments, arguments: DestroyArguments) -> Done {
    let DestroyArguments { target, approval } = arguments;
    let session = Session::begin(&operator, target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let stop = stop_on_interrupt();
    let plan = session.engine.plan_destroy(&selection, &stop).await;
    let work = Work::new("destroy", &approval, SyncPolicy::Approval);
    carry_out(&session, &selection, plan, work, stop).await
}
