//! A case as one message: what drifted, who it was, and what a sync would do.
//!
//! Pure. Slack's limits are far above our budgets, except one that stands in no documentation:
//! messages with more than about 13,000 characters in their blocks are refused.

use serde_json::{Value, json};

use super::button::{self, plain};
use super::line::{self, authors, line};
use super::news::{count, link, moment, news, proposal, title};
use super::text::{code, safe};
use crate::cases::{Case, CaseState, Effects, PullRequest};
use crate::unit::{Coverage, Shown};

/// A message as Slack takes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// For notifications and screen readers, and all there is where there are no blocks.
    pub text: String,
    pub blocks: Vec<Value>,
}

/// How much a message tells: each step down is for a Slack that refused the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    Full,
    /// Without the list of changes.
    Counts,
    /// One sentence and the buttons.
    Summary,
    /// No blocks at all.
    Plain,
}

pub(super) const MOST_LINES: usize = 6;
const SECTION: usize = 2800;
const FIELD: usize = 300;
const MOST_REQUESTS: usize = 2;
const LONGEST_LINK: usize = 130;

impl Detail {
    /// The next plainer one: an alert is never dropped for its looks.
    pub fn plainer(self) -> Option<Detail> {
        match self {
            Detail::Full => Some(Detail::Counts),
            Detail::Counts => Some(Detail::Summary),
            Detail::Summary => Some(Detail::Plain),
            Detail::Plain => None,
        }
    }
}

/// The message of a case. One that is resolved shrinks to how, and has no buttons.
pub fn message(case: &Case, detail: Detail) -> Message {
    let blocks = match (detail, &case.state) {
        (Detail::Plain, _) => Vec::new(),
        (Detail::Summary, _) => vec![short_section(&summary(case))].into_iter().chain(button::row(case)).collect(),
        (Detail::Full | Detail::Counts, CaseState::Resolved { .. }) => {
            vec![header(case), short_section(&news(case)), context(case)]
        }
        (Detail::Full | Detail::Counts, _) => long(case, detail),
    };
    Message { text: summary(case), blocks }
}

fn long(case: &Case, detail: Detail) -> Vec<Value> {
    let mut blocks = vec![header(case)];
    if case.state != CaseState::Open {
        blocks.push(short_section(&news(case)));
    }
    blocks.extend(proposal(case).map(|told| short_section(&told)));
    blocks.push(fields(case));
    if detail == Detail::Full && !case.units.is_empty() {
        blocks.push(short_section(&changes(case)));
    }
    blocks.push(short_section(&consequences(case)));
    blocks.extend(button::row(case));
    blocks.push(context(case));
    blocks
}

/// The one line that a notification shows.
fn summary(case: &Case) -> String {
    format!("{} · case {}", title(case), safe(&case.id, 40))
}

fn header(case: &Case) -> Value {
    json!({"type": "header", "block_id": "case_header", "text": plain(&title(case))})
}

fn fields(case: &Case) -> Value {
    let Coverage { checked, total, unchecked } = case.coverage();
    let mut checked = format!("{checked} of {total} checked");
    if let Some(first) = unchecked.first() {
        checked += &format!("\nnot: {}", code(first, 120));
    }
    let git = format!("{} of {}{}", code(case.commit.short(), 20), code(&case.repository, 80), open_requests(case));
    let field = |name: &str, value: &str| json!({"type": "mrkdwn", "text": short(format!("*{name}*\n{value}"), FIELD)});
    let owners: Vec<_> = case.owners.iter().take(4).map(|owner| safe(owner, 60)).collect();
    let owner = (!owners.is_empty()).then(|| field("Owner", &owners.join(", ")));
    let facts = [
        Some(field("Environment", &code(case.environment.as_str(), 60))),
        owner,
        Some(field("Git", &git)),
        Some(field("First seen", &moment(case.first_seen))),
        Some(field("Coverage", &checked)),
    ];
    json!({"type": "section", "block_id": "case_facts", "fields": facts.into_iter().flatten().collect::<Vec<_>>()})
}

