//! What stands in the channel, who may press there, and at what pace: the acceptance tests of
//! triage.md 4.4 that need a channel, and what else people see of a case.

use std::collections::BTreeMap;
use std::time::Duration;

use groundplan::cases::{Action, Case};
use groundplan::unit::UnitId;
use infra_tests::slack::{ALERTS, GUEST, Message, OPERATOR, REVIEWER, STRANGER};

use crate::given::{Given, QUEUE, given, given_files, refused};

const A_WHILE: Duration = Duration::from_secs(20);

fn queues(count: usize) -> BTreeMap<String, String> {
    let queue = |number| (format!("stacks/111111111111/queue{number:02}.yaml"), "holds: queue\n".to_owned());
    let settings = ("groundplan.yaml".to_owned(), "repository: shop\n".to_owned());
    (0..count).map(queue).chain([settings]).collect()
}

fn said(message: &Message) -> String {
    format!("{} {}", message.now()["text"], message.now()["blocks"])
}

fn root(given: &Given) -> Message {
    let mut messages = given.slack.messages(ALERTS).into_iter();
    messages.find(|message| message.ephemeral_to.is_none()).expect("the case is told")
}

async fn told(given: &Given) -> (Case, String) {
    let case = given.look().await.remove(0);
    given.deliver().await;
    (case, root(given).ts)
}

