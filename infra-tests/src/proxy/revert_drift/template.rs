//! A template in which drifted resources look as they do in the world.
//!
//! The emulator writes a resource only when its definition changes. So the drift is first written
//! into the template, which changes nothing real, and the template then put back, which does.

use serde_json::{Map, Value, json};

use super::drift::{Difference, Drift, Kind};

/// A property no resource has: it makes the emulator look at a resource that it believes unchanged.
const TOUCH: &str = "TouchedByProxy";
/// A tag's value where the live resource lacks the tag.
const NO_VALUE: &str = "missing";

/// Writes the live state of drifted resources into a template.
pub(super) fn with_drift(mut template: Value, drifts: &[Drift]) -> Value {
    for drift in drifts {
        let Some(resource) = template["Resources"].get_mut(&drift.logical_id).and_then(Value::as_object_mut) else {
            continue;
        };
        let properties = resource.entry("Properties").or_insert_with(|| json!({}));
        let Some(properties) = properties.as_object_mut() else { continue };
        match &drift.kind {
            Kind::Deleted => {
                properties.insert(TOUCH.to_owned(), json!("deleted"));
            }
            Kind::Modified { expected, actual, differences } => write(properties, expected, actual, differences),
        }
    }
    template
}

fn write(properties: &mut Map<String, Value>, expected: &Value, actual: &Value, differences: &[Difference]) {
    for name in differences.iter().map(Difference::property) {
        let live = if name == "Tags" { tags(&expected[name], &actual[name]) } else { actual[name].clone() };
        if live.is_null() {
            properties.remove(name);
        } else {
            properties.insert(name.to_owned(), live);
        }
    }
}

/// The expected tags with their live values, in the template's own form: a list or a map.
fn tags(expected: &Value, actual: &Value) -> Value {
    let live = |key: &str| match actual {
        Value::Array(list) => list.iter().find(|tag| tag["Key"] == key).map(|tag| tag["Value"].clone()),
        _ => actual.get(key).cloned(),
    };
    let value = |key: &str| live(key).unwrap_or_else(|| json!(NO_VALUE));
    match expected {
        Value::Array(list) => {
            let keys = list.iter().filter_map(|tag| tag["Key"].as_str());
            keys.map(|key| json!({"Key": key, "Value": value(key)})).collect()
        }
        Value::Object(map) => Value::Object(map.keys().map(|key| (key.clone(), value(key))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(kind: Kind) -> Drift {
        let word = String::new;
        Drift { logical_id: "Queue".into(), physical_id: word(), resource_type: word(), found_at: word(), kind }
    }

    fn modified(expected: Value, actual: Value, path: &str) -> Drift {
        let difference =
            Difference { path: path.into(), expected: Some(String::new()), actual: None, is_synced: false };
        drift(Kind::Modified { expected, actual, differences: vec![difference] })
    }

    #[test]
    fn a_drifted_property_takes_its_live_value_and_the_rest_stays() {
        let template = json!({"Resources": {"Queue": {"Properties": {"Delay": {"Ref": "P"}, "Name": "n"}}}});
        let drift = modified(json!({"Delay": 5}), json!({"Delay": 9}), "/Delay");
        let written = with_drift(template, &[drift]);
        assert_eq!(written["Resources"]["Queue"]["Properties"], json!({"Delay": 9, "Name": "n"}));
    }

    #[test]
    fn a_tag_that_is_gone_is_written_with_another_value() {
        let template = json!({"Resources": {"Queue": {}}});
        let expected = json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]});
        let actual = json!({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "foreign", "Value": "x"}]});
        let written = with_drift(template, &[modified(expected, actual, "/Tags/1")]);
        let tags = &written["Resources"]["Queue"]["Properties"]["Tags"];
        assert_eq!(tags, &json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": NO_VALUE}]));
    }

    #[test]
    fn a_deleted_resource_is_touched() {
        let written = with_drift(json!({"Resources": {"Queue": {"Type": "T"}}}), &[drift(Kind::Deleted)]);
        assert_eq!(written["Resources"]["Queue"]["Properties"], json!({TOUCH: "deleted"}));
    }
}
