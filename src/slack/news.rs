//! Where a case stands, in a title and a sentence.

use jiff::Timestamp;

use super::text::{code, person, safe};
use crate::cases::{Case, CaseState, How};

/// The header: the one thing that changes with every state.
pub(super) fn title(case: &Case) -> String {
    let environment = safe(case.environment.as_str(), 60);
    match &case.state {
        CaseState::Open => {
            let (changes, units) = (case.differences().len(), case.units.len());
            let risky = case.differences().iter().filter(|(_, difference)| !difference.effect.is_gentle()).count();
            let risky = if risky > 0 { format!(", {risky} risky") } else { String::new() };
            let changes = if changes > 0 { format!("{} in ", count(changes, "change")) } else { String::new() };
            format!("🔴 Drift in {environment}: {changes}{}{risky}", count(units, "unit"))
        }
        CaseState::Acknowledged { .. } => format!("👀 Drift in {environment}: acknowledged"),
        CaseState::Snoozed { .. } => format!("💤 Drift in {environment}: snoozed"),
        CaseState::AwaitingApproval { .. } => format!("⏳ Drift in {environment}: sync waits for a second approver"),
        CaseState::SyncRequested { .. } => format!("⏳ Drift in {environment}: sync requested"),
        CaseState::Syncing { .. } => format!("🔄 Drift in {environment}: syncing"),
        CaseState::Resolved { .. } => format!("✅ Drift in {environment}: resolved"),
        CaseState::SyncFailed { .. } => format!("⚠️ Drift in {environment}: sync failed"),
        CaseState::Stale { .. } => format!("❔ Drift in {environment}: cannot be read"),
    }
}

/// What happened to the case, where it is not simply open.
pub(super) fn news(case: &Case) -> String {
    match &case.state {
        CaseState::Open => "Open.".to_owned(),
        CaseState::Acknowledged { by, until: None } => format!("{} looks after it.", person(by)),
        CaseState::Acknowledged { by, until: Some(until) } => {
            format!("{} looks after it until {}.", person(by), moment(*until))
        }
        CaseState::Snoozed { by, until } => format!("{} put it off until {}.", person(by), moment(*until)),
        CaseState::AwaitingApproval { by, until } => {
            format!("{} asked for a sync; somebody else has to agree until {}.", person(by), moment(*until))
        }
        CaseState::SyncRequested { by } => format!("{} asked for a sync.", person(by)),
        CaseState::Syncing { by } => format!("The sync that {} asked for is under way.", person(by)),
        CaseState::Resolved { how: How::Synced, by: Some(by) } => {
            format!("{} was synced to Git by {}.", code(case.environment.as_str(), 60), person(by))
        }
        CaseState::Resolved { how: How::Synced, by: None } => "Synced to Git.".to_owned(),
        CaseState::Resolved { how: How::HealedItself, by: _ } => {
            "The world agrees with Git again; nothing was synced for it.".to_owned()
        }
        CaseState::Resolved { how: How::Ignored, by: _ } => "A rule in Git says that it is no matter.".to_owned(),
        CaseState::Resolved { how: How::NotDeclared, by: _ } => "Git does not declare it any more.".to_owned(),
        CaseState::Resolved { how: How::Joined, by: _ } => {
            "It is told in another case, with what it follows from.".to_owned()
        }
        CaseState::SyncFailed { reason } => format!("The sync failed: {}", code(reason, 600)),
        CaseState::Stale { reason } => {
            format!(
                "The last look failed: {}\nWhat stands below was seen before, and may no longer hold.",
                code(reason, 600)
            )
        }
    }
}

/// What waits to be merged for the case, where something does.
pub(super) fn proposal(case: &Case) -> Option<String> {
    let proposal = case.proposal.as_ref().filter(|_| !case.state.is_resolved())?;
    let place = proposal.link.as_deref().and_then(|address| link(address, "review it"));
    let place = place.unwrap_or_else(|| format!("merge {}", code(&proposal.branch, 100)));
    Some(format!("{} asked: {}; {place}.", person(&proposal.by), proposal.word()))
}

/// Words that lead to an address; none where it is none.
pub(super) fn link(address: &str, words: &str) -> Option<String> {
    let begins = address.starts_with("https://") || address.starts_with("http://");
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>|&".contains(c);
    (begins && !address.contains(is_odd)).then(|| format!("<{address}|{words}>"))
}

/// Slack shows a date in each reader's own time zone; the rest is for those who cannot.
pub(super) fn moment(time: Timestamp) -> String {
    let fallback = time.strftime("%Y-%m-%d %H:%M UTC");
    format!("<!date^{}^{{date_short_pretty}} {{time}}|{fallback}>", time.as_second())
}

/// `1 change`, `2 changes`.
pub(super) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