/// What others propose of it, where that is known: who syncs it may undo what they are about to declare.
fn open_requests(case: &Case) -> String {
    match case.others_requests().as_deref() {
        None => String::new(),
        Some([]) => "\nno open pull request changes it".to_owned(),
        Some(requests) => {
            let named = |request: &&PullRequest| {
                let words = format!("#{}", request.number);
                // A longer address would be cut where the field ends.
                link(&request.link, &words).filter(|link| link.len() <= LONGEST_LINK).unwrap_or(words)
            };
            let first: Vec<_> = requests.iter().take(MOST_REQUESTS).map(named).collect();
            let more = requests.len().saturating_sub(MOST_REQUESTS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("\n📝 changed by {}{more}", first.join(", "))
        }
    }
}

/// The changes worth most attention, as what a sync would do to each.
fn changes(case: &Case) -> String {
    let all = case.differences();
    let mut text = "*Live → Git*".to_owned();
    // A unit that is gone as a whole, or that cannot say what of it drifted, is named all the same.
    for unit in case.units.iter().filter(|unit| unit.differences.is_empty()).take(MOST_LINES) {
        text += &format!("\n{}", line::whole(&unit.id, case.weight.risk));
    }
    let mut told = 0;
    for (unit, difference) in all.iter().take(MOST_LINES) {
        let line = line(unit, difference);
        if text.chars().count() + line.chars().count() > SECTION - 100 {
            break;
        }
        text += &format!("\n{line}");
        told += 1;
    }
    match all.len() - told {
        0 => text,
        more => format!("{text}\n… and {more} more: `groundplan case show {}`", safe(&case.id, 40)),
    }
}

fn consequences(case: &Case) -> String {
    let who = authors(case.differences().into_iter().map(|(_, difference)| difference));
    let who = who.unwrap_or_else(|| "Who it was is not known".to_owned());
    let who = match case.weight.why.as_slice() {
        [] => who,
        why => format!("*Risky*: {}\n{who}", safe(&why.join(", "), 300)),
    };
    match case.plan_hash.is_empty() {
        true => format!("{who}\nThere is no plan that would put it right."),
        false => format!("{who}\nA sync would: {} · plan `{}`", effects(case.effects()), plan(case)),
    }
}

pub(super) fn effects(effects: Effects) -> String {
    let Effects { create, in_place, may_replace, replace, delete } = effects;
    let all = [
        (create, "created"),
        (in_place, "changed in place"),
        (may_replace, "maybe replaced"),
        (replace, "*replaced*"),
        (delete, "*deleted*"),
    ];
    let told: Vec<_> = all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if told.is_empty() { "change nothing that is known yet".to_owned() } else { told.join(", ") }
}

fn context(case: &Case) -> Value {
    let hidden = |shown: &Option<Shown>| usize::from(matches!(shown, Some(Shown::Hidden(_))));
    let hidden: usize = case.differences().iter().map(|(_, one)| hidden(&one.from).max(hidden(&one.to))).sum();
    let hidden = if hidden > 0 { format!(" · {} hidden", count(hidden, "value")) } else { String::new() };
    let seen = if case.seen == 1 { "once".to_owned() } else { format!("{} times", case.seen) };
    let flaps =
        if case.flaps > 0 { format!(" · came back {}", count(case.flaps as usize, "time")) } else { String::new() };
    let text = format!("case {} · rev {} · seen {seen}{flaps}{hidden}", code(&case.id, 40), case.revision);
    json!({"type": "context", "block_id": "case_context", "elements": [{"type": "mrkdwn", "text": text}]})
}

fn short_section(text: &str) -> Value {
    section(&short(text.to_owned(), SECTION))
}

/// A section as it stands; who calls keeps within Slack's 3,000 characters.
pub(super) fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

pub(super) fn plan(case: &Case) -> String {
    safe(button::plan_prefix(&case.plan_hash), 40)
}

/// The last guard: every part is within its own budget, so this cuts nothing in practice.
fn short(text: String, budget: usize) -> String {
    text.char_indices().nth(budget).map_or_else(|| text.clone(), |(end, _)| text[..end].to_owned())
}

#[cfg(test)]
pub(super) mod tests;
