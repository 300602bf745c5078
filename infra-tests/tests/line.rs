//! The line from a commit to applied state, over a world in memory with paused time.

use std::collections::{BTreeMap, BTreeSet};

use groundplan::apply::{AT_ONCE, ApplyError, Ending, Outcome, Report, Success, Watch};
use groundplan::declaration::Declaration;
use groundplan::drift::{self, DriftReport, Verdict};
use groundplan::engine::{Engine, Selection};
use groundplan::graph::Stop;
use groundplan::plan::{By, Consent, Guard, Plan, Refusal};
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{Change, Look, SiteName, UnitId};
use infra_tests::world::World;
use jiff::{SignedDuration, Timestamp};

/// A repository and the world that it is to describe.
struct Line {
    world: World,
    engine: Engine,
    files: BTreeMap<String, String>,
    applied: BTreeSet<UnitId>,
}

const VPC: &str = "stacks/111111111111/vpc";
const QUEUE: &str = "stacks/111111111111/queue";
const SHOP: &str = "clusters/shop/web";

impl Line {
    /// A VPC, a queue beside it, and a shop made from an output of the VPC; nothing exists.
    fn shop() -> Self {
        let files = [
            (VPC, "outputs: {Id: vpc-1}\nholds: network\nseconds: 60\n"),
            (QUEUE, "holds: queue\nseconds: 10\n"),
            (SHOP, "holds: 'in {vpc.Id}'\ntakes: [vpc.Id]\nseconds: 5\n"),
        ];
        let line = Self::empty();
        files.into_iter().fold(line, |line, (unit, text)| line.with(unit, text))
    }

    fn empty() -> Self {
        let world = World::default();
        let engine = Engine::new(world.kinds());
        Self { world, engine, files: BTreeMap::new(), applied: BTreeSet::new() }
    }

    fn with(mut self, unit: &str, text: &str) -> Self {
        self.files.insert(format!("{unit}.yaml"), text.to_owned());
        self
    }

    fn without(mut self, unit: &str) -> Self {
        self.files.remove(&format!("{unit}.yaml"));
        self
    }

    fn declaration(&self) -> Declaration {
        let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), self.files.clone());
        let (declaration, problems) = self.engine.check(&snapshot);
        assert!(problems.errors.is_empty(), "{:?}", problems.errors);
        declaration
    }

    async fn plan(&self, look: Look) -> Plan {
        let declaration = self.declaration();
        self.engine.plan(&all(&declaration), look, &Stop::default()).await
    }

    async fn apply(&mut self, plan: Plan) -> Report {
        let consent = consent(&plan);
        let declaration = self.declaration();
        let approved = plan.approve(&consent, now()).expect("the consent names everything");
        let report = self.engine.apply(approved, &all(&declaration), Watch::default(), Stop::default()).await;
        self.applied.extend(report.outcomes.keys().cloned());
        report
    }

    async fn sync(&mut self) -> Report {
        let plan = self.plan(Look::Close).await;
        self.apply(plan).await
    }

    async fn drift(&self) -> DriftReport {
        drift::report(&self.plan(Look::Close).await, &self.applied, &[], "2026-11-21".parse().expect("a date"))
    }

    fn change_by_hand(&self, unit: &str) {
        self.world.state().things.get_mut(&id(unit)).expect("it exists").live = "by hand".to_owned();
    }

    fn live(&self, unit: &str) -> Option<String> {
        self.world.state().things.get(&id(unit)).map(|thing| thing.live.clone())
    }
}

fn all(declaration: &Declaration) -> Selection<'_> {
    Selection::new(declaration, &declaration.environments[0], &[]).expect("no unit is named")
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time in this century")
}

/// A yes to exactly this plan, with everything in it that needs a word.
fn consent(plan: &Plan) -> Consent {
    Consent {
        digest: plan.digest(),
        by: By::Terminal { user: "operator".to_owned() },
        guards: plan.guards().iter().map(Guard::name).collect(),
        expires: now() + SignedDuration::from_mins(30),
    }
}

fn id(text: &str) -> UnitId {
    UnitId::new(text)
}

fn change<'a>(plan: &'a Plan, unit: &str) -> &'a Change {
    plan.changes().find(|(id, _)| id.as_str() == unit).map_or(&Change::Nothing, |(_, change)| change)
}

#[tokio::test(start_paused = true)]
async fn an_empty_world_is_made_along_the_graph_and_in_parallel() {
    let mut line = Line::shop();
    let plan = line.plan(Look::Quick).await;
    assert_eq!(*change(&plan, SHOP), Change::Later(vec![id(VPC)]));
    let began = tokio::time::Instant::now();
    assert_eq!(line.apply(plan).await.success(), Success::Whole);
    assert_eq!(line.live(SHOP).as_deref(), Some("in vpc-1"), "the output reached the workload");
    assert_eq!(began.elapsed().as_secs(), 65, "the longest way decides, and the queue runs beside it");
}

