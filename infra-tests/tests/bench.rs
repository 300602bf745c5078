//! The benchmark at toy size: what it counts is right, however fast the machine is.

use anyhow::{Context, Result};
use infra_tests::bench::{self, Part, Size};

fn toy(part: Part) -> Size {
    Size {
        parts: vec![part],
        repetitions: 1,
        objects: vec![8],
        stacks: 3,
        graph: 6,
        stretch: 0.02,
        throttled: 2,
        readiness: 3,
        watched: vec![1, 120],
        statuses: 200,
        changes: 3,
        storm: 120,
        looked_at: 200,
        // kubectl and Helm are there with the sandbox; Sceptre and the CDK would have to be installed.
        peers: part == Part::Objects,
    }
}

async fn report(part: Part) -> Result<String> {
    let report = bench::run(&toy(part), "bench").await?;
    assert!(report.lines().all(|line| line.starts_with('|') || line.chars().count() <= 132), "{report}");
    Ok(report)
}

/// The cells of the first line that holds these words.
fn cells<'r>(report: &'r str, words: &str) -> Result<Vec<&'r str>> {
    let line = report.lines().find(|line| line.starts_with('|') && line.contains(words));
    let line = line.with_context(|| format!("no line says `{words}`:\n{report}"))?;
    Ok(line.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[tokio::test]
async fn objects_are_raced_by_everybody_and_requests_are_counted() -> Result<()> {
    let report = report(Part::Objects).await?;
    // Eight objects and five namespaces.
    let first = cells(&report, "ceiling: bare applies")?;
    assert!(first.contains(&"13: patch 13"), "{first:?}");
    assert!(cells(&report, "kubectl apply --server-side --validate=false")?.contains(&"13: patch 13"), "{report}");
    let dry = cells(&report, "bare LISTs and dry runs")?;
    assert!(dry.contains(&"6: list 5, patch 1"), "{dry:?}");
    for who in ["**groundplan sync**", "**groundplan drift**", "helm upgrade", "kubectl diff"] {
        cells(&report, who)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_storm_of_statuses_makes_no_request_and_no_alert() -> Result<()> {
    let report = report(Part::Watch).await?;
    for goal in ["requests in that storm", "false alerts in that storm"] {
        assert_eq!(cells(&report, goal)?[2..], ["0", "met"], "{report}");
    }
    Ok(())
}

#[tokio::test]
async fn every_object_that_becomes_ready_is_told() -> Result<()> {
    assert_eq!(cells(&report(Part::Readiness).await?, "patch")?[0], "3");
    Ok(())
}

#[tokio::test]
async fn stacks_are_counted_by_call() -> Result<()> {
    let report = report(Part::Stacks).await?;
    let drift = cells(&report, "ceiling: a detection a stack")?;
    let calls = "5: DescribeStackResourceDrifts 1, DescribeStacks 1, DetectStackDrift 3";
    assert!(drift.contains(&calls), "{drift:?}");
    assert_eq!(cells(&report, "quiet plan of 3 stacks: calls")?[3], "met", "{report}");
    Ok(())
}

#[tokio::test]
async fn a_graph_of_stacks_runs_in_order_and_few_calls_a_second_fail_nothing() -> Result<()> {
    let graph = report(Part::Order).await?;
    cells(&graph, "**groundplan sync**")?;
    assert!(!graph.contains("Sceptre 4"), "peers were not asked for: {graph}");
    let throttled = report(Part::Throttle).await?;
    assert_eq!(cells(&throttled, "1 detection a second: failures")?[2..], ["0", "met"], "{throttled}");
    Ok(())
}

#[tokio::test]
async fn many_changes_at_once_are_few_messages_and_every_press_is_heard() -> Result<()> {
    let report = report(Part::Cases).await?;
    // One message, and one reply that holds what it has no room for.
    let messages = cells(&report, "120 changes at once: messages")?;
    assert_eq!((messages[2], messages[3]), ("2", "met"), "{report}");
    assert_eq!(cells(&report, "presses that Slack gave up on")?[2..], ["0", "met"], "{report}");
    Ok(())
}
