//! A drift report to cases, and cases to the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::lists::quieten;
use super::underway::{self, Busy};
use super::{Observation, OpenRequests, Records, Service};
use crate::cases::{
    self, Case, CaseEvent, CaseState, CaseUnit, Group, Hand, How, InstallKey, NoSuchStep, Risk, Sight, Weight,
};
use crate::drift::{DriftReport, UnitDrift, Verdict};
use crate::engine::Selection;
use crate::graph::{Graph, UnknownUnit};
use crate::plan::Plan;
use crate::store::{KeptCase, Notice, Step, StoreError};
use crate::unit::UnitId;

#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error("the case could not be kept")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Step(#[from] NoSuchStep),
    #[error(transparent)]
    Unit(#[from] UnknownUnit),
    #[error("a {by} is under way in {environment}, and what is seen in the middle of it is told to nobody")]
    Underway { environment: String, by: String },
}

/// A drift that is back within this time is the same case again.
const SAME_FOR: SignedDuration = SignedDuration::from_hours(24);

/// One look, with what is needed to make cases of it.
struct Look<'a> {
    selection: &'a Selection<'a>,
    plan: &'a Plan,
    report: &'a DriftReport,
    /// What was seen later than this is younger.
    began: Timestamp,
    key: InstallKey,
    /// Who changed what in clusters, as far as their API servers have told.
    records: &'a Records,
    requests: &'a OpenRequests,
    now: Timestamp,
}

impl Service {
    /// Opens cases, brings them up to date, or brings them nearer to their end; silent where there
    /// is neither drift nor a case. Everything is kept in one transaction, to be told from there.
    pub async fn tell(
        &self,
        selection: &Selection<'_>,
        seen: &Observation,
        now: Timestamp,
    ) -> Result<Vec<Case>, TellError> {
        let Observation { plan, report, began } = seen;
        let (repository, environment) = (&selection.declaration.repository, &selection.environment.name);
        if let Some(Busy { by }) = underway::busy(&self.store, repository, environment).await? {
            return Err(TellError::Underway { environment: environment.to_string(), by });
        }
        let open = self.store.open_cases(repository, environment).await?;
        let key = self.store.install_key().await?;
        let (records, requests) = (&self.records, &self.requests);
        let look = Look { selection, plan, report, began: *began, key, records, requests, now };
        let mut steps = Vec::new();
        let mut seen = BTreeSet::new();
        for group in look.groups(&open) {
            let of_group = |kept: &&KeptCase| kept.case.units.iter().any(|unit| group.units.contains(&unit.id));
            let mut mine = open.iter().filter(of_group);
            let first = mine.next();
            seen.extend(first.into_iter().chain(mine.clone()).map(|kept| kept.case.id.clone()));
            steps.extend(self.seen(&look, &group, first).await?);
            for other in mine {
                let joined = other.case.after(CaseEvent::RuledOut { how: How::Joined }, now, self.settle)?;
                steps.push(step(&other.case, joined));
            }
        }
        for kept in open.iter().filter(|kept| !seen.contains(&kept.case.id)) {
            if let Some(event) = look.not_drifted(&kept.case) {
                steps.push(step(&kept.case, kept.case.after(event, now, self.settle)?));
            }
        }
        let baseline = self.store.looked(repository, environment).await?.is_none()
            && self.store.applied(repository, environment).await?.is_empty();
        let notices = quieten(&mut steps, environment.as_str(), selection.environment.alerts.as_deref(), baseline, now);
        let kept = self.store.keep(&steps, &notices, now).await?;
        // A look that saw nothing is none: whoever made it says so.
        // A look at some units is no look at the environment: the next one by schedule is due all the same.
        let is_whole = !selection.part;
        if is_whole && (report.units.is_empty() || report.unverifiable().count() < report.units.len()) {
            self.store.remember_look(repository, environment, now).await?;
        }
        let resolved = steps.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(step, _)| &step.case);
        resolved.for_each(|case| self.count_end(case, now));
        self.news.notify_one();
        Ok(steps.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(step, _)| step.case).collect())
    }

    /// The step of a group's case: seen again, back again, or new.
    async fn seen(&self, look: &Look<'_>, group: &Group, open: Option<&KeptCase>) -> Result<Option<Step>, TellError> {
        if open.is_some_and(|kept| !look.covers(&kept.case)) {
            return Ok(None);
        }
        let sight = look.sight(group)?;
        if let Some(kept) = open {
            let case = kept.case.seen_again(sight, look.now)?;
            return Ok(Some(Step {
                tell: kept.told.is_none() && !case.quiet || is_news(&kept.case, &case),
                ..step(&kept.case, case)
            }));
        }
        let (repository, environment) = (&look.selection.declaration.repository, look.selection.environment);
        let key = cases::case_key(repository, &environment.name, &group.root);
        let last = self.store.last_case(repository, &environment.name, &key).await?;
        let lately = |kept: &KeptCase| {
            kept.case.resolved_at.is_some_and(|resolved| look.now.duration_since(resolved) < SAME_FOR)
        };
        match last.filter(lately) {
            Some(kept) => {
                let case = kept.case.seen_again(sight, look.now)?;
                Ok(Some(step(&kept.case, case)))
            }
            None => {
                let case = look.new_case(key, sight);
                Ok(Some(Step { before: None, tell: true, audit: None, case }))
            }
        }
    }

    /// Has a few words told that are no case.
    pub(super) async fn say(&self, notice: Notice) -> Result<(), StoreError> {
        self.store.keep(&[], &[notice], Timestamp::now()).await?;
        self.news.notify_one();
        Ok(())
    }

    /// Takes a case one step on, and keeps it, to be told. Where another was quicker, the case stays
    /// as the other left it.
    pub(super) async fn step(&self, kept: KeptCase, event: CaseEvent, now: Timestamp) -> Result<KeptCase, TellError> {
        let case = kept.case.after(event, now, self.settle)?;
        let step = step(&kept.case, case);
        let done = self.store.keep(std::slice::from_ref(&step), &[], now).await?;
        self.news.notify_one();
        match done.first() {
            Some(true) => {
                self.count_end(&step.case, now);
                Ok(KeptCase { case: step.case, ..kept })
            }
            Some(false) | None => Ok(kept),
        }
    }

    /// Counts how long a case took that was resolved just now.
    fn count_end(&self, case: &Case, now: Timestamp) {
        if case.resolved_at == Some(now) {
            self.metrics.resolved(Duration::try_from(now.duration_since(case.first_seen)).unwrap_or_default());
        }
    }
}

