//! One door for whatever people ask of a case: by a button, or at a terminal.

use jiff::{SignedDuration, Timestamp};

use super::{Service, TellError};
use crate::cases::{Action, AuditEntry, Case, CaseEvent, CaseState, Decision, Request, scrub};
use crate::plan::chain;
use crate::store::{KeptCase, Step};

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub case: String,
    pub action: Action,
    /// As the transport proved it: a Slack user's id, `login:NAME`.
    pub who: String,
    pub transport: Transport,
    /// How long to snooze or to acknowledge.
    pub span: Option<SignedDuration>,
    /// Why it cannot wait for the hours of a rule, where they say so.
    pub break_glass: Option<String>,
}

/// By which way a wish came, with what was shown there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    Slack {
        revision: u64,
        plan: String,
        channel: String,
        message: String,
        /// The environment's name, typed into the dialog.
        confirmed: Option<String>,
    },
    /// `confirmed` is the environment's name, typed.
    Terminal { confirmed: Option<String> },
}

/// What became of a wish.
#[derive(Debug)]
pub enum Answer {
    Done(Case),
    /// The sync may begin, and is this caller's to do.
    Go(Box<KeptCase>),
    /// It is to be looked at again, by this caller.
    Look(Case),
    /// The change to Git may be made, and is this caller's to do.
    Propose(Box<KeptCase>),
    /// Another one has to agree.
    Waits(Case),
    /// Not at this time, unless they say why it cannot wait; `hours` are those of the rule.
    Closed {
        case: Box<Case>,
        hours: String,
        why: String,
    },
    Refused(String),
}

/// A case that nobody has looked at for so long is looked at again before anyone says yes to it.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Half a consent counts as long as a whole one.
const AGREE_WITHIN: SignedDuration = SignedDuration::from_mins(30);
const SNOOZE: SignedDuration = SignedDuration::from_hours(24);
const LONGEST_SNOOZE: SignedDuration = SignedDuration::from_hours(24 * 30);

impl Service {
    /// Whether they may, on this case, now; then the case says that it was asked for. Whatever the
    /// answer is, it stands in the audit.
    pub async fn act(&self, wish: &Wish) -> Result<Answer, TellError> {
        let now = Timestamp::now();
        let Some(kept) = self.store.case(&wish.case).await? else {
            return Ok(Answer::Refused("This case is not known here any more.".to_owned()));
        };
        let decision = match self.policy(&kept.case).await {
            Ok(policy) => policy.decide(Request {
                action: wish.action,
                who: &wish.who,
                case: &kept.case,
                at: now,
                breaks_glass: wish.break_glass.is_some(),
            }),
            Err(error) => Decision::Denied {
                rule: "rules unreadable".to_owned(),
                why: format!("Who may do this could not be read, so nobody may: {}", chain(&error)),
            },
        };
        let (rule, two) = match decision {
            Decision::Denied { rule, why } => return self.refuse(wish, &kept, &rule, why, now).await,
            Decision::Closed { rule, hours, why } => {
                self.refuse(wish, &kept, &rule, why.clone(), now).await?;
                return Ok(Answer::Closed { case: Box::new(kept.case), hours, why });
            }
            Decision::Allowed { rule } => (rule, false),
            Decision::NeedsAnother { rule } => (rule, true),
        };
        if let Some(why) = objection(wish, &kept, now) {
            return self.refuse(wish, &kept, &rule, why, now).await;
        }
        if let Action::Ignore | Action::Adopt = wish.action {
            if let Some(why) = no_proposal(&kept.case) {
                return self.refuse(wish, &kept, &rule, why, now).await;
            }
            self.store.note(entry(wish, &kept.case, "allowed", &rule, "making the change", now)).await?;
            return Ok(Answer::Propose(Box::new(kept)));
        }
        let event = match event(wish, two, now) {
            Some(event) => event,
            None => {
                self.store.note(entry(wish, &kept.case, "allowed", &rule, "looking again", now)).await?;
                return Ok(Answer::Look(kept.case));
            }
        };
        let Ok(case) = kept.case.after(event, now, self.settle) else {
            let why = format!("This case is {} already.", kept.case.state.word());
            return self.refuse(wish, &kept, &rule, why, now).await;
        };
        let said = if two { "waits for another" } else { "allowed" };
        let audit = entry(wish, &kept.case, said, &rule, case.state.word(), now);
        // Somebody cares for it now: from here on it is told on its own.
        let case = Case { quiet: false, ..case };
        let step = Step { before: Some(kept.case.revision), case: case.clone(), tell: true, audit: Some(audit) };
        if self.store.keep(&[step], &[], now).await? != [true] {
            return self.refuse(wish, &kept, &rule, "Somebody else was quicker.".to_owned(), now).await;
        }
        self.news.notify_one();
        Ok(match (wish.action, two) {
            (Action::Sync, false) => Answer::Go(Box::new(KeptCase { case, ..kept })),
            (Action::Sync, true) => Answer::Waits(case),
            (Action::Acknowledge | Action::Snooze | Action::Recheck | Action::Ignore | Action::Adopt, _) => {
                Answer::Done(case)
            }
        })
    }

