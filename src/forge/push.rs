//! One branch to where the repository came from, by the real `git`, which alone can push.
//!
//! It runs in an empty repository that borrows the objects, with no configuration but what is written
//! here: no hook, helper or address rewritten by somebody's settings. The token goes by the environment,
//! to the one address it is for.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use tokio::process::Command;

use super::ForgeError;
use super::proposal::one_line;
use crate::repo::{CommitId, Repository};
use crate::unit::Secret;

const PATIENCE: Duration = Duration::from_secs(60);
const MOST_SAID: usize = 400;
/// How to reach the world from this machine; nothing else of the environment is handed on.
const INHERITED: &[&str] = &[
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
];

/// Where to push, and as whom.
pub(super) struct Target<'a> {
    pub(super) repository: &'a Repository,
    pub(super) token: Option<Secret>,
}

impl Target<'_> {
    /// Pushes one commit to one branch, over exactly what was seen there.
    pub(super) async fn push(
        &self,
        branch: &str,
        commit: &CommitId,
        over: Option<&CommitId>,
    ) -> Result<(), ForgeError> {
        let to = self.repository.push_address();
        if self.token.is_some() && !may_carry_a_token(&to) {
            return Err(ForgeError::ClearText { url: self.repository.location().to_owned() });
        }
        let folder = tempfile::tempdir().map_err(ForgeError::NoGit)?;
        borrow(folder.path(), &self.repository.objects()).map_err(ForgeError::NoGit)?;
        let lease = format!("--force-with-lease=refs/heads/{branch}:{}", over.map_or("", CommitId::as_str));
        let what = format!("{commit}:refs/heads/{branch}");
        let running = Command::new("git")
            .args(["push", "--porcelain", "--no-verify", &lease, "--", &to, &what])
            .current_dir(folder.path())
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))))
            .envs(environment(&to, folder.path(), self.token.as_ref()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output();
        let output = match tokio::time::timeout(PATIENCE, running).await {
            Ok(output) => output.map_err(ForgeError::NoGit)?,
            Err(_) => {
                return Err(ForgeError::PushTimedOut { branch: branch.to_owned(), seconds: PATIENCE.as_secs() });
            }
        };
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(refusal(branch, &String::from_utf8_lossy(&said), self.token.as_ref()))
    }
}

fn refusal(branch: &str, said: &str, token: Option<&Secret>) -> ForgeError {
    let branch = branch.to_owned();
    if said.contains("(stale info)") || said.contains("(fetch first)") {
        return ForgeError::Moved { branch };
    }
    // `git` repeats no header; this is for the day on which it does.
    let said = token.map_or_else(|| said.to_owned(), |token| said.replace(token.expose(), "(hidden)"));
    ForgeError::Push { branch, said: one_line(&said).chars().take(MOST_SAID).collect() }
}

/// A repository with nothing of its own that finds its objects elsewhere.
fn borrow(folder: &Path, objects: &Path) -> std::io::Result<()> {
    let git = folder.join(".git");
    std::fs::create_dir_all(git.join("objects/info"))?;
    std::fs::create_dir_all(git.join("refs/heads"))?;
    std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n")?;
    std::fs::write(git.join("objects/info/alternates"), format!("{}\n", objects.display()))
}

/// All the settings that `git` gets.
fn environment(to: &str, folder: &Path, token: Option<&Secret>) -> Vec<(String, String)> {
    let folder = folder.display().to_string();
    let mut settings = vec![
        ("core.hooksPath".to_owned(), "/dev/null".to_owned()),
        ("credential.helper".to_owned(), String::new()),
        ("core.askPass".to_owned(), "true".to_owned()),
        ("protocol.allow".to_owned(), "never".to_owned()),
        ("http.followRedirects".to_owned(), "false".to_owned()),
    ];
    settings.extend(["https", "http", "file"].map(|scheme| (format!("protocol.{scheme}.allow"), "always".to_owned())));
    if let (Some(token), Some(origin)) = (token, origin(to)) {
        let both = base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{}", token.expose()));
        settings.push((format!("http.{origin}/.extraHeader"), format!("Authorization: Basic {both}")));
    }
    let fixed = [
        ("HOME", folder.as_str()),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("LC_ALL", "C"),
    ];
    let mut all: Vec<(String, String)> = fixed.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    all.push(("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string()));
    for (at, (key, value)) in settings.into_iter().enumerate() {
        all.push((format!("GIT_CONFIG_KEY_{at}"), key));
        all.push((format!("GIT_CONFIG_VALUE_{at}"), value));
    }
    all
}

/// Scheme and host of a URL: `https://git.example.com:3000`.
pub(super) fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    (!host.is_empty()).then(|| format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
}

/// Whether nobody on the way can read it: encrypted, or on this very machine.
pub(super) fn may_carry_a_token(url: &str) -> bool {
    let Some(origin) = origin(url) else { return true };
    let host = origin.strip_prefix("http://").map(|host| host.split(':').next().unwrap_or_default());
    host.is_none_or(|host| matches!(host, "127.0.0.1" | "localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_its_own_host_alone_and_never_in_clear_text() {
        let token = Secret::new("s3cret");
        let all = environment("https://git.example.com/a/b.git", Path::new("/nowhere"), Some(&token));
        let value = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("GIT_CONFIG_KEY_8"), Some("http.https://git.example.com/.extraHeader"));
        assert_eq!(value("GIT_CONFIG_VALUE_8"), Some("Authorization: Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0"));
        assert_eq!(value("GIT_CONFIG_COUNT"), Some("9"));
        for (url, may) in [
            ("https://git.example.com/a.git", true),
            ("http://127.0.0.1:3000/a.git", true),
            ("http://git.example.com/a.git", false),
            ("http://127.0.0.1.example.com/a.git", false),
            ("/srv/git/a.git", true),
        ] {
            assert_eq!(may_carry_a_token(url), may, "{url}");
        }
    }

    #[test]
    fn a_refusal_tells_no_token_and_a_branch_that_moved_from_one_that_is_protected() {
        let token = Secret::new("s3cret");
        assert!(matches!(refusal("b", "!\tx\t[rejected] (stale info)", None), ForgeError::Moved { .. }));
        let told = refusal("b", "remote: s3cret\nno", Some(&token)).to_string();
        assert_eq!(told, "`b` could not be pushed: remote: (hidden) no");
    }
}
