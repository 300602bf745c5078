//! Objects that another tool applied: what it holds becomes ours, so that what is left out really goes.
//!
//! A field that nobody declares any more stays for as long as some manager holds it. Where an object is
//! ours for the first time, the entries of those who applied it from files are made our own; then our
//! apply takes away what they had and we do not declare. Entries of people and controllers stay theirs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::cluster::Cluster;
use super::compare::{PathStep, holds};
use super::desired::Desired;
use super::managed::{Entry, Head};
use super::path::{at, remove};
use super::tell;
use crate::unit::{Difference, KindError, Who};

/// Tools that apply what stands in files. A person's `kubectl edit` is not among them.
const APPLIERS: &[&str] = &[
    "kubectl-client-side-apply",
    "kubectl-last-applied",
    "before-first-apply",
    "kubectl-create",
    "kubectl-replace",
    "kubectl",
    "helm",
    "Helm",
    "helm-controller",
    "kustomize-controller",
    "argocd-controller",
    "argocd-application-controller",
    "kapp",
    "kluctl",
];
/// Between our reading and our writing a controller may have written the status.
const TRIES: usize = 8;

impl Entry<'_> {
    fn is_adopted(&self) -> bool {
        self.subresource.is_none() && APPLIERS.contains(&&*self.manager)
    }
}

/// Whether this object is ours for the first time, and somebody's entries are to become ours.
pub(super) fn is_due(head: &Head<'_>, manager: &str) -> bool {
    head.ours(manager).is_none() && head.metadata.managed_fields.iter().any(Entry::is_adopted)
}

/// What would change with the adoption, beside what our apply changes.
///
/// Whoever created an object holds its defaults too, and those come back by themselves: so the server
/// is asked, by the dry run of an object without the fields that would go.
pub(super) async fn leftovers(
    cluster: &Cluster,
    desired: &Desired,
    live: &Value,
    head: &Head<'_>,
    declared: &Value,
) -> Result<Vec<Difference>, KindError> {
    let found = candidates(live, head, declared);
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut without = live.clone();
    for (path, ..) in &found {
        remove(&mut without, path);
    }
    // Where the server refuses to say, all of it is told.
    let after = replaced(cluster, desired, &mut without).await?.unwrap_or(without);
    let differ = found.into_iter().filter(|(path, value, _)| at(&after, path) != Some(*value));
    Ok(differ.map(|(path, value, who)| tell::left_over(desired.id(), &path, value, at(&after, &path), who)).collect())
}

/// The object as the server would keep it; none where it refuses.
///
/// A controller that wrote the status since we read is no refusal: then the same is asked of the
/// object as it is now.
async fn replaced(cluster: &Cluster, desired: &Desired, object: &mut Value) -> Result<Option<Value>, KindError> {
    for _ in 0..TRIES {
        let answer = cluster.replace_dry(&desired.resource, desired.id(), object).await?;
        if answer.status != 409 {
            return Ok(answer.is_good().then(|| serde_json::from_str(&answer.body).unwrap_or_default()));
        }
        let Some(now) = cluster.get(&desired.resource, desired.id()).await? else { return Ok(None) };
        let now: Value = serde_json::from_str(&now).unwrap_or_default();
        object["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"].clone();
    }
    Ok(None)
}

/// Held by those who applied it, declared by us no more, and held by nobody else.
fn candidates<'v>(live: &'v Value, head: &Head<'_>, declared: &Value) -> Vec<(Vec<PathStep>, &'v Value, Who)> {
    let entries = &head.metadata.managed_fields;
    let others: Vec<Value> = entries.iter().filter(|entry| !entry.is_adopted()).map(Entry::tree).collect();
    let mut found: Vec<(Vec<PathStep>, &Value, Who)> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_adopted()) {
        for (path, value) in tell::leaves(&entry.tree(), live) {
            let stays = holds(declared, &path) || others.iter().any(|tree| holds(tree, &path));
            if !stays && !tell::is_bookkeeping(&path) && !found.iter().any(|(other, ..)| *other == path) {
                found.push((path, value, entry.who()));
            }
        }
    }
    found
}

