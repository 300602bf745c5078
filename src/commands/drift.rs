//! `groundplan drift`: what others changed.

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::arguments::Target;
use super::exit::{CommandError, Done, Exit};
use super::output::{print, print_json};
use super::serve::service;
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use super::watch::keep_watching;
use crate::drift::{self, DriftReport};
use crate::engine::Selection;
use crate::graph::Stop;
use crate::serve::{Observation, TellError};
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

    /// Keep looking: tell every change of a verdict as it happens, with the instant for which it is true, until Ctrl-C.
    ///
    /// Workloads are watched; no request is made while nothing changes. Stacks can only be asked, and are not.
    /// The exit code says how things stood at the end. With `--format json`, one line a change.
    #[arg(long, conflicts_with_all = ["notify", "within"])]
    watch: bool,

    /// Stop asking after this time, as `10m`; what was not asked is told as unverifiable.
    #[arg(long, value_name = "TIME")]
    within: Option<SignedDuration>,
}

/// Slack is not waited for any longer; what is left is sent by the next run, or by `serve`.
const TELL_WITHIN: Duration = Duration::from_secs(60);

pub(super) async fn run(operator: OperatorArguments, arguments: DriftArguments) -> Done {
    let session = Session::begin(&operator, arguments.target).await?;
    if arguments.watch {
        return keep_watching(&session).await;
    }
    let declaration = session.declaration().await?;
    let mut selection = session.select(&declaration)?;
    // What is left over is for a sync to tell: a look at what is declared does not ask for it.
    selection.part |= !arguments.notify;
    let stop = stop_on_interrupt();
    let over = arguments.within.map(|within| stop_after(&stop, within));
    let began = Timestamp::now();
    // The store is opened while the world is asked.
    let (plan, store) = tokio::join!(session.engine.plan(&selection, Look::Close, &stop), session.store());
    let is_over = over.is_some_and(|over| over.is_finished());
    if stop.is_asked() && !is_over {
        return Err(CommandError::failed("stopped before everything was looked at"));
    }
    let applied = match store {
        Some(store) => store.applied(&declaration.repository, &selection.environment.name).await?,
        None => Default::default(),
    };
    let report = drift::report(&plan, &applied, &declaration.ignore, Zoned::now().date());
    match session.wants_json() {
        true => print_json(&report)?,
        false => print(&drift_text(&report))?,
    }
    let exit = exit(&report);
    if !arguments.notify {
        return Ok(exit);
    }
    match tell(&session, &selection, &Observation { plan, report, began }).await {
        Ok(()) => {}
        // What was found is the result, whoever could be told of it.
        Err(error) if exit != Exit::Done => _ = super::exit::tell(error.hint("the next `drift --notify` tells it")),
        Err(error) => return Err(error),
    }
    Ok(exit)
}

/// Asks to stop when the time is over; ended only then.
fn stop_after(stop: &Stop, within: SignedDuration) -> tokio::task::JoinHandle<()> {
    let (stop, within) = (stop.clone(), Duration::try_from(within).unwrap_or_default());
    tokio::spawn(async move {
        tokio::time::sleep(within).await;
        stop.ask();
    })
}

async fn tell(session: &Session, selection: &Selection<'_>, seen: &Observation) -> Result<(), CommandError> {
    let service = service(session).await?;
    service.read_requests().await;
    match service.tell(selection, seen, Timestamp::now()).await {
        Ok(cases) => {
            for case in cases {
                anstream::eprintln!("Kept as case {} ({}).", case.id, case.state.word());
            }
        }
        Err(busy @ TellError::Underway { .. }) => anstream::eprintln!("warning: {busy}"),
        Err(error) => return Err(error.into()),
    }
    // Of the cases of earlier runs: the records are late, and this run may be the next to look.
    service.attribute(Timestamp::now()).await?;
    service.deliver(TELL_WITHIN).await?;
    match (&service.slack, service.store.unsent().await?) {
        (None, _) => anstream::eprintln!("warning: Slack is not set up, so nobody was told"),
        (Some(_), (0, _)) => {}
        (Some(_), (unsent, why)) => {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            anstream::eprintln!("warning: {unsent} messages are left for the next run to send{why}");
        }
    }
    Ok(())
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
