//! The AWS side: the same stacks by the product and by a bare client, on the emulator.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Size;
use super::figures::Cost;
use super::meter::program;
use super::process;
use super::runner::{What, Who};
use super::stacks::{ACCOUNT, BareCaller, names, write};
use super::table::{Line, Table};
use crate::product::Product;
use crate::sandbox::{Caller, Parts, Sandbox, say};

pub(super) async fn run(size: &Size) -> Result<String> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let race = Race { bare: BareCaller(Caller::root(sandbox.aws_endpoint(), ACCOUNT)?), sandbox: &sandbox };
    for who in [Who::Ceiling, Who::Groundplan] {
        race.run(who, 0, 2).await?;
    }
    let mut costs: Vec<(What, Who, Cost)> = Vec::new();
    for repetition in 1..=size.repetitions {
        say(&format!("bench: stacks, repetition {repetition} of {}", size.repetitions));
        let mut order = [Who::Ceiling, Who::Groundplan];
        order.rotate_left(repetition % 2);
        for who in order {
            costs.extend(
                race.run(who, repetition, size.stacks).await?.into_iter().map(|(what, cost)| (what, who, cost)),
            );
        }
    }
    Ok(report(size, &costs))
}

struct Race<'a> {
    sandbox: &'a Sandbox,
    bare: BareCaller,
}

impl Race<'_> {
    async fn run(&self, who: Who, repetition: usize, count: usize) -> Result<Vec<(What, Cost)>> {
        let run = format!("r{repetition}-{}", if who == Who::Groundplan { "groundplan" } else { "ceiling" });
        let names = names(&run, count);
        let source = self.sandbox.logs().join("bench-stacks").join(&run);
        write(&source, &names)?;
        let mut costs = Vec::new();
        for what in [What::First, What::Quiet, What::Drift] {
            let cost = match who {
                Who::Groundplan => self.groundplan(what, &source).await?,
                Who::Ceiling | Who::Kubectl | Who::KubectlAsShipped => self.ceiling(what, &names).await?,
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
        let command = product.command(match what {
            What::First => &["sync", "--yes"],
            What::Quiet => &["plan"],
            What::Drift => &["drift"],
        });
        self.around(program(command, 0)).await
    }

    async fn ceiling(&self, what: What, names: &[String]) -> Result<Cost> {
        let own = async {
            let before = process::own_time()?;
            match what {
                What::First => self.bare.create(names).await?,
                What::Quiet => self.bare.list().await?,
                What::Drift => self.bare.detect(names).await?,
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

fn report(size: &Size, costs: &[(What, Who, Cost)]) -> String {
    let mut table = Table::new("server", "peer");
    for (what, deed) in [(What::First, "first sync"), (What::Quiet, "quiet plan"), (What::Drift, "drift")] {
        for (who, name, rank) in [(Who::Ceiling, "ceiling: bare calls", 0), (Who::Groundplan, "**groundplan**", 1)] {
            let costs: Vec<&Cost> =
                costs.iter().filter(|(did, by, _)| (*did, *by) == (what, who)).map(|(.., cost)| cost).collect();
            table.add(Line { deed, name, rank }, costs);
        }
    }
    format!(
        "### CloudFormation: {} stacks, on an emulator\n\n\
         One queue each, in one account and region; {} repetitions in turns. The ceiling makes the documented calls and \
         nothing else, 16 stacks at a time. This is the speed of an emulator in which a stack is made at once: the \
         calls carry over to AWS, the times do not.\n\n{}\n",
        size.stacks,
        size.repetitions,
        table.text(),
    )
}