/// The patch that makes their entries ours, pinned to the version that was read; none where there are none.
fn patch(live: &Value, manager: &str) -> Option<Value> {
    let text = live.to_string();
    let head: Head<'_> = serde_json::from_str(&text).ok()?;
    if !is_due(&head, manager) {
        return None;
    }
    let entries = live["metadata"]["managedFields"].as_array()?;
    let (adopted, mut kept): (Vec<_>, Vec<_>) =
        head.metadata.managed_fields.iter().zip(entries).partition(|(entry, _)| entry.is_adopted());
    let mut fields = Value::Object(Map::new());
    for (entry, _) in &adopted {
        unite(&mut fields, entry.tree());
    }
    let mut ours = adopted.first()?.1.clone();
    ours["manager"] = json!(manager);
    ours["operation"] = json!("Apply");
    ours["fieldsV1"] = fields;
    let mut all = vec![ours];
    all.extend(kept.drain(..).map(|(_, entry)| entry.clone()));
    Some(json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": all},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
    ]))
}

/// A leaf (`{}`) holds all below it, and so stays one.
fn unite(all: &mut Value, more: Value) {
    match (all, more) {
        (Value::Object(all), Value::Object(more)) => {
            for (key, below) in more {
                match all.get_mut(&key) {
                    Some(known) if is_leaf(known) => {}
                    Some(known) if is_leaf(&below) && key != "." => *known = below,
                    Some(known) => unite(known, below),
                    None => _ = all.insert(key, below),
                }
            }
        }
        (all, more) => *all = more,
    }
}

fn is_leaf(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
}

/// Takes over what others hold of one object. No value changes by it.
pub(super) async fn take_over(cluster: &Cluster, desired: &Desired, manager: &str) -> Result<(), KindError> {
    let id = desired.id();
    for _ in 0..TRIES {
        let Some(text) = cluster.get(&desired.resource, id).await? else { return Ok(()) };
        let live = serde_json::from_str(&text)
            .map_err(|error| KindError::failed(format!("`{id}` cannot be read")).because(error))?;
        let Some(patch) = patch(&live, manager) else { return Ok(()) };
        let answer = cluster.patch(&desired.resource, id, manager, &patch).await?;
        match answer.status {
            409 => tokio::time::sleep(Duration::from_millis(50)).await,
            _ if answer.is_good() => return Ok(()),
            _ => return Err(answer.refusal(&cluster.server.name, &format!("cannot take over `{id}`"), Some(id))),
        }
    }
    Err(KindError::moved(format!("`{id}` changes faster than it can be taken over")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Value {
        let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields});
        let annotation = json!({"f:kubectl.kubernetes.io/last-applied-configuration": {}});
        json!({"metadata": {"name": "x", "resourceVersion": "7", "managedFields": [
            entry("kubectl-client-side-apply", "Update", json!({"f:metadata": {"f:annotations": annotation}, "f:data": {"f:kept": {}, "f:gone": {}, "f:shared": {}}})),
            entry("helm", "Apply", json!({"f:data": {"f:chart": {}}})),
            entry("kubectl-edit", "Update", json!({"f:data": {"f:shared": {}, "f:edited": {}}})),
        ], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
        "data": {"kept": "1", "gone": "2", "shared": "3", "chart": "4", "edited": "5"}})
    }

    #[test]
    fn what_nobody_but_the_adopted_holds_may_go() {
        let (live, text) = (live(), live().to_string());
        let head: Head<'_> = serde_json::from_str(&text).expect("the object is well-formed");
        let declared = json!({"f:data": {"f:kept": {}}});
        let found = candidates(&live, &head, &declared);
        let paths: Vec<String> = found.iter().map(|(path, ..)| super::super::compare::path_text(path)).collect();
        assert_eq!(paths, ["data.gone", "data.chart"]);
    }

    #[test]
    fn the_entries_of_appliers_become_one_of_ours_and_no_other() {
        let patch = patch(&live(), "groundplan/x").expect("there is something to take over");
        assert_eq!(patch[1]["value"], "7");
        let entries = patch[0]["value"].as_array().expect("the entries are a list");
        assert_eq!(entries.len(), 2);
        assert_eq!((&entries[0]["manager"], &entries[0]["operation"]), (&json!("groundplan/x"), &json!("Apply")));
        let data = json!({"f:kept": {}, "f:gone": {}, "f:shared": {}, "f:chart": {}});
        assert_eq!(entries[0]["fieldsV1"]["f:data"], data);
        assert_eq!(entries[1]["manager"], "kubectl-edit");
    }

    #[test]
    fn what_is_ours_already_is_never_taken_over_again() {
        let mut live = live();
        live["metadata"]["managedFields"][1]["manager"] = json!("groundplan/x");
        assert_eq!(patch(&live, "groundplan/x"), None);
    }
}
