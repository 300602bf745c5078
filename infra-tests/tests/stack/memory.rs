//! How much memory many stacks take, counted by the kernel.

use std::time::Duration;

use anyhow::{Context, Result};
use infra_tests::sandbox::Parts;
use infra_tests::stage::Stage;

use super::story::here;

/// Of the release's hundred million bytes; a build without optimizations takes more.
const MOST: u64 = 100_000_000;
const STACKS: usize = 500;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The most that a process ever held, where it still runs.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[tokio::test]
async fn five_hundred_stacks_are_planned_in_less_than_a_hundred_megabytes() -> Result<()> {
    let stage = Stage::set(Parts::AWS).await?;
    stage.queue("queue", 30)?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.remove(&here("queue"))?;
    stage.remove(&here("jobs"))?;
    for number in 0..STACKS {
        stage.queue(&format!("queue-{number}"), 30)?;
    }
    stage.push()?;
    stage.sandbox.proxy().gather("queue", STACKS);
    let mut running = stage.product.command(&["plan"]).spawn()?;
    let process = running.id().context("it has just begun")?;
    let mut peak = 0;
    let ended = loop {
        peak = peak.max(peak_of(process).unwrap_or(0));
        match running.try_wait()? {
            Some(ended) => break ended,
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    };
    assert_eq!(ended.code(), Some(0), "all of them are as declared");
    assert_eq!(stage.sandbox.proxy().counts().of("GetTemplate"), STACKS as u64);
    assert!(peak > 1_000_000 && peak < MOST, "{peak} bytes");
    Ok(())
}
