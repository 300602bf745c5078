//! The acceptance tests of triage.md 4.4 that need one process only, each by its number.

use std::time::Duration;

use groundplan::cases::{Action, CaseState, verify};
use groundplan::serve::{Answer, Transport, Wish};
use groundplan::store::What;
use groundplan::unit::UnitId;
use infra_tests::slack::{ALERTS, OPERATOR, REVIEWER};
use jiff::{SignedDuration, Timestamp};

use crate::given::{QUEUE, SHOP, VPC, given, given_queues, refused, wish};

#[tokio::test]
async fn acceptance_1_and_2_one_drift_is_one_message_and_another_value_edits_it() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    for _ in 0..30 {
        given.look().await;
        given.deliver().await;
    }
    assert_eq!((given.posts(), given.updates()), (1, 0));
    given.change(QUEUE, "by another hand");
    let cases = given.look().await;
    given.deliver().await;
    assert_eq!((given.posts(), given.updates(), cases[0].revision), (1, 1, 2));
}

#[tokio::test]
async fn acceptance_3_what_comes_and_goes_ten_times_is_one_message_with_a_count() {
    let given = given("").await;
    let mut id = String::new();
    for _ in 0..11 {
        given.change(QUEUE, "by hand");
        let cases = given.look().await;
        id.clone_from(&cases[0].id);
        given.change(QUEUE, "queue");
        given.look().await;
        tokio::time::sleep(Duration::from_millis(220)).await;
        given.look().await;
        assert!(given.case(&id).await.state.is_resolved());
    }
    given.change(QUEUE, "by hand");
    given.look().await;
    given.deliver().await;
    assert_eq!((given.posts(), given.case(&id).await.flaps), (1, 11));
}

#[tokio::test]
async fn acceptance_4_a_process_killed_between_posting_and_keeping_leaves_one_message() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    given.look().await;
    let (store, slack) = (&given.service.store, given.service.slack.clone().expect("it is set up"));
    let hold = SignedDuration::from_secs(60);
    let sent = store.take_due("", Timestamp::now(), hold).await.expect("read").expect("it is due");
    let What::Case(kept) = &sent.what else { panic!("a case: {sent:?}") };
    slack.post(&kept.case).await.expect("Slack takes it");
    // Here the process ends; its hold on the message runs out.
    store.postpone(&sent, "killed", Timestamp::UNIX_EPOCH).await.expect("kept");
    given.deliver().await;
    assert_eq!((given.posts(), given.updates()), (1, 1));
}

#[tokio::test]
async fn acceptance_5_slack_is_down_and_no_look_fails_and_the_latest_is_told_once() {
    let given = given("").await;
    for value in 0..40 {
        // A message that nobody has tried to send is sent; one that was tried is looked for first.
        given.slack.fail(if value == 0 { "chat.postMessage" } else { "conversations.history" }, 503);
        given.change(QUEUE, &value.to_string());
        given.look().await;
        given.deliver().await;
    }
    assert_eq!((given.posts(), given.service.store.unsent().await.expect("read").0), (0, 1));
    given.deliver().await;
    assert_eq!((given.posts(), given.updates()), (1, 0));
    assert_eq!(given.service.store.unsent().await.expect("read").0, 0);
}

#[tokio::test]
async fn acceptance_5_after_a_long_silence_of_slacks_what_piled_up_is_one_list_and_what_is_risky_a_message() {
    let (given, names) = given_queues(24).await;
    for (look, some) in names.chunks(8).enumerate() {
        some.iter().for_each(|name| given.change(name, "by hand"));
        if look == 2 {
            given.world.state().things.remove(&UnitId::new(&names[23]));
        }
        // What nobody has tried to send is sent, the risky one first; what was tried is looked for first.
        given.slack.fail(if look == 1 { "conversations.history" } else { "chat.postMessage" }, 503);
        given.look().await;
        given.deliver().await;
    }
    assert_eq!((given.posts(), given.service.store.unsent().await.expect("read").0), (0, 24));
    // One came and went without a word.
    given.world.state().things.get_mut(&UnitId::new(&names[1])).expect("it exists").live =
        format!("queue {}", names[1]);
    for _ in 0..2 {
        given.look().await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    given.deliver().await;
    assert_eq!(given.service.store.unsent().await.expect("read").0, 0);
    let said: Vec<_> = given.slack.messages(ALERTS).iter().map(|message| message.now().to_string()).collect();
    let [risky, list] = &said[..] else { panic!("the risky one and a list: {said:?}") };
    assert!(risky.contains("it was deleted") && risky.contains("queue23"), "{risky}");
    assert!(list.contains("22 cases since") && list.contains("1 case came and went"), "{list}");
    // From here on nobody is told the same again.
    given.look().await;
    given.deliver().await;
    assert_eq!(given.posts(), 2);
}

#[tokio::test]
async fn acceptance_7_and_8_of_two_who_ask_one_syncs_and_an_old_message_is_refused() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    let pressed = |revision| {
        let plan = case.plan_hash[..16].to_owned();
        let (channel, message) = (String::new(), String::new());
        let transport = Transport::Slack { revision, plan, channel, message, confirmed: None };
        Wish { transport, ..wish(Action::Sync, OPERATOR, &case.id) }
    };
    assert!(refused(given.service.act(&pressed(99)).await.expect("read")).contains("moved on"));
    let other = given.service.clone();
    let (first, second) = (pressed(1), pressed(1));
    let (one, two) = tokio::join!(given.service.act(&first), other.act(&second));
    let went = [one, two].into_iter().filter(|answer| matches!(answer, Ok(Answer::Go(_)))).count();
    assert_eq!(went, 1);
}

