//! From a change made by hand to the message about it, and from a press to the word that it was heard.
//!
//! The clock is the simulator's: a message counts when Slack has it, a press when Slack knows that it was
//! heard. Units are changed one after the other, further apart than a channel takes messages, so that no
//! figure holds the wait for another message; the storm is what measures that wait.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::json;
use tokio::process::Child;

use super::Size;
use super::figures::{Spread, percentile, spread};
use super::report::{Goal, Told};
use crate::sandbox::{Parts, say, until};
use crate::slack::{ALERTS, Call, OPERATOR};
use crate::stage::{Stage, config};

/// A channel takes a message a second; the product keeps a little more.
const APART: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// As a person's script might: what the server takes at a time from one client.
const AT_ONCE: usize = 16;

/// What was measured.
struct Measured {
    at_once: Spread,
    grouped: Spread,
    storm: Storm,
    pressed: Vec<Duration>,
    unheard: usize,
}

struct Storm {
    /// From the first write to the last one's answer.
    written: Duration,
    messages: usize,
    edits: usize,
    /// From the first write.
    first: Duration,
    /// From the first write to the message that counts them all.
    complete: Duration,
}

pub(super) async fn measure(size: &Size) -> Result<Told> {
    let stage = stage(size).await?;
    say(&format!("bench: {} changes told one by one", size.changes * 2));
    let service = serve(&stage, "0s").await?;
    let at_once = told_one_by_one(&stage, "alone", size.changes).await?;
    drop(service);
    let _service = serve(&stage, "300ms").await?;
    let grouped = told_one_by_one(&stage, "grouped", size.changes).await?;
    say(&format!("bench: {} changes at once", size.storm));
    let storm = storm(&stage, size.storm).await?;
    say(&format!("bench: presses while {} objects are looked at", size.looked_at + size.storm));
    let heard = presses_during_a_look(&stage).await?;
    let unheard = heard.iter().filter(|heard| heard.is_none()).count();
    let pressed = heard.into_iter().flatten().collect();
    Ok(tell(size, &Measured { at_once, grouped, storm, pressed, unheard }))
}

/// Workloads of one object each, one for the storm, and one to be looked at for long.
async fn stage(size: &Size) -> Result<Stage> {
    let stage = Stage::set(Parts { slack: true, ..Parts::CLUSTER }).await?;
    let slack = stage.sandbox.slack().api_url();
    let settings = format!("slack: {{apiUrl: '{slack}', channels: {{default: {ALERTS}}}, approvers: [{OPERATOR}]}}\n");
    stage.operator(&settings)?;
    for file in ["stacks/111111111111/eu-west-1/jobs.yaml", "templates/queue.yaml", "clusters/shop/web/workload.yaml"] {
        stage.remove(file)?;
    }
    stage.write("clusters/shop/web/config.yaml", &config("web", "ours"))?;
    let settings = "repository: shop\nenvironments:\n  default: {paths: [\"clusters/*\"], schedule: \"0 0 1 1 *\"}\n";
    stage.write("groundplan.yaml", settings)?;
    for number in 0..size.changes {
        for set in ["alone", "grouped"] {
            let name = format!("{set}-{number}");
            stage.write(&format!("clusters/shop/{name}/config.yaml"), &config(&name, "ours"))?;
        }
    }
    for (name, count) in [("storm", size.storm), ("long", size.looked_at)] {
        let all: Vec<String> = (0..count).map(|number| config(&format!("{name}-{number}"), "ours")).collect();
        stage.write(&format!("clusters/shop/{name}/all.yaml"), &all.join("---\n"))?;
    }
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    Ok(stage)
}

async fn serve(stage: &Stage, group_wait: &str) -> Result<Child> {
    let child = stage.start(&["serve", "--group-wait", group_wait])?;
    let log = stage.sandbox.logs().join("started.log");
    let watches = until("the service to watch", PATIENCE, async || {
        Ok(std::fs::read_to_string(&log)?.contains("units tell of changes").then_some(()))
    });
    watches.await.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
    ensure!(stage.sandbox.slack().connected(1, PATIENCE).await, "the service does not connect to Slack");
    Ok(child)
}

async fn told_one_by_one(stage: &Stage, set: &str, count: usize) -> Result<Spread> {
    let mut took = Vec::new();
    for number in 0..count {
        tokio::time::sleep(APART).await;
        let known = posts(stage).len();
        let began = Timestamp::now();
        change(stage, &format!("{set}-{number}")).await?;
        let post = posted(stage, known).await?;
        took.push(since(began, post.at));
    }
    spread(took.into_iter()).context("something was changed")
}

async fn storm(stage: &Stage, count: usize) -> Result<Storm> {
    tokio::time::sleep(APART).await;
    let before = stage.sandbox.slack().calls().len();
    let began = Timestamp::now();
    let changes =
        futures::stream::iter((0..count).map(|number| async move { change(stage, &format!("storm-{number}")).await }));
    changes.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let written = since(began, Timestamp::now());
    let all = format!("{count} change");
    let complete = until("the message that counts them all", PATIENCE, async || {
        let calls = stage.sandbox.slack().calls();
        Ok(calls.iter().skip(before).find(|call| call.arguments.to_string().contains(&all)).map(|call| call.at))
    })
    .await?;
    // A thread below it is sent after it.
    tokio::time::sleep(APART * 2).await;
    let calls = stage.sandbox.slack().calls();
    let of = |method: &'static str| calls.iter().skip(before).filter(move |call| call.method == method);
    let first = of("chat.postMessage").next().context("it was told")?.at;
    Ok(Storm {
        written,
        messages: of("chat.postMessage").count(),
        edits: of("chat.update").count(),
        first: since(began, first),
        complete: since(began, complete),
    })
}