fn step(before: &Case, case: Case) -> Step {
    Step { before: Some(before.revision), tell: is_news(before, &case), audit: None, case }
}

/// A case that people know of is told whenever it is another revision, or others propose something of it.
fn is_news(before: &Case, case: &Case) -> bool {
    !case.quiet && (case.revision != before.revision || case.open_requests != before.open_requests)
}

impl Look<'_> {
    fn groups(&self, open: &[KeptCase]) -> Vec<Group> {
        let drifted: BTreeSet<_> = self.report.drifted().map(|unit| unit.unit.clone()).collect();
        let units = |kept: &KeptCase| {
            let id = kept.case.id.clone();
            kept.case.units.iter().map(move |unit| (unit.id.clone(), id.clone())).collect::<Vec<_>>()
        };
        let held: BTreeMap<_, _> = open.iter().flat_map(units).collect();
        cases::group(&drifted, |unit| above(&self.selection.graph, unit), &held, &self.hands(open))
    }

    /// Who changed each unit: by what cases have learnt, and by the records that are there already.
    fn hands(&self, open: &[KeptCase]) -> BTreeMap<UnitId, Vec<Hand>> {
        let mut hands: BTreeMap<UnitId, Vec<Hand>> = BTreeMap::new();
        for unit in open.iter().flat_map(|kept| &kept.case.units) {
            hands.entry(unit.id.clone()).or_default().extend(unit.differences.iter().filter_map(Hand::of));
        }
        for unit in self.report.drifted() {
            let known = unit.drifted.iter().map(|difference| self.records.surely(difference));
            hands.entry(unit.unit.clone()).or_default().extend(known.filter_map(|difference| Hand::of(&difference)));
        }
        hands
    }

    /// Whether the look saw all of a case's units, as far as they are declared still.
    fn covers(&self, case: &Case) -> bool {
        let seen = |id: &UnitId| self.report.units.iter().any(|unit| unit.unit == *id);
        !self.selection.part || case.units.iter().all(|unit| seen(&unit.id))
    }

    /// What befell a case none of whose units drifted; nothing where the look did not see it whole, or where
    /// it was seen to drift after this look had begun.
    fn not_drifted(&self, case: &Case) -> Option<CaseEvent> {
        if !self.covers(case) || case.last_seen > self.began {
            return None;
        }
        let is_its = |unit: &&UnitDrift| case.units.iter().any(|own| own.id == unit.unit);
        let units: Vec<_> = self.report.units.iter().filter(is_its).collect();
        if units.is_empty() {
            return Some(CaseEvent::RuledOut { how: How::NotDeclared });
        }
        let unreadable = units.iter().find_map(|unit| match &unit.verdict {
            Verdict::Unverifiable(reason) => Some(format!("{}: {}", unit.unit, cases::scrub(reason))),
            Verdict::Clean | Verdict::Foreign | Verdict::Pending | Verdict::Gone | Verdict::Drifted => None,
        });
        match unreadable {
            Some(reason) => Some(CaseEvent::Unreadable { reason }),
            None if units.iter().any(|unit| !unit.ignored.is_empty()) => {
                Some(CaseEvent::RuledOut { how: How::Ignored })
            }
            None => Some(CaseEvent::SeenClean),
        }
    }

    fn sight(&self, group: &Group) -> Result<Sight, UnknownUnit> {
        let ids: Vec<_> = group.units.iter().map(UnitId::to_string).collect();
        let part = Selection::new(self.selection.declaration, self.selection.environment, &ids)?;
        let would_do = self.plan.part(&part.graph);
        let mut units: Vec<_> = would_do.changes().map(|(id, change)| self.unit(id, change.differences())).collect();
        // A rule may leave nothing to do of a unit that is a case for what it is, not for its plan.
        for id in group.units.iter().filter(|id| !units.iter().any(|unit| unit.id == **id)).collect::<Vec<_>>() {
            units.push(self.unit(id, &[]));
        }
        let drifted = would_do.changes().filter(|(id, _)| group.units.contains(*id));
        let mut weight = cases::weigh(drifted.flat_map(|(_, change)| change.differences()));
        if self.report.drifted().any(|unit| group.units.contains(&unit.unit) && unit.verdict == Verdict::Gone) {
            weight = Weight { risk: Risk::Risky, why: [weight.why, vec!["it was deleted".to_owned()]].concat() };
            weight.why.dedup();
        }
        Ok(Sight {
            state_hash: cases::state_hash(&self.key, &units),
            plan_hash: would_do.digest(),
            commit: self.plan.commit.clone(),
            owners: self.owners(group),
            open_requests: self.requests.touching(
                group.units.iter(),
                &self.selection.graph,
                self.selection.environment,
            ),
            units,
            weight,
        })
    }

    /// Those of the unit that the drift is named after, then those of what follows from it.
    fn owners(&self, group: &Group) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for id in std::iter::once(&group.root).chain(&group.units) {
            let file = self.selection.graph.member(id).map(|member| member.declared.file.as_str()).unwrap_or_default();
            for owner in self.selection.declaration.owners.of(file) {
                if !all.contains(owner) {
                    all.push(owner.clone());
                }
            }
        }
        all
    }

    fn unit(&self, id: &UnitId, differences: &[crate::unit::Difference]) -> CaseUnit {
        let coverage = self.report.units.iter().find(|unit| unit.unit == *id).map(|unit| unit.coverage.clone());
        let differences = differences.iter().map(cases::redact).collect();
        CaseUnit { id: id.clone(), differences, coverage: coverage.unwrap_or_default() }
    }

    fn new_case(&self, key: String, sight: Sight) -> Case {
        let Sight { units, plan_hash, state_hash, commit, weight, owners, open_requests } = sight;
        let (declaration, environment) = (self.selection.declaration, self.selection.environment);
        Case {
            id: format!("d_{}", &hex::encode(Sha256::digest(format!("{key}\0{}", self.now)))[..8]),
            environment: environment.name.clone(),
            repository: declaration.repository.clone(),
            key,
            state_hash,
            commit,
            owners,
            alerts: environment.alerts.clone(),
            state: CaseState::Open,
            revision: 1,
            units,
            plan_hash,
            weight,
            first_seen: self.now,
            last_seen: self.now,
            seen: 1,
            flaps: 0,
            clean_since: None,
            resolved_at: None,
            before_stale: None,
            quiet: false,
            asked_who: 0,
            proposal: None,
            open_requests,
        }
    }
}

/// Every unit that this one waits for, at any distance.
fn above(graph: &Graph, unit: &UnitId) -> BTreeSet<UnitId> {
    let mut all = BTreeSet::new();
    let mut next = vec![unit.clone()];
    while let Some(unit) = next.pop() {
        next.extend(graph.upstream(&unit).into_iter().filter(|above| all.insert(above.clone())));
    }
    all
}