#[tokio::test]
async fn acceptance_9_a_plan_that_grew_after_the_yes_is_not_done() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    let Answer::Go(kept) = given.ask(Action::Sync, OPERATOR, &case.id).await else { panic!("they may") };
    given.change(QUEUE, "by another hand");
    let after = given.service.sync(*kept, &wish(Action::Sync, OPERATOR, &case.id)).await.expect("kept");
    assert!(
        matches!(&after.state, CaseState::SyncFailed { reason } if reason.contains("another one now")),
        "{after:?}"
    );
    assert_eq!(given.world.state().things[&UnitId::new(QUEUE)].live, "by another hand");
}

#[tokio::test]
async fn acceptance_11_without_slack_the_terminal_does_the_same_and_the_audit_tells_it() {
    let mut given = given("").await;
    given.service.slack = None;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    assert!(refused(given.ask(Action::Sync, "login:nobody", &case.id).await).contains("approvers"));
    let Answer::Done(held) = given.ask(Action::Acknowledge, OPERATOR, &case.id).await else { panic!("they may") };
    assert_eq!(held.state.word(), "acknowledged");
    let Answer::Done(held) = given.ask(Action::Snooze, OPERATOR, &case.id).await else { panic!("they may") };
    assert_eq!(held.state.word(), "snoozed");
    let Answer::Go(kept) = given.ask(Action::Sync, OPERATOR, &case.id).await else { panic!("they may") };
    let after = given.service.sync(*kept, &wish(Action::Sync, OPERATOR, &case.id)).await.expect("kept");
    assert!(after.state.is_resolved(), "{after:?}");
    let audit = given.service.store.audit().await.expect("read");
    let told: Vec<_> =
        audit.iter().map(|record| format!("{} {}", record.entry.action, record.entry.decision)).collect();
    let expected = ["sync denied", "acknowledge allowed", "snooze allowed", "sync allowed", "sync done"];
    assert_eq!(told, expected);
    assert_eq!(verify(&audit), Ok(()));
}

#[tokio::test]
async fn acceptance_12_rules_from_the_branch_decide_and_rules_that_cannot_be_read_allow_nothing() {
    let rules = format!(
        "access:\n  rules:\n    - {{environment: default, actions: [sync], allow: [{OPERATOR}, {REVIEWER}]}}\n"
    );
    let given = given(&rules).await;
    // A deleted queue is risky, so it takes two.
    given.world.state().things.remove(&UnitId::new(QUEUE));
    let case = given.look().await.remove(0);
    assert!(refused(given.ask(Action::Snooze, OPERATOR, &case.id).await).contains("no rule"));
    assert!(matches!(given.ask(Action::Sync, OPERATOR, &case.id).await, Answer::Waits(_)));
    assert!(refused(given.ask(Action::Sync, OPERATOR, &case.id).await).contains("somebody else"));
    std::fs::rename(given.folder.path().join("repository"), given.folder.path().join("gone")).expect("moved");
    assert!(refused(given.ask(Action::Sync, REVIEWER, &case.id).await).contains("nobody may"));
    std::fs::rename(given.folder.path().join("gone"), given.folder.path().join("repository")).expect("moved");
    assert!(matches!(given.ask(Action::Sync, REVIEWER, &case.id).await, Answer::Go(_)));
}

