//! Alertmanager: where people are told while Slack does not take what they must know.
//!
//! Its API takes the same alert again and again, and ends one that is not repeated; so nothing is kept here of what
//! was told.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

/// It takes alerts within milliseconds; whoever tells them has other work.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where it is, and when it is told.
#[derive(Clone, Debug)]
pub struct AlertmanagerSettings {
    /// `https://alertmanager.example.com`, without the path of its API.
    pub url: String,
    /// How long Slack may fail to take a message before it is told here.
    pub after: jiff::SignedDuration,
}

/// One alert, as `POST /api/v2/alerts` takes it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What makes it this one and no other.
    pub labels: BTreeMap<&'static str, String>,
    pub annotations: BTreeMap<&'static str, String>,
    /// When it ends unless it is told again.
    pub ends_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum AlertmanagerError {
    #[error("Alertmanager at {url} cannot be told")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("Alertmanager at {url} answers {status}")]
    Refused { url: String, status: u16 },
}

/// A connection; a copy is the same one.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    settings: AlertmanagerSettings,
    client: reqwest::Client,
}

impl Alertmanager {
    pub fn new(settings: AlertmanagerSettings) -> Result<Self, AlertmanagerError> {
        // A redirect would take what is told elsewhere.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build();
        let client = client.map_err(|source| unreachable(&settings.url, source))?;
        Ok(Self { settings, client })
    }

    pub fn settings(&self) -> &AlertmanagerSettings {
        &self.settings
    }

    /// Tells alerts, new and old.
    pub async fn tell(&self, alerts: &[Alert]) -> Result<(), AlertmanagerError> {
        let url = self.settings.url.trim_end_matches('/');
        let answer = self.client.post(format!("{url}/api/v2/alerts")).json(alerts).send().await;
        let status = answer.map_err(|source| unreachable(url, source))?.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(AlertmanagerError::Refused { url: url.to_owned(), status: status.as_u16() }),
        }
    }
}

/// Without the address of the request, which may hold what the operator wrote into it.
fn unreachable(url: &str, source: reqwest::Error) -> AlertmanagerError {
    AlertmanagerError::Unreachable { url: url.to_owned(), source: source.without_url() }
}
