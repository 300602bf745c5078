//! What a drift detection found, told as differences: where what was deployed is no longer there.

use aws_sdk_cloudformation::types::StackResourceDrift;
use serde_json::Value;

use super::veil::Veil;
use crate::unit::{Cause, Coverage, Difference, Effect, Shown};

/// One resource as detection found it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Found {
    pub(super) logical_id: String,
    pub(super) r#type: String,
    /// `IN_SYNC`, `MODIFIED`, `DELETED`, `NOT_CHECKED`, `UNKNOWN`.
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) properties: Vec<Property>,
}

/// One property that differs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Property {
    pub(super) path: String,
    pub(super) expected: Option<String>,
    pub(super) actual: Option<String>,
}

/// What a detection found: each resource that was looked at, and all there are.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Detected {
    pub(super) found: Vec<Found>,
    /// The logical id and type of each resource.
    pub(super) all: Vec<(String, String)>,
    /// The ids of the nested stacks that were looked at.
    pub(super) nested: Vec<String>,
    /// Why the detection failed, where it did: what it found counts, what it left out was not checked.
    pub(super) failed: Option<String>,
    /// AWS' word for each stack as a whole, its nested ones included: `IN_SYNC`, `DRIFTED`.
    pub(super) words: Vec<String>,
}

impl Found {
    pub(super) fn of(drift: StackResourceDrift) -> Self {
        let property = |difference: &aws_sdk_cloudformation::types::PropertyDifference| Property {
            path: difference.property_path().unwrap_or_default().to_owned(),
            expected: difference.expected_value().map(str::to_owned),
            actual: difference.actual_value().map(str::to_owned),
        };
        Self {
            properties: drift.property_differences().iter().map(property).collect(),
            logical_id: drift.logical_resource_id.unwrap_or_default(),
            r#type: drift.resource_type.unwrap_or_default(),
            status: drift.stack_resource_drift_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: drift.drift_status_reason,
        }
    }

    /// Differs, and not only in how it is written.
    pub(super) fn is_drifted(&self) -> bool {
        match self.status.as_str() {
            "DELETED" => true,
            "MODIFIED" => self.properties.is_empty() || self.properties.iter().any(|property| !property.is_noise()),
            _ => false,
        }
    }

    /// Was compared with what there is.
    pub(super) fn is_checked(&self) -> bool {
        matches!(self.status.as_str(), "IN_SYNC" | "MODIFIED" | "DELETED")
    }

    /// In a nested stack: its logical id is a path.
    pub(super) fn is_nested(&self) -> bool {
        self.logical_id.contains('/')
    }
}

impl Property {
    /// Two ways to write the same: an empty list and none at all, `80` and `"80"`, a policy whose
    /// words stand in another order.
    fn is_noise(&self) -> bool {
        // Where no value is told, nothing can be said of it.
        if self.expected.is_none() && self.actual.is_none() {
            return false;
        }
        let read = |value: &Option<String>| value.as_deref().map_or(Value::Null, read_value);
        plain(read(&self.expected)) == plain(read(&self.actual))
    }
}

fn read_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A value without what two services may write differently.
fn plain(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => match value {
            Value::Null => Value::Null,
            other => Value::String(other.to_string()),
        },
        // A policy may be kept as text that holds JSON.
        Value::String(text) => match serde_json::from_str::<Value>(&text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => plain(inner),
            Ok(_) | Err(_) => Value::String(text),
        },
        Value::Array(items) => {
            let items: Vec<Value> = items.into_iter().map(plain).filter(|item| *item != Value::Null).collect();
            if items.is_empty() { Value::Null } else { Value::Array(items) }
        }
        Value::Object(fields) => {
            let policy = fields.contains_key("Statement") || fields.contains_key("Effect");
            let field = |(name, value): (String, Value)| {
                let value = plain(value);
                // The order of actions, principals and resources means nothing, and one may stand alone.
                let value = match value {
                    Value::Array(mut items) if policy && name != "Statement" => {
                        items.sort_by_key(Value::to_string);
                        if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
                    }
                    other => other,
                };
                (name, value)
            };
            let mut fields: Vec<_> = fields.into_iter().map(field).filter(|(_, value)| *value != Value::Null).collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            if fields.is_empty() { Value::Null } else { Value::Object(fields.into_iter().collect()) }
        }
    }
}

