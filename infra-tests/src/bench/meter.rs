//! Measures one run: wall, time on the processors, memory, requests.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use tokio::process::Command;

use super::counted::Counting;
use super::figures::Cost;
use super::process;
use super::users::User;
use crate::sandbox::{Cluster, until};

/// Longer than the slowest peer needs.
const PATIENCE: Duration = Duration::from_secs(900);
/// Longer than the slowest deployer of stacks needs.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);
const LOOK_NOW_AND_THEN: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A server that is busy for less than this part of a processor is idle.
const IDLE: f64 = 0.12;

/// The measuring device of one cluster.
pub(super) struct Meter<'a> {
    pub cluster: &'a Cluster,
    server: u32,
}

impl<'a> Meter<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Result<Self> {
        let port = cluster.url().rsplit(':').next().unwrap_or_default().to_owned();
        Ok(Self { cluster, server: process::find("kube-apiserver", &format!("--secure-port={port}"))? })
    }

    /// Waits until what earlier runs set off has come to rest, so that nobody pays for another.
    pub(super) async fn rest(&self) -> Result<()> {
        let pause = Duration::from_millis(400);
        until("the cluster to come to rest", Duration::from_secs(120), async || {
            let before = process::time_of(self.server)?;
            tokio::time::sleep(pause).await;
            let busy = process::time_of(self.server)?.saturating_sub(before);
            Ok((busy.as_secs_f64() < pause.as_secs_f64() * IDLE).then_some(()))
        })
        .await
    }

    /// Measures what this very process does.
    pub(super) async fn own(&self, user: &User, deed: impl Future<Output = Result<()>>) -> Result<Cost> {
        let run = async {
            let before = process::own_time()?;
            deed.await?;
            Ok((process::own_time()?.saturating_sub(before), None))
        };
        self.around(user, run).await
    }

    /// Measures a program, which must end with this code.
    pub(super) async fn program(&self, user: &User, command: Command, code: i32) -> Result<Cost> {
        self.around(user, program(command, code)).await
    }

    async fn around(&self, user: &User, run: impl Future<Output = Result<(Duration, Option<u64>)>>) -> Result<Cost> {
        let counting = Counting::begin(self.cluster)?;
        let server = process::time_of(self.server)?;
        let (began, clock) = (Instant::now(), Timestamp::now());
        let (tool, memory) = run.await?;
        let wall = began.elapsed();
        let server = process::time_of(self.server)?.saturating_sub(server);
        let counted = counting.end(self.cluster, user)?;
        let written = counted.last_write.and_then(|last| Duration::try_from(last.duration_since(clock)).ok());
        Ok(Cost { wall, written, tool, server: Some(server), memory, requests: counted.by_verb })
    }
}

/// How a program ended that others ran beside.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    pub wall: Duration,
    pub tool: Duration,
    pub memory: u64,
    pub code: i32,
    /// The last that it said.
    pub said: String,
    /// How much of what it was asked for is there now.
    pub done: usize,
}

/// Runs a program to its end, whatever that is, while others run beside it. What it says is kept in a file.
pub(super) async fn among_others(mut command: Command, log: &Path) -> Result<Ended> {
    let file = fs::File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let id = child.id().context("it has just begun")?;
    let mut ended = Ended::default();
    let end = tokio::time::timeout(LONG_PATIENCE, child.wait());
    tokio::pin!(end);
    let status = loop {
        tokio::select! {
            status = &mut end => break status.with_context(|| format!("{command:?} hangs"))??,
            () = tokio::time::sleep(LOOK_NOW_AND_THEN) => {
                ended.tool = process::time_of(id).unwrap_or(ended.tool);
                ended.memory = ended.memory.max(process::peak_memory_of(id).unwrap_or_default());
            }
        }
    };
    ended.wall = began.elapsed();
    ended.code = status.code().unwrap_or(-1);
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    ended.said = lines[lines.len().saturating_sub(10)..].join("\n");
    Ok(ended)
}

/// Runs a program to its end; its time on the processors and its peak memory.
pub(super) async fn program(mut command: Command, code: i32) -> Result<(Duration, Option<u64>)> {
    let before = process::time_of_ended_children()?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn()?;
    let id = child.id().context("it has just begun")?;
    let mut memory = None;
    let end = tokio::time::timeout(PATIENCE, child.wait_with_output());
    tokio::pin!(end);
    let output = loop {
        tokio::select! {
            output = &mut end => break output.with_context(|| format!("{command:?} hangs"))??,
            () = tokio::time::sleep(LOOK_EVERY) => memory = memory.max(process::peak_memory_of(id)),
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "{command:?} ended with {} instead of {code}: {said}", output.status);
    Ok((process::time_of_ended_children()?.saturating_sub(before), memory))
}
