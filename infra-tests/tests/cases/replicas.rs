//! Two replicas that share a PostgreSQL, at the same moment.

use std::collections::BTreeMap;

use groundplan::cases::{Action, AuditEntry, verify};
use groundplan::serve::{Answer, Service};
use groundplan::store::{Store, StoreLocation};
use infra_tests::sandbox::Postgres;
use infra_tests::slack::{OPERATOR, REVIEWER};
use jiff::{SignedDuration, Timestamp};

use crate::given::{Given, given_at};

const QUEUES: usize = 8;

fn queue(number: usize) -> String {
    format!("stacks/111111111111/queue{number}")
}

/// One environment and two processes that look after it.
async fn two_replicas(postgres: &Postgres) -> (Given, Service) {
    let location = StoreLocation::parse(&postgres.url());
    let mut files: BTreeMap<_, _> =
        (0..QUEUES).map(|number| (format!("{}.yaml", queue(number)), "holds: queue\n".to_owned())).collect();
    let rules = format!("access: {{rules: [{{actions: [sync], allow: [{OPERATOR}, {REVIEWER}]}}]}}\n");
    files.insert("groundplan.yaml".to_owned(), format!("repository: shop\n{rules}"));
    let given = given_at(files, Some(location.clone())).await;
    let store = Store::at(&location).await.expect("the same database");
    let other = Service { store, owner: "the other".to_owned(), turn: Default::default(), ..given.service.clone() };
    (given, other)
}

#[tokio::test]
async fn acceptance_7_two_replicas_make_one_case_one_message_and_one_sync() {
    // A machine without PostgreSQL proves the same promises on SQLite only.
    let Some(postgres) = Postgres::start().await.expect("PostgreSQL runs") else { return };
    let (mut given, other) = two_replicas(&postgres).await;
    (0..QUEUES).for_each(|number| given.change(&queue(number), "by hand"));
    let (one, two) = tokio::join!(given.look(), given.look_as(&other));
    assert_eq!(one.len() + two.len(), QUEUES, "each drift is one case, whoever was quicker");
    let open = given.service.store.all_cases().await.expect("read");
    assert_eq!(open.len(), QUEUES);
    tokio::join!(given.deliver(), given.deliver_as(&other));
    assert_eq!((given.posts(), given.updates()), (QUEUES, 0));

    let case = open[0].case.id.clone();
    let (one, two) =
        tokio::join!(given.ask(Action::Sync, OPERATOR, &case), given.ask_as(&other, Action::Sync, REVIEWER, &case));
    let went = [&one, &two].into_iter().filter(|answer| matches!(answer, Answer::Go(_))).count();
    assert_eq!(went, 1, "{one:?} {two:?}");

    let notes = (0..20).map(|number| {
        let store = if number % 2 == 0 { given.service.store.clone() } else { other.store.clone() };
        async move { store.note(entry(number)).await.expect("noted") }
    });
    futures::future::join_all(notes).await;
    let audit = other.store.audit().await.expect("read");
    assert_eq!((audit.len(), verify(&audit)), (22, Ok(())));

    let (now, hold) = (Timestamp::now(), SignedDuration::from_secs(60));
    let (one, two) =
        tokio::join!(given.service.store.lease("look", "one", now, hold), other.store.lease("look", "two", now, hold));
    let held = [one.expect("asked"), two.expect("asked")];
    assert_eq!(held.iter().flatten().count(), 1);
    let lease = held.into_iter().flatten().next().expect("one has it");
    assert!(other.store.lease("look", "three", now + hold, hold).await.expect("asked").is_some(), "it ran out");
    given.service.store.release(&lease).await.expect("nothing to release is no error");
    assert!(other.store.lease("look", "four", now + hold, hold).await.expect("asked").is_none(), "it is three's");
    given.service.slack = None;
}

fn entry(number: usize) -> AuditEntry {
    AuditEntry {
        at: Timestamp::UNIX_EPOCH,
        who: format!("U{number}"),
        action: "snooze".into(),
        case: "d_1".into(),
        revision: 1,
        decision: "denied".into(),
        rule: "no rule".into(),
        plan_hash: String::new(),
        commit: String::new(),
        transport: "slack".into(),
        result: String::new(),
    }
}

#[tokio::test]
async fn the_audit_in_postgresql_refuses_to_be_changed_and_no_message_names_a_password() {
    let Some(postgres) = Postgres::start().await.expect("PostgreSQL runs") else { return };
    let store = Store::at(&StoreLocation::parse(&postgres.url())).await.expect("a store");
    store.note(entry(1)).await.expect("noted");
    let psql = |sql: &str| {
        let done =
            std::process::Command::new("psql").args([&postgres.url(), "-c", sql]).output().expect("psql is there");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    for change in ["UPDATE audit SET body = '{}'", "DELETE FROM audit", "TRUNCATE audit"] {
        assert!(psql(change).contains("only added to"), "{change}");
    }
    let wrong = StoreLocation::parse("postgres://groundplan:canary@127.0.0.1:1/nowhere");
    let Err(error) = Store::at(&wrong).await else { panic!("nobody listens there") };
    let told = format!("{error:?} {}", groundplan::plan::chain(&error));
    assert!(told.contains("127.0.0.1:1/nowhere") && !told.contains("canary"), "{told}");
}
