//! A list of live objects, sifted: what is as we left it, and what must be looked at.
//!
//! Most of a list is hashed and dropped without ever becoming a tree.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fingerprint;
use super::inventory::Applied;
use super::managed::{Entry, Head};
use super::object::ObjectId;
use super::trace::{self, Trace};

/// One object of a list.
pub(super) struct Found {
    pub(super) id: ObjectId,
    pub(super) uid: String,
    /// Nothing of ours has moved since the API server answered to our apply.
    pub(super) kept: bool,
    /// The live object, where it must be looked at: something moved, somebody wrote beside us, or it
    /// is a Secret, of whose values no hash is kept.
    pub(super) live: Option<Value>,
    /// How it stood in a list; none where it must be looked at each time.
    pub(super) trace: Option<Trace>,
}

#[derive(Deserialize)]
struct List<'a> {
    kind: &'a str,
    #[serde(borrow, default)]
    metadata: ListMetadata<'a>,
    /// An empty list of names is written as null.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ListMetadata<'a> {
    #[serde(default)]
    resource_version: &'a str,
}

/// Reads a list of one kind, and the version it shows. `applied` knows what the inventory says of an object.
pub(super) fn sift<'r>(
    text: &str,
    group: &str,
    kind: &str,
    field_manager: &str,
    applied: impl Fn(&ObjectId) -> Option<&'r Applied>,
) -> Result<(Vec<Found>, String), serde_json::Error> {
    let (items, version) = items(text)?;
    let found: Result<_, _> =
        items.into_iter().map(|item| sift_listed(item, group, kind, field_manager, &applied)).collect();
    Ok((found?, version))
}

/// The objects of a list, as they are written there, and the version it shows.
pub(super) fn items(text: &str) -> Result<(Vec<&RawValue>, String), serde_json::Error> {
    let list: List<'_> = serde_json::from_str(text)?;
    if !list.kind.ends_with("List") {
        // An answer of another shape is not an empty list: everything would seem to be gone.
        return Err(serde::de::Error::custom(format!("a `{}` instead of a list", list.kind)));
    }
    Ok((list.items.unwrap_or_default(), list.metadata.resource_version.to_owned()))
}

/// Reads one object of a kind, as a watch shows it.
pub(super) fn sift_one<'r>(
    item: &RawValue,
    group: &str,
    kind: &str,
    field_manager: &str,
    applied: impl Fn(&ObjectId) -> Option<&'r Applied>,
) -> Result<Found, serde_json::Error> {
    sift_head(item, &serde_json::from_str(item.get())?, (group, kind), field_manager, applied)
}

/// Reads one object of a list, and how it stood there.
pub(super) fn sift_listed<'r>(
    item: &RawValue,
    group: &str,
    kind: &str,
    field_manager: &str,
    applied: impl Fn(&ObjectId) -> Option<&'r Applied>,
) -> Result<Found, serde_json::Error> {
    let head: Head<'_> = serde_json::from_str(item.get())?;
    let found = sift_head(item, &head, (group, kind), field_manager, applied)?;
    let trace = found.live.is_none().then(|| trace::of_item(item, group, &head, field_manager));
    Ok(Found { trace, ..found })
}

fn sift_head<'r>(
    item: &RawValue,
    head: &Head<'_>,
    (group, kind): (&str, &str),
    field_manager: &str,
    applied: impl Fn(&ObjectId) -> Option<&'r Applied>,
) -> Result<Found, serde_json::Error> {
    let id = ObjectId {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: head.metadata.namespace.as_deref().filter(|text| !text.is_empty()).map(str::to_owned),
        name: head.metadata.name.to_string(),
    };
    let kept = is_kept(&id, head, field_manager, applied(&id), item)?;
    let beside_us = head.metadata.managed_fields.iter().any(|entry| entry.is_foreign(field_manager));
    let live = if kept && !beside_us && !id.is_secret() { None } else { Some(serde_json::from_str(item.get())?) };
    Ok(Found { uid: head.metadata.uid.to_string(), id, kept, live, trace: None })
}

