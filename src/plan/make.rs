//! Asks every unit, in order, what it would change.

use std::collections::BTreeMap;

use super::{Finding, Plan, Purpose, Trouble, deletion};
use crate::declaration::Environment;
use crate::graph::{Graph, Member, Place, Role, Stop, Visited};
use crate::repo::CommitId;
use crate::unit::{Cause, Change, KindError, KindName, Look, Outputs, Owned, Planned, SiteName, UnitId};

/// How many units are asked at a time. Each asks with few requests, and the sites bound their own.
const AT_ONCE: usize = 16;
/// And by a close look, which mostly waits: AWS looks for drift for minutes, and one list tells of all who wait.
const AT_ONCE_CLOSELY: usize = 64;

/// What a plan is made for.
pub struct Scope<'a> {
    pub commit: &'a CommitId,
    /// The units to ask.
    pub graph: &'a Graph,
    /// The whole repository: what is declared anywhere is nobody's leftover.
    pub repository: &'a Graph,
    /// The environment, which also says whether a unit no longer declared would have belonged here.
    pub environment: &'a Environment,
    /// Only some units were asked for: then what is no longer declared is left alone.
    pub part: bool,
    /// The kind that others stand on: theirs go before its own when deleting.
    pub foundation: Option<KindName>,
}

/// What a visit leaves for the units downstream.
#[derive(Clone)]
struct Asked {
    finding: Finding,
    outputs: Option<Outputs>,
}

/// Reads the world. What asking left behind is taken away again.
pub async fn make(scope: &Scope<'_>, look: Look, stop: &Stop) -> Plan {
    // Of a part nothing is deleted, so nothing has to be listed.
    let places = scope.graph.places().filter(|_| !scope.part);
    // A close look takes minutes, and what is listed before it would be as old.
    let is_known = |place: &&Place| look == Look::Quick && place.made_from().is_empty();
    let (known, others): (Vec<&Place>, Vec<&Place>) = places.partition(is_known);
    let nothing = BTreeMap::new();
    let (mut listed, asked) = futures::join!(owned(known, &nothing), ask(scope.graph, look, stop));
    listed.extend(owned(others, &asked).await);
    let (owned, unlisted) = sorted(listed);
    // A list that may be short is no ground for deleting anything.
    let complete = unlisted.is_empty() && !scope.part;
    let leftover =
        |owned: &Owned| complete && scope.environment.holds(&owned.id) && scope.repository.member(&owned.id).is_none();
    let leftovers = owned.into_iter().filter(leftover).collect();
    Plan {
        environment: scope.environment.name.clone(),
        commit: scope.commit.clone(),
        purpose: Purpose::Sync,
        looked_for_drift: look == Look::Close,
        units: findings(scope.graph, asked),
        deletions: deletion::in_order(leftovers, scope.repository, scope.foundation.as_ref()),
        unlisted,
    }
}

/// The plan over the same world with nothing declared: everything of ours goes.
pub async fn destroy(scope: &Scope<'_>, stop: &Stop) -> Plan {
    let asked = ask(&scope.graph.needed_by_sites(), Look::Quick, stop).await;
    let (owned, unlisted) = sorted(owned(scope.graph.places(), &asked).await);
    let asked_for = |owned: &Owned| !scope.part || scope.graph.member(&owned.id).is_some();
    let ours =
        owned.into_iter().filter(|owned| unlisted.is_empty() && scope.environment.holds(&owned.id) && asked_for(owned));
    Plan {
        environment: scope.environment.name.clone(),
        commit: scope.commit.clone(),
        purpose: Purpose::Destroy,
        looked_for_drift: false,
        units: BTreeMap::new(),
        deletions: deletion::in_order(ours.collect(), scope.repository, scope.foundation.as_ref()),
        unlisted,
    }
}

/// What a quick look finds of the units of a graph, and the outputs that they have now.
pub async fn glance(graph: &Graph, stop: &Stop) -> (BTreeMap<UnitId, Finding>, BTreeMap<UnitId, Outputs>) {
    let asked = ask(graph, Look::Quick, stop).await;
    let outputs = asked.iter().filter_map(|(id, asked)| Some((id.clone(), asked.outputs.clone()?))).collect();
    (findings(graph, asked), outputs)
}

/// What is only read is nothing to plan; that it could not be read is what those wait for that need it.
fn findings(graph: &Graph, asked: BTreeMap<UnitId, Asked>) -> BTreeMap<UnitId, Finding> {
    let is_told = |id: &UnitId, finding: &Finding| match graph.member(id).map(|member| member.role) {
        Some(Role::Managed) => true,
        Some(Role::ReadOnly) => matches!(finding, Finding::Failed(_)),
        None => false,
    };
    let all = asked.into_iter().map(|(id, asked)| (id, asked.finding));
    all.filter(|(id, finding)| is_told(id, finding)).collect()
}

/// The outputs that the units of a graph have now.
pub async fn known_outputs(graph: &Graph, stop: &Stop) -> BTreeMap<UnitId, Outputs> {
    let asked = ask(graph, Look::Quick, stop).await;
    asked.into_iter().filter_map(|(id, asked)| Some((id, asked.outputs?))).collect()
}

