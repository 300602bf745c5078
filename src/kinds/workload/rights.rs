//! What whoever asks may not do in a cluster, all of it at once.
//!
//! A first write that is refused half way leaves half a workload behind, and one gap told at a time
//! takes as many runs as there are gaps.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::{Cluster, all_at_once};
use super::discovery::Resource;
use super::server::Ask;
use crate::unit::KindError;

/// For so long an answer counts. A right that is taken away meanwhile is missed by the write itself.
const FRESH: Duration = Duration::from_secs(5);

/// One thing that must be allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Right {
    pub(super) verb: &'static str,
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
}

/// Refuses where any of these is not allowed, naming them all. One request where everything is.
pub(super) async fn demand(cluster: &Cluster, rights: BTreeSet<Right>) -> Result<(), KindError> {
    if rights.is_empty() || is_everything_allowed(cluster).await? {
        return Ok(());
    }
    let asks = rights.into_iter().map(|right| async move {
        let is_allowed = allowed(cluster, &right.attributes()).await?;
        Ok((!is_allowed).then(|| right.told()))
    });
    let mut missing: Vec<String> = all_at_once(asks.collect()).await?.into_iter().flatten().collect();
    missing.sort();
    match missing.is_empty() {
        true => Ok(()),
        false => {
            Err(KindError::failed(format!("{}: whoever asks may not {}", cluster.server.name, missing.join(", ")))
                .hint("give the role of this cluster these rights; nothing was changed"))
        }
    }
}

/// Units that are brought about together ask this once. The lock is held meanwhile: who asks at the same time waits
/// for that answer.
async fn is_everything_allowed(cluster: &Cluster) -> Result<bool, KindError> {
    let mut known = cluster.everything_allowed.lock().await;
    if let Some((asked, is_allowed)) = *known
        && asked.elapsed() < FRESH
    {
        return Ok(is_allowed);
    }
    let is_allowed = allowed(cluster, &json!({"verb": "*", "group": "*", "resource": "*"})).await?;
    *known = Some((Instant::now(), is_allowed));
    Ok(is_allowed)
}

impl Right {
    fn attributes(&self) -> Value {
        let Resource { group, plural, .. } = &self.resource;
        let namespace = self.namespace.as_deref().unwrap_or_default();
        json!({"verb": self.verb, "group": group, "resource": plural, "namespace": namespace})
    }

    /// `patch deployments.apps in shop`
    fn told(&self) -> String {
        let Resource { group, plural, .. } = &self.resource;
        let dot = if group.is_empty() { "" } else { "." };
        let place = self.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        format!("{} {plural}{dot}{group}{place}", self.verb)
    }
}

/// A cluster that does not answer this question is asked by the deed itself.
async fn allowed(cluster: &Cluster, attributes: &Value) -> Result<bool, KindError> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let ask = Ask { method: http::Method::POST, body: review.to_string().into_bytes(), ..Ask::get(path) };
    let answer = cluster.server.send(&ask).await?;
    if !answer.is_good() {
        return Ok(true);
    }
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    Ok(said["status"]["allowed"] != false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_told_as_people_write_rules() {
        let resource = |group: &str, plural: &str| Resource {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
            namespaced: true,
        };
        let right =
            |resource, namespace: Option<&str>| Right { verb: "patch", resource, namespace: namespace.map(Into::into) };
        assert_eq!(right(resource("apps", "deployments"), Some("shop")).told(), "patch deployments.apps in shop");
        assert_eq!(right(resource("", "namespaces"), None).told(), "patch namespaces");
    }
}
