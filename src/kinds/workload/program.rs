//! The programs that render, fetch and decrypt: found, asked for their version, and run closed in, with an end.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// A chart renders within a second; one that takes this long does something else.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest public charts render to some two mebibytes.
pub(super) const LARGEST: u64 = 64 * 1024 * 1024;
/// Where the operator's environment says how sops finds its age keys.
const KEYS: &[&str] = &["SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE"];
/// What fetching a chart may know of the operator's environment: the way out, and who is logged in where.
const WAY_OUT: &[&str] = &[
    "HOME",
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_CONFIG_HOME",
    "HELM_REGISTRY_CONFIG",
    "DOCKER_CONFIG",
];

/// Which programs are run, and what they said their versions are.
pub struct Programs {
    /// Instead of what stands in `PATH`.
    named: HashMap<Tool, PathBuf>,
    /// What sops is told of keys. They never stand in the repository, and no other program sees them.
    keys: Vec<(String, OsString)>,
    patience: Duration,
    versions: Mutex<HashMap<PathBuf, String>>,
}

/// What a program is needed for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Tool {
    Helm,
    Kustomize,
    Sops,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Tool::Helm => "helm",
            Tool::Kustomize => "kustomize",
            Tool::Sops => "sops",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Tool::Helm => "GROUNDPLAN_HELM",
            Tool::Kustomize => "GROUNDPLAN_KUSTOMIZE",
            Tool::Sops => "GROUNDPLAN_SOPS",
        }
    }

    fn asks_version(self) -> Vec<String> {
        let words: &[&str] = match self {
            Tool::Helm => &["version", "--short"],
            Tool::Kustomize => &["version"],
            Tool::Sops => &["--disable-version-check", "--version"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// A program with its version. It has no `Debug`: it may know keys.
pub(super) struct Program {
    path: PathBuf,
    /// `helm v4.3.1`
    pub(super) version: String,
    keys: Vec<(String, OsString)>,
    patience: Duration,
}

/// What a program may reach.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The folder it runs in.
    Folder,
    /// The folder, and the keys.
    Keys,
    /// The network, as the operator would.
    Network,
}

impl Programs {
    /// What the operator's environment names. The repository never says what is run.
    pub(super) fn from_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let tools = [Tool::Helm, Tool::Kustomize, Tool::Sops];
        Self {
            named: tools.iter().filter_map(|tool| Some((*tool, set(tool.variable())?.into()))).collect(),
            keys: KEYS.iter().filter_map(|name| Some(((*name).to_owned(), set(name)?))).collect(),
            patience: PATIENCE,
            versions: Mutex::default(),
        }
    }

    /// These programs and no others.
    pub fn at(helm: PathBuf, kustomize: PathBuf) -> Self {
        let named = HashMap::from([(Tool::Helm, helm), (Tool::Kustomize, kustomize)]);
        Self { named, keys: Vec::new(), patience: PATIENCE, versions: Mutex::default() }
    }

    /// Decrypts with this program and this age key.
    pub fn decrypting_with(mut self, sops: PathBuf, key: &str) -> Self {
        self.named.insert(Tool::Sops, sops);
        self.keys = vec![("SOPS_AGE_KEY".to_owned(), key.into())];
        self
    }

    /// Ends a program that takes longer.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Finds a program and asks for its version, once a process.
    pub(super) fn find(&self, tool: Tool) -> Result<Program, String> {
        let path = self.named.get(&tool).cloned().or_else(|| in_path(tool.name())).ok_or_else(|| missing(tool))?;
        let keys = if tool == Tool::Sops { self.keys.clone() } else { Vec::new() };
        let mut program = Program { path, version: tool.name().to_owned(), keys, patience: self.patience };
        let mut versions = self.versions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let version = match versions.get(&program.path) {
            Some(version) => version.clone(),
            None => {
                let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
                let told = program.start(folder.path(), &tool.asks_version(), Reach::Folder).map_err(Fault::told)?;
                let line = told.lines().next().unwrap_or_default();
                let version = line.strip_prefix("sops ").unwrap_or(line).split_whitespace().next();
                let version = version.unwrap_or("of no known version").to_owned();
                versions.insert(program.path.clone(), version.clone());
                version
            }
        };
        program.version = format!("{} {version}", tool.name());
        Ok(program)
    }
}

/// Why a program did not do what it was asked for.
pub(super) enum Fault {
    /// It could not be run to its end.
    Broken(String),
    /// It ended with an error, and said this. What decrypts may have quoted what nobody is to read.
    Said(String),
}

impl Fault {
    pub(super) fn told(self) -> String {
        match self {
            Fault::Broken(why) | Fault::Said(why) => why,
        }
    }
}

impl Program {
    /// Runs it in a folder that is all it may know: no environment, no home, no network.
    pub(super) fn run(&self, folder: &Path, arguments: &[String]) -> Result<String, Fault> {
        self.start(folder, arguments, Reach::Folder).map_err(|fault| match fault {
            Fault::Broken(why) => Fault::Broken(format!("{}: {why}", self.version)),
            Fault::Said(why) => Fault::Said(format!("{}: {why}", self.version)),
        })
    }

    /// The same, with the operator's keys.
    pub(super) fn run_with_keys(&self, folder: &Path, arguments: &[String]) -> Result<String, Fault> {
        self.start(folder, arguments, Reach::Keys)
    }

    /// The same, with a way out: for what is proven by its digest afterwards.
    pub(super) fn fetch(&self, folder: &Path, arguments: &[String]) -> Result<String, String> {
        self.start(folder, arguments, Reach::Network).map_err(Fault::told)
    }

    fn start(&self, folder: &Path, arguments: &[String], reach: Reach) -> Result<String, Fault> {
        let broken = |error: std::io::Error| Fault::Broken(error.to_string());
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(folder).env_clear();
        self.surround(&mut command, folder, reach);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Fault::Broken(format!("cannot start `{}`: {error}", self.path.display())))?;
        let output = gather(child.stdout.take());
        let errors = gather(child.stderr.take());
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().map_err(broken)? {
                Some(status) => break status,
                None if begun.elapsed() > self.patience => {
                    child.kill().and_then(|()| child.wait()).map_err(broken)?;
                    return Err(Fault::Broken(format!("not done after {} s", self.patience.as_secs())));
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        let read = |gathered: thread::JoinHandle<Vec<u8>>| gathered.join().unwrap_or_default();
        let (output, errors) = (read(output), read(errors));
        if output.len() as u64 >= LARGEST {
            return Err(Fault::Broken(format!("its output is larger than {} MiB", LARGEST / 1024 / 1024)));
        }
        match status.success() {
            true => String::from_utf8(output).map_err(|_| Fault::Broken("its output is not UTF-8".to_owned())),
            // The temporary folder means nothing to whoever reads this.
            false => {
                let said = String::from_utf8_lossy(&errors).replace(&format!("{}/", folder.display()), "");
                Err(Fault::Said(said.trim().to_owned()))
            }
        }
    }

    fn surround(&self, command: &mut Command, folder: &Path, reach: Reach) {
        let nowhere = "http://127.0.0.1:9";
        match reach {
            Reach::Folder | Reach::Keys => {
                command.env("HOME", folder).env("TMPDIR", folder);
                // What would fetch over HTTP finds a closed door, and what would call `git` finds none.
                let closed = [("HTTP_PROXY", nowhere), ("HTTPS_PROXY", nowhere), ("KUBECONFIG", "/dev/null")];
                command.env("PATH", "").envs(closed);
                if reach == Reach::Keys {
                    command.envs(self.keys.iter().map(|(name, value)| (name, value)));
                }
            }
            Reach::Network => {
                command.envs(WAY_OUT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
                // Its plugins would be more programs, and what it remembers of repositories is not pinned.
                for own in ["HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HELM_REPOSITORY_CACHE", "TMPDIR"] {
                    command.env(own, folder);
                }
            }
        }
    }
}

fn missing(tool: Tool) -> String {
    format!("there is no `{0}`: install {0}, or name it in {1}", tool.name(), tool.variable())
}

fn in_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
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
