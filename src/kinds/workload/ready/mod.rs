//! When an object is ready: the rules of kstatus, and where Flux and Argo CD found better ones, theirs.

mod apps;
mod core;
mod expression;
mod presets;
mod stuck;

pub(super) use expression::{HealthRule, HealthRules};
pub(super) use stuck::{Stuck, failed_by_itself, stuck};

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
fn must_be_asked(id: &ObjectId) -> bool {
    match (id.group.as_str(), id.kind.as_str()) {
        ("apps", _) | ("batch", "Job") | ("apiregistration.k8s.io", _) => true,
        ("networking.k8s.io", "Ingress") => true,
        ("", "Pod" | "PersistentVolumeClaim" | "Service" | "ReplicationController" | "Namespace") => true,
        ("apiextensions.k8s.io", _) => true,
        (group, _) => !super::order::is_built_in(group),
    }
}

/// Judges a live object.
fn health(id: &ObjectId, live: &Value) -> Health {
    if let Some(waiting) = not_seen_yet(live) {
        return waiting;
    }
    if condition(live, "Reconciling", "True").is_some() {
        return Health::Waiting(message(live, "Reconciling", "is being reconciled"));
    }
    if condition(live, "Stalled", "True").is_some() {
        return Health::Failed(message(live, "Stalled", "is stalled"));
    }
    match (id.group.as_str(), id.kind.as_str()) {
        ("apps", "Deployment") => apps::deployment(live),
        ("apps", "StatefulSet") => apps::stateful_set(live),
        ("apps", "DaemonSet") => apps::daemon_set(live),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => apps::replica_set(live),
        ("", "Pod") => core::pod(live),
        ("", "PersistentVolumeClaim") => core::volume_claim(live),
        ("", "Service") => core::service(live),
        ("", "Namespace") => core::namespace(live),
        ("networking.k8s.io", "Ingress") => core::address(live),
        ("batch", "Job") => core::job(live),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => core::definition(live),
        ("apiregistration.k8s.io", "APIService") => wanted(live, "Available", "is not available"),
        (group, _) if super::order::is_built_in(group) => Health::Ready,
        _ => custom(live),
    }
}

/// What goes away, and what its controller has not looked at since it was changed.
fn not_seen_yet(live: &Value) -> Option<Health> {
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Some(Health::Waiting("is being deleted".into()));
    }
    let seen = live["status"]["observedGeneration"].as_i64()?;
    (Some(seen) != live["metadata"]["generation"].as_i64())
        .then(|| Health::Waiting("its controller has not seen the change yet".into()))
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
mod tests;