/// Presses one button of each message that stands, one after the other, for as long as looks go on around them:
/// one by another process, and one by the service itself.
async fn presses_during_a_look(stage: &Stage) -> Result<Vec<Option<Duration>>> {
    let slack = stage.sandbox.slack();
    let messages: Vec<String> =
        slack.messages(ALERTS).iter().filter(is_root).map(|message| message.ts.clone()).collect();
    let last = messages.last().context("something was told")?;
    slack.press(ALERTS, last, "case_recheck", OPERATOR).await?;
    let look = stage.product.run(&["drift"]);
    let presses = async {
        let mut took = Vec::new();
        for ts in messages.iter().rev().skip(1) {
            let delivery = slack.press(ALERTS, ts, "case_acknowledge", OPERATOR).await?;
            took.push(delivery.acknowledged_after);
        }
        Ok::<_, anyhow::Error>(took)
    };
    let (looked, took) = tokio::join!(look, presses);
    looked?.expect(2)?;
    took
}

fn is_root(message: &&crate::slack::Message) -> bool {
    message.now()["thread_ts"].is_null()
}

async fn change(stage: &Stage, name: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/default/configmaps/{name}");
    stage.sandbox.cluster().api().patch(&path, &json!({"data": {"value": "theirs"}})).await.map(drop)
}

fn posts(stage: &Stage) -> Vec<Call> {
    let is_root = |call: &Call| call.method == "chat.postMessage" && call.arguments["thread_ts"].is_null();
    stage.sandbox.slack().calls().into_iter().filter(is_root).collect()
}

/// The message after those that are known.
async fn posted(stage: &Stage, known: usize) -> Result<Call> {
    let posted = async {
        loop {
            if let Some(post) = posts(stage).into_iter().nth(known) {
                return post;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let log = || std::fs::read_to_string(stage.sandbox.logs().join("started.log")).unwrap_or_default();
    tokio::time::timeout(PATIENCE, posted)
        .await
        .with_context(|| format!("nobody is told; the service said:\n{}", log()))
}

fn since(began: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(began)).unwrap_or_default()
}

fn tell(size: &Size, measured: &Measured) -> Told {
    let Size { changes, storm: count, looked_at, .. } = size;
    let Measured { at_once, grouped, storm, pressed, unheard } = measured;
    let Storm { written, messages, edits, first, complete } = storm;
    let slowest = percentile(pressed, 100);
    let mut told = Told::default();
    told.paragraph(
        &format!("Slack (`--only cases --changes {changes} --storm {count} --looked-at {looked_at}`)"),
        &format!(
            "`groundplan serve` with Slack's simulator, an API server and Git over HTTP on the same machine; from before a \
             change is sent to the API server until Slack has the message. {changes} changes are made one after the other, \
             further apart than Slack takes messages, and as many with the usual time to group them; then {count} objects are \
             changed by {AT_ONCE} clients at once; then {} buttons are pressed while `groundplan drift` and the service itself \
             look at {} objects.",
            pressed.len() + unheard,
            looked_at + count,
        ),
    );
    told.table(&format!(
        "| | median (min–max) |\n|---|---|\n\
         | a change to its message, `--group-wait 0s` | {} |\n\
         | a change to its message, as shipped | {} |\n\
         | {count} changes at once: written in | {} |\n\
         | their first message | {} |\n\
         | the message that counts them all | {} |\n\
         | messages and replies; edits | {messages}; {edits} |\n\
         | a press until Slack knows that it was heard, the slowest | {} |\n",
        of(at_once),
        of(grouped),
        one(*written),
        one(*first),
        one(*complete),
        one(slowest),
    ));
    let below = |limit: u64, took: Duration| took <= Duration::from_millis(limit);
    let half = at_once.median;
    let rest = grouped.most;
    told.goals = vec![
        Goal::new("a change to its message, half of them, no grouping", "≤ 50 ms", one(half), below(50, half)),
        Goal::new("a change to its message, as shipped, all of them", "≤ 1.5 s", one(rest), below(1500, rest)),
        Goal::new(format!("{count} changes at once: messages"), "≤ 3", messages.to_string(), *messages <= 3),
        Goal::new(format!("{count} changes at once: the first message"), "≤ 2 s", one(*first), below(2000, *first)),
        Goal::new(format!("{count} changes at once: all are told"), "≤ 5 s", one(*complete), below(5000, *complete)),
        Goal::new("a press is heard during a look, all of them", "≤ 500 ms", one(slowest), below(500, slowest)),
        Goal::new("presses that Slack gave up on", "0", unheard.to_string(), *unheard == 0),
    ];
    told
}

fn of(spread: &Spread) -> String {
    format!("{} ({}–{})", one(spread.median), one(spread.least), one(spread.most))
}

fn one(took: Duration) -> String {
    match took.as_millis() {
        below @ 0..1000 => format!("{below} ms"),
        _ => format!("{:.2} s", took.as_secs_f64()),
    }
}
