//! Visits each unit: prepares it again, checks that this was approved, performs it.

use std::collections::BTreeMap;

use super::{ApplyError, Ending, Outcome, Report, State, Watch, delete};
use crate::graph::{Graph, Member, Role, Stop, Visited};
use crate::plan::{Approved, Finding, Plan};
use crate::unit::{Cause, Change, Look, Outputs, Owner, Prepared, Progress, UnitId, Word};

/// How many units are brought about at a time. Most of them wait; a room for fewer would make a graph of
/// some hundred stacks wait for itself and not for its longest way.
pub const AT_ONCE: usize = 32;

/// What a run works on.
pub struct Run<'a> {
    /// The units of the plan, with what they need.
    pub graph: &'a Graph,
    pub watch: Watch,
    pub stop: Stop,
}

/// What a visit leaves for the units downstream.
#[derive(Clone)]
struct Applied {
    change: Change,
    outputs: Outputs,
    read_only: bool,
}

/// Does what was approved, once: the approval is used up.
pub async fn run(approved: Approved, run: &Run<'_>) -> Report {
    let plan = approved.plan();
    // A plan that destroys names no unit: then nothing is walked, and only its deletions are done.
    let planned = run.graph.of_units(plan.units.keys());
    let visited = planned.walk(AT_ONCE, &run.stop, |member, upstream| visit(member, upstream, plan, &run.watch)).await;
    let mut outputs = BTreeMap::new();
    let mut report = Report::default();
    for (id, visited) in visited {
        let outcome = match visited {
            Visited::Done(applied) => {
                outputs.insert(id.clone(), applied.outputs);
                if applied.read_only { Outcome::Read } else { Outcome::Applied(applied.change) }
            }
            Visited::Failed(error) => Outcome::Failed(error),
            Visited::Skipped(by) => Outcome::Skipped(by),
            Visited::Stopped => Outcome::Stopped,
        };
        if let Outcome::Skipped(_) | Outcome::Stopped = outcome {
            run.watch.see(&id, State::Done(outcome.ending()));
        }
        report.outcomes.insert(id, outcome);
    }
    if report.failures().next().is_none() && !run.stop.is_asked() {
        report.outcomes.extend(delete::all(plan, run, outputs).await);
    }
    report
}

async fn visit(
    member: &Member,
    upstream: BTreeMap<UnitId, Applied>,
    plan: &Plan,
    watch: &Watch,
) -> Result<Applied, ApplyError> {
    let id = &member.declared.id;
    let result = match member.role {
        Role::Managed => apply(member, &upstream, plan, watch).await,
        Role::ReadOnly => read(member, &upstream).await,
    };
    let ending = match &result {
        Ok(Applied { read_only: true, .. }) => Ending::Read,
        Ok(applied) => Outcome::Applied(applied.change.clone()).ending(),
        Err(error) => error.ending(),
    };
    watch.see(id, State::Done(ending));
    result
}

async fn apply(
    member: &Member,
    upstream: &BTreeMap<UnitId, Applied>,
    plan: &Plan,
    watch: &Watch,
) -> Result<Applied, ApplyError> {
    let id = &member.declared.id;
    let (approved, words) = match plan.units.get(id) {
        Some(Finding::Found { change, words, .. }) => (change, words),
        Some(Finding::Failed(trouble)) => return Err(ApplyError::NotPlanned(trouble.clone())),
        // What stood in the way then may be gone now, but nobody has seen what would happen.
        Some(Finding::Blocked(_)) | None => return Err(ApplyError::NotApproved),
    };
    let inputs = member.inputs(|id| upstream.get(id).map(|applied| &applied.outputs))?;
    watch.see(id, State::Preparing);
    let Prepared { planned, deed } = member.declared.unit.prepare(&inputs, plan.looked()).await?;
    let follows = member.made_from().into_iter().any(|id| upstream.get(id).is_some_and(changed_by_git));
    let may = approved.covers(&planned.change) || (follows && is_gentle(&planned.change));
    // Words were agreed to with the plan; one that was not in it is new.
    let is_agreed = |now: &Word| words.iter().any(|agreed| agreed.word == now.word);
    if !may || !planned.words.iter().all(is_agreed) {
        if let Some(deed) = deed {
            deed.abandon().await?;
        }
        return Err(ApplyError::Moved { now: planned.change });
    }
    let outputs = match deed {
        None => planned.outputs.unwrap_or_default(),
        Some(deed) => {
            watch.see(id, State::Applying);
            let owner = Owner { unit: id.clone(), commit: plan.commit.clone() };
            let (told, unit) = (watch.clone(), id.clone());
            let progress = Progress::new(move |note| told.see(&unit, State::Note(note.to_owned())));
            deed.perform(&owner, &progress).await?
        }
    };
    Ok(Applied { change: planned.change, outputs, read_only: false })
}

/// A consequence of an approved change: whoever approved another network approved its new name
/// reaching those made from it, but not the loss of anything.
fn is_gentle(change: &Change) -> bool {
    match change {
        Change::Nothing | Change::Create(_) => true,
        Change::Update(differences) => differences.iter().all(|difference| difference.effect.is_gentle()),
        Change::Later(_) | Change::Delete => false,
    }
}

fn changed_by_git(applied: &Applied) -> bool {
    match &applied.change {
        Change::Create(_) => true,
        Change::Update(differences) => differences.iter().any(|difference| difference.cause == Cause::Declared),
        Change::Nothing | Change::Later(_) | Change::Delete => false,
    }
}

async fn read(member: &Member, upstream: &BTreeMap<UnitId, Applied>) -> Result<Applied, ApplyError> {
    let inputs = member.inputs(|id| upstream.get(id).map(|applied| &applied.outputs))?;
    let Prepared { planned, deed } = member.declared.unit.prepare(&inputs, Look::Quick).await?;
    if let Some(deed) = deed {
        deed.abandon().await?;
    }
    match planned.outputs {
        Some(outputs) => Ok(Applied { change: Change::Nothing, outputs, read_only: true }),
        None => Err(ApplyError::NotThere),
    }
}
