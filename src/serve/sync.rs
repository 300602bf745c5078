//! A case put right, from the yes to the proof that the world is right again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::act::entry;
use super::underway::{self, Busy};
use super::{Observation, Service, TellError, Transport, Wish};
use crate::apply::{Success, Watch};
use crate::cases::{Case, CaseEvent, CaseState, scrub};
use crate::declaration::Declaration;
use crate::engine::Selection;
use crate::graph::Stop;
use crate::plan::{By, Consent, chain};
use crate::store::KeptCase;

/// A yes must have begun its work within this time.
const COUNTS_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What a close look at the units of a case found.
pub(super) struct Looked<'a> {
    pub(super) selection: Selection<'a>,
    pub(super) seen: Observation,
}

impl Service {
    /// Does what a wish was allowed to: one case after the other.
    pub async fn sync(&self, kept: KeptCase, wish: &Wish) -> Result<Case, TellError> {
        let _turn = self.turn.lock().await;
        let by = format!("sync of case {}", kept.case.id);
        let underway = underway::begin(&self.store, &kept.case.repository, &kept.case.environment, &by).await?;
        let kept = self.step(kept, CaseEvent::SyncStarted, Timestamp::now()).await?;
        let done = match &underway {
            Ok(_) => self.put_right(&kept.case, wish).await,
            Err(Busy { by }) => Err(format!("a {by} is under way there: try again when it has ended")),
        };
        let case = match done {
            Ok(()) => self.verify(kept).await,
            Err(reason) => {
                let failed = CaseEvent::SyncFailed { reason: scrub(&reason) };
                self.step(kept, failed, Timestamp::now()).await.map(|kept| kept.case)
            }
        };
        if let Ok(underway) = underway {
            underway.end().await?;
        }
        let case = case?;
        let result = match &case.state {
            CaseState::SyncFailed { reason } => format!("failed: {reason}"),
            state => state.word().to_owned(),
        };
        self.store.note(entry(wish, &case, "done", "", &result, Timestamp::now())).await?;
        Ok(case)
    }

    /// Looks at a case again; a clean world is looked at twice.
    pub async fn recheck(&self, case: &Case) -> Result<Case, TellError> {
        let pause = Duration::try_from(self.settle).unwrap_or_default();
        let mut now = case.clone();
        for look in 0..2 {
            let event = self.look_and_tell(&now).await?;
            now = self.store.case(&case.id).await?.map_or(now, |kept| kept.case);
            if look == 1 || now.state.is_resolved() || event != Some(CaseEvent::SeenClean) {
                break;
            }
            tokio::time::sleep(pause + Duration::from_millis(50)).await;
        }
        Ok(now)
    }

    /// One look at the units of a case as Git has them now, told as any look is.
    async fn look_and_tell(&self, case: &Case) -> Result<Option<CaseEvent>, TellError> {
        let unreadable = async |reason: String| {
            let Some(kept) = self.store.case(&case.id).await? else { return Ok(None) };
            let event = CaseEvent::Unreadable { reason: scrub(&reason) };
            self.step(kept, event.clone(), Timestamp::now()).await.map(|_| Some(event))
        };
        let declaration = match self.current(case.environment.as_str()).await {
            Ok(declaration) => declaration,
            Err(error) => return unreadable(chain(&error)).await,
        };
        let Looked { selection, seen } = match self.look(&declaration, case).await {
            Ok(looked) => looked,
            Err(reason) => return unreadable(reason).await,
        };
        let clean = seen.report.drifted().next().is_none() && seen.report.unverifiable().next().is_none();
        self.tell(&selection, &seen, Timestamp::now()).await?;
        Ok(clean.then_some(CaseEvent::SeenClean))
    }

    /// Plans the units of a case closely, as `declaration` has them.
    pub(super) async fn look<'a>(&self, declaration: &'a Declaration, case: &Case) -> Result<Looked<'a>, String> {
        let environment = declaration.environment(case.environment.as_str()).ok_or("the environment is gone")?;
        let ids: Vec<_> = case.units.iter().map(|unit| unit.id.to_string()).collect();
        let selection = Selection::new(declaration, environment, &ids).map_err(|error| error.to_string())?;
        let seen = self.look_closely(&selection, &Stop::default()).await.map_err(|error| chain(&error))?;
        Ok(Looked { selection, seen })
    }

    /// The line once more, for the units of the case at the commit that was shown.
    async fn put_right(&self, case: &Case, wish: &Wish) -> Result<(), String> {
        let declaration = self.declaration(&case.commit).await.map_err(|error| chain(&error))?;
        let Looked { selection, seen: Observation { plan, .. } } = self.look(&declaration, case).await?;
        if let Some((what, trouble)) = plan.troubles().next() {
            return Err(format!("{what}: {}", trouble.message));
        }
        let user = wish.who.clone();
        let by = match &wish.transport {
            Transport::Slack { .. } => By::Slack { user },
            Transport::Terminal { .. } => By::Terminal { user },
        };
        let now = Timestamp::now();
        let consent = Consent { digest: case.plan_hash.clone(), by, guards: Vec::new(), expires: now + COUNTS_FOR };
        let approved = plan.approve(&consent, now).map_err(|refusal| refusal.to_string())?;
        let report = self.engine.apply(approved, &selection, Watch::default(), Stop::default()).await;
        match report.success() {
            Success::Whole => Ok(()),
            Success::Part | Success::None => {
                let failures: Vec<_> =
                    report.failures().map(|(unit, error)| format!("{unit}: {}", chain(error))).collect();
                Err(failures.join("; "))
            }
        }
    }

    /// Looks until two clean reads lie far enough apart: AWS and controllers agree with themselves
    /// only after a while.
    async fn verify(&self, mut kept: KeptCase) -> Result<Case, TellError> {
        let pause = Duration::try_from(self.settle).unwrap_or_default().max(Duration::from_millis(200));
        // One look, one after the settling time, and a few more for a world that moved meanwhile.
        for _ in 0..5 {
            let event = self.look_again(&kept.case).await;
            let clean = event == CaseEvent::SeenClean;
            kept = self.step(kept, event, Timestamp::now()).await?;
            if let CaseState::Resolved { .. } = kept.case.state {
                return Ok(kept.case);
            }
            if !clean {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let reason = "it was put right, and is not as declared now: look again".to_owned();
        self.step(kept, CaseEvent::SyncFailed { reason }, Timestamp::now()).await.map(|kept| kept.case)
    }

    async fn look_again(&self, case: &Case) -> CaseEvent {
        let looked = async {
            let declaration = self.declaration(&case.commit).await.map_err(|error| chain(&error))?;
            self.look(&declaration, case).await.map(|looked| looked.seen.report)
        };
        let report = match looked.await {
            Ok(report) => report,
            Err(reason) => return CaseEvent::Unreadable { reason: scrub(&reason) },
        };
        match (report.unverifiable().next(), report.drifted().next()) {
            (Some((unit, reason)), _) => CaseEvent::Unreadable { reason: scrub(&format!("{unit}: {reason}")) },
            (None, Some(_)) => CaseEvent::SeenDrifted,
            (None, None) => CaseEvent::SeenClean,
        }
    }
}
