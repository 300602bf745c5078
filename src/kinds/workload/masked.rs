//! Objects as they may be shown: whatever a Secret holds is taken out.

use serde_json::Value;

use super::object::Object;

const HIDDEN: &str = "(hidden)";
/// What kubectl writes beside an object it applied: the whole object once more.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The object with its keys and without its secrets.
pub(super) fn masked(object: &Object) -> Value {
    let mut json = object.json.clone();
    if !object.id.is_secret() {
        return json;
    }
    for section in ["data", "stringData"] {
        match &mut json[section] {
            Value::Null => {}
            Value::Object(values) => values.values_mut().for_each(|value| *value = HIDDEN.into()),
            other => *other = HIDDEN.into(),
        }
    }
    if let Some(copy) = json.pointer_mut("/metadata/annotations").and_then(|annotations| annotations.get_mut(COPY)) {
        *copy = HIDDEN.into();
    }
    // Looking for a key that is not there has put a null in its place.
    if let Some(object) = json.as_object_mut() {
        object.retain(|key, value| !(value.is_null() && ["data", "stringData"].contains(&key.as_str())));
    }
    json
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::workload::object::ObjectId;
    use crate::problem::Place;

    fn shown(kind: &str, json: Value) -> Value {
        let id = ObjectId { kind: kind.into(), name: "a".into(), ..ObjectId::default() };
        masked(&Object { id, version: "v1".into(), json, place: Place::default() })
    }

    #[test]
    fn a_secret_shows_its_keys_and_nothing_they_hold() {
        let secret = json!({"metadata": {"annotations": {COPY: "{\"data\":\"canary\"}", "note": "x"}}, "data": {"a": "canary"}, "stringData": {"b": "canary", "c": 1}, "type": "Opaque"});
        let hidden = json!({"metadata": {"annotations": {COPY: HIDDEN, "note": "x"}}, "data": {"a": HIDDEN}, "stringData": {"b": HIDDEN, "c": HIDDEN}, "type": "Opaque"});
        assert_eq!(shown("Secret", secret.clone()), hidden);
        assert_eq!(shown("Secret", json!({"type": "Opaque"})), json!({"type": "Opaque"}));
        assert_eq!(shown("Secret", json!({"data": "canary"})), json!({"data": HIDDEN}));
        assert_eq!(shown("ConfigMap", secret.clone()), secret);
    }
}
