//! A rebuild as one message: how far it is, and at its end what was verified.
//!
//! A rebuild is begun at a terminal, never by a button. While it runs no case of its environment is
//! told; this card stands for all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Service, TellError};
use crate::apply::{Ending, Event, State, Watch};
use crate::cases::scrub;
use crate::drift::DriftReport;
use crate::engine::Selection;
use crate::repo::CommitId;
use crate::store::Notice;
use crate::unit::{EnvironmentName, UnitId};

/// Slack takes an edit of one message no more often.
const EDIT_EVERY: Duration = Duration::from_secs(5);
/// Slack is not waited for any longer at the end.
const TELL_WITHIN: Duration = Duration::from_secs(30);
const MOST_NAMED: usize = 5;

/// The card of one rebuild. A copy is the same card.
#[derive(Clone)]
pub struct Card {
    environment: EnvironmentName,
    alerts: Option<String>,
    commit: CommitId,
    by: String,
    begun: Timestamp,
    total: usize,
    progress: Arc<Mutex<Progress>>,
    ended: Arc<Notify>,
}

#[derive(Default)]
struct Progress {
    is_begun: bool,
    is_ended: bool,
    done: BTreeSet<UnitId>,
    failed: BTreeSet<UnitId>,
    under_way: BTreeSet<UnitId>,
}

impl Card {
    pub fn new(selection: &Selection<'_>, by: &str, begun: Timestamp) -> Self {
        Self {
            environment: selection.environment.name.clone(),
            alerts: selection.environment.alerts.clone(),
            commit: selection.declaration.commit.clone(),
            by: by.to_owned(),
            begun,
            total: selection.graph.members().count(),
            progress: Arc::default(),
            ended: Arc::default(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("nobody panics while holding it")
    }

    /// Sees the events of the run.
    pub fn watch(&self) -> Watch {
        let card = self.clone();
        Watch::new(move |event| card.progress().see(event))
    }

    /// The run is over: from here on only its last words are told.
    pub fn end(&self) {
        self.progress().is_ended = true;
        self.ended.notify_one();
    }

    /// Whether anything was done at all.
    pub fn is_begun(&self) -> bool {
        self.progress().is_begun
    }

    fn title(&self) -> String {
        format!("Rebuild of {} at {} by {}", self.environment, self.commit.short(), self.by)
    }

    /// What the card says in the middle.
    fn text(&self) -> String {
        let progress = self.progress();
        let (done, total) = (progress.done.len(), self.total);
        let mut text = format!("🔄 {}: {done} of {total} units", self.title());
        text += &named("\n▶ now: ", &progress.under_way);
        text + &named("\n❌ failed: ", &progress.failed)
    }

    /// What the card says at the end: what a look afterwards found, not what the run believes.
    fn ending(&self, report: &DriftReport) -> String {
        let (total, failed) = (report.units.len(), self.progress().failed.clone());
        let drifted: BTreeSet<_> = report.drifted().map(|unit| unit.unit.clone()).collect();
        let unread: BTreeSet<_> = report.unverifiable().map(|(unit, _)| unit.clone()).collect();
        let pending = report.units.iter().filter(|unit| !unit.pending.is_empty()).map(|unit| unit.unit.clone());
        let open: BTreeSet<_> = drifted.iter().chain(&unread).cloned().chain(pending).chain(failed.clone()).collect();
        let verified = total - report.units.iter().filter(|unit| open.contains(&unit.unit)).count();
        let mark = if open.is_empty() { "✅" } else { "⚠️" };
        let mut text =
            format!("{mark} {}: verified {verified} of {total} units, {} drifted", self.title(), drifted.len());
        text += &named("\n❌ failed: ", &failed);
        text += &named("\n🔴 drifted: ", &drifted);
        text + &named("\n❔ could not be read: ", &unread)
    }

    fn notice(&self, text: String) -> Notice {
        let name = format!("rebuild:{}:{}", self.environment, self.begun.as_millisecond());
        Notice { name, alerts: self.alerts.clone(), text: scrub_lines(&text) }
    }
}

impl Progress {
    fn see(&mut self, Event { unit, state }: Event) {
        self.is_begun = true;
        match state {
            State::Preparing | State::Applying | State::Deleting => {
                self.under_way.insert(unit);
            }
            State::Note(_) => {}
            State::Done(ending) => {
                self.under_way.remove(&unit);
                match ending {
                    Ending::Failed(_) => self.failed.insert(unit),
                    Ending::Unfinished(_) | Ending::Skipped(_) | Ending::Stopped => false,
                    Ending::Unchanged | Ending::Created | Ending::Updated | Ending::Deleted | Ending::Read => {
                        self.done.insert(unit)
                    }
                };
            }
        }
    }
}

/// `title` and the first few units; nothing where there are none.
fn named(title: &str, units: &BTreeSet<UnitId>) -> String {
    if units.is_empty() {
        return String::new();
    }
    let first: Vec<_> = units.iter().take(MOST_NAMED).map(UnitId::as_str).collect();
    let more = units.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{title}{}{more}", first.join(", "))
}

fn scrub_lines(text: &str) -> String {
    text.lines().map(scrub).collect::<Vec<_>>().join("\n")
}

impl Service {
    /// Keeps the card up to date until the run has ended; nothing is told before it has begun.
    pub async fn keep_card(&self, card: &Card) -> Result<(), TellError> {
        let mut told = String::new();
        while !card.progress().is_ended {
            let text = card.text();
            if card.is_begun() && text != told {
                self.say(card.notice(text.clone())).await?;
                // A message that is on its way is never left half sent: its last words would wait for it.
                self.deliver(TELL_WITHIN).await?;
                told = text;
            }
            tokio::select! {
                () = tokio::time::sleep(EDIT_EVERY) => {}
                () = card.ended.notified() => {}
            }
        }
        Ok(())
    }

    /// Says the card's last words, and returns them.
    pub async fn end_card(&self, card: &Card, report: &DriftReport) -> Result<String, TellError> {
        let text = card.ending(report);
        self.say(card.notice(text.clone())).await?;
        self.deliver(TELL_WITHIN).await?;
        Ok(text)
    }
}
