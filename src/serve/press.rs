//! A press on a case's button, from the wish to its end.

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Service, TellError, Transport, Wish};
use crate::plan::chain;
use crate::slack::Press;

impl Service {
    /// Does what a press asks for, or tells the one who pressed why not.
    pub(super) async fn press(&self, press: Press) {
        let Press { case, user_id, channel, action, .. } = &press;
        tracing::info!(case, user = user_id, "{} was pressed", action.word());
        let result = self.follow(&press).await;
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
        let wish = wish(press);
        if let Some(why) = stranger(press) {
            if let Some(kept) = self.store.case(&press.case).await? {
                self.refuse(&wish, &kept, "another workspace", why.clone(), Timestamp::now()).await?;
            }
            return Ok(Some(why));
        }
        match self.act(&wish).await? {
            Answer::Done(_) | Answer::Waits(_) => Ok(None),
            Answer::Refused(why) => Ok(Some(why)),
            Answer::Go(kept) => self.sync(*kept, &wish).await.map(|_| None),
            Answer::Look(case) => {
                let now = self.recheck(&case).await?;
                Ok((now.revision == case.revision).then(|| format!("Looked again: it is {} still.", now.state.word())))
            }
        }
    }
}

/// A guest of a shared channel has no say, whatever the rules call everyone.
fn stranger(press: &Press) -> Option<String> {
    let elsewhere = press.user_team.is_some() && press.team.is_some() && press.user_team != press.team;
    elsewhere.then(|| {
        let action = press.action.word();
        format!("You may not {action} this: the operator's list of approvers does not name you, a guest.")
    })
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
        },
        span: press.hours.map(|hours| SignedDuration::from_hours(i64::from(hours))),
    }
}