/// What was changed by hand: from what is there to what should be.
pub(super) fn differences(found: &[Found], veil: &Veil) -> Vec<Difference> {
    let mut differences = Vec::new();
    for resource in found.iter().filter(|resource| resource.is_drifted()) {
        let item = format!("{} ({})", resource.logical_id, resource.r#type);
        let of = |path: &str, from, to, effect| Difference {
            item: item.clone(),
            path: path.to_owned(),
            from,
            to,
            cause: Cause::Drifted,
            effect,
            who: None,
        };
        if resource.status == "DELETED" {
            differences.push(of("", None, Some(Shown::text(&resource.r#type)), Effect::Create));
            continue;
        }
        for property in resource.properties.iter().filter(|property| !property.is_noise()) {
            let path = property_path(&property.path);
            let shown = |value: &Option<String>| {
                value.as_deref().filter(|value| *value != "null").map(|value| veil.shown(&item, &path, value))
            };
            differences.push(of(&path, shown(&property.actual), shown(&property.expected), Effect::InPlace));
        }
        if resource.properties.is_empty() {
            differences.push(of("", Some(Shown::text("changed")), Some(Shown::text("as deployed")), Effect::InPlace));
        }
    }
    differences
}

/// Drift detection leaves out what change sets begin with.
pub(super) fn property_path(path: &str) -> String {
    match path.starts_with("/Properties") {
        true => path.to_owned(),
        false => format!("/Properties{path}"),
    }
}

/// How many of all resources were compared, and which were not.
pub(super) fn coverage(detected: &Detected) -> Coverage {
    let Detected { found, all, failed, nested: _, words: _ } = detected;
    let mut coverage = Coverage { total: all.len(), ..Coverage::default() };
    for (logical_id, r#type) in all {
        let item = format!("{logical_id} ({type})");
        match found.iter().find(|resource| resource.logical_id == *logical_id) {
            Some(resource) if resource.is_checked() => coverage.checked += 1,
            Some(resource) => {
                let why = resource.reason.clone().unwrap_or_else(|| resource.status.clone());
                coverage.unchecked.push(format!("{item}: {why}"));
            }
            None => coverage.unchecked.push(match failed {
                Some(why) => format!("{item}: the detection failed: {why}"),
                None => uncheckable(logical_id, r#type),
            }),
        }
    }
    coverage
}

/// What is said of a resource that CloudFormation leaves out.
pub(super) fn uncheckable(logical_id: &str, r#type: &str) -> String {
    format!("{logical_id} ({type}): CloudFormation cannot detect drift of this type")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(logical_id: &str, status: &str) -> Found {
        Found {
            logical_id: logical_id.into(),
            r#type: "AWS::SQS::Queue".into(),
            status: status.into(),
            ..Found::default()
        }
    }

    #[test]
    fn drift_goes_from_what_is_there_to_what_was_deployed() {
        let mut modified = found("Jobs", "MODIFIED");
        modified.properties = vec![Property {
            path: "/VisibilityTimeout".into(),
            expected: Some("30".into()),
            actual: Some("60".into()),
        }];
        let seen = differences(&[modified, found("Gone", "DELETED"), found("Fine", "IN_SYNC")], &Veil::default());
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].path.as_str(), seen[0].cause), ("/Properties/VisibilityTimeout", Cause::Drifted));
        assert_eq!((&seen[0].from, &seen[0].to), (&Some(Shown::text("60")), &Some(Shown::text("30"))));
        assert_eq!((&seen[1].from, seen[1].effect), (&None, Effect::Create));
    }

    #[test]
    fn what_was_not_checked_is_named_and_never_counted() {
        let all = ["A", "B", "C", "D"].map(|id| (id.to_owned(), "AWS::SQS::Queue".to_owned()));
        let found = vec![found("A", "IN_SYNC"), found("B", "UNKNOWN"), found("C", "NOT_CHECKED")];
        let detected = Detected { found, all: all.to_vec(), ..Detected::default() };
        let seen = coverage(&detected);
        assert_eq!((seen.checked, seen.total, seen.unchecked.len()), (1, 4, 3));
        assert!(seen.unchecked[2].ends_with("cannot detect drift of this type"));
        let seen = coverage(&Detected { failed: Some("no permission".into()), ..detected });
        assert_eq!((seen.checked, seen.unchecked[2].ends_with("the detection failed: no permission")), (1, true));
    }

    #[test]
    fn what_is_only_written_otherwise_is_no_drift() {
        let same = [
            (Some("[]"), None),
            (Some("80"), Some("\"80\"")),
            (Some("null"), Some("{}")),
            (
                Some(r#"{"Statement":[{"Effect":"Allow","Action":["b","a"],"Resource":"x"}]}"#),
                Some(r#"{"Statement":[{"Resource":["x"],"Action":["a","b"],"Effect":"Allow"}]}"#),
            ),
        ];
        let other = [
            (Some("[1,2]"), Some("[2,1]")),
            (Some("false"), None),
            (Some("30"), Some("99")),
            (Some(r#"{"Effect":"Allow","Action":"a"}"#), Some(r#"{"Effect":"Deny","Action":"a"}"#)),
        ];
        let property = |(expected, actual): (Option<&str>, Option<&str>)| Property {
            path: "/P".into(),
            expected: expected.map(str::to_owned),
            actual: actual.map(str::to_owned),
        };
        for pair in same {
            assert!(property(pair).is_noise(), "{pair:?}");
            let found = Found { properties: vec![property(pair)], ..found("Jobs", "MODIFIED") };
            assert!(!found.is_drifted() && differences(&[found], &Veil::default()).is_empty(), "{pair:?}");
        }
        other.iter().for_each(|pair| assert!(!property(*pair).is_noise(), "{pair:?}"));
    }
}
