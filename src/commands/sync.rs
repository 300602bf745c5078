//! `groundplan sync`: make the world agree with the repository.

use std::time::Instant;

use clap::Args;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::approve::approve;
use super::arguments::{Approval, Target};
use super::case::login;
use super::exit::{CommandError, Done, Exit};
use super::output::print_json;
use super::plan::look;
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use crate::apply::{Ending, Report, Success, Watch};
use crate::declaration::SyncPolicy;
use crate::engine::Selection;
use crate::graph::Stop;
use crate::plan::Plan;
use crate::repo::CommitId;
use crate::serve::underway::{self, Busy, Underway};
use crate::terminal::{ProgressView, plan_text, report_text};
use crate::unit::{EnvironmentName, UnitId};

/// Show the plan, ask for a yes, and make the world agree with the repository.
///
/// Runs along the graph, as much at a time as it allows. Run it again after anything: it goes on
/// where the world stands.
#[derive(Args)]
pub struct SyncArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,

    /// Also put back what was changed by hand inside of stacks, which takes CloudFormation minutes
    /// to find. (In clusters it is always put back.)
    #[arg(long)]
    drift: bool,
}

/// `sync --format json`, `rebuild` and `destroy` too.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReportOutput {
    pub environment: EnvironmentName,
    pub commit: CommitId,
    pub units: Vec<UnitOutcome>,
    pub seconds: f64,
}

/// How one unit fared.
#[derive(Serialize, JsonSchema)]
pub(super) struct UnitOutcome {
    pub unit: UnitId,
    /// `created`, `changed`, `deleted`, `unchanged`, `read`, `failed`, `skipped` or `stopped`.
    pub outcome: &'static str,
    /// The error, or the unit that stood in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

pub(super) async fn run(operator: OperatorArguments, arguments: SyncArguments) -> Done {
    let SyncArguments { target, approval, drift } = arguments;
    let session = Session::begin(&operator, target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let stop = stop_on_interrupt();
    // History is written at the end, and its store opened meanwhile.
    let (_, plan) = tokio::join!(session.store(), session.engine.plan(&selection, look(drift), &stop));
    let work = Work::new("sync", &approval, selection.environment.sync);
    carry_out(&session, &selection, plan, work, stop).await
}

/// What is done with a plan, and under which name.
pub(super) struct Work<'a> {
    /// As others are told of it: `sync`, `rebuild`, `destroy`.
    deed: &'static str,
    approval: &'a Approval,
    policy: SyncPolicy,
    /// Sees every event, beside the terminal.
    pub(super) also: Watch,
}

impl<'a> Work<'a> {
    pub(super) fn new(deed: &'static str, approval: &'a Approval, policy: SyncPolicy) -> Self {
        Self { deed, approval, policy, also: Watch::default() }
    }
}

/// Shows a plan, has it approved, does it, and tells how it went.
pub(super) async fn carry_out(
    session: &Session,
    selection: &Selection<'_>,
    plan: Plan,
    work: Work<'_>,
    stop: Stop,
) -> Done {
    let Work { deed, approval, policy, also } = work;
    let json = session.wants_json();
    if stop.is_asked() {
        return Err(CommandError::failed("stopped before anything was changed"));
    }
    if !json || !plan.is_quiet() {
        anstream::eprint!("{}", plan_text(&plan));
    }
    let unreachable = plan.troubles().any(|(_, trouble)| trouble.unreachable);
    if unreachable {
        // Half an environment that is applied beside one that cannot be seen helps nobody.
        return Err(CommandError::failed("one side could not be reached, so nothing was changed on either"));
    }
    let (environment, commit) = (plan.environment.clone(), plan.commit.clone());
    if plan.is_quiet() {
        remember(session, selection, plan.units.keys().cloned().collect(), &commit).await;
        if json {
            let units =
                plan.units.keys().map(|unit| UnitOutcome { unit: unit.clone(), outcome: "unchanged", because: None });
            print_json(&ReportOutput { environment, commit, units: units.collect(), seconds: 0.0 })?;
        }
        return Ok(Exit::Done);
    }
    if plan.changes().next().is_none() && plan.deletions.is_empty() {
        return Err(CommandError::failed("nothing could be done: see above"));
    }
    let Some(approved) = approve(plan, approval, policy)? else {
        return Err(CommandError::failed("not approved; nothing was changed"));
    };
    // From here on, not from the question on: how long a person thinks is nobody's time.
    let began = Instant::now();
    let underway = begin(session, selection, deed).await;
    let view = ProgressView::new(&selection.graph);
    let watch = if json { also } else { view.watch().and(also) };
    let report = session.engine.apply(approved, selection, watch, stop).await;
    view.finish();
    record(session, selection, &report, &commit).await;
    if let Some(underway) = underway
        && let Err(error) = underway.end().await
    {
        tracing::warn!(%error, "others believe for two minutes more that this is under way");
    }
    match json {
        true => print_json(&output(environment, commit, &report, began.elapsed().as_secs_f64()))?,
        false => anstream::eprint!("{}", report_text(&report, began.elapsed())),
    }
    Ok(exit(&report))
}

/// Says to those who share the store that somebody is at it, so that nothing seen in the middle of
/// it is told as drift. Two at it at once do no harm, and should know of each other.
async fn begin(session: &Session, selection: &Selection<'_>, deed: &str) -> Option<Underway> {
    let store = session.store().await?;
    let (repository, environment) = (&selection.declaration.repository, &selection.environment.name);
    match underway::begin(&store, repository, environment, &format!("{deed} by {}", login())).await {
        Ok(Ok(underway)) => Some(underway),
        Ok(Err(Busy { by })) => {
            anstream::eprintln!("warning: a {by} is under way in {environment}; both go on");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "others are not told that this is under way");
            None
        }
    }
}

