//! When pods, volumes, services, jobs and definitions are ready.

use serde_json::Value;

use crate::kinds::workload::policy;

use super::{Health, condition, message, reason, stuck, wanted};

pub(super) fn pod(live: &Value) -> Health {
    let status = &live["status"];
    match (status["phase"].as_str(), stuck(live)) {
        (Some("Succeeded"), _) => Health::Ready,
        // kstatus calls a failed pod ready; whoever declared it would not.
        (Some("Failed"), _) => Health::Failed(status["message"].as_str().unwrap_or("has failed").to_owned()),
        (Some("Running"), _) if condition(live, "Ready", "True").is_some() => Health::Ready,
        (_, Some(stuck)) if stuck.is_final => Health::Failed(stuck.to_string()),
        (_, Some(stuck)) => Health::Waiting(stuck.to_string()),
        (Some("Running"), None) => Health::Waiting("is not ready".into()),
        (Some("Pending"), None) => Health::Waiting(message(live, "PodScheduled", "is pending")),
        (_, None) => Health::Waiting("is not scheduled".into()),
    }
}

pub(super) fn volume_claim(live: &Value) -> Health {
    match live["status"]["phase"].as_str() {
        Some("Bound") => Health::Ready,
        Some("Lost") => Health::Failed("its volume is lost".into()),
        // It may wait for its first consumer, which would wait for it in turn; and the pod that needs it is waited for.
        _ => Health::Ready,
    }
}

pub(super) fn service(live: &Value) -> Health {
    let spec = &live["spec"];
    match spec["type"] == "LoadBalancer" && spec["clusterIP"].as_str().is_none_or(str::is_empty) {
        true => Health::Waiting("has no address in the cluster".into()),
        false => address(live),
    }
}

/// Where its author wrote so, the address that others will call it by is waited for.
pub(super) fn address(live: &Value) -> Health {
    let is_asked = policy::annotation(live, policy::WAIT_FOR) == Some("address");
    let has_one = live["status"]["loadBalancer"]["ingress"].as_array().is_some_and(|found| !found.is_empty());
    match is_asked && !has_one {
        true => Health::Waiting("has no address outside of the cluster yet".into()),
        false => Health::Ready,
    }
}

pub(super) fn namespace(live: &Value) -> Health {
    match live["status"]["phase"].as_str() {
        Some("Terminating") => Health::Waiting("is being deleted".into()),
        _ => Health::Ready,
    }
}

pub(super) fn job(live: &Value) -> Health {
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

pub(super) fn definition(live: &Value) -> Health {
    if condition(live, "NamesAccepted", "False").is_some() {
        return Health::Failed(message(live, "NamesAccepted", "its names are taken"));
    }
    if condition(live, "Established", "False").is_some() && reason(live, "Established") != Some("Installing") {
        return Health::Failed(message(live, "Established", "cannot be established"));
    }
    wanted(live, "Established", "is not established")
}
