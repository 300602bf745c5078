//! Drift as cases, from the look to Slack and back: the product's own line and store, a world in
//! memory, and the Slack simulator. Each test names the acceptance test that it is.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use groundplan::cases::{Action, Case, CaseState, verify};
use groundplan::declaration::Declaration;
use groundplan::drift;
use groundplan::engine::{Engine, Selection};
use groundplan::graph::Stop;
use groundplan::repo::{self, Access};
use groundplan::serve::{Answer, Service, Source, Transport, Wish};
use groundplan::slack::{Slack, SlackSettings};
use groundplan::store::{Store, What};
use groundplan::unit::{Look, Secret, UnitId};
use infra_tests::slack::{ALERTS, OPERATOR, REVIEWER, Simulator};
use infra_tests::world::World;
use jiff::{SignedDuration, Timestamp};

/// An environment that was synced once, and people who look after it.
struct Given {
    world: World,
    service: Service,
    slack: Simulator,
    folder: tempfile::TempDir,
    declaration: Declaration,
}

const VPC: &str = "stacks/111111111111/vpc";
const QUEUE: &str = "stacks/111111111111/queue";
const SHOP: &str = "clusters/shop/web";
const A_WHILE: Duration = Duration::from_secs(20);

async fn given(access: &str) -> Given {
    let mut files = BTreeMap::from([
        (format!("{VPC}.yaml"), "outputs: {Id: vpc-1}\nholds: network\n".to_owned()),
        (format!("{QUEUE}.yaml"), "holds: queue\n".to_owned()),
        (format!("{SHOP}.yaml"), "holds: 'in {vpc.Id}'\ntakes: [vpc.Id]\n".to_owned()),
    ]);
    let settings =
        format!("repository: shop\nenvironments:\n  default: {{paths: [\"stacks/*\", clusters/shop]}}\n{access}");
    files.insert("groundplan.yaml".to_owned(), settings);
    given_files(files).await
}

async fn given_files(files: BTreeMap<String, String>) -> Given {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = folder.path().join("repository");
    for (path, text) in &files {
        let path = repository.join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    git(&repository, &["init", "-q", "-b", "main"]);
    git(&repository, &["add", "."]);
    git(&repository, &["-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-qm", "given"]);
    let world = World::default();
    let engine = Arc::new(Engine::new(world.kinds()));
    let slack = Simulator::start().await.expect("a free port");
    let settings = SlackSettings {
        bot_token: Some(Secret::new(slack.bot_token())),
        api_url: Some(slack.api_url()),
        channels: BTreeMap::from([("default".to_owned(), ALERTS.to_owned())]),
        ..SlackSettings::default()
    };
    let location = repository.display().to_string();
    let opened = repo::open(&location, folder.path(), &Access::default(), &|_| ()).expect("a repository");
    let snapshot = opened.commit(None).and_then(|commit| opened.snapshot(&commit)).expect("a commit");
    let (declaration, problems) = engine.check(&snapshot);
    assert!(problems.errors.is_empty(), "{:?}", problems.errors);
    let source = Source::new(location, folder.path().to_owned(), Access::default(), Arc::new(opened));
    let service = Service {
        engine,
        source: Arc::new(source),
        store: Store::open(&folder.path().join("store.db")).await.expect("a store"),
        slack: Some(Slack::new(settings).expect("an address on this machine")),
        approvers: [OPERATOR.to_owned()].into(),
        settle: SignedDuration::from_millis(200),
        turn: Arc::default(),
        news: Arc::default(),
    };
    let given = Given { world, service, slack, folder, declaration };
    given.sync().await;
    given
}

fn git(folder: &std::path::Path, arguments: &[&str]) {
    let done = Command::new("git").args(arguments).current_dir(folder).status().expect("git is there");
    assert!(done.success(), "git {arguments:?}");
}

impl Given {
    /// Everything as declared, and remembered as applied.
    async fn sync(&self) {
        let selection = self.selection();
        let plan = self.service.engine.plan(&selection, Look::Close, &Stop::default()).await;
        let by = groundplan::plan::By::Terminal { user: "test".to_owned() };
        let now = Timestamp::now();
        let guards = plan.guards().iter().map(groundplan::plan::Guard::name).collect();
        let expires = now + SignedDuration::from_mins(1);
        let consent = groundplan::plan::Consent { digest: plan.digest(), by, guards, expires };
        let approved = plan.approve(&consent, now).expect("it is exactly this plan");
        self.service.engine.apply(approved, &selection, Default::default(), Stop::default()).await;
        let environment = &selection.environment.name;
        let units: Vec<_> = selection.graph.members().map(|member| member.declared.id.clone()).collect();
        let commit = &self.declaration.commit;
        let kept = self.service.store.remember_applied("shop", environment, &units, commit, now).await;
        kept.expect("kept");
    }

    fn selection(&self) -> Selection<'_> {
        Selection::new(&self.declaration, &self.declaration.environments[0], &[]).expect("no unit is named")
    }

    fn change(&self, unit: &str, live: &str) {
        self.world.state().things.get_mut(&UnitId::new(unit)).expect("it exists").live = live.to_owned();
    }

    async fn look(&self) -> Vec<Case> {
        let selection = self.selection();
        let plan = self.service.engine.plan(&selection, Look::Close, &Stop::default()).await;
        let applied =
            self.service.store.applied("shop", &selection.environment.name).await.expect("the store is there");
        let report = drift::report(&plan, &applied, &self.declaration.ignore, jiff::Zoned::now().date());
        self.service.tell(&selection, &plan, &report, Timestamp::now()).await.expect("it is kept")
    }

    async fn deliver(&self) {
        self.service.deliver(A_WHILE).await.expect("the store is there");
    }

    fn posts(&self) -> usize {
        self.slack.calls().iter().filter(|call| call.method == "chat.postMessage").count()
    }

    fn updates(&self) -> usize {
        self.slack.calls().iter().filter(|call| call.method == "chat.update").count()
    }

    async fn case(&self, id: &str) -> Case {
        self.service.store.case(id).await.expect("the store is there").expect("the case is there").case
    }

    async fn ask(&self, action: Action, who: &str, case: &str) -> Answer {
        let transport = Transport::Terminal { confirmed: Some("default".to_owned()) };
        let wish = Wish { case: case.to_owned(), action, who: who.to_owned(), transport, span: None };
        self.service.act(&wish).await.expect("the store is there")
    }
}

fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

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
    given.slack.fail("conversations.history", 503);
    given.change(QUEUE, "0");
    given.look().await;
    given.deliver().await;
    for value in 1..40 {
        given.change(QUEUE, &value.to_string());
        given.look().await;
        given.deliver().await;
    }
    assert_eq!(given.posts(), 0, "it waits before it tries again");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    given.deliver().await;
    assert_eq!((given.posts(), given.updates()), (1, 0));
    assert_eq!(given.service.store.unsent().await.expect("read").0, 0);
}

#[tokio::test]
async fn acceptance_7_and_8_of_two_who_ask_one_syncs_and_an_old_message_is_refused() {
    let given = given("").await;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    let wish = |revision| Wish {
        case: case.id.clone(),
        action: Action::Sync,
        who: OPERATOR.to_owned(),
        transport: Transport::Slack {
            revision,
            plan: case.plan_hash[..16].to_owned(),
            channel: String::new(),
            message: String::new(),
        },
        span: None,
    };
    assert!(refused(given.service.act(&wish(99)).await.expect("read")).contains("moved on"));
    let other = given.service.clone();
    let (first, second) = (wish(1), wish(1));
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
    let transport = Transport::Terminal { confirmed: None };
    let wish = Wish { case: case.id, action: Action::Sync, who: OPERATOR.to_owned(), transport, span: None };
    let after = given.service.sync(*kept, &wish).await.expect("kept");
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
    let transport = Transport::Terminal { confirmed: None };
    let wish = Wish { case: case.id, action: Action::Sync, who: OPERATOR.to_owned(), transport, span: None };
    let after = given.service.sync(*kept, &wish).await.expect("kept");
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
    let names: Vec<_> = (0..40).map(|number| format!("stacks/111111111111/queue{number:02}")).collect();
    let mut files: BTreeMap<_, _> =
        names.iter().map(|name| (format!("{name}.yaml"), format!("holds: queue {name}\n"))).collect();
    files.insert("groundplan.yaml".to_owned(), "repository: shop\n".to_owned());
    let given = given_files(files).await;
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
