//! The product as a user runs it: the binary, with nothing of this machine's own settings.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::sandbox::Sandbox;

/// A command that hangs longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// `groundplan`, pointed at a sandbox.
#[derive(Clone)]
pub struct Product {
    binary: PathBuf,
    variables: Vec<(String, String)>,
}

/// How one command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Product {
    /// The binary that was built beside this program or this test.
    pub fn at(sandbox: &Sandbox) -> Result<Self> {
        let variables = sandbox.environment().into_iter().map(|(name, value)| (name.to_owned(), value));
        Ok(Self { binary: binary()?, variables: variables.collect() })
    }

    /// The binary with no sandbox: for what needs no network.
    pub fn offline() -> Result<Self> {
        Ok(Self { binary: binary()?, variables: Vec::new() })
    }

    /// Sets a variable, in place of one that was set before.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Ran> {
        let began = Instant::now();
        let output = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = tokio::time::timeout(PATIENCE, output).await.with_context(|| format!("{arguments:?} hangs"))??;
        Ok(Ran {
            code: code(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: began.elapsed(),
        })
    }

    /// Runs a command to its end on this terminal.
    pub async fn show(&self, arguments: &[&str]) -> Result<(i32, Duration)> {
        let began = Instant::now();
        let status = tokio::time::timeout(PATIENCE, self.command(arguments).status()).await;
        let status = status.with_context(|| format!("{arguments:?} hangs"))??;
        Ok((code(status), began.elapsed()))
    }

    /// Starts a command that runs until the child is dropped.
    pub fn start(&self, arguments: &[&str], log: &Path) -> Result<Child> {
        let log = std::fs::File::create(log)?;
        Ok(self.command(arguments).stdout(log.try_clone()?).stderr(log).spawn()?)
    }

    /// A command that was not started yet, for whoever wants to watch it closely.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env_clear().stdin(Stdio::null()).kill_on_drop(true);
        for name in ["PATH", "HOME", "TERM", "NO_COLOR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Ran {
    /// The JSON on standard output.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {}{}", self.stdout, self.stderr))
    }

    /// This exit code, or an error that shows what was said.
    pub fn expect(self, code: i32) -> Result<Self> {
        ensure!(self.code == code, "exit code {} instead of {code}:\n{}{}", self.code, self.stdout, self.stderr);
        Ok(self)
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2).map(|folder| folder.join("groundplan"));
    folders.into_iter().find(|path| path.is_file()).context("`groundplan` is not built: `cargo build --workspace`")
}
