//! The Python parts: a virtual environment made from `python/requirements.txt` alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{cache, say};

/// Holds our stand-in for docker-py; goes on `PYTHONPATH`.
pub(super) const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");
const REQUIREMENTS_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/requirements.txt");
const REQUIREMENTS: &str = include_str!("../../python/requirements.txt");

/// The interpreter that sees the pinned packages and nothing else.
pub fn interpreter() -> Result<PathBuf> {
    Ok(build()?.join("bin/python3"))
}

/// Makes the virtual environment, unless it is made.
pub(super) fn build() -> Result<PathBuf> {
    // A minor version of Python has its own folder of packages, so it is part of the key.
    let version = run(Command::new("python3").arg("--version"), "the AWS emulator needs Python 3 as `python3`")?;
    cache::built("python", &[REQUIREMENTS, &version], fill)
}

/// Only `bin/python3` is used afterwards: the scripts beside it name the folder's unfinished name.
fn fill(folder: &Path) -> Result<()> {
    say("installing the Python parts: once, some seconds");
    run(Command::new("python3").args(["-m", "venv"]).arg(folder), "Python's `venv` is missing (Debian: python3-venv)")?;
    run(
        Command::new(folder.join("bin/python3"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"])
            .arg(REQUIREMENTS_FILE),
        "the packages of python/requirements.txt cannot be installed",
    )?;
    Ok(())
}

fn run(command: &mut Command, hint: &'static str) -> Result<String> {
    let output = command.output().context(hint)?;
    ensure!(output.status.success(), "{hint}:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
