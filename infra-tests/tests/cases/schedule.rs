//! Looks by themselves: when they are due, and what is said when nobody can look.

use std::collections::BTreeMap;
use std::time::Duration;

use groundplan::cases::Case;
use groundplan::graph::Stop;
use groundplan::serve::underway;
use infra_tests::sandbox::until;
use infra_tests::slack::ALERTS;
use jiff::{SignedDuration, Timestamp};

use crate::given::{Given, QUEUE, given_files};

async fn given() -> Given {
    given_in("UTC").await
}

async fn given_in(zone: &str) -> Given {
    let schedule = format!("schedule: \"* * * * * {zone}\"");
    let settings = format!("repository: shop\nenvironments:\n  default: {{paths: [\"stacks/*\"], {schedule}}}\n");
    let files = [(format!("{QUEUE}.yaml"), "holds: queue\n".to_owned()), ("groundplan.yaml".to_owned(), settings)];
    given_files(BTreeMap::from(files)).await
}

impl Given {
    /// Serves until `fact` holds.
    async fn serve_until(&self, fact: impl AsyncFn() -> bool) {
        let service = tokio::spawn(self.service.clone().run(None, false));
        let holds = until("the service to do it", Duration::from_secs(60), async || Ok(fact().await.then_some(())));
        holds.await.expect("it does it");
        service.abort();
        let _ = service.await;
    }

    fn tells(&self, words: &str) -> bool {
        self.slack.messages(ALERTS).iter().any(|message| message.now().to_string().contains(words))
    }

    /// As if the last look had been some minutes ago.
    async fn looked_before(&self, failed: bool) {
        let (store, environment) = (&self.service.store, &self.declaration.environments[0].name);
        let before = Timestamp::now() - SignedDuration::from_mins(5);
        match failed {
            false => store.remember_look("shop", environment, before).await.expect("kept"),
            true => {
                store.remember_failure("shop", environment, before, "no answer").await.expect("kept");
            }
        }
    }

    async fn open(&self) -> Vec<Case> {
        let all = self.service.store.all_cases().await.expect("read");
        all.into_iter().map(|kept| kept.case).collect()
    }
}

#[tokio::test]
async fn a_look_that_is_due_is_made_and_a_clean_one_says_nothing_in_the_channel() {
    let given = given().await;
    given.looked_before(false).await;
    let seen = async || {
        let looked = given.service.store.all_looked().await.expect("read");
        looked[0].at > Timestamp::now() - SignedDuration::from_mins(1)
    };
    given.serve_until(seen).await;
    assert_eq!(given.posts(), 0);
    given.looked_before(false).await;
    given.change(QUEUE, "by hand");
    given.serve_until(async || given.tells("Drift in default")).await;
    assert_eq!(given.posts(), 1);
}

#[tokio::test]
async fn two_failed_looks_make_cases_stale_and_are_told_once_and_so_is_their_end() {
    let given = given().await;
    given.change(QUEUE, "by hand");
    given.look().await;
    given.deliver().await;
    let sites: Vec<_> = given.declaration.graph.places().map(|place| place.site.name()).collect();
    given.world.state().unreachable.extend(sites);
    given.looked_before(true).await;
    given.serve_until(async || given.tells("could not be looked at 2 times in a row")).await;
    assert_eq!(given.open().await[0].state.word(), "stale");
    given.looked_before(true).await;
    given.serve_until(async || given.service.store.all_looked().await.expect("read")[0].failures > 3).await;
    assert_eq!(given.posts(), 2, "the case and one warning");
    given.world.state().unreachable.clear();
    given.looked_before(true).await;
    given.serve_until(async || given.tells("looked at again")).await;
    assert_eq!(given.open().await[0].state.word(), "open");
}

#[tokio::test]
async fn a_look_that_was_stopped_rules_nothing_out_that_it_did_not_come_to() {
    let given = given().await;
    given.change(QUEUE, "by hand");
    given.look().await;
    let (selection, stop) = (given.selection(), Stop::default());
    stop.ask();
    let seen = given.service.look_closely(&selection, &stop).await.expect("the store is there");
    assert_eq!(seen.report.unverifiable().map(|(unit, _)| unit.as_str()).collect::<Vec<_>>(), [QUEUE]);
    given.service.tell(&selection, &seen, Timestamp::now()).await.expect("kept");
    assert_eq!(given.open().await[0].state.word(), "stale");
}

/// A zone in which it is a little after nine in the morning now.
fn morning() -> String {
    let hour = i32::from(Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour());
    // POSIX counts the other way: `Etc/GMT-3` is three hours ahead of UTC.
    match 9 - hour {
        0 => "UTC".to_owned(),
        ahead @ 1.. => format!("Etc/GMT-{ahead}"),
        behind if behind >= -12 => format!("Etc/GMT+{}", -behind),
        behind => format!("Etc/GMT-{}", behind + 24),
    }
}

#[tokio::test]
async fn what_waits_for_more_than_a_day_is_told_once_in_the_morning() {
    let given = given_in(&morning()).await;
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    given.deliver().await;
    let old = Case { first_seen: case.first_seen - SignedDuration::from_hours(30), revision: 2, ..case };
    let step = groundplan::store::Step { before: Some(1), case: old, tell: false, audit: None };
    assert_eq!(given.service.store.keep(&[step], &[], Timestamp::now()).await.expect("kept"), [true]);
    given.serve_until(async || given.tells("1 case open for more than a day")).await;
    given.looked_before(false).await;
    given.serve_until(async || given.service.store.all_looked().await.expect("read")[0].failures == 0).await;
    given.deliver().await;
    assert_eq!(given.posts(), 2, "the case and one digest");
}

#[tokio::test]
async fn acceptance_20_while_a_rebuild_is_under_way_no_case_is_told_and_at_its_end_what_is_left_is() {
    let given = given().await;
    let environment = &given.declaration.environments[0].name;
    let begun = underway::begin(&given.service.store, "shop", environment, "rebuild by login:ada").await;
    let underway = begun.expect("kept").expect("nobody else is at it");
    let second = underway::begin(&given.service.store, "shop", environment, "sync by login:bob").await;
    assert_eq!(second.expect("read").expect_err("one is under way").by, "rebuild by login:ada");
    given.change(QUEUE, "half made");
    given.looked_before(false).await;
    let selection = given.selection();
    let seen = given.service.look_closely(&selection, &Stop::default()).await.expect("the store is there");
    let refused = given.service.tell(&selection, &seen, Timestamp::now()).await;
    assert!(refused.expect_err("a rebuild is under way").to_string().contains("rebuild by login:ada"));
    let service = tokio::spawn(given.service.clone().run(None, false));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((given.open().await.len(), given.posts()), (0, 0), "what is half made is no drift");
    underway.end().await.expect("kept");
    let told = until("the case", Duration::from_secs(60), async || Ok(given.tells("Drift in default").then_some(())));
    told.await.expect("what is left is told when it has ended");
    service.abort();
}

#[tokio::test]
async fn a_look_that_began_before_a_drift_was_seen_does_not_rule_it_out() {
    let given = given().await;
    let selection = given.selection();
    // As on AWS, where a look takes minutes, and a watch tells of a cluster meanwhile.
    let began = given.service.look_closely(&selection, &Stop::default()).await.expect("the store is there");
    given.change(QUEUE, "by hand");
    let case = given.look().await.remove(0);
    given.service.tell(&selection, &began, Timestamp::now()).await.expect("kept");
    let now = given.open().await.remove(0);
    assert_eq!((now.revision, now.clean_since), (case.revision, None));
}
