//! The outbox to Slack: each channel at its own pace, again later where Slack does not take it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::Service;
use crate::cases::AuditRecord;
use crate::plan::chain;
use crate::slack::{self, Posted, Slack, SlackError};
use crate::store::{KeptCase, Notice, Outgoing, Part, Reply, StoreError, Told, What, words as words_of};

/// Slack takes about one message a second in a channel, and fifty edits a minute.
const PACE: Duration = Duration::from_millis(1200);
/// How long one message may take before another process may try; all its calls end sooner.
const HOLD: SignedDuration = SignedDuration::from_secs(180);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// No longer than this is waited for within one turn.
const SHORT_WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Service {
    /// Sends everything that is left to send, also what an earlier run met with an error, until
    /// nothing is due or the time is over. What is left is sent by whoever comes next.
    pub async fn deliver(&self, at_most: Duration) -> Result<(), StoreError> {
        if self.slack.is_none() {
            return Ok(());
        }
        let all = async {
            self.store.hurry().await?;
            let mut channels = JoinSet::new();
            for alerts in self.store.due(Timestamp::now()).await? {
                let service = self.clone();
                channels.spawn(async move { service.deliver_channel(&alerts).await });
            }
            while let Some(done) = channels.join_next().await {
                done.expect("sending does not panic")?;
            }
            Ok(())
        };
        tokio::time::timeout(at_most, all).await.unwrap_or(Ok(()))
    }

    /// Sends what is due until it is dropped; no channel waits for another one.
    pub(super) async fn keep_delivering(&self) -> StoreError {
        if self.slack.is_none() {
            return std::future::pending().await;
        }
        let mut busy = HashSet::new();
        let mut channels = JoinSet::new();
        loop {
            match self.store.due(Timestamp::now()).await {
                Ok(due) => {
                    for alerts in due.into_iter().filter(|alerts| busy.insert(alerts.clone())).collect::<Vec<_>>() {
                        let service = self.clone();
                        channels.spawn(async move {
                            let done = service.deliver_channel(&alerts).await;
                            if let Ok(Left::AtOnce) = done {
                                tokio::time::sleep(PACE).await;
                            }
                            (alerts, done)
                        });
                    }
                }
                Err(error) => tracing::warn!(error = chain(&error), "the outbox could not be read"),
            }
            tokio::select! {
                Some(done) = channels.join_next() => {
                    let (alerts, done) = done.expect("sending does not panic");
                    busy.remove(&alerts);
                    if let Err(error) = done {
                        tracing::warn!(error = chain(&error), "the outbox could not be kept");
                    }
                }
                () = self.news.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Sends what is due in one channel, the most urgent first, with Slack's pause after each message.
    async fn deliver_channel(&self, alerts: &str) -> Result<Left, StoreError> {
        let Some(slack) = self.slack.as_ref().map(Slack::impatient) else { return Ok(Left::Rested) };
        while let Some(sent) = self.store.take_due(alerts, Timestamp::now(), HOLD).await? {
            let posted = match &sent.what {
                What::Case(kept) => send_case(&slack, kept, sent.is_untried).await,
                What::Notice(notice, told) => send_notice(&slack, notice, told.as_ref(), sent.is_untried).await,
                What::Reply(reply) => send_reply(&slack, reply).await,
            };
            match posted {
                Ok(Sent::Now(told)) => {
                    self.store.told(&sent, Some(&told)).await?;
                    if sent.attempts > 0 {
                        self.fold(alerts, Timestamp::now()).await?;
                    }
                }
                Ok(Sent::NothingNew) => {
                    self.store.told(&sent, None).await?;
                    continue;
                }
                Err(error) if error.message_is_gone() || is_shut_out(&slack, &sent, &error) => {
                    self.store.forget_message(&sent).await?;
                }
                // The message that it answers was taken away: with the next one comes another thread.
                Err(error) if error.word() == Some("thread_not_found") => self.store.told(&sent, None).await?,
                Err(error) => {
                    self.later(&sent, &error).await?;
                    // Asked to be slower, a channel waits, and goes on in the order it has.
                    match error.retry_after().filter(|wait| *wait <= SHORT_WAIT) {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => return Ok(Left::AtOnce),
                    }
                    continue;
                }
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(Left::Rested)
    }

    async fn later(&self, sent: &Outgoing, error: &SlackError) -> Result<(), StoreError> {
        let wait = match (error.retry_after(), error.will_pass()) {
            (Some(asked), _) => SignedDuration::try_from(asked).unwrap_or(LONGEST_WAIT),
            (None, true) => SignedDuration::from_secs(1 << sent.attempts.min(8)).min(LONGEST_WAIT),
            // Somebody has to set it right first.
            (None, false) => LONGEST_WAIT,
        };
        self.metrics.slack_error(error.code());
        tracing::warn!(%error, "Slack could not be told of `{}`; trying again in {}", sent.name, wait);
        self.store.postpone(sent, &error.to_string(), Timestamp::now() + wait).await
    }
}

/// Whether the channel of a case's message takes no edit any more, and another one would take a new message.
fn is_shut_out(slack: &Slack, sent: &Outgoing, error: &SlackError) -> bool {
    match &sent.what {
        What::Case(kept) => kept.told.as_ref().is_some_and(|(channel, _)| {
            error.is_about_the_channel() && slack.settings().has_another_channel(kept.case.alerts.as_deref(), channel)
        }),
        What::Notice(..) | What::Reply(_) => false,
    }
}

/// How a channel was left.
enum Left {
    /// Slack had its pause.
    Rested,
    /// Right after a call that failed.
    AtOnce,
}

/// What a turn of the outbox came to.
enum Sent {
    Now(Told),
    /// It says that already, or has nothing to say.
    NothingNew,
}

async fn send_case(slack: &Slack, kept: &KeptCase, is_untried: bool) -> Result<Sent, SlackError> {
    let known = kept.told.clone().map(|(channel, ts)| Posted { channel, ts });
    // A process killed between posting and keeping has left a message: it is taken up.
    let posted = match known {
        Some(posted) => Some(posted),
        None if is_untried => None,
        None => slack.find(&kept.case).await?,
    };
    let posted = match posted {
        Some(posted) => slack.update(&kept.case, &posted).await.map(|()| posted)?,
        None => slack.post(&kept.case).await?,
    };
    Ok(Sent::Now(told(posted, String::new())))
}

async fn send_notice(
    slack: &Slack,
    notice: &Notice,
    before: Option<&Told>,
    is_untried: bool,
) -> Result<Sent, SlackError> {
    let Notice { name, alerts, text } = notice;
    let words = words_of(text);
    let posted = match before {
        Some(before) if before.words == words => return Ok(Sent::NothingNew),
        Some(before) => Some(posted(before)),
        None if is_untried => None,
        None => slack.find_notice(alerts.as_deref(), name).await?,
    };
    let posted = match posted {
        Some(posted) => slack.edit_notice(&posted, text).await.map(|()| posted)?,
        None => slack.notice(alerts.as_deref(), name, text).await?,
    };
    Ok(Sent::Now(told(posted, words)))
}

async fn send_reply(slack: &Slack, reply: &Reply) -> Result<Sent, SlackError> {
    let Reply { part, kept, records, told: before } = reply;
    let Some((channel, ts)) = kept.told.clone() else { return Ok(Sent::NothingNew) };
    let message = match part {
        Part::Changes => slack::changes(&kept.case),
        Part::Activity => slack::activity(records, &names(slack, records).await),
    };
    let Some(message) = message else { return Ok(Sent::NothingNew) };
    let words = words_of(&format!("{message:?}"));
    if before.as_ref().is_some_and(|before| before.words == words) {
        return Ok(Sent::NothingNew);
    }
    let older = before.as_ref().map(posted);
    let posted = slack.reply(&Posted { channel, ts }, &message, older.as_ref()).await?;
    Ok(Sent::Now(told(posted, words)))
}

/// What those in the records are called; who cannot be asked for stays an id.
async fn names(slack: &Slack, records: &[AuditRecord]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let from_slack = records.iter().filter(|record| record.entry.transport == "slack");
    for who in from_slack.map(|record| &record.entry.who).collect::<BTreeSet<_>>() {
        if let Ok(member) = slack.member(who).await {
            names.insert(who.clone(), member.name);
        }
    }
    names
}

fn posted(told: &Told) -> Posted {
    Posted { channel: told.channel.clone(), ts: told.message.clone() }
}

fn told(posted: Posted, words: String) -> Told {
    Told { channel: posted.channel, message: posted.ts, words }
}
