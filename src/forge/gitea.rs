//! Pull requests at Gitea, by its API.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{Check, Label, Requests, Words};
use super::{ForgeError, ForgeSettings, OpenRequest, push};
use crate::repo::CommitId;
use crate::unit::Secret;

const PATIENCE: Duration = Duration::from_secs(30);
/// What is told of a refusal.
const MOST_SAID: usize = 300;
/// Gitea gives no more at once, as it comes.
const PAGE: usize = 50;
const MOST_LABELS: usize = 1000;
const MOST_FILES: usize = 1000;
/// What is true where the open pull requests are refused.
const UNREAD: &str = "the open pull requests could not be read";

pub(super) struct Gitea {
    client: reqwest::Client,
    /// `https://git.example.com/api/v1/repos/OWNER/NAME`
    repository: String,
    token: Option<Secret>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    #[serde(default)]
    state: String,
}

impl Gitea {
    /// The repository is named by the end of its address: `…/OWNER/NAME.git`.
    pub(super) fn new(settings: &ForgeSettings, location: &str) -> Result<Self, ForgeError> {
        let url = settings.url.clone().unwrap_or_default();
        let url = url.trim_end_matches('/');
        let not_there = || ForgeError::NotAtForge { location: location.to_owned(), url: url.to_owned() };
        let path = location.strip_prefix(url).ok_or_else(not_there)?.trim_matches('/');
        let name = path.strip_suffix(".git").unwrap_or(path);
        let is_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match name.split('/').collect::<Vec<_>>().as_slice() {
            [owner, name] if !owner.is_empty() && (*owner).chars().chain(name.chars()).all(is_word) => {}
            _ => return Err(not_there()),
        }
        if settings.token.is_some() && !push::may_carry_a_token(url) {
            return Err(ForgeError::ClearText { url: url.to_owned() });
        }
        // A redirect would take the token elsewhere.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build();
        let client = client
            .map_err(|source| ForgeError::Unreachable { outcome: "the forge cannot be asked".to_owned(), source })?;
        Ok(Self { client, repository: format!("{url}/api/v1/repos/{name}"), token: settings.token.clone() })
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.client.request(method, format!("{}/{path}", self.repository));
        match &self.token {
            Some(token) => call.header("authorization", format!("token {}", token.expose())),
            None => call,
        }
    }

    /// The answer's JSON, or none where there is nothing; `outcome` is what is true where it is refused.
    async fn answer(&self, outcome: &str, call: RequestBuilder) -> Result<Option<Value>, ForgeError> {
        let unreachable = |source: reqwest::Error| ForgeError::Unreachable { outcome: outcome.to_owned(), source };
        let answer = call.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(serde_json::from_str(&text).unwrap_or(Value::Null))),
            status => {
                let said = super::proposal::one_line(&text).chars().take(MOST_SAID).collect();
                Err(ForgeError::Refused { outcome: outcome.to_owned(), status: status.as_u16(), said })
            }
        }
    }

    /// A list from its first page to its last, or to the `most`-th item.
    async fn list(&self, outcome: &str, path: &str, most: usize) -> Result<Vec<Value>, ForgeError> {
        let mut all = Vec::new();
        for page in 1.. {
            let sign = if path.contains('?') { '&' } else { '?' };
            let call = self.call(Method::GET, &format!("{path}{sign}limit={PAGE}&page={page}"));
            let said = "there is no such repository, or the token may not read it";
            let items = self.answer(outcome, call).await?.ok_or_else(|| missing(outcome, said))?;
            let items = items.as_array().cloned().unwrap_or_default();
            let is_last = items.len() < PAGE;
            all.extend(items);
            if is_last || all.len() >= most {
                break;
            }
        }
        all.truncate(most);
        Ok(all)
    }
}

fn missing(outcome: &str, said: &str) -> ForgeError {
    ForgeError::Refused { outcome: outcome.to_owned(), status: 404, said: said.to_owned() }
}

/// What is true where a pull request is refused.
fn unopened(branch: &str) -> String {
    format!("the branch `{branch}` is pushed, and the pull request could not be opened")
}

impl Requests for Gitea {
    async fn open(&self, branch: &str, into: &str) -> Result<Option<(u64, String)>, ForgeError> {
        // A slash within a name is not one of the address.
        let escape = |name: &str| name.replace('/', "%2F");
        let path = format!("pulls/{}/{}", escape(into), escape(branch));
        let found = self.answer(&unopened(branch), self.call(Method::GET, &path)).await?;
        let pull = found.and_then(|found| serde_json::from_value::<Pull>(found).ok());
        Ok(pull.filter(|pull| pull.state == "open").map(|pull| (pull.number, pull.html_url)))
    }

