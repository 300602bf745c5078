//! Who asked the API server for what: its audit log, to count requests per user.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Every request once, when it has been answered; who, verb, path. No bodies, so no secrets.
pub(super) const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived, ResponseStarted]\nrules: [{level: Metadata}]\n";

/// One answered request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub user: String,
    pub verb: String,
    pub uri: String,
    pub status: u64,
}

/// The requests in an audit log, oldest first.
pub fn requests(log: &Path) -> Result<Vec<Request>> {
    let text = std::fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
    // The last line may be half written.
    Ok(text.lines().filter_map(|line| Some(request(&serde_json::from_str(line).ok()?))).collect())
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Request {
        user: text(&event["user"]["username"]),
        verb: text(&event["verb"]),
        uri: text(&event["requestURI"]),
        status: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
    }
}
