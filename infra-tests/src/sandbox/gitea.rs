//! Gitea, a real forge: repositories, pull requests and an API, built from `gitea/go.mod` alone.
//!
//! Started only by the tests that need a forge: building it takes some minutes once, and nothing else
//! waits for that.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use serde_json::{Value, json};

use super::process::{Process, Program};
use super::{cache, go, ports, say};

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/gitea");
const GO_MOD: &str = include_str!("../../gitea/go.mod");
const GO_SUM: &str = include_str!("../../gitea/go.sum");
/// Its database; everything else that it can do is left out.
const TAGS: &str = "sqlite sqlite_unlock_notify";
const LIMIT: Duration = Duration::from_secs(90);
/// As root it starts only when told so.
const ENVIRONMENT: [(&str, &str); 1] = [("GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true")];
const OWNER: &str = "owner";

/// A running Gitea with one user; dropping it stops it.
pub struct Gitea {
    url: String,
    token: String,
    client: reqwest::Client,
    _process: Process,
}

/// The folder that holds `gitea`.
pub(super) fn build() -> Result<PathBuf> {
    cache::built("gitea", &[GO_MOD, GO_SUM, TAGS], |folder| {
        say("building Gitea: once, some minutes");
        go::build_tools(MODULE, &["-tags", TAGS, "-ldflags", "-s -w"], folder)
    })
}

/// Where the module keeps what the program reads while it runs: fetched again where the program is
/// still there, and Go's own cache is not.
fn sources() -> Result<String> {
    let output = go::command(MODULE).args(["mod", "download", "-json", "code.gitea.io/gitea"]).output()?;
    let module: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let folder = module["Dir"].as_str().unwrap_or_default().to_owned();
    ensure!(Path::new(&folder).is_dir(), "Gitea's module is not there: {}", module["Error"]);
    Ok(folder)
}

