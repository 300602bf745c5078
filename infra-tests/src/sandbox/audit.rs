//! Who asked the API server for what: its audit log, to count requests per user.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Every request once, when it has been answered; who, verb, path. No bodies, so no secrets.
pub(super) const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived, ResponseStarted]\nrules: [{level: Metadata}]\n";

/// One answered request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub user: String,
    /// The program, as it calls itself: the controllers act under the same name as an administrator.
    pub agent: String,
    pub verb: String,
    pub uri: String,
    pub status: u64,
    /// When, by the server's clock.
    pub answered: String,
}

/// The requests in an audit log, oldest first.
pub fn requests(log: &Path) -> Result<Vec<Request>> {
    requests_from(log, 0)
}

/// The requests in an audit log after its first bytes.
pub(super) fn requests_from(log: &Path, from: u64) -> Result<Vec<Request>> {
    let unreadable = || format!("cannot read {}", log.display());
    let mut file = File::open(log).with_context(unreadable)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text).with_context(unreadable)?;
    // The last line may be half written.
    Ok(text.lines().filter_map(|line| Some(request(&serde_json::from_str(line).ok()?))).collect())
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Request {
        user: text(&event["user"]["username"]),
        agent: text(&event["userAgent"]),
        verb: text(&event["verb"]),
        uri: text(&event["requestURI"]),
        status: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
        answered: text(&event["stageTimestamp"]),
    }
}
