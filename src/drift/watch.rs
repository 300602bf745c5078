//! Keeps looking: what can tell of its changes is watched, and told with the instant for which it is true.

use std::collections::BTreeMap;
use std::pin::Pin;

use futures::stream::{SelectAll, Stream, StreamExt};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::ignore::Today;
use super::report::{UnitDrift, unit};
use crate::declaration::IgnoreRule;
use crate::graph::{Graph, Role, Stop};
use crate::plan::{Finding, Trouble, glance};
use crate::repo::CommitId;
use crate::unit::{KindError, Moment, Moments, Planned, UnitId};

/// The units of a graph under watch.
pub struct Watch {
    pub moments: Pin<Box<dyn Stream<Item = (UnitId, Moment)> + Send>>,
    /// What a quick look found of each unit when the watch began.
    pub found: BTreeMap<UnitId, Finding>,
    /// These can only be asked, as a stack.
    pub unwatched: Vec<UnitId>,
}

/// One line of `drift --watch --format json`: a unit that stands otherwise than before.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct Watched {
    /// The instant for which the verdict is true, as RFC 3339.
    #[schemars(with = "String")]
    pub at: Timestamp,
    pub commit: CommitId,
    #[serde(flatten)]
    pub drift: UnitDrift,
}

/// Begins to watch each managed unit that can be watched. What its inputs are is asked once.
pub async fn watch(graph: &Graph, stop: &Stop) -> Watch {
    let (found, outputs) = glance(graph, stop).await;
    let managed = graph.members().filter(|member| member.role == Role::Managed);
    let begun = managed.map(|member| {
        let inputs = member.inputs(|id| outputs.get(id));
        async move {
            let id = member.declared.id.clone();
            let begun = match inputs {
                Ok(inputs) => member.declared.unit.watch(&inputs).await,
                Err(missing) => Err(KindError::failed(missing.to_string())),
            };
            (id, begun)
        }
    });
    let (mut moments, mut unwatched) = (SelectAll::new(), Vec::new());
    for (id, begun) in futures::future::join_all(begun).await {
        let of_unit: Moments = match begun {
            Ok(Some(of_unit)) => of_unit,
            Ok(None) => {
                unwatched.push(id);
                continue;
            }
            Err(error) => Box::pin(futures::stream::iter([Moment::Unseen { at: Timestamp::now(), error }])),
        };
        moments.push(of_unit.map(move |moment| (id.clone(), moment)).boxed());
    }
    Watch { moments: moments.boxed(), found, unwatched }
}

/// A moment as a plan tells it; nothing where it only says that the unit was applied.
pub fn finding_of(moment: Moment) -> Option<(Timestamp, Finding)> {
    match moment {
        Moment::Seen { at, planned } => {
            let Planned { change, foreign, coverage, words, outputs: _ } = *planned;
            Some((at, Finding::Found { change, foreign, coverage, words, follows: Vec::new() }))
        }
        Moment::Unseen { at, error } => Some((at, Finding::Failed(Trouble::of(&error)))),
        Moment::Applied { .. } => None,
    }
}

/// What a watch found of a unit, as a verdict.
pub fn verdict_of(id: &UnitId, finding: &Finding, rules: &[IgnoreRule], today: Today) -> UnitDrift {
    unit(id, finding, &Default::default(), rules, today)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Verdict;
    use crate::unit::{Cause, Change, Difference, Effect, Shown};

    #[test]
    fn a_moment_is_a_verdict_true_for_its_instant() {
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
        let id = UnitId::new("clusters/shop/web");
        let today: Today = "2026-11-21".parse().expect("a date");
        let verdict = |moment: Moment| {
            let (at, finding) = finding_of(moment)?;
            Some((at, verdict_of(&id, &finding, &[], today).verdict))
        };
        let seen = |change| Moment::Seen { at, planned: Box::new(Planned::new(change)) };
        let difference = Difference {
            item: "ConfigMap default/web".into(),
            path: "data.a".into(),
            from: Some(Shown::text("theirs")),
            to: Some(Shown::text("ours")),
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: None,
        };
        assert_eq!(verdict(seen(Change::Nothing)), Some((at, Verdict::Clean)));
        assert_eq!(verdict(seen(Change::Update(vec![difference]))), Some((at, Verdict::Drifted)));
        let error = KindError::unreachable("the watch was lost");
        assert_eq!(
            verdict(Moment::Unseen { at, error }),
            Some((at, Verdict::Unverifiable("the watch was lost".into())))
        );
        assert_eq!(verdict(Moment::Applied { at }), None);
    }
}
