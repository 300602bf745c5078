//! What API servers tell of who did what: their audit webhooks post here, and a case learns from it
//! which user stands behind a field manager.
//!
//! Kept in memory, the youngest only: nothing of it is worth more than the message it ends in. A
//! record without a user, or of a part of the cluster itself, is nobody's change.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::unit::{Confidence, Difference, Evidence, Secret, Who};

/// As many as a busy cluster makes in some minutes.
const MOST: usize = 20_000;
/// More than a batch of an API server, which sends 400 events at most.
const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// A server writes the time of a change and of its record a little apart.
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(5);

/// The youngest records of all clusters. A copy is the same list.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<VecDeque<Record>>>);

#[derive(Clone, Debug)]
struct Record {
    group: String,
    resource: String,
    /// `NAMESPACE/NAME`, or the name alone.
    object: String,
    user: String,
    verb: String,
    agent: String,
    at: Timestamp,
}

/// `audit.k8s.io/v1` `EventList`, as far as it is read.
#[derive(Deserialize)]
struct EventList {
    items: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: User,
    #[serde(default)]
    impersonated_user: Option<User>,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: Option<ObjectReference>,
    #[serde(default)]
    response_status: Option<ResponseStatus>,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectReference {
    #[serde(default)]
    api_group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

impl Records {
    fn all(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.0.lock().expect("nobody panics while holding it")
    }

    fn take(&self, events: impl IntoIterator<Item = Event>) {
        let mut all = self.all();
        all.extend(events.into_iter().filter_map(record));
        let over = all.len().saturating_sub(MOST);
        all.drain(..over);
    }

    /// Who wrote to an item, as differences name it (`apps/Deployment shop/web`); at that very time
    /// where it is known, else whoever wrote to it last, which is less sure.
    pub(super) fn author(&self, item: &str, at: Option<Timestamp>) -> Option<Who> {
        let all = self.all();
        let of_item = || all.iter().rev().filter(|record| record.is_of(item));
        let near = |record: &&Record| at.is_some_and(|at| record.at.duration_since(at).abs() <= SAME_MOMENT);
        let sure = of_item().find(near).map(|record| record.who(Confidence::High));
        sure.or_else(|| of_item().next().map(|record| record.who(Confidence::Medium)))
    }

    /// A difference with the user behind it, where a record says so for sure.
    pub(super) fn surely(&self, difference: &Difference) -> Difference {
        let at = difference.who.as_ref().and_then(|who| who.time.as_ref()).and_then(|time| time.parse().ok());
        let user = self.author(&difference.item, at).filter(|who| who.confidence == Confidence::High);
        Difference { who: user.or_else(|| difference.who.clone()), ..difference.clone() }
    }
}

impl Record {
    fn is_of(&self, item: &str) -> bool {
        let Some((kind, object)) = item.split_once(' ') else { return false };
        // The core group has no name, and stands in no item's.
        let (group, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
        self.object == object && self.group == group && plural(kind).contains(&self.resource)
    }

    fn who(&self, confidence: Confidence) -> Who {
        let operation = format!("{} by {}", self.verb, self.agent);
        let (name, time) = (self.user.clone(), Some(self.at.to_string()));
        Who { name, operation, time, evidence: Evidence::AuditLog, confidence }
    }
}

/// What a resource of this kind may be called in a path.
fn plural(kind: &str) -> [String; 3] {
    let kind = kind.to_lowercase();
    let ending_in_y = kind.strip_suffix('y').map(|start| format!("{start}ies"));
    [format!("{kind}s"), format!("{kind}es"), ending_in_y.unwrap_or_default()]
}

fn record(event: Event) -> Option<Record> {
    let object = event.object_ref?;
    let writes = matches!(event.verb.as_str(), "create" | "update" | "patch" | "delete");
    let went = event.response_status.is_some_and(|status| (200..300).contains(&status.code));
    let user = event.impersonated_user.unwrap_or(event.user).username;
    let agent = event.user_agent.split(['/', ' ']).next().unwrap_or_default().to_owned();
    if event.stage != "ResponseComplete" || !writes || !went || is_the_cluster(&user) || agent == "groundplan" {
        return None;
    }
    let name = match object.namespace.as_str() {
        "" => object.name,
        namespace => format!("{namespace}/{}", object.name),
    };
    let ObjectReference { api_group: group, resource, .. } = object;
    Some(Record { group, resource, object: name, user, verb: event.verb, agent, at: event.stage_timestamp })
}

fn is_the_cluster(user: &str) -> bool {
    let parts = ["system:kube-", "system:node:", "system:serviceaccount:kube-system:", "system:apiserver"];
    parts.iter().any(|part| user.starts_with(part))
}

#[derive(Clone)]
struct Post {
    records: Records,
    /// SHA-256 of what the header must say.
    wanted: [u8; 32],
}

/// `POST /kubernetes/audit`, for the audit webhook of an API server whose kubeconfig holds `token`.
pub(super) fn router(records: Records, token: &Secret) -> Router {
    let wanted = Sha256::digest(format!("Bearer {}", token.expose())).into();
    let route = Router::new().route("/kubernetes/audit", post(take)).layer(DefaultBodyLimit::max(LARGEST_BODY));
    route.with_state(Post { records, wanted })
}

async fn take(State(Post { records, wanted }): State<Post>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // Digests are compared, so that the time it takes tells nothing of the token.
    let given = headers.get(AUTHORIZATION).map(|value| Sha256::digest(value.as_bytes()));
    match given.is_some_and(|given| given[..] == wanted) {
        false => StatusCode::UNAUTHORIZED,
        true => match serde_json::from_slice::<EventList>(&body) {
            Ok(list) => {
                records.take(list.items);
                StatusCode::OK
            }
            Err(_) => StatusCode::BAD_REQUEST,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(user: &str, verb: &str, code: u16, second: u32) -> Value {
        json!({
            "stage": "ResponseComplete", "verb": verb, "user": {"username": user},
            "userAgent": "kubectl-edit/v1.33 (linux/amd64)",
            "objectRef": {"apiGroup": "apps", "resource": "deployments", "namespace": "shop", "name": "web"},
            "responseStatus": {"code": code},
            "stageTimestamp": format!("2026-11-21T05:44:{second:02}.123456Z"),
        })
    }

    fn of(events: impl IntoIterator<Item = Value>) -> Records {
        let records = Records::default();
        let list = json!({"kind": "EventList", "items": events.into_iter().collect::<Vec<_>>()});
        records.take(serde_json::from_value::<EventList>(list).expect("the shape of audit.k8s.io").items);
        records
    }

    const ITEM: &str = "apps/Deployment shop/web";

    #[test]
    fn the_user_of_that_very_moment_is_surer_than_the_last_one() {
        let records = of([event("ada@example.com", "patch", 200, 0), event("bob@example.com", "update", 200, 30)]);
        let at: Timestamp = "2026-11-21T05:44:00Z".parse().expect("a time");
        let who = records.author(ITEM, Some(at)).expect("somebody");
        assert_eq!((who.name.as_str(), who.confidence), ("ada@example.com", Confidence::High));
        assert_eq!(who.operation, "patch by kubectl-edit");
        let who = records.author(ITEM, None).expect("somebody");
        assert_eq!((who.name.as_str(), who.confidence), ("bob@example.com", Confidence::Medium));
        assert_eq!(records.author("apps/StatefulSet shop/web", Some(at)), None);
        assert_eq!(records.author("ConfigMap shop/web", Some(at)), None);
        let mut core = event("ada@example.com", "patch", 200, 0);
        core["objectRef"] = json!({"resource": "configmaps", "namespace": "shop", "name": "web"});
        assert!(of([core]).author("ConfigMap shop/web", Some(at)).is_some());
    }

    #[test]
    fn what_read_failed_or_was_done_by_the_cluster_is_nobodys_change() {
        let mut ours = event("ada@example.com", "patch", 200, 0);
        ours["userAgent"] = json!("groundplan/0.1.0");
        let mut begun = event("ada@example.com", "patch", 200, 0);
        begun["stage"] = json!("RequestReceived");
        let cluster = "system:serviceaccount:kube-system:deployment-controller";
        let events =
            [event("ada", "get", 200, 0), event("ada", "patch", 403, 0), event(cluster, "update", 200, 0), ours, begun];
        assert_eq!(of(events).author(ITEM, None), None);
    }

    #[test]
    fn somebody_who_acts_as_another_is_told_as_that_one_and_old_records_go() {
        let mut event = event("admin", "patch", 200, 0);
        event["impersonatedUser"] = json!({"username": "ada@example.com"});
        let records = of([event.clone()]);
        assert_eq!(records.author(ITEM, None).map(|who| who.name), Some("ada@example.com".to_owned()));
        event["objectRef"]["name"] = json!("other");
        let many = json!({"items": vec![event; MOST]});
        records.take(serde_json::from_value::<EventList>(many).expect("events").items);
        assert_eq!((records.author(ITEM, None), records.all().len()), (None, MOST));
    }
}