    /// Says no, and lets the message say again what the case is now.
    pub(super) async fn refuse(
        &self,
        wish: &Wish,
        kept: &KeptCase,
        rule: &str,
        why: String,
        now: Timestamp,
    ) -> Result<Answer, TellError> {
        let audit = entry(wish, &kept.case, "denied", rule, &why, now);
        let old = matches!(&wish.transport, Transport::Slack { revision, .. } if *revision != kept.case.revision);
        let again = Step { before: Some(kept.case.revision), case: kept.case.clone(), tell: true, audit: None };
        if old {
            self.store.keep(&[again], &[], now).await?;
            self.news.notify_one();
        }
        self.store.note(audit).await?;
        Ok(Answer::Refused(why))
    }
}

/// Why one who may is refused all the same: what they saw is not what there is.
fn objection(wish: &Wish, kept: &KeptCase, now: Timestamp) -> Option<String> {
    let Case { revision, plan_hash, last_seen, environment, .. } = &kept.case;
    if wish.action == Action::Recheck {
        return None;
    }
    let sync = wish.action == Action::Sync;
    match &wish.transport {
        Transport::Slack { revision: shown, plan, channel, message, confirmed } => {
            let told = (channel.clone(), message.clone());
            if kept.told.as_ref().is_some_and(|there| *there != told) {
                return Some("This is not the message of that case.".to_owned());
            }
            let other_plan = sync && (plan.is_empty() || !plan_hash.starts_with(plan));
            if shown != revision || other_plan {
                return Some(
                    "The case has moved on since that message was shown: look at it again, then press.".to_owned(),
                );
            }
            if sync && kept.case.wants_name() && confirmed.as_deref() != Some(environment.as_str()) {
                return Some(format!("This one is risky: type `{environment}` where you are asked for it."));
            }
        }
        Transport::Terminal { confirmed } => {
            if sync && kept.case.wants_name() && confirmed.as_deref() != Some(environment.as_str()) {
                return Some(format!("This one is risky: say so with --confirm {environment}."));
            }
        }
    }
    if sync && now.duration_since(*last_seen) > FRESH_FOR {
        return Some(
            "Nobody has looked at this drift for a day: run `groundplan drift --notify`, then press.".to_owned(),
        );
    }
    None
}

/// Why nothing is proposed for a case as it stands.
fn no_proposal(case: &Case) -> Option<String> {
    match &case.state {
        CaseState::Open
        | CaseState::Acknowledged { .. }
        | CaseState::Snoozed { .. }
        | CaseState::AwaitingApproval { .. }
        | CaseState::SyncFailed { .. } => None,
        CaseState::Stale { .. } => Some("What this case is about cannot be read now: recheck it first.".to_owned()),
        CaseState::SyncRequested { .. } | CaseState::Syncing { .. } | CaseState::Resolved { .. } => {
            Some(format!("This case is {} already.", case.state.word()))
        }
    }
}

/// What happens to the case; none where it is only looked at again.
fn event(wish: &Wish, two: bool, now: Timestamp) -> Option<CaseEvent> {
    let by = wish.who.clone();
    match wish.action {
        Action::Sync if two => Some(CaseEvent::ApprovalAsked { by, until: now + AGREE_WITHIN }),
        Action::Sync => Some(CaseEvent::SyncRequested { by }),
        Action::Acknowledge => {
            let until = wish.span.map(|span| now + span.min(LONGEST_SNOOZE));
            Some(CaseEvent::Acknowledged { by, until })
        }
        Action::Snooze => {
            let until = now + wish.span.unwrap_or(SNOOZE).min(LONGEST_SNOOZE);
            Some(CaseEvent::Snoozed { by, until })
        }
        Action::Recheck | Action::Ignore | Action::Adopt => None,
    }
}

pub(super) fn entry(wish: &Wish, case: &Case, decision: &str, rule: &str, result: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        who: wish.who.clone(),
        action: wish.action.word().to_owned(),
        case: case.id.clone(),
        revision: case.revision,
        decision: decision.to_owned(),
        rule: rule.to_owned(),
        plan_hash: case.plan_hash.clone(),
        commit: case.commit.to_string(),
        transport: match &wish.transport {
            Transport::Slack { .. } => "slack".to_owned(),
            Transport::Terminal { .. } => "terminal".to_owned(),
        },
        result: match &wish.break_glass {
            None => result.to_owned(),
            Some(reason) => format!("{result}; broke the glass: {}", scrub(reason)),
        },
    }
}