#[tokio::test(start_paused = true)]
async fn a_second_sync_does_nothing() {
    let mut line = Line::shop();
    line.sync().await;
    let deeds = line.world.state().journal.len();
    assert!(line.plan(Look::Close).await.is_quiet());
    line.sync().await;
    assert_eq!(line.world.state().journal.len(), deeds);
}

#[tokio::test(start_paused = true)]
async fn a_change_by_hand_is_drift_and_sync_puts_it_back() {
    let mut line = Line::shop();
    line.sync().await;
    line.change_by_hand(QUEUE);
    let drifted: Vec<_> = line.drift().await.drifted().map(|unit| (unit.unit.clone(), unit.verdict.clone())).collect();
    assert_eq!(drifted, [(id(QUEUE), Verdict::Drifted)]);
    assert!(line.plan(Look::Quick).await.is_quiet(), "a quick look does not ask for drift");
    line.sync().await;
    assert_eq!(line.live(QUEUE).as_deref(), Some("queue"));
    assert_eq!(line.drift().await.drifted().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_stack_skips_what_waits_for_it_and_nothing_else() {
    let mut line = Line::shop().with(VPC, "outputs: {Id: vpc-1}\nfails: true\n");
    let report = line.sync().await;
    assert!(matches!(report.outcomes[&id(VPC)], Outcome::Failed(_)));
    assert!(matches!(&report.outcomes[&id(SHOP)], Outcome::Skipped(by) if *by == id(VPC)));
    assert_eq!(report.outcomes[&id(QUEUE)].ending(), Ending::Created);
    assert_eq!(report.success(), Success::Part);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_that_was_not_approved() {
    let mut line = Line::shop();
    line.sync().await;
    line.change_by_hand(QUEUE);
    let plan = line.plan(Look::Close).await;
    line.world.state().things.get_mut(&id(QUEUE)).expect("it exists").live = "by another hand".to_owned();
    let report = line.apply(plan).await;
    assert!(matches!(report.outcomes[&id(QUEUE)], Outcome::Failed(ApplyError::Moved { .. })));
    assert_eq!(line.live(QUEUE).as_deref(), Some("by another hand"));
}

#[tokio::test(start_paused = true)]
async fn an_approval_counts_for_its_plan_only_and_not_for_ever() {
    let line = Line::shop();
    let plan = line.plan(Look::Quick).await;
    let other = Line::shop().without(QUEUE).plan(Look::Quick).await;
    assert_eq!(other.approve(&consent(&plan), now()).expect_err("another plan"), Refusal::Moved);
    let late = now() + SignedDuration::from_mins(30);
    assert_eq!(plan.clone().approve(&consent(&plan), late).expect_err("too late"), Refusal::Expired);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_change_carries_its_gentle_consequence() {
    let mut line = Line::shop();
    line.sync().await;
    let mut line = line.with(VPC, "outputs: {Id: vpc-2}\nholds: another network\n");
    assert_eq!(line.sync().await.success(), Success::Whole);
    assert_eq!(line.live(SHOP).as_deref(), Some("in vpc-2"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_environment_is_rebuilt_from_git() {
    let mut line = Line::shop();
    line.sync().await;
    line.world.state().things.clear();
    let gone = line.drift().await;
    assert!(
        gone.units.iter().all(|unit| unit.verdict == Verdict::Gone),
        "what was applied once and is not there is gone"
    );
    assert_eq!(line.sync().await.success(), Success::Whole);
    assert!(line.plan(Look::Close).await.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_declared_is_deleted_only_with_a_word_of_its_own() {
    let mut line = Line::shop();
    line.sync().await;
    let mut line = line.without(SHOP).with("clusters/shop/other", "holds: other\n");
    let plan = line.plan(Look::Quick).await;
    let general = Consent { guards: Vec::new(), ..consent(&plan) };
    assert!(matches!(plan.clone().approve(&general, now()), Err(Refusal::Guarded(_))));
    assert_eq!(line.apply(plan).await.success(), Success::Whole);
    assert_eq!(line.live(SHOP), None);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_could_not_be_read_deletes_nothing() {
    let mut line = Line::shop();
    line.sync().await;
    let line = line.without(SHOP).with("clusters/shop/other", "holds: other\n");
    line.world.state().unreachable = vec![SiteName::new("clusters/shop")];
    let plan = line.plan(Look::Quick).await;
    assert_eq!(plan.deletions, []);
    assert!(plan.troubles().all(|(_, trouble)| trouble.unreachable));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_side_is_unverifiable_and_the_other_side_is_judged() {
    let mut line = Line::shop();
    line.sync().await;
    line.world.state().unreachable = vec![SiteName::new("clusters/shop")];
    let verdicts: BTreeMap<_, _> = line.drift().await.units.into_iter().map(|unit| (unit.unit, unit.verdict)).collect();
    assert_eq!(verdicts[&id(QUEUE)], Verdict::Clean);
    assert!(matches!(verdicts[&id(SHOP)], Verdict::Unverifiable(_)));
}

#[tokio::test(start_paused = true)]
async fn an_empty_tree_deletes_nothing() {
    let mut line = Line::shop();
    line.sync().await;
    let line = line.without(VPC).without(SHOP).without(QUEUE);
    let plan = line.plan(Look::Quick).await;
    assert!(plan.is_quiet(), "no site is declared, so none is asked and nothing goes");
}

#[tokio::test(start_paused = true)]
async fn destroying_runs_in_reverse() {
    let mut line = Line::shop();
    line.sync().await;
    let declaration = line.declaration();
    let plan = line.engine.plan_destroy(&all(&declaration), &Stop::default()).await;
    assert_eq!(line.apply(plan).await.success(), Success::Whole);
    let state = line.world.state();
    let destroyed: Vec<_> = state.journal.iter().filter_map(|(_, what)| what.strip_prefix("destroy ")).collect();
    let at = |unit: &str| destroyed.iter().position(|id| *id == unit).expect("it was destroyed");
    assert!(at(SHOP) < at(VPC));
    assert!(state.things.is_empty());
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_a_run_begins_nothing_new_and_the_next_one_goes_on() {
    let mut line = Line::shop();
    let plan = line.plan(Look::Quick).await;
    let (stop, declaration, consent) = (Stop::default(), line.declaration(), consent(&plan));
    let asked = stop.clone();
    let ask = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        asked.ask();
    });
    let approved = plan.approve(&consent, now()).expect("it is this plan");
    let report = line.engine.apply(approved, &all(&declaration), Watch::default(), stop).await;
    ask.await.expect("it only asks");
    assert_eq!(report.outcomes[&id(VPC)].ending(), Ending::Created, "what was under way ended");
    assert_eq!(report.outcomes[&id(SHOP)].ending(), Ending::Stopped);
    assert_eq!(line.sync().await.success(), Success::Whole);
}

/// A repeatable series of numbers, so that a failing graph can be made again.
struct Series(u64);

impl Series {
    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's constants; only repeatability matters here.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[tokio::test(start_paused = true)]
async fn any_graph_is_walked_in_order_and_no_slower_than_its_longest_way() {
    for seed in 0..40 {
        let mut series = Series(seed);
        let (mut line, mut ends, mut edges) = (Line::empty(), Vec::<u64>::new(), Vec::new());
        for unit in 0..12_usize {
            let upstream: Vec<usize> = (0..unit).filter(|_| series.below(4) == 0).collect();
            let seconds = 1 + series.below(90);
            let begins = upstream.iter().map(|up| ends[*up]).max().unwrap_or(0);
            ends.push(begins + seconds);
            edges.extend(upstream.iter().map(|up| (*up, unit)));
            let after = upstream.iter().map(|up| format!("u{up:02}")).collect::<Vec<_>>().join(", ");
            line = line.with(&format!("stacks/1/u{unit:02}"), &format!("after: [{after}]\nseconds: {seconds}\n"));
        }
        let began = tokio::time::Instant::now();
        assert_eq!(line.sync().await.success(), Success::Whole, "seed {seed}");
        assert_eq!(began.elapsed().as_secs(), ends.iter().copied().max().unwrap_or(0), "seed {seed}");
        let state = line.world.state();
        let at = |what: String| state.journal.iter().position(|(_, noted)| *noted == what).expect("it was noted");
        for (up, unit) in edges {
            assert!(at(format!("end stacks/1/u{up:02}")) < at(format!("begin stacks/1/u{unit:02}")), "seed {seed}");
        }
    }
}

/// Longer than its bound by so many hundredths at most.
const SLACK: u64 = 5;

#[tokio::test(start_paused = true)]
async fn two_hundred_stacks_of_a_random_graph_take_no_longer_than_their_bound_and_a_twentieth() {
    for seed in 0..12 {
        let mut series = Series(seed);
        let (mut line, mut ends, mut work) = (Line::empty(), Vec::<u64>::new(), 0);
        for unit in 0..200_usize {
            // Most wait for one or two of those shortly before them: deep graphs and wide ones.
            let near = 8 + 24 * (seed as usize % 4);
            let upstream: Vec<usize> = match unit {
                0..4 => Vec::new(),
                _ => (0..1 + series.below(2))
                    .map(|_| unit - 1 - usize::try_from(series.below(near.min(unit) as u64)).expect("small"))
                    .collect(),
            };
            let seconds = 15 + series.below(120);
            work += seconds;
            ends.push(upstream.iter().map(|up| ends[*up]).max().unwrap_or(0) + seconds);
            let after = upstream.iter().map(|up| format!("u{up:03}")).collect::<Vec<_>>().join(", ");
            line = line.with(&format!("stacks/1/u{unit:03}"), &format!("after: [{after}]\nseconds: {seconds}\n"));
        }
        let bound = ends.iter().copied().max().unwrap_or(0).max(work / AT_ONCE as u64);
        let began = tokio::time::Instant::now();
        assert_eq!(line.sync().await.success(), Success::Whole, "seed {seed}");
        let took = began.elapsed().as_secs();
        assert!(took * 100 <= bound * (100 + SLACK), "seed {seed}: {took} s, and the bound is {bound} s");
    }
}
