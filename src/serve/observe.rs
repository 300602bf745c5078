//! What was seen of an environment: by a look, or by a watch that saw a few of its units become others.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Service, TellError};
use crate::drift::{self, DriftReport};
use crate::engine::Selection;
use crate::graph::{Graph, Stop};
use crate::plan::{Finding, Plan, Purpose};
use crate::store::{KeptCase, StoreError};
use crate::unit::{Look, UnitId};

/// What was seen of some units, as verdicts.
#[derive(Clone, Debug)]
pub struct Observation {
    pub plan: Plan,
    pub report: DriftReport,
    /// When asking began: what was seen later than that is younger.
    pub began: Timestamp,
}

impl Service {
    /// Asks the world of all that is selected, and says what of it is drift. Told to nobody.
    pub async fn look_closely(&self, selection: &Selection<'_>, stop: &Stop) -> Result<Observation, StoreError> {
        let began = Timestamp::now();
        let plan = self.engine.plan(selection, Look::Close, stop).await;
        self.observed(selection, plan, began).await
    }

    /// Tells what a watch saw of some units as a look at them would have, without a question to the world: what a
    /// watch saw is worth as much. Of the units that they stand on, it says what was `found` when the watch began.
    ///
    /// False where only a look can tell it: Git has moved on, a sync is under way, or a case has units that the
    /// watch did not tell of.
    pub(super) async fn tell_seen(
        &self,
        selection: &Selection<'_>,
        found: &BTreeMap<UnitId, Finding>,
        seen: BTreeMap<UnitId, Finding>,
        at: Timestamp,
    ) -> Result<bool, TellError> {
        let Selection { declaration, environment, graph, .. } = selection;
        let open = self.store.open_cases(&declaration.repository, &environment.name).await?;
        if !open.iter().all(|kept| is_apart_or_covered(kept, &seen, graph)) {
            return Ok(false);
        }
        if !self.is_current(declaration, environment).await {
            return Ok(false);
        }
        let plan = Plan {
            environment: environment.name.clone(),
            commit: declaration.commit.clone(),
            purpose: Purpose::Sync,
            looked_for_drift: true,
            units: seen,
            deletions: Vec::new(),
            unlisted: BTreeMap::new(),
        };
        let mut seen = self.observed(selection, plan, at).await?;
        for (id, finding) in found.iter().filter(|(id, _)| graph.member(id).is_some()) {
            seen.plan.units.entry(id.clone()).or_insert_with(|| finding.clone());
        }
        match self.tell(selection, &seen, at).await {
            Ok(_) => Ok(true),
            Err(TellError::Underway { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn observed(
        &self,
        selection: &Selection<'_>,
        plan: Plan,
        began: Timestamp,
    ) -> Result<Observation, StoreError> {
        let declaration = selection.declaration;
        let applied = self.store.applied(&declaration.repository, &selection.environment.name).await?;
        let report = drift::report(&plan, &applied, &declaration.ignore, jiff::Zoned::now().date());
        Ok(Observation { plan, report, began })
    }
}

/// Whether nothing of a case could be missed by who knows only what was `seen`.
fn is_apart_or_covered(kept: &KeptCase, seen: &BTreeMap<UnitId, Finding>, graph: &Graph) -> bool {
    let mut units = kept.case.units.iter().map(|unit| &unit.id);
    // The graph holds what was seen and all that it stands on: a drift there may be the cause of this one.
    units.clone().all(|id| graph.member(id).is_none()) || units.all(|id| seen.contains_key(id))
}
