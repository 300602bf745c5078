//! A press on a case's Sync button, from the wish to the proof that the world is right again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Service, TellError};
use crate::apply::{Success, Watch};
use crate::cases::{Case, CaseEvent, CaseState};
use crate::drift;
use crate::engine::Selection;
use crate::graph::Stop;
use crate::plan::{By, Consent, chain};
use crate::slack::{Action, Press};
use crate::store::KeptCase;
use crate::unit::Look;

/// A yes must have begun its work within this time.
const COUNTS_FOR: SignedDuration = SignedDuration::from_mins(30);
/// A case that nobody has looked at for so long is looked at again before anyone says yes to it.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Service {
    /// Does what a press asks for, or tells the one who pressed why not.
    pub(super) async fn press(&self, press: Press) {
        let Press { case, user_id, channel, .. } = &press;
        tracing::info!(case, user = user_id, "Sync was pressed");
        let result = match self.wish(&press).await {
            Ok(kept) => self.sync(kept, user_id).await,
            Err(Denied::No(why)) => self.slack.whisper(channel, user_id, &why).await.map_err(TellError::from),
            Err(Denied::Broken(error)) => Err(error),
        };
        if let Err(error) = result {
            tracing::warn!(case, error = chain(&error), "a press could not be followed to its end");
        }
    }

    /// Whether this person may, on this case, now; then the case says that it was asked for.
    async fn wish(&self, press: &Press) -> Result<KeptCase, Denied> {
        let kept = self.store.case(&press.case).await.map_err(TellError::from)?;
        let Some(kept) = kept else { return Err(Denied::No("This case is not known here any more.".to_owned())) };
        match press.action {
            Action::Sync => {}
        }
        if let Some(why) = self.refusal(press, &kept) {
            return Err(Denied::No(why));
        }
        let before = kept.case.revision;
        let asked =
            kept.case.after(CaseEvent::SyncRequested { by: press.user_id.clone() }, Timestamp::now(), self.settle);
        let asked = asked.map_err(|_| Denied::No(format!("This case is {} already.", kept.case.state.word())))?;
        if !self.store.set_case(&asked, before).await.map_err(TellError::from)? {
            return Err(Denied::No("Somebody else was quicker.".to_owned()));
        }
        let kept = KeptCase { case: asked, ..kept };
        self.show(&kept).await?;
        Ok(kept)
    }

    fn refusal(&self, press: &Press, kept: &KeptCase) -> Option<String> {
        let Case { revision, plan_hash, last_seen, environment, .. } = &kept.case;
        let stranger = press.user_team.is_some() && press.team.is_some() && press.user_team != press.team;
        let elsewhere = kept.told.as_ref().is_some_and(|told| *told != (press.channel.clone(), press.ts.clone()));
        if stranger || !self.approvers.contains(&press.user_id) {
            return Some(format!(
                "You may not sync {environment}: the operator's list of approvers does not name you."
            ));
        }
        if elsewhere {
            return Some("This is not the message of that case.".to_owned());
        }
        if press.revision != *revision || press.plan.is_empty() || !plan_hash.starts_with(&press.plan) {
            return Some(
                "The case has moved on since that message was shown: look at it again, then press.".to_owned(),
            );
        }
        if Timestamp::now().duration_since(*last_seen) > FRESH_FOR {
            return Some(
                "Nobody has looked at this drift for a day: run `groundplan drift --notify`, then press.".to_owned(),
            );
        }
        None
    }

    async fn sync(&self, kept: KeptCase, user: &str) -> Result<(), TellError> {
        let kept = self.step(kept, CaseEvent::SyncStarted, Timestamp::now()).await?;
        match self.put_right(&kept.case, user).await {
            Ok(()) => self.verify(kept).await,
            Err(reason) => self.step(kept, CaseEvent::SyncFailed { reason }, Timestamp::now()).await.map(drop),
        }
    }

    /// The line once more, for the units of the case at the commit that was shown.
    async fn put_right(&self, case: &Case, user: &str) -> Result<(), String> {
        let declaration = self.declaration(&case.commit).await.map_err(|error| chain(&error))?;
        let environment = declaration.environment(case.environment.as_str()).ok_or("the environment is gone")?;
        let ids: Vec<_> = case.units.iter().map(|unit| unit.id.to_string()).collect();
        let selection = Selection::new(&declaration, environment, &ids).map_err(|error| error.to_string())?;
        let plan = self.engine.plan(&selection, Look::Close, &Stop::default()).await;
        if let Some((what, trouble)) = plan.troubles().next() {
            return Err(format!("{what}: {}", trouble.message));
        }
        let by = By::Slack { user: user.to_owned() };
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
    async fn verify(&self, mut kept: KeptCase) -> Result<(), TellError> {
        let pause = Duration::try_from(self.settle).unwrap_or_default().max(Duration::from_millis(200));
        // One look, one after the settling time, and a few more for a world that moved meanwhile.
        for _ in 0..5 {
            let event = self.look_again(&kept.case).await;
            let clean = event == CaseEvent::SeenClean;
            kept = self.step(kept, event, Timestamp::now()).await?;
            if let CaseState::Resolved { .. } = kept.case.state {
                return Ok(());
            }
            if !clean {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let reason = "it was put right, and is not as declared now: look again".to_owned();
        self.step(kept, CaseEvent::SyncFailed { reason }, Timestamp::now()).await.map(drop)
    }

    async fn look_again(&self, case: &Case) -> CaseEvent {
        let unreadable = |reason: String| CaseEvent::Unreadable { reason };
        let declaration = match self.declaration(&case.commit).await {
            Ok(declaration) => declaration,
            Err(error) => return unreadable(chain(&error)),
        };
        let Some(environment) = declaration.environment(case.environment.as_str()) else {
            return unreadable("the environment is gone".to_owned());
        };
        let ids: Vec<_> = case.units.iter().map(|unit| unit.id.to_string()).collect();
        let selection = match Selection::new(&declaration, environment, &ids) {
            Ok(selection) => selection,
            Err(error) => return unreadable(error.to_string()),
        };
        let plan = self.engine.plan(&selection, Look::Close, &Stop::default()).await;
        let applied = self.store.applied(&case.repository, &case.environment).await.unwrap_or_default();
        let report = drift::report(&plan, &applied, &declaration.ignore, jiff::Zoned::now().date());
        match (report.unverifiable().next(), report.drifted().next()) {
            (Some((unit, reason)), _) => unreadable(format!("{unit}: {reason}")),
            (None, Some(_)) => CaseEvent::SeenDrifted,
            (None, None) => CaseEvent::SeenClean,
        }
    }
}

/// Why a press is not followed.
enum Denied {
    /// To be told to the one who pressed.
    No(String),
    Broken(TellError),
}

impl From<TellError> for Denied {
    fn from(error: TellError) -> Self {
        Denied::Broken(error)
    }
}
