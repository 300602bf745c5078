//! A change to Git in a case's name, from the yes to the branch.

use jiff::Timestamp;
use jiff::civil::Date;

use super::act::entry;
use super::{Answer, Service, TellError, Wish};
use crate::cases::{Case, Proposal, scrub};
use crate::declaration::Action;
use crate::forge;
use crate::plan::chain;
use crate::store::{KeptCase, Step};

/// What a change to Git is to say, beside which case it is for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Wanted {
    /// Why a difference is to be ignored.
    pub reason: Option<String>,
    /// The last day on which it is ignored.
    pub until: Option<Date>,
    /// Only what is at this path or below it.
    pub path: Option<String>,
}

impl Service {
    /// Does what a wish to ignore or to adopt was allowed to: one after the other.
    pub async fn propose(&self, kept: KeptCase, wish: &Wish, wanted: &Wanted) -> Result<Answer, TellError> {
        let _turn = self.turn.lock().await;
        let proposed = match self.make(&kept.case, wish, wanted).await {
            Ok(proposed) => proposed,
            Err(why) => return self.refuse(wish, &kept, "what was asked for", scrub(&why), Timestamp::now()).await,
        };
        let forge::Proposed { branch, commit: _, link } = proposed;
        let proposal = Proposal { action: wish.action, by: wish.who.clone(), branch, link };
        // The branch is there whoever was quicker: the case is told as it is by then.
        let mut kept = kept;
        for _ in 0..3 {
            let now = Timestamp::now();
            let case = kept.case.with_proposal(proposal.clone());
            let result = format!("proposed on {}", proposal.branch);
            let audit = Some(entry(wish, &case, "done", "", &result, now));
            let step = Step { before: Some(kept.case.revision), case: case.clone(), tell: true, audit };
            if self.store.keep(&[step], &[], now).await? == [true] {
                self.news.notify_one();
                return Ok(Answer::Done(case));
            }
            match self.store.case(&kept.case.id).await? {
                Some(now) => kept = now,
                None => break,
            }
        }
        Ok(Answer::Refused(format!("The change stands on `{}`; the case could not be told so.", proposal.branch)))
    }

    async fn make(&self, case: &Case, wish: &Wish, wanted: &Wanted) -> Result<forge::Proposed, String> {
        let current = self.read_current(case.environment.as_str()).await.map_err(|error| chain(&error))?;
        let now = Timestamp::now();
        let (kind, change) = match wish.action {
            Action::Ignore => (forge::Kind::Ignore, self.ignoring(&current, case, wanted)?),
            Action::Adopt => (forge::Kind::Adopt, self.adopting(&current, case, wanted.path.as_deref()).await?),
            Action::Sync | Action::Acknowledge | Action::Snooze | Action::Recheck => {
                return Err(format!("to {} is no change to Git", wish.action.word()));
            }
        };
        let read: Vec<String> =
            current.declaration.environments.iter().filter_map(|environment| environment.branch.clone()).collect();
        let proposal = forge::Proposal {
            kind,
            case: case.id.clone(),
            who: wish.who.clone(),
            base: current.declaration.commit.clone(),
            into: current.branch.clone(),
            title: change.title,
            body: change.body,
            files: change.files,
            at: now,
        };
        self.forge.propose(current.repository, &proposal, &read).await.map_err(|error| chain(&error))
    }
}

/// A change to some files, with the words that reviewers read.
pub(super) struct GitChange {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) files: crate::repo::Files,
}
