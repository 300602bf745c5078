//! Programs built with Go from a module of ours that names their versions, once.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const NO_GO: &str = "cannot start `go`: see https://go.dev/doc/install";

/// `go` in the folder of a module.
pub(super) fn command(module: &str) -> Command {
    let mut go = Command::new("go");
    go.current_dir(module).stdin(Stdio::null());
    go
}

/// Builds the tools of a module into a folder.
pub(super) fn build_tools(module: &str, options: &[&str], folder: &Path) -> Result<()> {
    let mut go = command(module);
    go.args(["build", "-trimpath"]).args(options).arg("-o").arg(folder).arg("tool");
    let output = go.output().context(NO_GO)?;
    ensure!(output.status.success(), "`go build tool` failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
