//! Two short hashes that tell whether what we applied is still there, without asking again.
//!
//! Both are taken from the API server's own answer, never from Git: the server defaults, converts and
//! sorts, and whoever imitates it is wrong sooner or later. Proven on a real server in 47 cases.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::managed::Entry;

/// A hash of our own entry in `managedFields`: it moves whenever somebody else writes one of our fields.
///
/// The time is part of it, because the same manager may write other values into the same fields.
pub(super) fn of_entry(entry: &Entry<'_>) -> String {
    let mut hash = Sha256::new();
    for part in
        [&*entry.api_version, entry.fields.map_or("", |fields| fields.get()), entry.time.as_deref().unwrap_or("")]
    {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    short(hash)
}

/// A hash of the live values at the fields we hold, the order of our list items included.
pub(super) fn of_values(fields: &Value, live: &Value) -> String {
    let mut hash = Sha256::new();
    walk(fields, Some(live), &mut hash);
    short(hash)
}

/// A hash of what we send.
pub(super) fn of_body(body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(body);
    short(hash)
}

fn short(hash: Sha256) -> String {
    hex::encode(half(hash))
}

/// Half of a SHA-256: objects are written by people who may want two of them to look alike, and 128
/// bits are enough against that.
pub(super) fn half(hash: Sha256) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

/// A Secret without what must not leave it, even as a hash: a short password is found by trying.
///
/// Hashes are kept where more people may look than may read Secrets. Their data is compared directly.
pub(super) fn without_secrets(secret: &Value) -> Value {
    let mut secret = secret.clone();
    for values in ["data", "stringData"] {
        for value in secret.get_mut(values).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
        {
            *value = Value::Null;
        }
    }
    if let Some(annotations) = secret.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    secret
}

fn walk(fields: &Value, live: Option<&Value>, hash: &mut Sha256) {
    let (Some(live), Some(children)) = (live, fields.as_object()) else {
        hash.update(b"-");
        return;
    };
    if children.keys().all(|key| key == ".") {
        hash.update(b"=");
        hash.update(canonical(live).as_bytes());
        return;
    }
    hash.update(b"{");
    let mut order = Vec::new();
    for (key, below) in children.iter().filter(|(key, _)| *key != ".") {
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key.as_bytes());
        let found = Step::of(key).and_then(|step| step.of_value(live));
        if let Some((Some(at), _)) = found {
            order.push((at, key));
        }
        walk(below, found.map(|(_, value)| value), hash);
    }
    // A list of items with keys is stored in an order that means something (init containers, variables).
    order.sort();
    for (_, key) in order {
        hash.update(key.as_bytes());
    }
    hash.update(b"}");
}

/// One step down a tree of fields.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Step {
    /// `f:name`: the field of a mapping.
    Field(String),
    /// `k:{"name":"web"}`: the item of a list that has these keys.
    Item(BTreeMap<String, Value>),
    /// `v:"text"`: the member of a set.
    Member(Value),
    /// `i:3`: the item at a place.
    At(usize),
}

impl Step {
    pub(super) fn of(key: &str) -> Option<Step> {
        let (sort, rest) = key.split_once(':')?;
        match sort {
            "f" => Some(Step::Field(rest.to_owned())),
            "k" => serde_json::from_str(rest).ok().map(Step::Item),
            "v" => serde_json::from_str(rest).ok().map(Step::Member),
            "i" => rest.parse().ok().map(Step::At),
            _ => None,
        }
    }

    /// What stands there, and its place where it is in a list.
    pub(super) fn of_value<'v>(&self, live: &'v Value) -> Option<(Option<usize>, &'v Value)> {
        match self {
            Step::Field(name) => live.get(name).map(|value| (None, value)),
            Step::Item(keys) => find(live, |item| keys.iter().all(|(key, value)| item.get(key) == Some(value))),
            // A set has no order of its own, so its place is not told.
            Step::Member(member) => find(live, |item| item == member).map(|(_, value)| (None, value)),
            Step::At(at) => live.get(at).map(|value| (Some(*at), value)),
        }
    }
}

fn find(list: &Value, is: impl Fn(&Value) -> bool) -> Option<(Option<usize>, &Value)> {
    list.as_array()?.iter().enumerate().find(|(_, item)| is(item)).map(|(at, item)| (Some(at), item))
}

