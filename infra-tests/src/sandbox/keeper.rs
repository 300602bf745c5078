//! The keeper: starts one program and ends it when its own stdin closes, or on SIGTERM.
//!
//! The operating system closes a dead process's pipes however it died, so a program that a keeper
//! keeps cannot outlive the test that wanted it: not on a panic, not on Ctrl-C, not on `kill -9`.
//! It is a process of its own (`sandbox keep`), because nobody else is left to act at that moment.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{self, SignalKind};

/// How long a program may take to end by itself after SIGTERM. Short: nothing it could save is wanted.
const GRACE: Duration = Duration::from_secs(1);

enum Event {
    ProgramEnded,
    NobodyWantsIt,
}

/// Runs `program` in a process group of its own until it ends or stdin closes.
pub fn keep(program: &[OsString]) -> Result<ExitCode> {
    let (path, arguments) = program.split_first().context("nothing to keep")?;
    let mut child = Command::new(path)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", path.display()))?;
    let group = child.id();

    let (tell, events) = mpsc::channel();
    let tell_end = tell.clone();
    thread::spawn(move || {
        let _ = child.wait();
        let _ = tell_end.send(Event::ProgramEnded);
    });
    let tell_closed = tell.clone();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = tell_closed.send(Event::NobodyWantsIt);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut terminate = runtime.block_on(async { unix::signal(SignalKind::terminate()) })?;
    thread::spawn(move || {
        runtime.block_on(terminate.recv());
        let _ = tell.send(Event::NobodyWantsIt);
    });

    match events.recv()? {
        // Its own children, if any, are of no use to anyone now.
        Event::ProgramEnded => {
            signal(group, "KILL");
            Ok(ExitCode::FAILURE)
        }
        Event::NobodyWantsIt => {
            signal(group, "TERM");
            let _ = events.recv_timeout(GRACE);
            signal(group, "KILL");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Asks the shell, whose `kill` every Unix has: a signal is not to be had in safe Rust alone.
fn signal(group: u32, name: &str) {
    let _ = Command::new("sh").args(["-c", &format!("kill -{name} -{group}")]).stderr(Stdio::null()).status();
}
