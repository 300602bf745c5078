//! A real program of the sandbox: started under a keeper, its output in a file, ended on drop.

use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::ready;

/// What a program sees of the environment of the test; the rest (credentials, proxies, `ETCD_…`) would change it.
const INHERITED: &[&str] =
    &["PATH", "HOME", "TMPDIR", "LANG", "XDG_CACHE_HOME", "GROUNDPLAN_CACHE", "KUBEBUILDER_ASSETS"];
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// What to start, and where.
pub(super) struct Program {
    /// Names the log file.
    pub name: &'static str,
    pub path: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// The work directory, and the folder of the log.
    pub folder: PathBuf,
}

/// A program that runs.
pub(super) struct Process {
    name: &'static str,
    keeper: Child,
    log: PathBuf,
}

impl Process {
    pub(super) fn start(program: Program) -> Result<Self> {
        let Program { name, path, arguments, environment, folder } = program;
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let keeper = Command::new(own_program()?)
            .arg("keep")
            .arg("--")
            .arg(path)
            .args(arguments)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))))
            .envs(environment)
            .current_dir(&folder)
            // Out of the terminal's group: on Ctrl-C the programs end because the test ends, not before it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start the keeper of {name}"))?;
        Ok(Self { name, keeper, log })
    }

    /// An error with the end of its log when the program ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        if self.keeper.try_wait()?.is_none() {
            return Ok(());
        }
        bail!("{} ended by itself; the end of {}:\n{}", self.name, self.log.display(), tail(&self.log))
    }

    /// Waits until an address of the program answers well.
    pub(super) async fn answers(&mut self, what: &str, limit: Duration, url: &str) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        ready::until(what, limit, async || {
            self.check()?;
            let answer = client.get(url).send().await;
            Ok(answer.ok().filter(|answer| answer.status().is_success()).map(|_| ()))
        })
        .await
    }

    /// Asks the program to end, without waiting for it: many programs end at once this way.
    pub(super) fn release(&mut self) {
        drop(self.keeper.stdin.take());
    }

    /// Ends the program, and returns when it has ended.
    pub(super) fn stop(&mut self) {
        self.release();
        let limit = Instant::now() + STOP_LIMIT;
        while let Ok(None) = self.keeper.try_wait() {
            if Instant::now() > limit {
                let _ = self.keeper.kill();
                let _ = self.keeper.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The `sandbox` binary: this program itself, or the one that Cargo built beside this test.
pub(super) fn own_program() -> Result<PathBuf> {
    let running = env::current_exe()?;
    let folder = running.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") || folder.ends_with("examples") {
        folder.parent().context("Cargo's `deps` lies in a folder")?
    } else {
        folder
    };
    let program = folder.join("sandbox");
    ensure!(program.is_file(), "there is no {}: build it with `cargo build --workspace`", program.display());
    Ok(program)
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
