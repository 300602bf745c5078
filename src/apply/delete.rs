//! Deletes what the plan says, each once all that must go before it is gone.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};

use super::{ApplyError, Outcome, Run, State};
use crate::plan::{Deletion, Plan, known_outputs};
use crate::unit::{Change, Outputs, Progress, UnitId};

pub(super) async fn all(
    plan: &Plan,
    run: &Run<'_>,
    mut outputs: BTreeMap<UnitId, Outputs>,
) -> BTreeMap<UnitId, Outcome> {
    let mut outcomes = BTreeMap::new();
    if plan.deletions.is_empty() {
        return outcomes;
    }
    let needed = run.graph.needed_by_sites();
    if needed.members().any(|member| !outputs.contains_key(&member.declared.id)) {
        outputs.extend(known_outputs(&needed, &run.stop).await);
    }
    let mut waiting: Vec<&Deletion> = plan.deletions.iter().collect();
    let mut running = FuturesUnordered::new();
    loop {
        let mut held = Vec::new();
        for deletion in waiting {
            match verdict(deletion, plan, &outcomes) {
                Turn::Now if run.stop.is_asked() => _ = outcomes.insert(deletion.owned.id.clone(), Outcome::Stopped),
                Turn::Now => running.push(delete(deletion, run, &outputs)),
                Turn::Wait => held.push(deletion),
                Turn::Never(by) => {
                    let outcome = Outcome::Skipped(by);
                    run.watch.see(&deletion.owned.id, State::Done(outcome.ending()));
                    outcomes.insert(deletion.owned.id.clone(), outcome);
                }
            }
        }
        waiting = held;
        let Some((id, outcome)) = running.next().await else { break };
        run.watch.see(&id, State::Done(outcome.ending()));
        outcomes.insert(id, outcome);
    }
    outcomes
}

enum Turn {
    Now,
    Wait,
    Never(UnitId),
}

fn verdict(deletion: &Deletion, plan: &Plan, outcomes: &BTreeMap<UnitId, Outcome>) -> Turn {
    let planned: BTreeSet<_> = plan.deletions.iter().map(|deletion| &deletion.owned.id).collect();
    let mut turn = Turn::Now;
    for before in deletion.after.iter().filter(|id| planned.contains(id)) {
        match outcomes.get(before) {
            Some(Outcome::Applied(_) | Outcome::Read) => {}
            Some(Outcome::Failed(_) | Outcome::Skipped(_) | Outcome::Stopped) => return Turn::Never(before.clone()),
            None => turn = Turn::Wait,
        }
    }
    turn
}

async fn delete(deletion: &Deletion, run: &Run<'_>, outputs: &BTreeMap<UnitId, Outputs>) -> (UnitId, Outcome) {
    let id = deletion.owned.id.clone();
    run.watch.see(&id, State::Deleting);
    let outcome = match destroy(deletion, run, outputs).await {
        Ok(()) => Outcome::Applied(Change::Delete),
        Err(error) => Outcome::Failed(error),
    };
    (id, outcome)
}

async fn destroy(deletion: &Deletion, run: &Run<'_>, outputs: &BTreeMap<UnitId, Outputs>) -> Result<(), ApplyError> {
    let owned = &deletion.owned;
    let place = run.graph.place(&owned.site).ok_or_else(|| ApplyError::NoSite(owned.site.to_string()))?;
    let inputs = place.inputs(|id| outputs.get(id))?;
    let (told, unit) = (run.watch.clone(), owned.id.clone());
    let progress = Progress::new(move |note| told.see(&unit, State::Note(note.to_owned())));
    Ok(place.site.destroy(owned, &inputs, &progress).await?)
}