async fn resolved(given: &Given, id: &str) {
    let until = async || {
        while !given.case(id).await.state.is_resolved() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(A_WHILE, until()).await.expect("it is put right");
}

#[tokio::test]
async fn acceptance_6_a_storm_of_429_changes_no_order_and_no_channel_hears_more_than_one_a_second() {
    let given = given_files(queues(5)).await;
    given.slack.limit();
    for number in 0..4 {
        given.change(&format!("stacks/111111111111/queue{number:02}"), "by hand");
    }
    // What was deleted is risky, and risky is told first.
    given.world.state().things.remove(&UnitId::new("stacks/111111111111/queue04"));
    for _ in 0..3 {
        given.slack.throttle("chat.postMessage", 1);
    }
    given.look().await;
    given.deliver().await;
    let told: Vec<_> = given.slack.messages(ALERTS).iter().map(said).collect();
    assert_eq!((told.len(), given.service.store.unsent().await.expect("read").0), (5, 0));
    let order: Vec<_> = told.iter().map(|text| (0..5).find(|n| text.contains(&format!("queue0{n}")))).collect();
    assert_eq!(order, [Some(4), Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(given.slack.too_fast(), Vec::<String>::new(), "Slack's own limits were never met");
}

#[tokio::test]
async fn acceptance_14_names_that_would_page_turn_or_fill_the_channel_do_no_harm() {
    let path = "stacks/111111111111/<!channel> \u{202e}evil `@here`.yaml";
    let mut files = queues(0);
    files.insert(path.to_owned(), "holds: queue\n".to_owned());
    files.insert("CODEOWNERS".to_owned(), "* <!here> @platform/\u{202e}oncall\n".to_owned());
    let given = given_files(files).await;
    given.change(path.trim_end_matches(".yaml"), &format!("<!everyone> \u{202e}{}", "x".repeat(10_000)));
    given.look().await;
    given.deliver().await;
    let all: String = given.slack.messages(ALERTS).iter().map(said).collect();
    assert_eq!(given.posts(), 1);
    for harm in ["<!channel>", "<!everyone>", "<!here>", "\u{202e}"] {
        assert!(!all.contains(harm), "{harm:?} in {all}");
    }
    assert!(all.contains("&lt;!channel&gt;") && all.chars().count() < 13_000, "{all}");
    let refused: Vec<_> = given.slack.calls().into_iter().filter(|call| call.answer["ok"] != true).collect();
    assert!(refused.is_empty(), "Slack takes it as it is: {refused:?}");
}

#[tokio::test]
async fn a_case_names_who_owns_the_files_and_its_thread_holds_what_the_message_cut() {
    let mut files = queues(0);
    files.insert(".github/CODEOWNERS".to_owned(), "* @shop/platform\n/stacks/ @shop/oncall\n".to_owned());
    files.insert("stacks/111111111111/vpc.yaml".to_owned(), "outputs: {Id: vpc-1}\n".to_owned());
    for number in 1..9 {
        let text = "holds: '7'\ntakes: [vpc.Id]\n".to_owned();
        files.insert(format!("stacks/111111111111/web{number}.yaml"), text);
    }
    let given = given_files(files).await;
    given.change("stacks/111111111111/vpc", "7");
    (1..9).for_each(|number| given.change(&format!("stacks/111111111111/web{number}"), &format!("4{number}")));
    let (case, _) = told(&given).await;
    assert_eq!((case.owners.as_slice(), case.units.len()), (["@shop/oncall".to_owned()].as_slice(), 9));
    assert!(said(&root(&given)).contains("@shop/oncall"));
    let replies = given.replies();
    assert_eq!(replies.len(), 1, "one reply: nobody did anything yet");
    assert!(said(&replies[0]).contains("`48`") && !said(&root(&given)).contains("`48`"), "{}", said(&root(&given)));
    given.look().await;
    given.deliver().await;
    assert_eq!(given.replies()[0].versions.len(), 1, "the same words are not said twice");
}

#[tokio::test]
async fn the_thread_holds_one_list_of_what_was_done_that_is_edited_and_mentions_nobody() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    let (case, ts) = told(&given).await;
    assert_eq!(given.replies().len(), 0);
    let serving = given.serve().await;
    given.slack.press(ALERTS, &ts, "case_acknowledge", REVIEWER).await.expect("the button is there");
    assert!(given.whisper(REVIEWER).await.contains("approvers"));
    given.slack.press(ALERTS, &ts, "case_sync", OPERATOR).await.expect("the button is there");
    resolved(&given, &case.id).await;
    serving.abort();
    given.deliver().await;
    let replies = given.replies();
    assert_eq!(replies.len(), 1, "{replies:?}");
    let told = said(&replies[0]);
    assert!(told.contains("`reviewer` acknowledge: denied") && told.contains("`operator` sync: allowed"), "{told}");
    assert!(!told.contains("<@"), "{told}");
}

#[tokio::test]
async fn a_sync_that_may_hurt_is_asked_about_and_wants_the_environments_name_typed() {
    let given = given("").await;
    given.world.state().things.remove(&UnitId::new(QUEUE));
    let (case, ts) = told(&given).await;
    let _serving = given.serve().await;
    for typed in ["yes", "default "] {
        given.press_for_dialog(&ts, "case_sync", OPERATOR).await;
        assert!(!given.world.state().things.contains_key(&UnitId::new(QUEUE)), "nothing is done before the answer");
        given.slack.submit(typed, OPERATOR).await.expect("a modal is open");
        if typed == "yes" {
            assert!(given.whisper(OPERATOR).await.contains("type default"));
        }
    }
    resolved(&given, &case.id).await;
    assert!(given.world.state().things.contains_key(&UnitId::new(QUEUE)));
    let dialog = given.slack.views().remove(0).to_string();
    assert!(dialog.contains("it was deleted") && dialog.contains("Type default"), "{dialog}");
}

#[tokio::test]
async fn a_press_outside_the_hours_asks_why_it_cannot_wait_and_keeps_what_was_typed_before() {
    let far = jiff::Zoned::now().date().checked_add(jiff::SignedDuration::from_hours(72)).expect("a day to come");
    let hours = format!("{} 08:00-18:00 UTC", far.strftime("%a"));
    let given = given(&format!(
        "access:\n  rules:\n    - {{actions: [sync], allow: [{OPERATOR}], approvals: 1, hours: '{hours}', outside: break_glass}}\n"
    ))
    .await;
    given.world.state().things.remove(&UnitId::new(QUEUE));
    let (case, ts) = told(&given).await;
    let _serving = given.serve().await;
    given.press_for_dialog(&ts, "case_sync", OPERATOR).await;
    given.slack.submit("default", OPERATOR).await.expect("a modal is open");
    given.dialog_after(1).await;
    let dialog = given.slack.views().pop().expect("it is open").to_string();
    assert!(dialog.contains("Break the glass") && dialog.contains(&hours), "{dialog}");
    assert!(!given.world.state().things.contains_key(&UnitId::new(QUEUE)), "nothing is done before the answer");
    given.slack.submit("  ", OPERATOR).await.expect("a modal is open");
    given.dialog_after(2).await;
    given.slack.submit("orders are lost", OPERATOR).await.expect("a modal is open");
    resolved(&given, &case.id).await;
    let audit = given.service.store.audit().await.expect("read");
    let told: Vec<_> = audit.iter().map(|record| format!("{}: {}", record.entry.decision, record.entry.rule)).collect();
    assert_eq!(told[..2], ["denied: access rule 1"; 2]);
    assert_eq!(told[2], "allowed: access rule 1, outside its hours");
    assert!(audit[2].entry.result.ends_with("broke the glass: orders are lost"), "{}", audit[2].entry.result);
}

#[tokio::test]
async fn a_press_whose_time_for_a_dialog_is_over_is_told_the_way_at_a_terminal() {
    let far = jiff::Zoned::now().date().checked_add(jiff::SignedDuration::from_hours(72)).expect("a day to come");
    let given = given(&format!(
        "access:\n  rules:\n    - {{actions: [sync], allow: [{OPERATOR}], hours: '{} 08:00-18:00 UTC', outside: break_glass}}\n",
        far.strftime("%a")
    ))
    .await;
    given.change(QUEUE, "by hand");
    let (_, ts) = told(&given).await;
    let _serving = given.serve().await;
    given.slack.refuse("views.open", "expired_trigger_id");
    given.slack.press(ALERTS, &ts, "case_sync", OPERATOR).await.expect("the button is there");
    assert!(given.whisper(OPERATOR).await.contains("--break-glass REASON"));
}

#[tokio::test]
async fn acceptance_12_guests_strangers_and_those_who_left_have_no_say_whatever_the_rules_say() {
    let given = given("access: {rules: [{actions: [acknowledge, sync], allow: [everyone]}]}\n").await;
    given.change(QUEUE, "by hand");
    let (case, ts) = told(&given).await;
    let _serving = given.serve().await;
    given.slack.deactivate(REVIEWER);
    for (who, why) in [(GUEST, "a guest"), (STRANGER, "another workspace"), (REVIEWER, "deactivated")] {
        given.slack.press(ALERTS, &ts, "case_acknowledge", who).await.expect("the button is there");
        let told = given.whisper(who).await;
        assert!(told.contains(why), "{told}");
    }
    given.slack.refuse("users.info", "internal_error");
    given.slack.press(ALERTS, &ts, "case_acknowledge", OPERATOR).await.expect("the button is there");
    assert!(given.whisper(OPERATOR).await.contains("could not be asked who you are"));
    assert_eq!(given.case(&case.id).await.state.word(), "open");
    let denied = given.service.store.audit().await.expect("read");
    assert_eq!(denied.iter().filter(|record| record.entry.decision == "denied").count(), 4);
}

#[tokio::test]
async fn acceptance_12_a_user_group_counts_as_slack_says_now_and_one_that_cannot_be_read_has_nobody_in_it() {
    let rules = "access:\n  groups: {sre: [S0SREGROUP]}\n  rules: [{actions: [acknowledge, snooze], allow: [sre]}]\n";
    let given = given(rules).await;
    given.slack.set_user_group("S0SREGROUP", &[REVIEWER]);
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    given.slack.refuse("usergroups.users.list", "internal_error");
    let why = refused(given.ask(Action::Acknowledge, REVIEWER, &case.id).await);
    assert!(why.contains("S0SREGROUP could not be read"), "{why}");
    assert!(refused(given.ask(Action::Acknowledge, OPERATOR, &case.id).await).contains("no rule"));
    assert!(matches!(given.ask(Action::Acknowledge, REVIEWER, &case.id).await, groundplan::serve::Answer::Done(_)));
}

#[tokio::test]
async fn an_answer_of_slacks_that_is_lost_leaves_one_message() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    given.slack.lose_answer("chat.postMessage");
    given.look().await;
    given.deliver().await;
    assert_eq!(given.service.store.unsent().await.expect("read").0, 1, "nobody knows that it was posted");
    given.deliver().await;
    let messages: Vec<_> = given.slack.messages(ALERTS);
    assert_eq!((messages.len(), given.service.store.unsent().await.expect("read").0), (1, 0));
}

#[tokio::test]
async fn a_revoked_token_stops_no_look_and_says_so() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    given.slack.revoke_tokens();
    given.look().await;
    given.deliver().await;
    let (unsent, error) = given.service.store.unsent().await.expect("read");
    assert!(unsent == 1 && error.as_deref().is_some_and(|error| error.contains("token_revoked")), "{error:?}");
    assert!(matches!(
        given.ask(Action::Acknowledge, OPERATOR, &given.look().await[0].id).await,
        groundplan::serve::Answer::Done(_)
    ));
}
