//! When an object is ready: the rules of kstatus, and where Flux and Argo CD found better ones, theirs.

use serde_json::Value;

use super::object::ObjectId;

/// How an object is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Health {
    Ready,
    /// On its way; says what it waits for, as `1 of 2 available`.
    Waiting(String),
    /// Will not become ready by waiting.
    Failed(String),
}

/// Whether objects of this kind can be anything but ready once they are accepted.
///
/// A custom resource may say `Ready: False` at any time, so all of them are asked.
pub(super) fn must_be_asked(id: &ObjectId) -> bool {
    match (id.group.as_str(), id.kind.as_str()) {
        ("apps", _) | ("batch", "Job") | ("apiregistration.k8s.io", _) => true,
        ("", "Pod" | "PersistentVolumeClaim" | "Service" | "ReplicationController" | "Namespace") => true,
        ("apiextensions.k8s.io", _) => true,
        (group, _) => !super::order::is_built_in(group),
    }
}

/// Judges a live object.
pub(super) fn health(id: &ObjectId, live: &Value) -> Health {
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Health::Waiting("is being deleted".into());
    }
    if let Some(seen) = live["status"]["observedGeneration"].as_i64()
        && Some(seen) != live["metadata"]["generation"].as_i64()
    {
        return Health::Waiting("its controller has not seen the change yet".into());
    }
    if condition(live, "Reconciling", "True").is_some() {
        return Health::Waiting(message(live, "Reconciling", "is being reconciled"));
    }
    if condition(live, "Stalled", "True").is_some() {
        return Health::Failed(message(live, "Stalled", "is stalled"));
    }
    match (id.group.as_str(), id.kind.as_str()) {
        ("apps", "Deployment") => deployment(live),
        ("apps", "StatefulSet") => stateful_set(live),
        ("apps", "DaemonSet") => daemon_set(live),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => replica_set(live),
        ("", "Pod") => pod(live),
        ("", "PersistentVolumeClaim") => volume_claim(live),
        ("", "Service") => service(live),
        ("", "Namespace") => namespace(live),
        ("batch", "Job") => job(live),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(live),
        ("apiregistration.k8s.io", "APIService") => wanted(live, "Available", "is not available"),
        (group, _) if super::order::is_built_in(group) => Health::Ready,
        _ => custom(live),
    }
}

fn deployment(live: &Value) -> Health {
    if reason(live, "Progressing") == Some("ProgressDeadlineExceeded") {
        return Health::Failed(message(live, "Progressing", "made no progress before its deadline"));
    }
    let (spec, status) = (&live["spec"], &live["status"]);
    let want = spec["replicas"].as_i64().unwrap_or(1);
    let count = |name: &str| status[name].as_i64().unwrap_or(0);
    let all = count("replicas");
    if count("updatedReplicas") < want {
        return Health::Waiting(format!("{} of {want} updated", count("updatedReplicas")));
    }
    if all > want {
        return Health::Waiting(format!("{} old pods still to go", all - want));
    }
    if count("availableReplicas") < want {
        return Health::Waiting(format!("{} of {want} available", count("availableReplicas")));
    }
    if count("readyReplicas") < want {
        return Health::Waiting(format!("{} of {want} ready", count("readyReplicas")));
    }
    // A controller that keeps no deadline never says that it made progress.
    let has_deadline = spec["progressDeadlineSeconds"].as_i64().is_some_and(|seconds| seconds != i64::from(i32::MAX));
    if has_deadline && want > 0 && reason(live, "Progressing") != Some("NewReplicaSetAvailable") {
        return Health::Waiting("its new pods are not all there".into());
    }
    wanted(live, "Available", "is not available")
}

fn stateful_set(live: &Value) -> Health {
    let (spec, status) = (&live["spec"], &live["status"]);
    if spec["updateStrategy"]["type"] == "OnDelete" {
        return Health::Ready;
    }
    let want = spec["replicas"].as_i64().unwrap_or(1);
    let count = |name: &str| status[name].as_i64().unwrap_or(0);
    if status["observedGeneration"].is_null() {
        return Health::Waiting("its controller has not seen it yet".into());
    }
    if count("readyReplicas") < want {
        return Health::Waiting(format!("{} of {want} ready", count("readyReplicas")));
    }
    if count("replicas") > want {
        return Health::Waiting(format!("{} pods still to go", count("replicas") - want));
    }
    if let Some(partition) = spec["updateStrategy"]["rollingUpdate"]["partition"].as_i64().filter(|from| *from > 0) {
        let updated = count("updatedReplicas");
        return match updated >= want - partition {
            true => Health::Ready,
            false => Health::Waiting(format!("{updated} of {} updated", want - partition)),
        };
    }
    match status["currentRevision"] == status["updateRevision"] || count("updatedReplicas") >= want {
        true => Health::Ready,
        false => Health::Waiting(format!("{} of {want} updated", count("updatedReplicas"))),
    }
}

