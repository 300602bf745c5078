//! A real browser without a window, where one is installed: pictures of pages.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(60);
/// As distributions call it.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// An installed Chromium.
pub struct Chromium {
    program: PathBuf,
}

impl Chromium {
    /// None where none is installed (Debian's package is called `chromium`).
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let mut all = std::env::split_paths(&path).flat_map(|folder| NAMES.iter().map(move |name| folder.join(name)));
        all.find(|program| program.is_file()).map(|program| Self { program })
    }

    /// Draws a page into a PNG.
    pub async fn picture(&self, url: &str, to: &Path) -> Result<()> {
        let profile = tempfile::tempdir().context("a folder for the browser")?;
        let _ = std::fs::remove_file(to);
        let mut browser = Command::new(&self.program);
        // Without its own sandbox it also runs as root; it loads one page of this machine.
        browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,1000"]);
        browser.arg(format!("--user-data-dir={}", profile.path().display()));
        browser.arg(format!("--screenshot={}", to.display())).arg(url);
        browser.env("NO_PROXY", "127.0.0.1").stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(PATIENCE, browser.status()).await.context("the browser does not end")??;
        ensure!(ended.success() && to.is_file(), "the browser made no picture ({ended})");
        Ok(())
    }
}
