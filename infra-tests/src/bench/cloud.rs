//! The AWS side: the same stacks by the product and by a bare client, on the emulator.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Size;
use super::figures::{Cost, middle};
use super::meter::program;
use super::process;
use super::report::{Goal, Told};
use super::runner::Who;
use super::stacks::{ACCOUNT, BareCaller, drifted, names, write};
use super::table::{Line, Table};
use crate::product::Product;
use crate::sandbox::{Caller, Parts, Sandbox, say};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    First,
    Quiet,
    /// After every hundredth stack's queue was changed by hand.
    Drift,
}

impl What {
    const ALL: [Self; 3] = [Self::First, Self::Quiet, Self::Drift];
}

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let owner = sandbox.account_owner(ACCOUNT)?;
    let race = Race { owner, bare: BareCaller(Caller::root(sandbox.aws_endpoint(), ACCOUNT)?), sandbox: &sandbox };
    for who in [Who::Ceiling, Who::Groundplan] {
        race.run(who, 0, 2).await?;
    }
    let mut costs: Vec<(What, Who, Cost)> = Vec::new();
    for repetition in 1..=size.repetitions {
        say(&format!("bench: {} stacks, repetition {repetition} of {}", size.stacks, size.repetitions));
        let mut order = [Who::Ceiling, Who::Groundplan];
        order.rotate_left(repetition % 2);
        for who in order {
            costs.extend(
                race.run(who, repetition, size.stacks).await?.into_iter().map(|(what, cost)| (what, who, cost)),
            );
        }
    }
    Ok(tell(size, &costs))
}

struct Race<'a> {
    sandbox: &'a Sandbox,
    /// Whom nobody counts.
    owner: Caller,
    bare: BareCaller,
}

impl Race<'_> {
    async fn run(&self, who: Who, repetition: usize, count: usize) -> Result<Vec<(What, Cost)>> {
        let is_ours = who == Who::Groundplan;
        let run = format!("r{repetition}-{}", if is_ours { "groundplan" } else { "ceiling" });
        let names = names(&run, count);
        let source = self.sandbox.logs().join("bench-stacks").join(&run);
        write(&source, &names)?;
        let mut costs = Vec::new();
        for what in What::ALL {
            if what == What::Drift {
                self.bare.change(&self.owner, drifted(&names)).await?;
            }
            let cost = match is_ours {
                true => self.groundplan(what, &source).await?,
                false => self.ceiling(what, &names).await?,
            };
            let found = self.bare.there(&run).await?;
            ensure!(found == count, "{who:?} left {found} of {count} stacks");
            costs.push((what, cost));
        }
        self.bare.delete(&names).await?;
        Ok(costs)
    }

    async fn groundplan(&self, what: What, source: &Path) -> Result<Cost> {
        let product = Product::at(self.sandbox)?
            .with("GROUNDPLAN_REPO", source.display().to_string())
            .with("XDG_CACHE_HOME", self.sandbox.logs().join("bench-cache").display().to_string());
        // Whoever is fast and blind is not fast: what was changed by hand must be told.
        let (arguments, code): (&[&str], i32) = match what {
            What::First => (&["sync", "--yes"], 0),
            What::Quiet => (&["plan"], 0),
            What::Drift => (&["drift"], 2),
        };
        self.around(program(product.command(arguments), code)).await
    }

    async fn ceiling(&self, what: What, names: &[String]) -> Result<Cost> {
        let own = async {
            let before = process::own_time()?;
            match what {
                What::First => self.bare.create(names).await?,
                What::Quiet => self.bare.list().await?,
                What::Drift => self.bare.detect(names, drifted(names)).await?,
            }
            Ok((process::own_time()?.saturating_sub(before), None))
        };
        self.around(own).await
    }

    async fn around(&self, run: impl Future<Output = Result<(Duration, Option<u64>)>>) -> Result<Cost> {
        let (counts, began) = (self.sandbox.proxy().counts(), Instant::now());
        let (tool, memory) = run.await?;
        let wall = began.elapsed();
        let calls = self.sandbox.proxy().counts().since(&counts).by_action();
        let requests = calls.into_iter().map(|(action, tally)| (action, tally.calls)).collect();
        Ok(Cost { wall, written: None, tool, server: None, memory, requests })
    }
}

fn tell(size: &Size, costs: &[(What, Who, Cost)]) -> Told {
    let of = |what: What, who: Who| -> Vec<&Cost> {
        costs.iter().filter(|(did, by, _)| (*did, *by) == (what, who)).map(|(.., cost)| cost).collect()
    };
    let mut table = Table::new("server", "peer");
    for what in What::ALL {
        let (deed, bare) = match what {
            What::First => ("first sync", "ceiling: five calls a stack"),
            What::Quiet => ("quiet plan", "ceiling: one list"),
            What::Drift => ("drift, 1 % changed", "ceiling: a detection a stack, one list, what drifted"),
        };
        table.add(Line { deed, name: bare, rank: 0 }, of(what, Who::Ceiling));
        let name = if what == What::First { "**groundplan sync**" } else { "**groundplan**" };
        table.add(Line { deed, name, rank: 1 }, of(what, Who::Groundplan));
    }
    let mut told = Told::default();
    told.paragraph(
        &format!("{} stacks (`--only stacks --stacks {}`)", size.stacks, size.stacks),
        &format!(
            "one queue each, in one account and region of an emulator in which a stack is made at once: the calls carry over to AWS, the \
             times do not. {} runs in turns; the ceiling makes the documented calls and nothing else, 16 stacks at a time. Before the \
             look for drift every hundredth queue is changed by hand.",
            size.repetitions,
        ),
    );
    told.table(&table.text());
    told.goals.extend(goals(size.stacks, &of));
    told
}

fn goals<'a>(stacks: usize, of: &impl Fn(What, Who) -> Vec<&'a Cost>) -> Vec<Goal> {
    let calls = |what| middle(&of(what, Who::Groundplan), |cost| cost.requests.values().sum::<u64>() as f64);
    let memory = of(What::Quiet, Who::Groundplan).iter().filter_map(|cost| cost.memory).max();
    let mut goals = Vec::new();
    if let Some(calls) = calls(What::First) {
        let each = calls / stacks as f64;
        goals.push(Goal::new(
            format!("first sync of {stacks} stacks: calls a stack"),
            "≤ 5",
            format!("{each:.2}"),
            each <= 5.0,
        ));
    }
    if let Some(calls) = calls(What::Quiet) {
        // A page has a hundred; as many again, for who one is and what is remembered.
        let most = stacks.div_ceil(100).max(5) as f64 * 2.0;
        goals.push(Goal::new(
            format!("quiet plan of {stacks} stacks: calls"),
            format!("≤ {most}"),
            format!("{calls}"),
            calls <= most,
        ));
    }
    if let Some(bytes) = memory {
        let (what, measured) = (format!("quiet plan of {stacks} stacks: memory"), format!("{} MiB", bytes >> 20));
        goals.push(Goal::new(what, "≤ 100 MB", measured, bytes <= 100_000_000));
    }
    if let Some(calls) = calls(What::Drift) {
        let most = (stacks as f64 * 1.15).floor() + stacks.div_ceil(100) as f64;
        let what = format!("drift of {stacks} stacks, 1 % of them drifted: calls");
        goals.push(Goal::new(what, format!("≤ 1.15 N + D = {most}"), format!("{calls}"), calls <= most));
    }
    goals
}
