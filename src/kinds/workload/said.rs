//! What an object says beside its status, as one hash of the bytes: most of what a watch tells is a status.
//!
//! Nothing becomes a tree here. Equal bytes are the same object; where a server writes the same otherwise, the
//! object is only looked at once more than it had to be.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::fingerprint::half;
use super::managed::Entry;

/// One object as an event shows it.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) namespace: Option<Cow<'a, str>>,
    pub(super) name: Cow<'a, str>,
    pub(super) version: Cow<'a, str>,
    /// Of everything but its status, its version, and who wrote that status when.
    pub(super) words: [u8; 16],
}

/// Reads an object. A status that holds something of ours is part of what it says.
pub(super) fn said<'a>(object: &'a str, field_manager: &str) -> Result<Said<'a>, serde_json::Error> {
    let (mut said, mut hash, mut status) = (Said::default(), Sha256::new(), None);
    let mut status_is_ours = false;
    for (key, value) in serde_json::from_str::<Members<'_>>(object)?.0 {
        match &*key.0 {
            // A list leaves them out, and they are what was asked for.
            "kind" | "apiVersion" => {}
            "status" => status = Some(value),
            "metadata" => status_is_ours |= said.read_metadata(value, field_manager, &mut hash)?,
            name => write(&mut hash, name, value.get()),
        }
    }
    if let Some(status) = status.filter(|_| status_is_ours) {
        write(&mut hash, "status", status.get());
    }
    said.words = half(hash);
    Ok(said)
}

impl<'a> Said<'a> {
    /// Whether something of the status is ours.
    fn read_metadata(
        &mut self,
        metadata: &'a RawValue,
        field_manager: &str,
        hash: &mut Sha256,
    ) -> Result<bool, serde_json::Error> {
        let mut status_is_ours = false;
        for (key, value) in serde_json::from_str::<Members<'a>>(metadata.get())?.0 {
            let text = || serde_json::from_str::<Key<'a>>(value.get()).map(|text| text.0);
            match &*key.0 {
                "resourceVersion" => {
                    self.version = text()?;
                    continue;
                }
                "managedFields" => {
                    status_is_ours |= read_managers(value, field_manager, hash)?;
                    continue;
                }
                "name" => self.name = text()?,
                "namespace" => self.namespace = Some(text()?).filter(|text| !text.is_empty()),
                _ => {}
            }
            write(hash, &key.0, value.get());
        }
        Ok(status_is_ours)
    }
}

/// Who holds what, but for those who only wrote a status. Read in one go: this is most of an object's bytes.
fn read_managers(managers: &RawValue, field_manager: &str, hash: &mut Sha256) -> Result<bool, serde_json::Error> {
    let mut status_is_ours = false;
    for entry in serde_json::from_str::<Vec<Entry<'_>>>(managers.get())? {
        if entry.subresource.as_deref() == Some("status") {
            continue;
        }
        let fields = entry.fields.map(RawValue::get).unwrap_or_default();
        let time = entry.time.as_deref().unwrap_or_default();
        let subresource = entry.subresource.as_deref().unwrap_or_default();
        for part in [&*entry.manager, &*entry.operation, &*entry.api_version, time, subresource, fields] {
            write(hash, "manager", part);
        }
        status_is_ours |= entry.is_ours(field_manager) && fields.contains("\"f:status\"");
    }
    Ok(status_is_ours)
}

fn write(hash: &mut Sha256, key: &str, value: &str) {
    for part in [key, value] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
}

/// The members of a mapping, each as it is written.
struct Members<'a>(Vec<(Key<'a>, &'a RawValue)>);

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn live() -> Value {
        let entry = |manager: &str, operation: &str, fields: Value| json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields});
        let mut status = entry("kubelet", "Update", json!({"f:status": {"f:phase": {}}}));
        status["subresource"] = json!("status");
        let ours = entry("groundplan/x", "Apply", json!({"f:spec": {"f:size": {}}}));
        json!({
            "kind": "Widget", "apiVersion": "acme.io/v1",
            "metadata": {"name": "one", "namespace": "shop", "resourceVersion": "7", "generation": 1, "managedFields": [ours, status]},
            "spec": {"size": 1}, "status": {"phase": "Waiting"},
        })
    }

    fn words(change: impl Fn(&mut Value)) -> [u8; 16] {
        let mut object = live();
        change(&mut object);
        said(&object.to_string(), "groundplan/x").expect("well-formed").words
    }

    #[test]
    fn a_status_its_writer_and_the_version_say_nothing() {
        let moved = |object: &mut Value| {
            object["status"]["phase"] = json!("Live");
            object["metadata"]["resourceVersion"] = json!("8");
            object["metadata"]["managedFields"][1]["time"] = json!("2026-01-02T00:00:00Z");
        };
        assert_eq!(words(moved), words(|_| ()));
        let text = live().to_string();
        let said = said(&text, "groundplan/x").expect("well-formed");
        assert_eq!((&*said.name, said.namespace.as_deref(), &*said.version), ("one", Some("shop"), "7"));
    }

    #[test]
    fn everything_else_is_told() {
        let before = words(|_| ());
        for (path, value) in [
            ("/spec/size", json!(2)),
            ("/metadata/generation", json!(2)),
            ("/metadata/managedFields/0/time", json!("2026-01-02T00:00:00Z")),
            ("/metadata/managedFields/0/fieldsV1", json!({})),
            ("/metadata/name", json!("other")),
        ] {
            let change = |object: &mut Value| *object.pointer_mut(path).expect("it is there") = value.clone();
            assert_ne!(words(change), before, "{path}");
        }
        assert_ne!(words(|object| object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")), before);
        assert_ne!(words(|object| object["extra"] = json!(1)), before);
        let scaled = |object: &mut Value| object["metadata"]["managedFields"][1]["subresource"] = json!("scale");
        assert_ne!(words(scaled), before, "an autoscaler is no status");
    }

    #[test]
    fn a_status_that_we_declare_is_told() {
        let ours = |object: &mut Value| object["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:status": {}});
        let moved = |object: &mut Value| {
            ours(object);
            object["status"]["phase"] = json!("Live");
        };
        assert_ne!(words(moved), words(ours));
    }
}
