use jiff::{SignedDuration, Timestamp};

use super::{Notice, Part, Step, Store, Told, What};
use crate::cases::{AuditEntry, Case, CaseEvent, CaseState, Weight, verify};
use crate::repo::CommitId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time in this century")
}

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("store.db")).await.expect("a new file");
    (folder, store)
}

fn case(id: &str) -> Case {
    Case {
        id: id.into(),
        environment: "production".parse().expect("a lowercase word is a name"),
        repository: "shop".into(),
        key: id.into(),
        state_hash: String::new(),
        commit: CommitId::new("c0ffee"),
        owners: Vec::new(),
        alerts: None,
        state: CaseState::Open,
        revision: 1,
        units: Vec::new(),
        plan_hash: String::new(),
        weight: Weight::default(),
        first_seen: at(0),
        last_seen: at(0),
        seen: 1,
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

fn told() -> Told {
    Told { channel: "C1".into(), message: "1.1".into(), words: "w".into() }
}

fn new(case: &Case) -> Step {
    Step { before: None, case: case.clone(), tell: true, audit: None }
}

fn entry(who: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        who: who.into(),
        action: "sync".into(),
        case: "d_1".into(),
        revision: 1,
        decision: "allowed".into(),
        rule: "approvers".into(),
        plan_hash: String::new(),
        commit: String::new(),
        transport: "slack".into(),
        result: String::new(),
    }
}

const HOLD: SignedDuration = SignedDuration::from_secs(60);

#[tokio::test]
async fn of_two_steps_from_one_revision_one_is_kept_with_its_audit() {
    let (_folder, store) = store().await;
    let first = case("d_1");
    assert_eq!(store.keep(&[new(&first)], &[], at(0)).await.expect("kept"), [true]);
    let asked = first.after(CaseEvent::SyncRequested { by: "U1".into() }, at(1), HOLD).expect("legal");
    let step = |who| Step { before: Some(1), case: asked.clone(), tell: true, audit: Some(entry(who)) };
    let kept = store.keep(&[step("U1"), step("U2")], &[], at(1)).await.expect("asked");
    assert_eq!(kept, [true, false]);
    let audit = store.audit().await.expect("read");
    assert_eq!(audit.iter().map(|record| record.entry.who.as_str()).collect::<Vec<_>>(), ["U1"]);
}

#[tokio::test]
async fn one_drift_has_one_open_case_whoever_looks_at_the_same_time() {
    let (_folder, store) = store().await;
    let (one, other) = (case("d_1"), Case { key: "d_1".into(), ..case("d_2") });
    assert_eq!(store.keep(&[new(&one), new(&other)], &[], at(0)).await.expect("kept"), [true, false]);
}

#[tokio::test]
async fn what_changes_while_it_is_sent_stays_due_and_is_sent_as_it_then_is() {
    let (_folder, store) = store().await;
    let first = case("d_1");
    store.keep(&[new(&first)], &[], at(0)).await.expect("kept");
    let sent = store.take_due("", at(1), HOLD).await.expect("read").expect("it is due");
    assert_eq!(store.take_due("", at(2), HOLD).await.expect("read"), None, "another process leaves it alone");
    for revision in 2..50 {
        let case = Case { revision, ..first.clone() };
        store.keep(&[Step { before: Some(revision - 1), ..new(&case) }], &[], at(3)).await.expect("kept");
    }
    store.told(&sent, Some(&told())).await.expect("told");
    let again = store.take_due("", at(4), HOLD).await.expect("read").expect("it changed");
    let What::Case(kept) = &again.what else { panic!("a case: {again:?}") };
    assert_eq!((kept.case.revision, kept.told.clone()), (49, Some(("C1".into(), "1.1".into()))));
    store.told(&again, Some(&told())).await.expect("told");
    assert_eq!(store.unsent().await.expect("read").0, 0);
}

#[tokio::test]
async fn a_message_that_its_sender_died_with_is_due_again_after_a_while() {
    let (_folder, store) = store().await;
    store.keep(&[new(&case("d_1"))], &[], at(0)).await.expect("kept");
    store.take_due("", at(1), HOLD).await.expect("read").expect("it is due");
    assert_eq!(store.due(at(60)).await.expect("read"), Vec::<String>::new());
    assert_eq!(store.due(at(61)).await.expect("read"), [""]);
}

#[tokio::test]
async fn a_postponed_message_waits_and_another_channel_does_not() {
    let (_folder, store) = store().await;
    let notice = Notice { name: "digest".into(), alerts: Some("platform".into()), text: "more".into() };
    store.keep(&[new(&case("d_1"))], &[notice], at(0)).await.expect("kept");
    let sent = store.take_due("", at(1), HOLD).await.expect("read").expect("it is due");
    store.postpone(&sent, "503", at(100)).await.expect("kept");
    assert_eq!(store.due(at(2)).await.expect("read"), ["platform"]);
    assert_eq!(store.unsent().await.expect("read"), (2, Some("503".into())));
    let again = store.take_due("", at(100), HOLD).await.expect("read").expect("it is due again");
    assert_eq!(again.attempts, 1);
    store.postpone(&again, "503", at(900)).await.expect("kept");
    store.hurry().await.expect("kept");
    assert!(store.take_due("", at(101), HOLD).await.expect("read").is_some(), "a new run tries at once");
}

#[tokio::test]
async fn the_audit_is_a_chain_and_the_file_refuses_to_change_it() {
    let (_folder, store) = store().await;
    for who in ["U1", "U2", "U3"] {
        store.note(entry(who)).await.expect("noted");
    }
    assert_eq!(verify(&store.audit().await.expect("read")), Ok(()));
    for change in ["UPDATE audit SET body = '{}'", "DELETE FROM audit"] {
        let error = sqlx::query(change).execute(&store.pool).await.expect_err("refused");
        assert!(error.to_string().contains("only added to"), "{error}");
    }
}

#[tokio::test]
async fn the_install_key_stays_and_is_no_other_installations() {
    let (folder, store) = store().await;
    let units = [];
    let hash = |key| crate::cases::state_hash(&key, &units);
    let first = hash(store.install_key().await.expect("read"));
    let again = Store::open(&folder.path().join("store.db")).await.expect("the same file");
    assert_eq!(hash(again.install_key().await.expect("read")), first);
    let (_other, other) = self::store().await;
    assert_ne!(hash(other.install_key().await.expect("read")), first);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _store) = store().await;
    let mode = std::fs::metadata(folder.path().join("store.db")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_reply_waits_for_its_message_and_is_due_again_when_somebody_does_something() {
    let (_folder, store) = store().await;
    store.keep(&[new(&case("d_1"))], &[], at(0)).await.expect("kept");
    let root = store.take_due("", at(1), HOLD).await.expect("read").expect("it is due");
    assert_eq!(store.take_due("", at(1), HOLD).await.expect("read"), None, "replies wait");
    store.told(&root, Some(&told())).await.expect("kept");
    for _ in 0..2 {
        let reply = store.take_due("", at(2), HOLD).await.expect("read").expect("it is due");
        store.told(&reply, None).await.expect("kept");
    }
    assert_eq!(store.due(at(3)).await.expect("read"), Vec::<String>::new());
    store.note(entry("U1")).await.expect("noted");
    let sent = store.take_due("", at(4), HOLD).await.expect("read").expect("there is activity");
    let What::Reply(reply) = &sent.what else { panic!("a reply: {sent:?}") };
    assert_eq!((reply.part, reply.records.len(), reply.told.clone()), (Part::Activity, 1, None));
    store.told(&sent, Some(&told())).await.expect("kept");
    store.note(entry("U2")).await.expect("noted");
    let sent = store.take_due("", at(5), HOLD).await.expect("read").expect("there is more");
    let What::Reply(reply) = &sent.what else { panic!("a reply: {sent:?}") };
    assert_eq!((reply.records.len(), reply.told.clone()), (2, Some(told())));
}
