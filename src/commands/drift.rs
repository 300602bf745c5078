//! `groundplan drift`: what others changed.

use clap::Args;
use jiff::{Timestamp, Zoned};

use super::arguments::Target;
use super::exit::{CommandError, Done, Exit};
use super::output::{print, print_json};
use super::serve::service;
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use crate::drift::{self, DriftReport};
use crate::terminal::drift_text;
use crate::unit::Look;

/// Look for what others changed of what the repository declares.
///
/// Four verdicts: drifted (a sync would put it back), pending (Git is ahead), foreign (others keep
/// fields beside ours), unverifiable (could not be asked; never shown as clean). Exits with 2 where
/// there is drift, with 1 where something could not be verified and nothing drifted.
#[derive(Args)]
pub struct DriftArguments {
    #[command(flatten)]
    target: Target,

    /// Tell it in Slack, as one message that is kept up to date.
    #[arg(long)]
    notify: bool,
}

pub(super) async fn run(operator: OperatorArguments, arguments: DriftArguments) -> Done {
    let session = Session::begin(&operator, arguments.target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let stop = stop_on_interrupt();
    let plan = session.engine.plan(&selection, Look::Close, &stop).await;
    if stop.is_asked() {
        return Err(CommandError::failed("stopped before everything was looked at"));
    }
    let applied = match session.store().await {
        Some(store) => store.applied(&declaration.repository, &selection.environment.name).await?,
        None => Default::default(),
    };
    let report = drift::report(&plan, &applied, &declaration.ignore, Zoned::now().date());
    match session.wants_json() {
        true => print_json(&report)?,
        false => print(&drift_text(&report))?,
    }
    if arguments.notify {
        let told = service(&session).await?.tell(&selection, &plan, &report, Timestamp::now()).await?;
        if let Some(case) = told {
            anstream::eprintln!("Told in Slack as case {} ({}).", case.id, case.state.word());
        }
    }
    Ok(exit(&report))
}

fn exit(report: &DriftReport) -> Exit {
    if report.drifted().next().is_some() {
        Exit::Changes
    } else if report.unverifiable().next().is_some() {
        Exit::Failed
    } else {
        Exit::Done
    }
}
