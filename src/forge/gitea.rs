//! Pull requests at Gitea, by its API.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::{Check, Requests, Words};
use super::{ForgeError, ForgeSettings, push};
use crate::repo::CommitId;
use crate::unit::Secret;

const PATIENCE: Duration = Duration::from_secs(30);
/// What is told of a refusal.
const MOST_SAID: usize = 300;

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
        let client = client.map_err(|source| ForgeError::Unreachable { branch: String::new(), source })?;
        Ok(Self { client, repository: format!("{url}/api/v1/repos/{name}"), token: settings.token.clone() })
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.client.request(method, format!("{}/{path}", self.repository));
        match &self.token {
            Some(token) => call.header("authorization", format!("token {}", token.expose())),
            None => call,
        }
    }

    /// The answer's JSON, or none where there is nothing.
    async fn answer(&self, branch: &str, call: RequestBuilder) -> Result<Option<Value>, ForgeError> {
        let unreachable = |source: reqwest::Error| ForgeError::Unreachable { branch: branch.to_owned(), source };
        let answer = call.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(serde_json::from_str(&text).unwrap_or(Value::Null))),
            status => {
                let said = super::proposal::one_line(&text).chars().take(MOST_SAID).collect();
                Err(ForgeError::Refused { branch: branch.to_owned(), status: status.as_u16(), said })
            }
        }
    }

    fn refused(branch: &str, said: &str) -> ForgeError {
        ForgeError::Refused { branch: branch.to_owned(), status: 404, said: said.to_owned() }
    }
}

impl Requests for Gitea {
    async fn open(&self, branch: &str, into: &str) -> Result<Option<(u64, String)>, ForgeError> {
        // A slash within a name is not one of the address.
        let escape = |name: &str| name.replace('/', "%2F");
        let path = format!("pulls/{}/{}", escape(into), escape(branch));
        let found = self.answer(branch, self.call(Method::GET, &path)).await?;
        let pull = found.and_then(|found| serde_json::from_value::<Pull>(found).ok());
        Ok(pull.filter(|pull| pull.state == "open").map(|pull| (pull.number, pull.html_url)))
    }

    async fn create(&self, branch: &str, into: &str, words: &Words) -> Result<String, ForgeError> {
        let Words { title, body } = words;
        let pull = json!({"head": branch, "base": into, "title": title, "body": body});
        let made = self.answer(branch, self.call(Method::POST, "pulls").json(&pull)).await?;
        let made = made.and_then(|made| serde_json::from_value::<Pull>(made).ok());
        let said = "there is no such repository, or the token may not open pull requests in it";
        made.map(|pull| pull.html_url).ok_or_else(|| Self::refused(branch, said))
    }

    async fn update(&self, branch: &str, number: u64, words: &Words) -> Result<(), ForgeError> {
        let Words { title, body } = words;
        let call = self.call(Method::PATCH, &format!("pulls/{number}")).json(&json!({"title": title, "body": body}));
        match self.answer(branch, call).await? {
            Some(_) => Ok(()),
            None => Err(Self::refused(branch, "the pull request is gone")),
        }
    }

    async fn pass(&self, branch: &str, commit: &CommitId, check: &Check) -> Result<(), ForgeError> {
        let state = json!({"state": "success", "context": check.name, "description": check.words});
        let call = self.call(Method::POST, &format!("statuses/{}", commit.as_str())).json(&state);
        let said = "there is no such commit, or the token may not say that a check of it has passed";
        self.answer(branch, call).await?.map(drop).ok_or_else(|| Self::refused(branch, said))
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
