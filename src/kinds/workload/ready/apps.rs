//! When the kinds that make pods are ready.

use serde_json::Value;

use super::{Health, condition, message, reason, wanted};

pub(super) fn deployment(live: &Value) -> Health {
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

pub(super) fn stateful_set(live: &Value) -> Health {
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

pub(super) fn daemon_set(live: &Value) -> Health {
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

pub(super) fn replica_set(live: &Value) -> Health {
    if condition(live, "ReplicaFailure", "True").is_some() {
        return Health::Waiting(message(live, "ReplicaFailure", "its pods cannot be made"));
    }
    let want = live["spec"]["replicas"].as_i64().unwrap_or(1);
    let count = |name: &str| live["status"][name].as_i64().unwrap_or(0);
    for (name, word) in
        [("fullyLabeledReplicas", "labelled"), ("availableReplicas", "available"), ("readyReplicas", "ready")]
    {
        if count(name) < want {
            return Health::Waiting(format!("{} of {want} {word}", count(name)));
        }
    }
    match count("replicas") > want {
        true => Health::Waiting(format!("{} pods still to go", count("replicas") - want)),
        false => Health::Ready,
    }
}