async fn ask(graph: &Graph, look: Look, stop: &Stop) -> BTreeMap<UnitId, Asked> {
    let at_once = match look {
        Look::Quick => AT_ONCE,
        Look::Close => AT_ONCE_CLOSELY,
    };
    let visited = graph.walk(at_once, stop, |member, upstream| ask_one(member, upstream, look)).await;
    let asked = visited.into_iter().map(|(id, visited)| {
        let nothing = |finding| Asked { finding, outputs: None };
        let asked = match visited {
            Visited::Done(asked) => asked,
            Visited::Failed(trouble) => nothing(Finding::Failed(trouble)),
            Visited::Skipped(by) => nothing(Finding::Blocked(by)),
            // Whoever reads the plan must see that nothing is known of it.
            Visited::Stopped => {
                nothing(Finding::Failed(Trouble::of(&KindError::failed("the run was stopped before its turn"))))
            }
        };
        (id, asked)
    });
    asked.collect()
}

async fn ask_one(member: &Member, upstream: BTreeMap<UnitId, Asked>, look: Look) -> Result<Asked, Trouble> {
    let made_from = member.made_from();
    let unknown = |id: &&UnitId| upstream.get(id).is_none_or(|asked| asked.outputs.is_none());
    let later: Vec<UnitId> = made_from.iter().copied().filter(unknown).cloned().collect();
    if !later.is_empty() {
        return Ok(known_later(member, later));
    }
    let inputs = match member.inputs(|id| upstream.get(id).and_then(|asked| asked.outputs.as_ref())) {
        Ok(inputs) => inputs,
        // An output that its stack does not have yet comes with the change that is planned for it.
        Err(missing) if may_change(&upstream, &missing.unit) => {
            return Ok(known_later(member, vec![missing.unit]));
        }
        Err(missing) => return Err(Trouble::of(&KindError::failed(missing.to_string()))),
    };
    let prepared = member.declared.unit.prepare(&inputs, look).await.map_err(|error| Trouble::of(&error))?;
    if let Some(deed) = prepared.deed
        && let Err(error) = deed.abandon().await
    {
        tracing::warn!(unit = %member.declared.id, %error, "what planning left behind could not be removed");
    }
    let outputs = prepared.planned.outputs.clone();
    let follows = made_from.into_iter().filter(|id| may_change(&upstream, id)).cloned().collect();
    Ok(Asked { finding: found(prepared.planned, follows), outputs })
}

fn known_later(member: &Member, units: Vec<UnitId>) -> Asked {
    let planned = Planned { words: member.declared.unit.words(), ..Planned::new(Change::Later(units)) };
    Asked { finding: found(planned, Vec::new()), outputs: None }
}

fn found(planned: Planned, follows: Vec<UnitId>) -> Finding {
    let Planned { change, foreign, coverage, outputs: _, words } = planned;
    Finding::Found { change, foreign, coverage, follows, words }
}

/// Whether a unit's outputs may be others once it has been applied.
fn may_change(upstream: &BTreeMap<UnitId, Asked>, id: &UnitId) -> bool {
    let Some(Asked { finding: Finding::Found { change, follows, .. }, .. }) = upstream.get(id) else { return true };
    !follows.is_empty() || change.differences().iter().any(|difference| difference.cause == Cause::Declared)
}

/// What is ours at one site, or why that could not be read.
type Listed = (SiteName, Result<Vec<Owned>, Trouble>);

/// Everything with our mark at these places, all of them at once.
async fn owned<'a>(places: impl IntoIterator<Item = &'a Place>, asked: &BTreeMap<UnitId, Asked>) -> Vec<Listed> {
    let listed = places.into_iter().map(|place| async move { (place.site.name(), owned_at(place, asked).await) });
    futures::future::join_all(listed).await
}

/// What is ours, and the sites that could not be read.
fn sorted(listed: Vec<Listed>) -> (Vec<Owned>, BTreeMap<SiteName, Trouble>) {
    let (mut all, mut unlisted) = (Vec::new(), BTreeMap::new());
    for (site, result) in listed {
        match result {
            Ok(found) => all.extend(found),
            Err(trouble) => _ = unlisted.insert(site, trouble),
        }
    }
    all.sort_by(|one: &Owned, other| (&one.id, &one.handle).cmp(&(&other.id, &other.handle)));
    (all, unlisted)
}

async fn owned_at(place: &Place, asked: &BTreeMap<UnitId, Asked>) -> Result<Vec<Owned>, Trouble> {
    for id in place.made_from() {
        match asked.get(id).map(|asked| &asked.finding) {
            Some(Finding::Found { .. }) => {}
            Some(Finding::Failed(trouble)) => return Err(trouble.clone()),
            Some(Finding::Blocked(_)) | None => {
                return Err(Trouble::of(&KindError::failed(format!("`{id}`, which names it, could not be asked"))));
            }
        }
    }
    let outputs = |id: &UnitId| asked.get(id).and_then(|asked| asked.outputs.as_ref());
    match place.inputs(outputs) {
        Ok(inputs) => place.site.owned(&inputs).await.map_err(|error| Trouble::of(&error)),
        // The stack that makes this site was asked and is not there: neither is anything in it.
        Err(_) => Ok(Vec::new()),
    }
}
