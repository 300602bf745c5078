//! A press on a case's button, from the wish to its end.

use jiff::{SignedDuration, Timestamp};

use super::ignore;
use super::{Answer, Service, TellError, Transport, Wanted, Wish};
use crate::cases::{Action, Case};
use crate::plan::chain;
use crate::slack::{Press, Standing};

impl Service {
    /// Does what a press asks for, or tells the one who pressed why not.
    pub(super) async fn press(&self, press: Press) {
        let Press { case, user_id, channel, action, .. } = &press;
        tracing::info!(case, user = user_id, "{} was pressed", action.word());
        let result = match self.follow(&press).await {
            Err(error @ TellError::Underway { .. }) => Ok(Some(format!("{error}. Press again when it has ended."))),
            result => result,
        };
        match result {
            Ok(None) => {}
            Ok(Some(why)) => {
                let Some(slack) = &self.slack else { return };
                if let Err(error) = slack.whisper(channel, user_id, &why).await {
                    tracing::warn!(case, error = chain(&error), "the one who pressed could not be answered");
                }
            }
            Err(error) => tracing::warn!(case, error = chain(&error), "a press could not be followed to its end"),
        }
    }

    /// Follows a press to its end; what is returned is for the one who pressed.
    async fn follow(&self, press: &Press) -> Result<Option<String>, TellError> {
        if self.ask_first(press).await? {
            return Ok(None);
        }
        let wish = wish(press);
        if let Some((rule, why)) = self.outsider(press).await {
            if let Some(kept) = self.store.case(&press.case).await? {
                self.refuse(&wish, &kept, rule, why.clone(), Timestamp::now()).await?;
            }
            return Ok(Some(why));
        }
        match self.act(&wish).await? {
            Answer::Done(_) | Answer::Waits(_) => Ok(None),
            Answer::Refused(why) => Ok(Some(why)),
            Answer::Closed { case, hours, why } => Ok(self.ask_to_break_glass(press, &case, &hours, why).await),
            Answer::Propose(kept) => {
                let wanted = Wanted { reason: press.typed.clone(), until: press.until, path: None };
                match self.propose(*kept, &wish, &wanted).await? {
                    Answer::Refused(why) => Ok(Some(why)),
                    Answer::Closed { why, .. } => Ok(Some(why)),
                    Answer::Done(_) | Answer::Waits(_) | Answer::Go(_) | Answer::Look(_) | Answer::Propose(_) => {
                        Ok(None)
                    }
                }
            }
            Answer::Go(kept) => self.sync(*kept, &wish).await.map(|_| None),
            Answer::Look(case) => {
                let now = self.recheck(&case).await?;
                Ok((now.revision == case.revision).then(|| format!("Looked again: it is {} still.", now.state.word())))
            }
        }
    }

    /// Opens the dialog for a sync that may hurt, or for a rule's reason; before anything else is asked, for Slack
    /// forgets a press as a reason for a dialog after three seconds. Whether they may is decided when it comes back.
    async fn ask_first(&self, press: &Press) -> Result<bool, TellError> {
        let (Some(slack), None) = (&self.slack, &press.typed) else { return Ok(false) };
        if !matches!(press.action, Action::Sync | Action::Ignore) {
            return Ok(false);
        }
        let Some(kept) = self.store.case(&press.case).await? else { return Ok(false) };
        let case = &kept.case;
        if case.revision != press.revision {
            return Ok(false);
        }
        let opened = match press.action {
            Action::Sync if case.wants_name() => slack.ask_for_name(case, press).await,
            Action::Ignore => slack.ask_for_reason(case, press, ignore::usual_end(jiff::Zoned::now().date())).await,
            Action::Sync | Action::Acknowledge | Action::Snooze | Action::Recheck | Action::Adopt => return Ok(false),
        };
        if let Err(error) = opened {
            let why = format!("The dialog could not be opened: {}. Press again.", chain(&error));
            slack.whisper(&press.channel, &press.user_id, &why).await.ok();
        }
        Ok(true)
    }

    /// Opens the dialog for what cannot wait; what is returned is for the one who pressed.
    ///
    /// The rules were read from Git first, and Slack may have forgotten the press by then: the way at a terminal stands
    /// in `why`.
    async fn ask_to_break_glass(&self, press: &Press, case: &Case, hours: &str, why: String) -> Option<String> {
        let Some(slack) = self.slack.as_ref().filter(|_| case.revision == press.revision) else { return Some(why) };
        match slack.ask_to_break_glass(case, press, hours).await {
            Ok(()) => None,
            Err(error) => {
                tracing::info!(case = case.id, error = chain(&error), "the dialog could not be opened");
                Some(why)
            }
        }
    }

    /// Why somebody has no say whatever the rules call everyone: a guest, a bot, one who left, and
    /// whoever Slack cannot vouch for now.
    async fn outsider(&self, press: &Press) -> Option<(&'static str, String)> {
        let (slack, action) = (self.slack.as_ref()?, press.action.word());
        let asked = async {
            // An app may be installed in several workspaces, with one secret for all of them.
            let ours = slack.workspace().await?;
            let is_elsewhere = |team: &Option<String>| team.as_ref().is_some_and(|team| *team != ours);
            match is_elsewhere(&press.team) || is_elsewhere(&press.user_team) {
                true => Ok(None),
                false => slack.member(&press.user_id).await.map(|member| Some(member.standing)),
            }
        };
        let why = match asked.await {
            Ok(Some(Standing::Full)) => return None,
            Ok(None) => {
                let why = format!("You may not {action} this: you belong to another workspace.");
                return Some(("another workspace", why));
            }
            Ok(Some(Standing::Guest)) => "you are a guest here",
            Ok(Some(Standing::Bot)) => "an app may not press",
            Ok(Some(Standing::Gone)) => "your account is deactivated",
            Err(error) => {
                let why = format!("Slack could not be asked who you are, so nothing was done: {}.", chain(&error));
                return Some(("who it was is not known", why));
            }
        };
        Some(("not a full member", format!("You may not {action} this: {why}.")))
    }
}

fn wish(press: &Press) -> Wish {
    Wish {
        case: press.case.clone(),
        action: press.action,
        who: press.user_id.clone(),
        transport: Transport::Slack {
            revision: press.revision,
            plan: press.plan.clone(),
            channel: press.channel.clone(),
            message: press.ts.clone(),
            confirmed: press.typed.clone(),
        },
        break_glass: press.break_glass.clone(),
        span: press.hours.map(|hours| SignedDuration::from_hours(i64::from(hours))),
    }
}
