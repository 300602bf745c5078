//! Looks by themselves: when they are due, and what is said when nobody can look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groundplan::cases::Case;
use groundplan::drift;
use groundplan::graph::Stop;
use groundplan::unit::Look;
use infra_tests::sandbox::until;
use infra_tests::slack::ALERTS;
use jiff::{SignedDuration, Timestamp};

use crate::given::{Given, QUEUE, given_files};

async fn given() -> Given {
    let settings = "repository: shop\nenvironments:\n  default: {paths: [\"stacks/*\"], schedule: \"* * * * *\"}\n";
    let files = [(format!("{QUEUE}.yaml"), "holds: queue\n"), ("groundplan.yaml".to_owned(), settings)];
    given_files(BTreeMap::from(files.map(|(path, text)| (path, text.to_owned())))).await
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
    let plan = given.service.engine.plan(&selection, Look::Close, &stop).await;
    let report = drift::report(&plan, &BTreeSet::new(), &[], jiff::Zoned::now().date());
    assert_eq!(report.unverifiable().map(|(unit, _)| unit.as_str()).collect::<Vec<_>>(), [QUEUE]);
    given.service.tell(&selection, &plan, &report, Timestamp::now()).await.expect("kept");
    assert_eq!(given.open().await[0].state.word(), "stale");
}
