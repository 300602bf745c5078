//! The programs that render: found, asked for their version, and run closed in, with an end.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// A chart renders within a second; one that takes this long does something else.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest public charts render to some two mebibytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Which programs render, and what they said their versions are.
#[derive(Default)]
pub struct Programs {
    /// Instead of what stands in `PATH`.
    pub helm: Option<PathBuf>,
    pub kustomize: Option<PathBuf>,
    versions: Mutex<HashMap<PathBuf, String>>,
}

/// What renders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Renderer {
    Helm,
    Kustomize,
}

impl Renderer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Renderer::Helm => "helm",
            Renderer::Kustomize => "kustomize",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Renderer::Helm => "GROUNDPLAN_HELM",
            Renderer::Kustomize => "GROUNDPLAN_KUSTOMIZE",
        }
    }
}

/// A program with its version.
pub(super) struct Program {
    path: PathBuf,
    /// `helm v4.3.1`
    pub(super) version: String,
}

impl Programs {
    /// What the operator's environment names. The repository never says what is run.
    pub(super) fn from_environment() -> Self {
        let named = |renderer: Renderer| std::env::var_os(renderer.variable()).filter(|path| !path.is_empty());
        Self {
            helm: named(Renderer::Helm).map(PathBuf::from),
            kustomize: named(Renderer::Kustomize).map(PathBuf::from),
            versions: Mutex::default(),
        }
    }

    /// These programs and no others.
    pub fn at(helm: PathBuf, kustomize: PathBuf) -> Self {
        Self { helm: Some(helm), kustomize: Some(kustomize), versions: Mutex::default() }
    }

    /// Finds a program and asks for its version, once a process.
    pub(super) fn find(&self, renderer: Renderer) -> Result<Program, String> {
        let named = match renderer {
            Renderer::Helm => &self.helm,
            Renderer::Kustomize => &self.kustomize,
        };
        let path = named.clone().or_else(|| in_path(renderer.name())).ok_or_else(|| missing(renderer))?;
        let mut versions = self.versions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let version = match versions.get(&path) {
            Some(version) => version.clone(),
            None => {
                let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
                let arguments = match renderer {
                    Renderer::Helm => vec!["version".to_owned(), "--short".to_owned()],
                    Renderer::Kustomize => vec!["version".to_owned()],
                };
                let told = run(&path, folder.path(), &arguments)?;
                let version = told.split_whitespace().next().unwrap_or("of no known version").to_owned();
                versions.insert(path.clone(), version.clone());
                version
            }
        };
        Ok(Program { path, version: format!("{} {version}", renderer.name()) })
    }
}

impl Program {
    pub(super) fn run(&self, folder: &Path, arguments: &[String]) -> Result<String, String> {
        run(&self.path, folder, arguments).map_err(|why| format!("{}: {why}", self.version))
    }
}

fn missing(renderer: Renderer) -> String {
    format!("there is no `{0}`: install {0}, or name it in {1}", renderer.name(), renderer.variable())
}

fn in_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Runs a program in a folder that is all it may know: no environment, no home, no network's proxies.
fn run(path: &Path, folder: &Path, arguments: &[String]) -> Result<String, String> {
    let nowhere = "http://127.0.0.1:9";
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("TMPDIR", folder)
        // What would fetch over HTTP finds a closed door, and what would call `git` finds none.
        .envs([("PATH", ""), ("HTTP_PROXY", nowhere), ("HTTPS_PROXY", nowhere), ("KUBECONFIG", "/dev/null")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", path.display()))?;
    let output = gather(child.stdout.take());
    let errors = gather(child.stderr.take());
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if begun.elapsed() > PATIENCE => {
                child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
                return Err(format!("not done after {} s", PATIENCE.as_secs()));
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let read = |gathered: thread::JoinHandle<Vec<u8>>| gathered.join().unwrap_or_default();
    let (output, errors) = (read(output), read(errors));
    if output.len() as u64 >= LARGEST {
        return Err(format!("its output is larger than {} MiB", LARGEST / 1024 / 1024));
    }
    match status.success() {
        true => String::from_utf8(output).map_err(|_| "its output is not UTF-8".to_owned()),
        // The temporary folder means nothing to whoever reads this.
        false => Err(String::from_utf8_lossy(&errors).replace(&format!("{}/", folder.display()), "").trim().to_owned()),
    }
}

/// Reads to the end, whatever it is, so that the program never waits for us; keeps what fits.
fn gather(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut from) = from {
            // An error ends the reading; the program's own status tells what became of it.
            _ = (&mut from).take(LARGEST).read_to_end(&mut kept);
            _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        kept
    })
}