#[tokio::test]
async fn outside_the_hours_of_a_rule_a_sync_needs_a_reason_and_the_reason_is_kept() {
    let far = jiff::Zoned::now().date().checked_add(jiff::SignedDuration::from_hours(72)).expect("a day to come");
    let day = far.strftime("%a");
    let given = given(&format!(
        "access:\n  rules:\n    - {{actions: [sync], allow: [{OPERATOR}], hours: '{day} 08:00-18:00 UTC', outside: break_glass}}\n"
    ))
    .await;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    let why = refused(given.ask(Action::Sync, OPERATOR, &case.id).await);
    assert!(why.contains("another time now") && why.contains("--break-glass REASON"), "{why}");
    let hasty = |who: &str| {
        let reason = Some("orders are lost, AKIAIOSFODNN7EXAMPLE".to_owned());
        Wish { break_glass: reason, ..wish(Action::Sync, who, &case.id) }
    };
    assert!(refused(given.service.act(&hasty("login:nobody")).await.expect("read")).contains("no rule"));
    let answer = given.service.act(&hasty(OPERATOR)).await.expect("read");
    assert!(matches!(answer, Answer::Go(_)), "{answer:?}");
    let audit = given.service.store.audit().await.expect("read");
    let last = &audit.last().expect("it was kept").entry;
    assert_eq!(last.rule, "access rule 1, outside its hours");
    assert_eq!(last.result, "waiting for its sync; broke the glass: orders are lost, (hidden)");
}

#[tokio::test]
async fn acceptance_13_no_planted_secret_stands_in_the_store_or_in_slack() {
    let given = given("").await;
    given.change(QUEUE, "canary-4711 AKIAIOSFODNN7EXAMPLE postgres://u:canary@db/x");
    given.look().await;
    given.deliver().await;
    for call in given.slack.calls() {
        assert!(!call.arguments.to_string().contains("canary"), "{}", call.method);
    }
    for file in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(given.folder.path().join(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{file}");
    }
}

#[tokio::test]
async fn acceptance_15_what_cannot_be_read_is_stale_and_never_resolved() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    let sites: Vec<_> = given.declaration.graph.places().map(|place| place.site.name()).collect();
    given.world.state().unreachable.extend(sites);
    for _ in 0..3 {
        given.look().await;
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    assert_eq!(given.case(&case.id).await.state.word(), "stale");
}

#[tokio::test]
async fn acceptance_16_many_drifts_at_once_are_ten_messages_and_one_list() {
    let (given, names) = given_queues(40).await;
    names.iter().for_each(|name| given.change(name, "by hand"));
    assert_eq!(given.look().await.len(), 40);
    given.look().await;
    given.deliver().await;
    assert_eq!((given.posts(), given.updates()), (11, 0));
    let list = given.slack.messages(ALERTS).pop().expect("the list comes last");
    assert!(list.now()["text"].as_str().is_some_and(|text| text.contains("30 more cases")), "{list:?}");
}

#[tokio::test]
async fn acceptance_17_what_follows_from_a_drift_upstream_is_one_case_with_it() {
    let given = given("").await;
    for unit in [VPC, SHOP, QUEUE] {
        given.change(unit, "by hand");
    }
    let mut units: Vec<Vec<String>> = given
        .look()
        .await
        .iter()
        .map(|case| case.units.iter().map(|unit| unit.id.as_str().to_owned()).collect())
        .collect();
    units.sort();
    assert_eq!(units, [vec![SHOP.to_owned(), VPC.to_owned()], vec![QUEUE.to_owned()]]);
}

#[tokio::test]
async fn what_was_there_before_anyone_looked_is_one_list_and_pages_nobody() {
    let given = given("").await;
    let environment = &given.declaration.environments[0].name;
    let all = [VPC, QUEUE, SHOP].map(UnitId::new);
    given.service.store.forget_applied("shop", environment, &all).await.expect("forgotten");
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    given.deliver().await;
    assert_eq!((given.posts(), case.quiet), (1, true));
    let told = given.slack.messages(ALERTS).remove(0);
    assert!(told.now()["text"].as_str().is_some_and(|text| text.contains("First look")), "{told:?}");
    assert!(matches!(given.ask(Action::Acknowledge, OPERATOR, &case.id).await, Answer::Done(_)));
    given.deliver().await;
    assert_eq!(given.posts(), 2, "a case that somebody looks after has a message of its own");
}
