//! Git repositories over HTTP: Git's own `git http-backend` behind a small server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, Response, StatusCode, Uri, header::HeaderMap};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const BODY_LIMIT: usize = 256 << 20;

/// A running Git server with its bare repositories.
pub struct Git {
    root: PathBuf,
    url: String,
    server: JoinHandle<()>,
}

impl Git {
    pub async fn start(root: &Path) -> Result<Self> {
        fs::create_dir_all(root)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(root.to_owned());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { root: root.to_owned(), url, server })
    }

    /// Where a repository is, or will be once something was pushed.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}.git", self.url)
    }

    /// Makes an empty repository, unless it is there.
    pub fn create(&self, name: &str) -> Result<()> {
        let repository = self.repository(name);
        if repository.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&repository)?;
        let run = |arguments: &[&str]| git(&repository, arguments, &[]);
        run(&["init", "--quiet", "--bare", "--initial-branch=main", "."])?;
        run(&["config", "http.receivepack", "true"])?;
        // As GitHub does: whoever knows a commit may fetch it.
        run(&["config", "uploadpack.allowAnySHA1InWant", "true"])?;
        Ok(())
    }

    /// Commits all of `folder` on the branch `main`, and returns the commit.
    ///
    /// Author and date are fixed, so the same folders in the same order give the same commits. A
    /// folder that equals the last commit makes no new one.
    pub fn push(&self, folder: &Path, name: &str) -> Result<String> {
        self.create(name)?;
        let repository = self.repository(name);
        let folder = fs::canonicalize(folder).with_context(|| format!("no folder {}", folder.display()))?;
        let index = tempfile::tempdir()?;
        let (index, work_tree) = (index.path().join("index"), folder.display().to_string());
        let places = [("GIT_WORK_TREE", work_tree), ("GIT_INDEX_FILE", index.display().to_string())];
        let run = |arguments: &[&str]| git(&repository, arguments, &places);

        run(&["add", "--all", "--force", "."])?;
        let tree = run(&["write-tree"])?;
        let parent = run(&["rev-parse", "--verify", "--quiet", "refs/heads/main"]).ok();
        if let Some(parent) = &parent
            && run(&["rev-parse", &format!("{parent}^{{tree}}")])? == tree
        {
            return Ok(parent.clone());
        }
        let mut commit = vec!["commit-tree", &tree, "-m", "the folder as it is"];
        if let Some(parent) = &parent {
            commit.extend(["-p", parent]);
        }
        let commit = run(&commit)?;
        run(&["update-ref", "refs/heads/main", &commit])?;
        Ok(commit)
    }

    /// The bare repository on disk.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.git"))
    }
}

impl Drop for Git {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Nothing of the machine's configuration, and a fixed author and date.
pub fn clean_environment() -> [(&'static str, &'static str); 10] {
    [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("LC_ALL", "C"),
        ("GIT_AUTHOR_NAME", "Sandbox"),
        ("GIT_AUTHOR_EMAIL", "sandbox@example.com"),
        ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
        ("GIT_COMMITTER_NAME", "Sandbox"),
        ("GIT_COMMITTER_EMAIL", "sandbox@example.com"),
        ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
    ]
}

fn git(repository: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(repository)
        .env("GIT_DIR", repository)
        .envs(clean_environment())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .args(arguments)
        .current_dir(environment.first().map_or(repository, |(_, work_tree)| Path::new(work_tree)))
        .output()
        .context("cannot start git")?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "git {} failed: {err}", arguments.join(" "));
    Ok(out.trim().to_owned())
}

async fn answer(
    State(root): State<PathBuf>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Response<Body>) {
    match backend(&root, &method, &uri, &headers, body).await {
        Ok(response) => (response.status(), response),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Response::new(Body::from(format!("{error:#}\n")))),
    }
}

/// Runs Git's CGI program for one request.
async fn backend(root: &Path, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Result<Response<Body>> {
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .envs(clean_environment())
        .envs(cgi_variables(root, method, uri, headers, body.len()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = child.stdin.take().context("stdin is piped")?;
    // Both at once: Git answers while it still reads.
    let write = async move {
        // Git may stop reading early; what it then answers says why.
        let _ = input.write_all(&body).await;
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output?;
    match parse(&output.stdout) {
        Ok(response) => Ok(response),
        Err(error) => bail!("{error:#}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn cgi_variables(
    root: &Path,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    length: usize,
) -> BTreeMap<&'static str, String> {
    let mut variables = BTreeMap::from([
        ("GIT_PROJECT_ROOT", root.display().to_string()),
        ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
        ("REQUEST_METHOD", method.to_string()),
        ("PATH_INFO", uri.path().to_owned()),
        ("QUERY_STRING", uri.query().unwrap_or_default().to_owned()),
        ("CONTENT_LENGTH", length.to_string()),
        ("REMOTE_ADDR", "127.0.0.1".to_owned()),
    ]);
    let known = [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    for (header, variable) in known {
        if let Some(value) = headers.get(header).and_then(|value| value.to_str().ok()) {
            variables.insert(variable, value.to_owned());
        }
    }
    variables
}

/// A CGI answer: header lines, an empty line, the body; the status is a header.
fn parse(answer: &[u8]) -> Result<Response<Body>> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("git http-backend answered nothing")?;
    let mut response = Response::builder();
    for line in std::str::from_utf8(&answer[..end])?.lines() {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        response = match name {
            "Status" => response.status(value.trim().split(' ').next().unwrap_or_default()),
            _ => response.header(name, value.trim()),
        };
    }
    Ok(response.body(Body::from(answer[end + 4..].to_vec()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_cgi_answer_is_a_header() {
        let response = parse(b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno").unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()["content-type"], "text/plain");
    }
}