fn daemon_set(live: &Value) -> Health {
    let status = &live["status"];
    let (Some(want), Some(_)) = (status["desiredNumberScheduled"].as_i64(), status["observedGeneration"].as_i64())
    else {
        return Health::Waiting("its controller has not seen it yet".into());
    };
    for (name, word) in [
        ("currentNumberScheduled", "scheduled"),
        ("updatedNumberScheduled", "updated"),
        ("numberAvailable", "available"),
        ("numberReady", "ready"),
    ] {
        let count = status[name].as_i64().unwrap_or(0);
        if count < want {
            return Health::Waiting(format!("{count} of {want} {word}"));
        }
    }
    Health::Ready
}

fn replica_set(live: &Value) -> Health {
    if condition(live, "ReplicaFailure", "True").is_some() {
        return Health::Waiting(message(live, "ReplicaFailure", "its pods cannot be made"));
    }
    let want = live["spec"]["replicas"].as_i64().unwrap_or(1);
    let ready = live["status"]["readyReplicas"].as_i64().unwrap_or(0);
    match ready >= want && live["status"]["replicas"].as_i64().unwrap_or(0) <= want {
        true => Health::Ready,
        false => Health::Waiting(format!("{ready} of {want} ready")),
    }
}

fn pod(live: &Value) -> Health {
    let status = &live["status"];
    match status["phase"].as_str() {
        Some("Succeeded") => Health::Ready,
        // kstatus calls a failed pod ready; whoever declared it would not.
        Some("Failed") => Health::Failed(status["message"].as_str().unwrap_or("has failed").to_owned()),
        Some("Running") if condition(live, "Ready", "True").is_some() => Health::Ready,
        Some("Running") => match crash_loop(status) {
            Some(container) => Health::Failed(format!("container `{container}` crashes again and again")),
            None => Health::Waiting("is not ready".into()),
        },
        Some("Pending") => Health::Waiting(message(live, "PodScheduled", "is pending")),
        _ => Health::Waiting("is not scheduled".into()),
    }
}

fn crash_loop(status: &Value) -> Option<&str> {
    let containers = status["containerStatuses"].as_array()?;
    let crashed = containers.iter().find(|container| container["state"]["waiting"]["reason"] == "CrashLoopBackOff")?;
    crashed["name"].as_str()
}

fn volume_claim(live: &Value) -> Health {
    match live["status"]["phase"].as_str() {
        Some("Bound") => Health::Ready,
        Some("Lost") => Health::Failed("its volume is lost".into()),
        // It may wait for its first consumer, which would wait for it in turn; and the pod that needs it is waited for.
        _ => Health::Ready,
    }
}

fn service(live: &Value) -> Health {
    let spec = &live["spec"];
    match spec["type"] == "LoadBalancer" && spec["clusterIP"].as_str().is_none_or(str::is_empty) {
        true => Health::Waiting("has no address in the cluster".into()),
        false => Health::Ready,
    }
}

fn namespace(live: &Value) -> Health {
    match live["status"]["phase"].as_str() {
        Some("Terminating") => Health::Waiting("is being deleted".into()),
        _ => Health::Ready,
    }
}

fn job(live: &Value) -> Health {
    if condition(live, "Failed", "True").is_some() {
        return Health::Failed(message(live, "Failed", "has failed"));
    }
    let finished = condition(live, "Complete", "True").is_some();
    let suspended = live["spec"]["suspend"] == true && condition(live, "Suspended", "True").is_some();
    match finished || suspended {
        true => Health::Ready,
        false => {
            let (done, want) = (live["status"]["succeeded"].as_i64(), live["spec"]["completions"].as_i64());
            Health::Waiting(format!("{} of {} completed", done.unwrap_or(0), want.unwrap_or(1)))
        }
    }
}

fn definition(live: &Value) -> Health {
    if condition(live, "NamesAccepted", "False").is_some() {
        return Health::Failed(message(live, "NamesAccepted", "its names are taken"));
    }
    if condition(live, "Established", "False").is_some() && reason(live, "Established") != Some("Installing") {
        return Health::Failed(message(live, "Established", "cannot be established"));
    }
    wanted(live, "Established", "is not established")
}

/// Most controllers keep a `Ready` condition; what has none is ready by being there.
fn custom(live: &Value) -> Health {
    let says_ready = conditions(live).any(|found| found["type"] == "Ready");
    if says_ready { wanted(live, "Ready", "is not ready") } else { Health::Ready }
}

fn wanted(live: &Value, name: &str, otherwise: &str) -> Health {
    match condition(live, name, "True") {
        Some(_) => Health::Ready,
        None => Health::Waiting(message(live, name, otherwise)),
    }
}

