//! Requests as the API server's audit log has them.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::Timestamp;

use super::users::User;
use crate::sandbox::{Cluster, Request};

/// Where the log ended when counting began.
pub(super) struct Counting(u64);

/// What one user asked for since then.
pub(super) struct Counted {
    pub by_verb: BTreeMap<String, u64>,
    /// When the last object of the load was written.
    pub last_write: Option<Timestamp>,
}

impl Counting {
    pub(super) fn begin(cluster: &Cluster) -> Result<Self> {
        Ok(Self(cluster.audit_length()?))
    }

    pub(super) fn end(self, cluster: &Cluster, user: &User) -> Result<Counted> {
        let requests = cluster.requests_from(self.0)?;
        let mine: Vec<&Request> = requests.iter().filter(|request| request.user == user.name).collect();
        let mut by_verb = BTreeMap::new();
        for request in &mine {
            *by_verb.entry(request.verb.clone()).or_default() += 1;
        }
        // What the product writes down for itself is no part of the load.
        let writes =
            mine.iter().filter(|request| request.verb == "patch" && !request.uri.contains("/namespaces/groundplan"));
        let last_write = writes.filter_map(|request| request.answered.parse().ok()).max();
        Ok(Counted { by_verb, last_write })
    }
}