/// Level 0: our entry is unmoved, and so is the object. Level 1: the object moved, and our values did not.
fn is_kept(
    id: &ObjectId,
    head: &Head<'_>,
    field_manager: &str,
    applied: Option<&Applied>,
    item: &RawValue,
) -> Result<bool, serde_json::Error> {
    let (Some(applied), Some(ours)) = (applied, head.ours(field_manager)) else { return Ok(false) };
    if head.metadata.deletion_timestamp.is_some()
        || head.metadata.uid != applied.uid
        || fingerprint::of_entry(ours) != applied.entry
    {
        return Ok(false);
    }
    Ok(head.metadata.resource_version == applied.resource_version || {
        let live: Value = serde_json::from_str(item.get())?;
        values_hash(id, ours, &live) == applied.values
    })
}

/// What to remember of the API server's answer to our apply.
pub(super) fn remember(
    id: &ObjectId,
    answer: &str,
    field_manager: &str,
    desired: &str,
) -> Result<Applied, serde_json::Error> {
    let head: Head<'_> = serde_json::from_str(answer)?;
    let live: Value = serde_json::from_str(answer)?;
    let ours: Option<&Entry<'_>> = head.ours(field_manager);
    Ok(Applied {
        uid: head.metadata.uid.to_string(),
        desired: desired.to_owned(),
        entry: ours.map(fingerprint::of_entry).unwrap_or_default(),
        values: ours.map(|entry| values_hash(id, entry, &live)).unwrap_or_default(),
        time: ours.and_then(|entry| entry.time.as_deref()).unwrap_or_default().to_owned(),
        resource_version: head.metadata.resource_version.to_string(),
    })
}

fn values_hash(id: &ObjectId, ours: &Entry<'_>, live: &Value) -> String {
    match id.is_secret() {
        true => fingerprint::of_values(&ours.tree(), &fingerprint::without_secrets(live)),
        false => fingerprint::of_values(&ours.tree(), live),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live() -> Value {
        let entry = json!({"manager": "groundplan/x", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:data": {"f:a": {}}}});
        json!({"metadata": {"name": "settings", "namespace": "shop", "uid": "u1", "resourceVersion": "7", "managedFields": [entry]}, "data": {"a": "1"}})
    }

    fn seen(change: impl Fn(&mut Value)) -> Found {
        let applied = remember(&ObjectId::default(), &live().to_string(), "groundplan/x", "d")
            .expect("the answer is well-formed");
        let mut item = live();
        change(&mut item);
        let list = json!({"kind": "ConfigMapList", "items": [item]}).to_string();
        let found = sift(&list, "", "ConfigMap", "groundplan/x", |_| Some(&applied)).expect("the list is well-formed");
        found.0.into_iter().next().expect("the list has one item")
    }

    #[test]
    fn an_object_as_we_left_it_is_kept_without_becoming_a_tree() {
        let found = seen(|_| ());
        assert!(found.kept && found.live.is_none());
        assert_eq!(found.id.to_string(), "ConfigMap shop/settings");
    }

    #[test]
    fn an_answer_that_is_no_list_is_not_an_empty_one() {
        let sifted = |text: &str| sift(text, "", "ConfigMap", "groundplan/x", |_| None).map(|(found, _)| found.len());
        assert!(sifted(r#"{"kind": "Status", "items": null}"#).is_err());
        assert!(sifted(r#"{"items": []}"#).is_err());
        assert_eq!(sifted(r#"{"kind": "PartialObjectMetadataList", "items": null}"#).ok(), Some(0));
    }

    #[test]
    fn what_moved_is_told_from_what_did_not_concern_us() {
        let moved = |item: &mut Value| item["metadata"]["resourceVersion"] = json!("8");
        assert!(seen(moved).kept, "somebody else's field moved the version");
        let value = |item: &mut Value| {
            item["metadata"]["resourceVersion"] = json!("8");
            item["data"]["a"] = json!("2");
        };
        assert!(!seen(value).kept, "the same manager within the same second");
        assert!(!seen(|item| item["metadata"]["managedFields"] = json!([])).kept);
        assert!(!seen(|item| item["metadata"]["uid"] = json!("u2")).kept);
        assert!(!seen(|item| item["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")).kept);
    }

    #[test]
    fn somebody_beside_us_is_looked_at() {
        let found = seen(|item| {
            let entry = json!({"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:b": {}}}});
            item["metadata"]["managedFields"].as_array_mut().into_iter().for_each(|list| list.push(entry.clone()));
        });
        assert!(found.kept && found.live.is_some());
    }
}
