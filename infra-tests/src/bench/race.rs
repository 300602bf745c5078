//! The Kubernetes side: the same objects, by everybody in turn.

use anyhow::Result;

use super::Size;
use super::figures::{Cost, middle};
use super::meter::Meter;
use super::report::{Goal, Told};
use super::runner::{Runner, What, Who};
use super::table::{Line, Table};
use crate::sandbox::{Parts, Sandbox, say};

/// Enough to fill every cache that a second run finds filled.
const WARM_UP: usize = 40;
/// From so many objects on, starting a program no longer decides.
const MANY: usize = 1000;

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    let meter = Meter::new(sandbox.cluster())?;
    let mut runners = Vec::new();
    for who in Who::ALL.into_iter().filter(|who| size.peers || !who.is_peer()) {
        runners.push(Runner::new(who, &sandbox, &meter).await?);
    }
    for runner in &runners {
        runner.run("warm", WARM_UP).await?;
    }
    wipe(&runners, "warm").await?;
    let mut told = Told::default();
    introduce(&mut told);
    for count in &size.objects {
        let mut costs = Costs(Vec::new());
        // Ten times as many take ten times as long: one run then says enough.
        let repetitions = if *count > MANY { 1 } else { size.repetitions };
        for repetition in 1..=repetitions {
            say(&format!("bench: {count} objects, repetition {repetition} of {repetitions}"));
            // In turns, and not always the same one first.
            runners.rotate_left(1);
            let run = format!("n{count}-r{repetition}");
            for runner in &runners {
                let of_one = runner.run(&run, *count).await?;
                costs.0.extend(of_one.into_iter().map(|(what, cost)| (what, runner.who, cost)));
            }
            wipe(&runners, &run).await?;
        }
        told.paragraph(&format!("{count} objects"), &format!("{repetitions} runs of each contender, in turns."));
        told.table(&costs.table());
        if *count >= MANY {
            told.goals.extend(costs.goals(*count));
        }
    }
    Ok(told)
}

/// All at once, since a namespace takes its time to go.
async fn wipe(runners: &[Runner<'_>], run: &str) -> Result<()> {
    futures::future::try_join_all(runners.iter().map(|runner| runner.wipe(run))).await.map(drop)
}

fn introduce(told: &mut Told) {
    told.paragraph(
        "Kubernetes beside kubectl and Helm (`--only objects --objects 100,1000,10000`)",
        "a quarter each ServiceAccounts, ConfigMaps, Services and Deployments (with no replicas), in 5 namespaces, one workload; \
         fresh names in each run, one API server at rest before it. groundplan also waits until every object is ready and \
         remembers in the cluster what it did; the others end when the last object is written. Every run is a new process; \
         *nothing remembered* has lost its cache and its store, too. *Quiet sync* is the first look after the sync: it looks at \
         everything and notes it, so that the *drift* after it asks for names and versions alone. *Drift, 1 %* looks after every hundredth object was \
         changed by hand; its ceiling is the LISTs and one dry run for each of these. Helm has no drift of its own. *× tuned \
         kubectl* says \"in every run\" only where no two runs overlap.",
    );
}

/// What was done, by whom, and what it cost.
struct Costs(Vec<(What, Who, Cost)>);

impl Costs {
    fn of(&self, what: What, who: Who) -> Vec<&Cost> {
        self.0.iter().filter(|(did, by, _)| (*did, *by) == (what, who)).map(|(.., cost)| cost).collect()
    }

    fn table(&self) -> String {
        let mut table = Table::new("API server CPU", "tuned kubectl");
        for what in What::ALL {
            for who in Who::ALL {
                table.add(line(what, who), self.of(what, who));
            }
        }
        table.text()
    }

    fn goals(&self, count: usize) -> Vec<Goal> {
        let wall = |what, who| middle(&self.of(what, who), |cost| cost.wall.as_secs_f64());
        let ratio = |what, who, other| Some(wall(what, who)? / wall(what, other)?);
        let ours = Who::Groundplan;
        let mut goals = Vec::new();
        let mut add = |what: &str, target: &str, measured: Option<f64>, unit: &str, most: f64| {
            let Some(measured) = measured else { return };
            let goal =
                Goal::new(format!("{what}, {count} objects"), target, format!("{measured:.2}{unit}"), measured <= most);
            goals.push(goal);
        };
        add("first sync", "≤ 1.11 × ceiling", ratio(What::First, ours, Who::Ceiling), " ×", 1.11);
        add("first sync", "≤ 0.5 × tuned kubectl", ratio(What::First, ours, Who::Kubectl), " ×", 0.5);
        add("first sync", "≤ 0.5 × Helm", ratio(What::First, ours, Who::Helm), " ×", 0.5);
        let share = |cost: &Cost| cost.tool.as_secs_f64() / cost.server.unwrap_or_default().as_secs_f64();
        let share = middle(&self.of(What::First, ours), share);
        add("first sync: our CPU", "≤ 0.2 × the API server's", share, " ×", 0.2);
        let scale = (count as f64 / 10_000.0).max(0.1);
        let quiet = |seconds: f64| (format!("≤ {:.2} s", seconds * scale), seconds * scale);
        let (words, most) = quiet(0.15);
        add("quiet sync", &words, wall(What::Quiet, ours), " s", most);
        let (words, most) = quiet(0.5);
        add("quiet sync, nothing remembered", &words, wall(What::Cold, ours), " s", most);
        let asked = |what| middle(&self.of(what, ours), |cost| cost.requests.values().sum::<u64>() as f64);
        // The five kinds, the two of discovery, and where it keeps what it remembers.
        add("quiet sync: requests", "one a kind and four", asked(What::Quiet), "", 9.0);
        let more = asked(What::Changed).zip(asked(What::Drift)).map(|(changed, quiet)| changed - quiet);
        let changed = (count / 100) as f64;
        add("drift, 1 %: requests more than a quiet look's", "≤ 2 for each that was changed", more, "", 2.0 * changed);
        goals
    }
}

fn line(what: What, who: Who) -> Line {
    let deed = match what {
        What::First => "first sync",
        What::Quiet => "quiet sync",
        What::Cold => "quiet sync, nothing remembered",
        What::Drift => "drift, nothing changed",
        What::Changed => "drift, 1 % changed",
    };
    let (name, rank) = match (who, what) {
        (Who::Ceiling, What::First) => ("ceiling: bare applies", 0),
        (Who::Ceiling, What::Quiet | What::Cold | What::Drift) => ("ceiling: bare LISTs", 0),
        (Who::Ceiling, What::Changed) => ("ceiling: bare LISTs and dry runs", 0),
        (Who::Groundplan, What::First | What::Quiet | What::Cold) => ("**groundplan sync**", 1),
        (Who::Groundplan, What::Drift | What::Changed) => ("**groundplan drift**", 1),
        (Who::Kubectl, What::First | What::Quiet | What::Cold) => ("kubectl apply --server-side --validate=false", 2),
        (Who::Kubectl | Who::KubectlAsShipped | Who::Helm, What::Drift | What::Changed) => {
            ("kubectl diff --server-side", 2)
        }
        (Who::KubectlAsShipped, What::First | What::Quiet | What::Cold) => {
            ("kubectl apply --server-side (as shipped)", 3)
        }
        (Who::Helm, What::First | What::Quiet | What::Cold) => ("helm upgrade --install, client limits raised", 3),
    };
    Line { deed, name, rank }
}
