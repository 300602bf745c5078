//! The thread below a case's message: every change in full, and who did what about it.
//!
//! Two replies, each edited in place for life, and each only where it says what the message above
//! does not. Nobody is mentioned: a thread must not ring.

use std::collections::BTreeMap;

use super::line;
use super::message::{MOST_LINES, Message, section};
use super::news::{count, moment};
use super::text::{code, safe, value};
use crate::cases::{AuditRecord, Case};
use crate::unit::{Difference, UnitId};

const SECTION: usize = 2800;
const MOST_SECTIONS: usize = 3;
const VALUE: usize = 600;

/// Every change with its values, one below the other; none where the case's message shows them all.
pub fn changes(case: &Case) -> Option<Message> {
    let all = case.differences();
    if case.state.is_resolved() || all.len() <= MOST_LINES && all.iter().all(|(_, one)| line::tells_all(one)) {
        return None;
    }
    let mut sections = vec!["*Every change*, `-` as it is live, `+` as Git has it".to_owned()];
    let mut told = 0;
    for (unit, difference) in &all {
        let lines = change(unit, difference);
        let last = sections.last_mut().expect("it begins with one");
        if last.chars().count() + lines.chars().count() + 10 <= SECTION {
            last.push_str(&lines);
        } else if sections.len() < MOST_SECTIONS {
            sections.push(lines.trim_start().to_owned());
        } else {
            break;
        }
        told += 1;
    }
    if told < all.len() {
        let more = format!("\n… and {} more: `groundplan case show {}`", all.len() - told, safe(&case.id, 40));
        sections.last_mut().expect("it begins with one").push_str(&more);
    }
    let text = format!("{} of case {}", count(all.len(), "change"), safe(&case.id, 40));
    Some(Message { text, blocks: sections.iter().map(|text| section(text)).collect() })
}

fn change(unit: &UnitId, difference: &Difference) -> String {
    let Difference { item, path, from, to, .. } = difference;
    let path = if path.is_empty() { String::new() } else { format!(" {}", code(path, 160)) };
    let (from, to) = (value(from.as_ref(), VALUE), value(to.as_ref(), VALUE));
    format!("\n*{}* {}{path}\n- {from}\n+ {to}", line::name(unit), code(item, 160))
}

/// Who asked for what, when, and what came of it; none where nobody did anything yet. `names` says
/// what people are called.
pub fn activity(records: &[AuditRecord], names: &BTreeMap<String, String>) -> Option<Message> {
    if records.is_empty() {
        return None;
    }
    let mut text = String::new();
    for record in records.iter().rev() {
        let line = format!("\n{}", deed(record, names));
        if text.chars().count() + line.chars().count() > SECTION - 40 {
            text.insert_str(0, "\n…");
            break;
        }
        text.insert_str(0, &line);
    }
    Some(Message { text: "What was done about it".to_owned(), blocks: vec![section(&format!("*Activity*{text}"))] })
}

fn deed(record: &AuditRecord, names: &BTreeMap<String, String>) -> String {
    let entry = &record.entry;
    let who = code(names.get(&entry.who).unwrap_or(&entry.who), 80);
    let result = if entry.result.is_empty() { String::new() } else { format!(" · {}", safe(&entry.result, 300)) };
    format!("{} {who} {}: {}{result}", moment(entry.at), safe(&entry.action, 40), safe(&entry.decision, 40))
}

#[cfg(test)]
mod tests;
