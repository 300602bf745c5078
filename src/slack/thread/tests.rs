use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{activity, changes};
use crate::cases::{AuditEntry, AuditRecord, Case, CaseState, How};
use crate::slack::Message;
use crate::slack::message::tests::case;
use crate::unit::Shown;

fn said(message: &Message) -> String {
    let texts = message.blocks.iter().filter_map(|block| block["text"]["text"].as_str());
    texts.collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn changes_that_stand_in_the_message_are_not_told_again() {
    assert_eq!(changes(&case(CaseState::Open)), None);
}

#[test]
fn a_value_that_was_cut_stands_whole_in_the_thread() {
    let mut case = case(CaseState::Open);
    let long = "a word ".repeat(30);
    case.units[0].differences[0].from = Some(Shown::text(long.trim()));
    let said = said(&changes(&case).expect("there is more to tell"));
    assert!(said.contains(long.trim()), "{said}");
    assert!(said.contains("- _hidden_") || said.contains("_hidden_"), "a hidden value stays hidden: {said}");
    let resolved = Case { state: CaseState::Resolved { how: How::HealedItself, by: None }, ..case };
    assert_eq!(changes(&resolved), None);
}

#[test]
fn five_hundred_changes_fill_three_sections_and_the_rest_is_counted() {
    let mut case = case(CaseState::Open);
    let one = case.units[0].differences[0].clone();
    case.units[0].differences = vec![one; 500];
    let message = changes(&case).expect("there is more to tell");
    assert_eq!(message.blocks.len(), 3);
    assert!(message.blocks.iter().all(|block| block["text"]["text"].as_str().is_some_and(|text| text.len() <= 3000)));
    assert!(said(&message).contains("more: `groundplan case show d_7q3m9k`"));
}

fn record(who: &str, action: &str, decision: &str, result: &str) -> AuditRecord {
    let entry = AuditEntry {
        at: Timestamp::from_second(1_795_240_800).expect("a time in this century"),
        who: who.into(),
        action: action.into(),
        case: "d_7q3m9k".into(),
        revision: 7,
        decision: decision.into(),
        rule: "access rule 1".into(),
        plan_hash: String::new(),
        commit: String::new(),
        transport: "slack".into(),
        result: result.into(),
    };
    entry.seal(None)
}

#[test]
fn the_activity_tells_who_did_what_and_mentions_nobody() {
    let records = [
        record("U0REVIEWER", "sync", "denied", "<!channel> `may` not"),
        record("U0OPERATOR", "sync", "allowed", "sync requested"),
    ];
    let names = BTreeMap::from([("U0OPERATOR".to_owned(), "ada".to_owned())]);
    let told = said(&activity(&records, &names).expect("somebody did something"));
    insta::assert_snapshot!(told);
    assert!(!told.contains("<@") && !told.contains("<!channel>"), "{told}");
    assert_eq!(activity(&[], &names), None);
}

#[test]
fn of_many_deeds_the_last_ones_are_told() {
    let records: Vec<_> = (0..200).map(|n| record("U0OPERATOR", "snooze", "allowed", &format!("number {n}"))).collect();
    let told = said(&activity(&records, &BTreeMap::new()).expect("somebody did something"));
    assert!(told.contains("number 199") && !told.contains("number 0 ") && told.chars().count() < 3000);
}