impl Gitea {
    /// Starts one in a folder, and waits until it answers.
    pub async fn start(folder: &Path) -> Result<Self> {
        let program = tokio::task::spawn_blocking(build).await??.join("gitea");
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        let (port, settings) = (ports::free()?, folder.join("app.ini"));
        fs::write(&settings, configuration(&folder, port, &sources()?))?;
        let run = |arguments: &[&str]| run(&program, &settings, arguments);
        run(&["migrate"])?;
        let user = ["admin", "user", "create", "--admin", "--username", OWNER, "--random-password"];
        run(&[&user[..], &["--email", "owner@example.com", "--must-change-password=false"]].concat())?;
        let token = ["admin", "user", "generate-access-token", "--username", OWNER, "--token-name", "test"];
        let said = run(&[&token[..], &["--scopes", "all", "--raw"]].concat())?;
        // Its log speaks first, in the same place.
        let token = said.lines().last().unwrap_or_default().trim().to_owned();
        let mut process = Process::start(Program {
            name: "gitea",
            arguments: vec!["web".into(), "--config".into(), settings.display().to_string()],
            environment: ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            path: program.clone(),
            folder: folder.clone(),
        })?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://127.0.0.1:{port}");
        process.answers("Gitea", LIMIT, &format!("{url}/api/healthz")).await?;
        Ok(Self { url, token, client, _process: process })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Of the user who may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where a repository is.
    pub fn repository(&self, name: &str) -> String {
        format!("{}/{OWNER}/{name}.git", self.url)
    }

    /// Makes a repository that everyone may read, and pushes a folder's branch `main` to it.
    pub async fn push(&self, folder: &Path, name: &str) -> Result<()> {
        let made = json!({"name": name, "default_branch": "main"});
        self.call(reqwest::Method::POST, "/user/repos", Some(made)).await?;
        let to = self.repository(name).replace("http://", &format!("http://{OWNER}:{}@", self.token));
        let output = Command::new("git")
            .current_dir(folder)
            .envs(super::clean_environment())
            .args(["push", "--quiet", &to, "HEAD:refs/heads/main"])
            .output()?;
        ensure!(output.status.success(), "git push: {}", String::from_utf8_lossy(&output.stderr));
        // Until Gitea has worked off the push, the repository counts as empty, and one such has no pull requests.
        super::until("the push to be worked off", CHECKED_WITHIN, async || {
            let known = self.call(reqwest::Method::GET, &format!("/repos/{OWNER}/{name}"), None).await?;
            Ok((known["empty"] == false).then_some(()))
        })
        .await
    }

    /// The pull requests of a repository, the newest first.
    pub async fn pulls(&self, name: &str) -> Result<Vec<Value>> {
        let pulls = self.call(reqwest::Method::GET, &format!("/repos/{OWNER}/{name}/pulls?state=all"), None).await?;
        Ok(pulls.as_array().cloned().unwrap_or_default())
    }

    /// Opens a pull request that writes a file on a branch of its own, as somebody would; its number.
    pub async fn propose(&self, name: &str, branch: &str, path: &str, text: &str) -> Result<Value> {
        let file = format!("/repos/{OWNER}/{name}/contents/{path}");
        let known = self.call(reqwest::Method::GET, &file, None).await?;
        let content = base64::engine::general_purpose::STANDARD.encode(text);
        let written = json!({"content": content, "sha": known["sha"], "new_branch": branch, "message": "change it"});
        self.call(reqwest::Method::PUT, &file, Some(written)).await?;
        let pull = json!({"head": branch, "base": "main", "title": format!("change {path}")});
        let made = self.call(reqwest::Method::POST, &format!("/repos/{OWNER}/{name}/pulls"), Some(pull)).await?;
        Ok(made["number"].clone())
    }

    /// Closes a pull request without merging it.
    pub async fn close(&self, name: &str, number: &Value) -> Result<()> {
        let pull = format!("/repos/{OWNER}/{name}/pulls/{number}");
        self.call(reqwest::Method::PATCH, &pull, Some(json!({"state": "closed"}))).await.map(drop)
    }

    /// What checks say of a commit, or of a branch's last one.
    pub async fn checks(&self, name: &str, commit: &str) -> Result<Vec<Value>> {
        let path = format!("/repos/{OWNER}/{name}/commits/{}/statuses", commit.replace('/', "%2F"));
        let checks = self.call(reqwest::Method::GET, &path, None).await?;
        Ok(checks.as_array().cloned().unwrap_or_default())
    }

    /// Merges a pull request, as somebody who reviewed it does.
    ///
    /// After a push Gitea looks for conflicts in the background, and until then says to come later.
    pub async fn merge(&self, name: &str, number: &Value) -> Result<()> {
        let path = format!("/repos/{OWNER}/{name}/pulls/{number}/merge");
        super::until("the pull request to be checked", CHECKED_WITHIN, async || {
            match self.call(reqwest::Method::POST, &path, Some(json!({"Do": "merge"}))).await {
                Ok(_) => Ok(Some(())),
                Err(error) if error.to_string().contains("Please try again later") => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value> {
        let call = self.client.request(method, format!("{}/api/v1{path}", self.url));
        let call = call.header("authorization", format!("token {}", self.token));
        let answer = body.into_iter().fold(call, |call, body| call.json(&body)).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

const CHECKED_WITHIN: Duration = Duration::from_secs(60);

fn run(program: &Path, settings: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .arg("--config")
        .arg(settings)
        .envs(ENVIRONMENT)
        .current_dir(settings.parent().context("a file lies in a folder")?)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "gitea {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8(output.stdout)?)
}

fn configuration(folder: &Path, port: u16, sources: &str) -> String {
    let folder = folder.display();
    format!(
        "RUN_MODE = prod\nWORK_PATH = {folder}\n\
         [server]\nPROTOCOL = http\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = http://127.0.0.1:{port}/\n\
         DISABLE_SSH = true\nOFFLINE_MODE = true\nSTATIC_ROOT_PATH = {sources}\nAPP_DATA_PATH = {folder}/data\n\
         [database]\nDB_TYPE = sqlite3\nPATH = {folder}/gitea.db\n\
         [repository]\nROOT = {folder}/repositories\nDEFAULT_PRIVATE = public\n\
         [security]\nINSTALL_LOCK = true\nSECRET_KEY = of-a-sandbox-that-lives-for-one-test\n\
         PASSWORD_HASH_ALGO = pbkdf2_v1\n\
         [service]\nDISABLE_REGISTRATION = true\n\
         [webhook]\nALLOWED_HOST_LIST = loopback\n\
         [mailer]\nENABLED = false\n[actions]\nENABLED = false\n[indexer]\nREPO_INDEXER_ENABLED = false\n\
         [log]\nMODE = console\nLEVEL = Warn\n"
    )
}
