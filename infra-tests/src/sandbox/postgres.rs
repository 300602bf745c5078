//! A real PostgreSQL, where this machine has one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::ports;
use super::process::{Process, Program};
use super::ready::until;

/// A server of its own, gone with this value.
pub struct Postgres {
    port: u16,
    _process: Process,
    // Last, so that it goes when nothing writes into it any more.
    _folder: TempDir,
}

/// Where packages put the programs; `PATH` has only some of them.
const PACKAGED: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root; packages make this user.
const USER: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(60);

impl Postgres {
    /// Starts one; none where the machine has no PostgreSQL.
    pub async fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("groundplan-postgres-").tempdir()?;
        let (data, logs, port) = (folder.path().join("data"), folder.path().join("logs"), ports::free()?);
        for made in [&data, &logs] {
            fs::create_dir(made)?;
        }
        if is_root()? {
            let given = Command::new("chown").arg("-R").arg(USER).arg(folder.path()).status()?;
            ensure!(given.success(), "cannot give the folder of PostgreSQL to `{USER}`");
        }
        let program = |name: &str| programs.join(name).display().to_string();
        let data = data.display().to_string();
        let (path, arguments) = unprivileged(
            &program("initdb"),
            &["--no-sync", "--auth=trust", "--username=groundplan", "--encoding=UTF8", "-D", &data],
        )?;
        let made = Command::new(path).args(arguments).current_dir(folder.path()).output().context("initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port_setting = format!("port={port}");
        let settings = ["-c", &port_setting, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="];
        let (path, arguments) =
            unprivileged(&program("postgres"), &[&["-D", &data, "-c", "fsync=off"], settings.as_slice()].concat())?;
        let mut process =
            Process::start(Program { name: "postgres", path, arguments, environment: Vec::new(), folder: logs })?;
        until("PostgreSQL to answer", PATIENCE, async || {
            process.check()?;
            let mut asked = Command::new(program("pg_isready"));
            asked.args(["--quiet", "--host=127.0.0.1", &format!("--port={port}")]);
            Ok(asked.status()?.success().then_some(()))
        })
        .await?;
        Ok(Some(Self { port, _process: process, _folder: folder }))
    }

    /// What `--store` takes.
    pub fn url(&self) -> String {
        format!("postgres://groundplan@127.0.0.1:{}/postgres", self.port)
    }
}

/// The folder with all of its programs, the newest version first.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut packaged: Vec<_> = fs::read_dir(PACKAGED).into_iter().flatten().flatten().collect();
    packaged.sort_by_key(|version| std::cmp::Reverse(version.file_name().to_string_lossy().parse::<u32>().ok()));
    let packaged = packaged.into_iter().map(|version| version.path().join("bin"));
    // A lone `initdb` in `PATH` may be a script that calls one of another version.
    let whole = |folder: &PathBuf| ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file());
    packaged.chain(std::env::split_paths(&path)).find(whole)
}

/// A command that does not run as root, whoever runs this.
fn unprivileged(program: &str, arguments: &[&str]) -> Result<(PathBuf, Vec<String>)> {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    match is_root()? {
        false => Ok((PathBuf::from(program), arguments.collect())),
        true => {
            // In this very process, so that the one who ends it ends PostgreSQL and not a go-between.
            let switch = ["--reuid", USER, "--regid", USER, "--clear-groups", "--", program].map(str::to_owned);
            Ok((PathBuf::from("setpriv"), switch.into_iter().chain(arguments).collect()))
        }
    }
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}