    async fn create(&self, branch: &str, into: &str, words: &Words) -> Result<(u64, String), ForgeError> {
        let Words { title, body } = words;
        let pull = json!({"head": branch, "base": into, "title": title, "body": body});
        let outcome = unopened(branch);
        let made = self.answer(&outcome, self.call(Method::POST, "pulls").json(&pull)).await?;
        let made = made.and_then(|made| serde_json::from_value::<Pull>(made).ok());
        let said = "there is no such repository, or the token may not open pull requests in it";
        made.map(|pull| (pull.number, pull.html_url)).ok_or_else(|| missing(&outcome, said))
    }

    async fn update(&self, branch: &str, number: u64, words: &Words) -> Result<(), ForgeError> {
        let Words { title, body } = words;
        let call = self.call(Method::PATCH, &format!("pulls/{number}")).json(&json!({"title": title, "body": body}));
        let outcome = format!("the branch `{branch}` is pushed, and its pull request says what it said before");
        match self.answer(&outcome, call).await? {
            Some(_) => Ok(()),
            None => Err(missing(&outcome, "it is gone")),
        }
    }

    async fn pass(&self, branch: &str, commit: &CommitId, check: &Check) -> Result<(), ForgeError> {
        let state = json!({"state": "success", "context": check.name, "description": check.words});
        let call = self.call(Method::POST, &format!("statuses/{}", commit.as_str())).json(&state);
        let outcome = unopened(branch);
        let said = "there is no such commit, or the token may not say that a check of it has passed";
        self.answer(&outcome, call).await?.map(drop).ok_or_else(|| missing(&outcome, said))
    }

    async fn label(&self, number: u64, label: &Label) -> Result<(), ForgeError> {
        let outcome = format!("pull request {number} has no label `{}`", label.name);
        // Gitea lets two labels have one name: whether it is there is asked first.
        let there = self.list(&outcome, "labels", MOST_LABELS).await?;
        let id = match there.iter().find(|known| known["name"] == label.name) {
            Some(known) => known["id"].clone(),
            None => {
                let wanted = json!({"name": label.name, "color": label.color, "description": label.words});
                let made = self.answer(&outcome, self.call(Method::POST, "labels").json(&wanted)).await?;
                made.ok_or_else(|| missing(&outcome, "the token may not make labels"))?["id"].clone()
            }
        };
        let call = self.call(Method::POST, &format!("issues/{number}/labels")).json(&json!({"labels": [id]}));
        self.answer(&outcome, call).await?.map(drop).ok_or_else(|| missing(&outcome, "the token may not label it"))
    }

    async fn all_open(&self, most: usize) -> Result<Vec<OpenRequest>, ForgeError> {
        let pulls = self.list(UNREAD, "pulls?state=open&sort=recentupdate", most).await?;
        let read = |pull: Value| serde_json::from_value::<OpenPull>(pull).map(OpenRequest::from);
        // One that is not as it should be is not known of, as one that is not there.
        Ok(pulls.into_iter().filter_map(|pull| read(pull).ok()).collect())
    }

    async fn files(&self, number: u64) -> Result<BTreeSet<String>, ForgeError> {
        let files = self.list(UNREAD, &format!("pulls/{number}/files"), MOST_FILES).await?;
        let names = |file: Value| ["filename", "previous_filename"].map(|name| file[name].as_str().map(str::to_owned));
        Ok(files.into_iter().flat_map(names).flatten().filter(|name| !name.is_empty()).collect())
    }
}

/// An open pull request, as it stands in a list.
#[derive(Deserialize)]
struct OpenPull {
    number: u64,
    html_url: String,
    head: End,
    base: End,
}

/// One end of a pull request.
#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    /// None where the fork is gone.
    repo: Option<Home>,
}

#[derive(Deserialize)]
struct Home {
    default_branch: String,
}

impl From<OpenPull> for OpenRequest {
    fn from(OpenPull { number, html_url, head, base }: OpenPull) -> Self {
        let is_into_default = base.repo.is_some_and(|home| home.default_branch == base.branch);
        let (into, files) = (base.branch, BTreeSet::new());
        Self { number, link: html_url, branch: head.branch, head: head.sha, into, is_into_default, files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(location: &str) -> Option<String> {
        let settings = ForgeSettings { url: Some("https://git.example.com/".into()), ..ForgeSettings::default() };
        Gitea::new(&settings, location).ok().map(|gitea| gitea.repository)
    }

    #[test]
    fn the_repository_is_named_by_the_end_of_its_address() {
        let seen = Some("https://git.example.com/api/v1/repos/shop/platform".to_owned());
        assert_eq!(at("https://git.example.com/shop/platform.git"), seen);
        assert_eq!(at("https://git.example.com/shop/platform"), seen);
        assert_eq!(at("https://elsewhere.example.com/shop/platform.git"), None);
        assert_eq!(at("https://git.example.com.evil.example/shop/platform.git"), None);
        assert_eq!(at("https://git.example.com/platform.git"), None);
        assert_eq!(at("https://git.example.com/shop/a?b"), None);
    }
}