fn exit(report: &Report) -> Exit {
    match report.success() {
        Success::Whole => Exit::Done,
        Success::Part => Exit::Partly,
        Success::None => Exit::Failed,
    }
}

async fn record(session: &Session, selection: &Selection<'_>, report: &Report, commit: &CommitId) {
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for (unit, outcome) in &report.outcomes {
        match outcome.ending() {
            Ending::Unchanged | Ending::Created | Ending::Updated => there.push(unit.clone()),
            Ending::Deleted => gone.push(unit.clone()),
            Ending::Read | Ending::Failed(_) | Ending::Unfinished(_) | Ending::Skipped(_) | Ending::Stopped => {}
        }
    }
    remember(session, selection, there, commit).await;
    if let (Some(store), false) = (session.store().await, gone.is_empty()) {
        let repository = &selection.declaration.repository;
        if let Err(error) = store.forget_applied(repository, &selection.environment.name, &gone).await {
            tracing::warn!(%error, "history could not be kept");
        }
    }
}

/// History is worth a warning and never a failure: the truth is in the world.
async fn remember(session: &Session, selection: &Selection<'_>, units: Vec<UnitId>, commit: &CommitId) {
    let Some(store) = session.store().await else { return };
    let repository = &selection.declaration.repository;
    let kept = store.remember_applied(repository, &selection.environment.name, &units, commit, Timestamp::now()).await;
    if let Err(error) = kept {
        tracing::warn!(%error, "history could not be kept");
    }
}

fn output(environment: EnvironmentName, commit: CommitId, report: &Report, seconds: f64) -> ReportOutput {
    let unit = |(unit, outcome): (&UnitId, &crate::apply::Outcome)| {
        let (outcome, because) = match outcome.ending() {
            Ending::Unchanged => ("unchanged", None),
            Ending::Created => ("created", None),
            Ending::Updated => ("changed", None),
            Ending::Deleted => ("deleted", None),
            Ending::Read => ("read", None),
            Ending::Failed(error) => ("failed", Some(error)),
            Ending::Unfinished(said) => ("under way", Some(said)),
            Ending::Skipped(by) => ("skipped", Some(by.to_string())),
            Ending::Stopped => ("stopped", None),
        };
        UnitOutcome { unit: unit.clone(), outcome, because }
    };
    ReportOutput { environment, commit, units: report.outcomes.iter().map(unit).collect(), seconds }
}
