use jiff::Timestamp;
use serde_json::Value;

use super::{Detail, message};
use crate::cases::{Case, CaseState, CaseUnit, How, Weight};
use crate::repo::CommitId;
use crate::unit::{Cause, Coverage, Difference, Effect, Shown, UnitId, Who};

fn difference(item: &str, path: &str, from: Option<Shown>, to: Option<Shown>, effect: Effect) -> Difference {
    Difference { item: item.into(), path: path.into(), from, to, cause: Cause::Drifted, effect, who: None }
}

fn text(value: &str) -> Option<Shown> {
    Some(Shown::text(value))
}

fn edited(mut difference: Difference) -> Difference {
    let time = Some("2026-11-21T05:44:00Z".to_owned());
    difference.who = Some(Who::manager("kubectl-edit", "Update", time));
    difference
}

pub(in crate::slack) fn case(state: CaseState) -> Case {
    let queue = "Jobs (AWS::SQS::Queue)";
    let database = "Main (AWS::RDS::DBInstance)";
    let deployment = "apps/Deployment shop/web";
    let at = Timestamp::from_second(1_795_240_800).expect("a time in this century");
    let unit = |id: &str, differences: Vec<Difference>, checked, total| CaseUnit {
        id: UnitId::new(id),
        differences,
        coverage: Coverage { checked, total, unchecked: Vec::new() },
    };
    Case {
        id: "d_7q3m9k".into(),
        environment: "production".parse().expect("a lowercase word is a name"),
        repository: "platform".into(),
        key: "5eed".into(),
        state_hash: "a1".into(),
        commit: CommitId::new("9f1c2ab04d5e6f708192a3b4c5d6e7f801234567"),
        owners: vec!["@platform/oncall".into()],
        alerts: Some("platform".into()),
        state,
        revision: 7,
        units: vec![
            unit(
                "stacks/prod.111122223333/eu-west-1/data/db",
                vec![
                    difference(queue, "/Properties/VisibilityTimeout", text("45"), text("30"), Effect::InPlace),
                    difference(database, "/Properties/Engine", text("mysql"), text("postgres"), Effect::Replace),
                ],
                7,
                8,
            ),
            unit(
                "clusters/prod/shop",
                vec![
                    edited(difference(deployment, "spec.replicas", text("5"), text("3"), Effect::InPlace)),
                    difference(
                        "v1/Secret shop/web",
                        "data.key",
                        Some(Shown::Hidden("a1b2c3".into())),
                        None,
                        Effect::InPlace,
                    ),
                ],
                5,
                5,
            ),
        ],
        plan_hash: "4f0d12ab34cd56ef7890abcdef".into(),
        weight: Weight::default(),
        first_seen: at,
        last_seen: at,
        seen: 4,
        flaps: 0,
        clean_since: None,
        resolved_at: None,
        before_stale: None,
        quiet: false,
        asked_who: 0,
        proposal: None,
        open_requests: None,
    }
}

/// Only what a reader sees: the type and the words of each block.
fn words(case: &Case, detail: Detail) -> String {
    let message = message(case, detail);
    let mut lines = vec![format!("text: {}", message.text)];
    for block in &message.blocks {
        lines.push(format!("[{}]", block["type"].as_str().expect("every block has a type")));
        collect(block, &mut lines);
    }
    lines.join("\n")
}

