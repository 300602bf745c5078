//! An environment that was synced once, and people who look after it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use groundplan::cases::{Action, Case};
use groundplan::declaration::Declaration;
use groundplan::engine::{Engine, Selection};
use groundplan::forge::{Forge, ForgeSettings};
use groundplan::graph::Stop;
use groundplan::repo::{self, Access};
use groundplan::serve::{Answer, Service, Source, Transport, Wish};
use groundplan::slack::{Slack, SlackSettings};
use groundplan::store::{Store, StoreLocation};
use groundplan::unit::{Look, Secret, UnitId};
use infra_tests::slack::{ALERTS, Call, Message, OPERATOR, Simulator};
use infra_tests::world::World;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

/// The product's own line and store over a world in memory, and the Slack simulator.
pub(crate) struct Given {
    pub(crate) world: World,
    pub(crate) service: Service,
    pub(crate) slack: Simulator,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) declaration: Declaration,
}

pub(crate) const VPC: &str = "stacks/111111111111/vpc";
pub(crate) const QUEUE: &str = "stacks/111111111111/queue";
pub(crate) const SHOP: &str = "clusters/shop/web";
const A_WHILE: Duration = Duration::from_secs(20);

pub(crate) async fn given(access: &str) -> Given {
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

pub(crate) async fn given_files(files: BTreeMap<String, String>) -> Given {
    given_at(files, None).await
}

/// With so many queues, each named as what it holds; and their names.
pub(crate) async fn given_queues(count: usize) -> (Given, Vec<String>) {
    let names: Vec<_> = (0..count).map(|number| format!("stacks/111111111111/queue{number:02}")).collect();
    let mut files: BTreeMap<_, _> =
        names.iter().map(|name| (format!("{name}.yaml"), format!("holds: queue {name}\n"))).collect();
    files.insert("groundplan.yaml".to_owned(), "repository: shop\n".to_owned());
    (given_files(files).await, names)
}

/// With its cases in `store`, or in a file of its own.
pub(crate) async fn given_at(files: BTreeMap<String, String>, store: Option<StoreLocation>) -> Given {
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
        app_token: Some(Secret::new(slack.app_token())),
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
        store: Store::at(&store.unwrap_or_else(|| folder.path().join("store.db").into())).await.expect("a store"),
        slack: Some(Slack::new(settings).expect("an address on this machine")),
        alertmanager: None,
        forge: Forge::new(ForgeSettings::default()),
        approvers: [OPERATOR.to_owned()].into(),
        settle: SignedDuration::from_millis(200),
        ask_after: vec![SignedDuration::from_millis(200)],
        list_after: SignedDuration::ZERO,
        turn: Arc::default(),
        news: Arc::default(),
        owner: "test".to_owned(),
        health: groundplan::serve::Health::default(),
        metrics: groundplan::metrics::Metrics::default(),
        records: groundplan::serve::Records::default(),
        requests: groundplan::serve::OpenRequests::default(),
        group_wait: Duration::ZERO,
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
    pub(crate) async fn sync(&self) {
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

    pub(crate) fn selection(&self) -> Selection<'_> {
        Selection::new(&self.declaration, &self.declaration.environments[0], &[]).expect("no unit is named")
    }

    pub(crate) fn change(&self, unit: &str, live: &str) {
        self.world.state().things.get_mut(&UnitId::new(unit)).expect("it exists").live = live.to_owned();
    }

    pub(crate) async fn look(&self) -> Vec<Case> {
        self.look_as(&self.service).await
    }

    pub(crate) async fn look_as(&self, service: &Service) -> Vec<Case> {
        let selection = self.selection();
        let seen = service.look_closely(&selection, &Stop::default()).await.expect("the store is there");
        service.tell(&selection, &seen, Timestamp::now()).await.expect("it is kept")
    }

    pub(crate) async fn deliver(&self) {
        self.deliver_as(&self.service).await;
    }

    pub(crate) async fn deliver_as(&self, service: &Service) {
        service.deliver(A_WHILE).await.expect("the store is there");
    }

    /// Messages in the channel itself, replies in threads aside.
    pub(crate) fn posts(&self) -> usize {
        let is_root = |call: &&Call| call.method == "chat.postMessage" && call.arguments["thread_ts"].is_null();
        self.slack.calls().iter().filter(is_root).count()
    }

    /// What stands in threads, as it is now.
    pub(crate) fn replies(&self) -> Vec<Message> {
        let messages = self.slack.messages(ALERTS);
        messages.into_iter().filter(|message| message.versions[0]["thread_ts"].is_string()).collect()
    }

    /// The service as it runs, until this is dropped or aborted.
    pub(crate) async fn serve(&self) -> JoinHandle<()> {
        let service = self.service.clone();
        let serving = tokio::spawn(async move {
            service.run(None, true).await.expect("it serves until it is stopped");
        });
        assert!(self.slack.connected(1, A_WHILE).await);
        serving
    }

    /// Presses a button, and waits for the dialog that it opens.
    pub(crate) async fn press_for_dialog(&self, ts: &str, action_id: &str, user: &str) {
        let opened = self.slack.views().len();
        self.slack.press(ALERTS, ts, action_id, user).await.expect("the button is there");
        self.dialog_after(opened).await;
    }

    /// Waits until more than so many dialogs were opened.
    pub(crate) async fn dialog_after(&self, opened: usize) {
        let more = async || {
            while self.slack.views().len() == opened {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(A_WHILE, more()).await.expect("a dialog is opened");
    }

    /// What the one who pressed was told where nobody else reads it.
    pub(crate) async fn whisper(&self, user: &str) -> String {
        let told = async || loop {
            let for_them = |message: &Message| message.ephemeral_to.as_deref() == Some(user);
            if let Some(message) = self.slack.messages(ALERTS).into_iter().rev().find(for_them) {
                return message.now()["text"].as_str().unwrap_or_default().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        tokio::time::timeout(A_WHILE, told()).await.expect("they are told")
    }

    pub(crate) fn updates(&self) -> usize {
        self.slack.calls().iter().filter(|call| call.method == "chat.update").count()
    }

    pub(crate) async fn case(&self, id: &str) -> Case {
        self.service.store.case(id).await.expect("the store is there").expect("the case is there").case
    }

    pub(crate) async fn ask(&self, action: Action, who: &str, case: &str) -> Answer {
        self.ask_as(&self.service, action, who, case).await
    }

    pub(crate) async fn ask_as(&self, service: &Service, action: Action, who: &str, case: &str) -> Answer {
        let transport = Transport::Terminal { confirmed: Some("default".to_owned()) };
        let wish = Wish { transport, ..wish(action, who, case) };
        service.act(&wish).await.expect("the store is there")
    }
}

/// What somebody asks for at a terminal.
pub(crate) fn wish(action: Action, who: &str, case: &str) -> Wish {
    let transport = Transport::Terminal { confirmed: None };
    Wish { case: case.to_owned(), action, who: who.to_owned(), transport, span: None, break_glass: None }
}

pub(crate) fn refused(answer: Answer) -> String {
    match answer {
        Answer::Refused(why) | Answer::Closed { why, .. } => why,
        other => panic!("it was not refused: {other:?}"),
    }
}