/// The same text for the same value, whatever the order of its keys.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = Vec::new();
    write_canonical(value, &mut text);
    String::from_utf8(text).expect("JSON is a text")
}

fn write_canonical(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            text.push(b'{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                write_json(key, text);
                text.push(b':');
                write_canonical(value, text);
            }
            text.push(b'}');
        }
        Value::Array(items) => {
            text.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                write_canonical(item, text);
            }
            text.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => write_json(value, text),
    }
}

fn write_json(value: &impl serde::Serialize, text: &mut Vec<u8>) {
    serde_json::to_writer(text, value).expect("a buffer takes everything");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Value {
        json!({"f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:name": {}}, "k:{\"name\":\"log\"}": {".": {}, "f:name": {}}},
            "f:finalizers": {"v:\"ours\"": {}},
        }})
    }

    fn live() -> Value {
        json!({"spec": {
            "replicas": 2,
            "selector": {"a": "1"},
            "containers": [{"name": "web", "image": "web:1"}, {"name": "log"}],
            "finalizers": ["ours"],
        }})
    }

    fn changed(change: impl Fn(&mut Value)) -> bool {
        let mut value = live();
        change(&mut value["spec"]);
        of_values(&fields(), &live()) != of_values(&fields(), &value)
    }

    #[test]
    fn a_change_of_what_we_hold_is_seen() {
        assert!(changed(|spec| spec["replicas"] = json!(3)));
        assert!(changed(|spec| spec["selector"]["b"] = json!("2")), "a leaf is the whole value below it");
        assert!(changed(|spec| spec["containers"][0]["image"] = json!("web:2")));
        assert!(
            changed(|spec| spec["containers"] = json!([{"name": "log"}, {"name": "web", "image": "web:1"}])),
            "order"
        );
        assert!(changed(|spec| spec["containers"] = json!([{"name": "web", "image": "web:1"}])));
        assert!(changed(|spec| spec["finalizers"] = json!(["theirs"])));
        assert!(changed(|spec| spec["replicas"] = Value::Null));
    }

    #[test]
    fn what_others_hold_beside_us_is_not() {
        assert!(!changed(|spec| spec["paused"] = json!(true)));
        assert!(!changed(|spec| spec["containers"][1]["image"] = json!("log:1")));
        assert!(!changed(|spec| spec["containers"]
            .as_array_mut()
            .into_iter()
            .for_each(|list| list.insert(0, json!({"name": "mesh"})))));
        assert!(!changed(|spec| spec["finalizers"] = json!(["theirs", "ours"])));
        assert!(!changed(|_| ()));
    }

    #[test]
    fn an_entry_is_the_same_only_with_the_same_version_fields_and_time() {
        let hash = |text: &str| of_entry(&serde_json::from_str(text).expect("the entry is JSON"));
        let first =
            hash(r#"{"manager":"m","operation":"Apply","apiVersion":"v1","time":"t1","fieldsV1":{"f:data":{}}}"#);
        assert_eq!(first, hash(r#"{"apiVersion":"v1","time":"t1","fieldsV1":{"f:data":{}}}"#));
        for other in [
            r#"{"apiVersion":"v2","time":"t1","fieldsV1":{"f:data":{}}}"#,
            r#"{"apiVersion":"v1","time":"t2","fieldsV1":{"f:data":{}}}"#,
            r#"{"apiVersion":"v1","time":"t1","fieldsV1":{"f:data":{"f:a":{}}}}"#,
        ] {
            assert_ne!(first, hash(other));
        }
    }

    /// Clusters remember hashes of it.
    #[test]
    fn a_canonical_text_is_the_one_it_always_was() {
        let value = json!({"b": [1, 1.5, true, null, []], "a": {"z": "two\nlines \"and\" ü", "A": {}}, "a-b": "c"});
        let text = r#"{"a":{"A":{},"z":"two\nlines \"and\" ü"},"a-b":"c","b":[1,1.5,true,null,[]]}"#;
        assert_eq!(canonical(&value), text);
    }

    #[test]
    fn the_order_of_keys_is_no_difference() {
        let parse = |text| serde_json::from_str::<Value>(text).expect("the value is JSON");
        assert_eq!(
            canonical(&parse(r#"{"b":1,"a":[{"d":2,"c":3}]}"#)),
            canonical(&parse(r#"{"a":[{"c":3,"d":2}],"b":1}"#))
        );
    }
}