fn conditions(live: &Value) -> impl Iterator<Item = &Value> {
    live["status"]["conditions"].as_array().into_iter().flatten()
}

fn condition<'a>(live: &'a Value, name: &str, status: &str) -> Option<&'a Value> {
    conditions(live).find(|found| found["type"] == name && found["status"] == status)
}

fn reason<'a>(live: &'a Value, name: &str) -> Option<&'a str> {
    conditions(live).find(|found| found["type"] == name)?["reason"].as_str()
}

fn message(live: &Value, name: &str, otherwise: &str) -> String {
    let found = conditions(live).find(|found| found["type"] == name);
    let text = found.and_then(|found| found["message"].as_str()).filter(|text| !text.is_empty());
    text.unwrap_or(otherwise).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(group: &str, kind: &str, live: Value) -> Health {
        let id = ObjectId { group: group.into(), kind: kind.into(), namespace: None, name: "x".into() };
        health(&id, &live)
    }

    fn waits(text: &str) -> Health {
        Health::Waiting(text.into())
    }

    fn deployment_with(status: Value) -> Value {
        json!({"metadata": {"generation": 2}, "spec": {"replicas": 2, "progressDeadlineSeconds": 600}, "status": status})
    }

    #[test]
    fn a_deployment_is_ready_when_all_its_new_pods_are_available_and_the_old_are_gone() {
        let full = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}, {"type": "Available", "status": "True"}]});
        let with = |changes: Value| {
            let mut status = full.clone();
            for (key, value) in changes.as_object().expect("the changes are a mapping") {
                status[key] = value.clone();
            }
            judged("apps", "Deployment", deployment_with(status))
        };
        assert_eq!(with(json!({})), Health::Ready);
        assert_eq!(with(json!({"observedGeneration": 1})), waits("its controller has not seen the change yet"));
        assert_eq!(with(json!({"updatedReplicas": 1})), waits("1 of 2 updated"));
        assert_eq!(with(json!({"replicas": 3})), waits("1 old pods still to go"));
        assert_eq!(with(json!({"availableReplicas": 1})), waits("1 of 2 available"));
        assert_eq!(judged("apps", "Deployment", deployment_with(json!({}))), waits("0 of 2 updated"));
        let late = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}]);
        assert_eq!(with(json!({"conditions": late})), Health::Failed("too slow".into()));
    }

    #[test]
    fn jobs_are_waited_for_until_they_end() {
        let with = |conditions: Value| {
            judged(
                "batch",
                "Job",
                json!({"spec": {"completions": 3}, "status": {"succeeded": 1, "conditions": conditions}}),
            )
        };
        assert_eq!(with(json!([])), waits("1 of 3 completed"));
        assert_eq!(with(json!([{"type": "Complete", "status": "True"}])), Health::Ready);
        assert_eq!(
            with(json!([{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}])),
            Health::Failed("BackoffLimitExceeded".into())
        );
    }

    #[test]
    fn other_kinds_follow_their_rules() {
        for (group, kind, live, seen) in [
            (
                "apps",
                "StatefulSet",
                json!({"spec": {"replicas": 1}, "status": {}}),
                waits("its controller has not seen it yet"),
            ),
            (
                "apps",
                "DaemonSet",
                json!({"status": {"observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, "metadata": {"generation": 1}}),
                waits("1 of 2 available"),
            ),
            (
                "",
                "Pod",
                json!({"status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
                Health::Failed("container `web` crashes again and again".into()),
            ),
            (
                "",
                "PersistentVolumeClaim",
                json!({"status": {"phase": "Lost"}}),
                Health::Failed("its volume is lost".into()),
            ),
            ("", "Service", json!({"spec": {"type": "LoadBalancer"}}), waits("has no address in the cluster")),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                json!({"status": {"conditions": [{"type": "Established", "status": "True"}]}}),
                Health::Ready,
            ),
            (
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                json!({"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}}),
                Health::Failed("taken".into()),
            ),
            (
                "acme.io",
                "Widget",
                json!({"status": {"conditions": [{"type": "Ready", "status": "False", "message": "soon"}]}}),
                waits("soon"),
            ),
            ("acme.io", "Widget", json!({}), Health::Ready),
            (
                "acme.io",
                "Widget",
                json!({"status": {"conditions": [{"type": "Stalled", "status": "True", "message": "stuck"}]}}),
                Health::Failed("stuck".into()),
            ),
            (
                "",
                "ConfigMap",
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
                waits("is being deleted"),
            ),
            ("", "ConfigMap", json!({}), Health::Ready),
        ] {
            assert_eq!(judged(group, kind, live), seen, "{group}/{kind}");
        }
    }
}
