//! `groundplan plan`: what a sync would change.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::Target;
use super::exit::{Done, Exit};
use super::output::{print, print_json};
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use crate::plan::Plan;
use crate::terminal::plan_text;
use crate::unit::Look;

/// Show what a sync would change, and change nothing.
///
/// Where a stack that exists would change, CloudFormation is asked through a change set, which is
/// deleted again. Exits with 2 where there are changes.
#[derive(Args)]
pub struct PlanArguments {
    #[command(flatten)]
    target: Target,

    /// Also look for changes made by hand, which takes CloudFormation minutes.
    #[arg(long)]
    drift: bool,
}

/// `plan --format json`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PlanOutput {
    #[serde(flatten)]
    pub plan: Plan,
    /// What `sync --approve` takes: it names exactly what this plan would do.
    pub digest: String,
}

pub(super) async fn run(operator: OperatorArguments, arguments: PlanArguments) -> Done {
    let session = Session::begin(&operator, arguments.target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let plan = session.engine.plan(&selection, look(arguments.drift), &stop_on_interrupt()).await;
    let exit = exit(&plan);
    if session.wants_json() {
        print_json(&PlanOutput { digest: plan.digest(), plan })?;
        return Ok(exit);
    }
    print(&plan_text(&plan))?;
    if exit == Exit::Changes {
        print(&format!("Digest {}: `groundplan sync --approve` takes it.\n", plan.digest()))?;
    }
    Ok(exit)
}

pub(super) fn look(drift: bool) -> Look {
    if drift { Look::Close } else { Look::Quick }
}

fn exit(plan: &Plan) -> Exit {
    if plan.troubles().next().is_some() {
        Exit::Failed
    } else if plan.is_quiet() {
        Exit::Done
    } else {
        Exit::Changes
    }
}