fn collect(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member.as_str()) {
                    ("text" | "value" | "style", Some(text)) => lines.push(format!("  {name}: {text}")),
                    _ => collect(member, lines),
                }
            }
        }
        Value::Array(members) => members.iter().for_each(|member| collect(member, lines)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn an_open_case_tells_what_who_and_what_a_sync_would_do() {
    insta::assert_snapshot!(words(&case(CaseState::Open), Detail::Full));
}

#[test]
fn a_resolved_case_shrinks_and_loses_its_button() {
    let resolved = CaseState::Resolved { how: How::Synced, by: Some("U0OPERATOR".into()) };
    insta::assert_snapshot!(words(&case(resolved), Detail::Full));
}

#[test]
fn a_failed_sync_and_a_stale_case_say_why() {
    let failed = words(&case(CaseState::SyncFailed { reason: "`db` is <locked>".into() }), Detail::Counts);
    let stale = words(&case(CaseState::Stale { reason: "no answer from eu-west-1".into() }), Detail::Counts);
    insta::assert_snapshot!(format!("{failed}\n\n{stale}"));
}

/// The names of the buttons of a message.
fn buttons(case: &Case) -> String {
    let message = message(case, Detail::Full);
    let rows = message.blocks.iter().filter(|block| block["type"] == "actions");
    let elements = rows.flat_map(|row| row["elements"].as_array().into_iter().flatten());
    elements.filter_map(|element| element["action_id"].as_str()).collect::<Vec<_>>().join(" ").replace("case_", "")
}

#[test]
fn the_buttons_follow_the_state() {
    let (by, until) = (String::from("U0OPERATOR"), Timestamp::UNIX_EPOCH);
    let table = [
        (CaseState::Open, "sync acknowledge snooze recheck more"),
        (CaseState::Acknowledged { by: by.clone(), until: None }, "sync snooze recheck more"),
        (CaseState::Snoozed { by: by.clone(), until }, "sync snooze recheck more"),
        (CaseState::AwaitingApproval { by: by.clone(), until }, "sync recheck"),
        (CaseState::SyncRequested { by: by.clone() }, ""),
        (CaseState::Syncing { by }, ""),
        (CaseState::Resolved { how: How::HealedItself, by: None }, ""),
        (CaseState::SyncFailed { reason: "no".into() }, "recheck"),
        (CaseState::Stale { reason: "no".into() }, "recheck"),
    ];
    for (state, expected) in table {
        assert_eq!(buttons(&case(state.clone())), expected, "{state:?}");
    }
    let without_plan = Case { plan_hash: String::new(), ..case(CaseState::Open) };
    assert_eq!(buttons(&without_plan), "acknowledge snooze recheck more");
}

#[test]
fn every_value_of_a_button_is_short_enough_for_any_slack() {
    let last = Case { id: "d_0123456789".into(), revision: 99_999, ..case(CaseState::Open) };
    let row = super::button::row(&last).expect("an open case has buttons").to_string();
    let values = row.split(r#""value":""#).skip(1).filter_map(|rest| rest.split("\"}").next());
    let longest = values.map(|value| value.replace('\\', "").len()).max();
    assert!(longest.is_some_and(|longest| longest <= 110), "{longest:?}");
}

#[test]
fn a_hidden_value_never_tells_even_its_digest() {
    let told = format!("{:?}", message(&case(CaseState::Open), Detail::Full));
    assert!(!told.contains("a1b2c3"));
    assert!(told.contains("1 value hidden"));
}

#[test]
fn a_huge_case_with_hostile_names_stays_within_every_budget() {
    let hostile = "<!channel>&`\u{202e}".repeat(2000);
    let mut huge = case(CaseState::Open);
    let one = difference(&hostile, &hostile, text(&hostile), text(&hostile), Effect::Delete);
    huge.units = (0..400)
        .map(|_| CaseUnit {
            id: UnitId::new(hostile.clone()),
            differences: vec![one.clone(); 5],
            coverage: Coverage { checked: 0, total: 1, unchecked: vec![hostile.clone()] },
        })
        .collect();
    (huge.repository, huge.commit) = (hostile.clone(), CommitId::new(hostile));
    let message = message(&huge, Detail::Full);
    assert!(message.text.chars().count() <= 300, "{}", message.text.chars().count());
    assert!(message.blocks.len() <= 8);
    assert!(!words(&huge, Detail::Full).contains("<!channel>"));
    for block in &message.blocks {
        let longest = block["text"]["text"].as_str().map_or(0, |text| text.chars().count());
        assert!(longest <= 2800, "{longest}");
    }
}

#[test]
fn each_plainer_message_has_fewer_blocks_and_the_last_has_none() {
    let mut sizes = Vec::new();
    let mut detail = Some(Detail::Full);
    while let Some(now) = detail {
        sizes.push(message(&case(CaseState::Open), now).blocks.len());
        detail = now.plainer();
    }
    assert_eq!(sizes, [6, 5, 2, 0]);
}
