//! Fields that are declared and left to somebody else: what stands in the cluster stands in for the declared value.
//!
//! To leave a field out of an apply would give it up, and the server would take it away or set its default. So
//! the live value is sent in its place.

use serde_json::Value;

use super::compare::{PathStep, holds};
use super::managed::Head;
use super::object::ObjectId;
use super::path;
use super::spec::LeaveSpec;

/// One rule of workload.yaml.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct LeaveRule {
    kind: Option<String>,
    name: Option<String>,
    path: Vec<PathStep>,
    manager: Option<String>,
}

/// A declared value that is not sent, and what is sent instead; none where the live object has none.
#[derive(Clone, PartialEq)]
pub(super) struct Kept {
    pub(super) path: Vec<PathStep>,
    pub(super) value: Option<Value>,
}

impl LeaveRule {
    /// None where the path is no path.
    pub(super) fn of(spec: &LeaveSpec) -> Option<Self> {
        let LeaveSpec { kind, name, path, manager } = spec;
        Some(Self { kind: kind.clone(), name: name.clone(), path: path::parse(path)?, manager: manager.clone() })
    }

    fn is_about(&self, id: &ObjectId) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == id.kind) && self.name.as_ref().is_none_or(|name| *name == id.name)
    }
}

/// What the rules about an object say, for its hash: whoever takes a rule away wants the declared value back, although
/// nothing else has changed.
pub(super) fn said(rules: &[LeaveRule], id: &ObjectId) -> Option<String> {
    let about: Vec<String> = rules.iter().filter(|rule| rule.is_about(id)).map(|rule| format!("{rule:?}")).collect();
    (!about.is_empty()).then(|| about.join("\n"))
}

/// Whether only the cluster can say what is left of an object: somebody may have let go of a field.
pub(super) fn depends_on_others(rules: &[LeaveRule], id: &ObjectId) -> bool {
    rules.iter().any(|rule| rule.is_about(id) && rule.manager.is_some())
}

/// What of this declared object is left as it is in the cluster. A rule with a manager counts while that one holds the field.
pub(super) fn left(
    rules: &[LeaveRule],
    id: &ObjectId,
    declared: &Value,
    live: &Value,
    head: &Head<'_>,
    field_manager: &str,
) -> Vec<Kept> {
    let holds_it = |manager: &str, path: &[PathStep]| {
        let entries = head.metadata.managed_fields.iter().filter(|entry| !entry.is_ours(field_manager));
        entries.filter(|entry| entry.manager == manager).any(|entry| holds(&entry.tree(), path))
    };
    let about = rules.iter().filter(|rule| rule.is_about(id) && path::at(declared, &rule.path).is_some());
    let left = about.filter(|rule| rule.manager.as_ref().is_none_or(|manager| holds_it(manager, &rule.path)));
    left.map(|rule| Kept { path: rule.path.clone(), value: path::at(live, &rule.path).cloned() })
        // Where there is no value yet, the declared one is the first.
        .filter(|kept| kept.value.is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(manager: Option<&str>) -> LeaveRule {
        LeaveRule::of(&LeaveSpec {
            kind: Some("Deployment".into()),
            name: None,
            path: "spec.replicas".into(),
            manager: manager.map(str::to_owned),
        })
        .expect("a path")
    }

    fn kept(rule: LeaveRule, kind: &str, live: Value) -> Vec<Option<Value>> {
        let id = ObjectId { kind: kind.into(), ..ObjectId::default() };
        let entry =
            json!({"manager": "keda-operator", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        let text = json!({"metadata": {"managedFields": [entry]}}).to_string();
        let head = serde_json::from_str(&text).expect("well-formed");
        let declared = json!({"spec": {"replicas": 2}});
        left(&[rule], &id, &declared, &live, &head, "ours").into_iter().map(|kept| kept.value).collect()
    }

    #[test]
    fn a_field_is_left_to_whoever_the_rule_names_while_they_hold_it() {
        let live = || json!({"spec": {"replicas": 7}});
        assert_eq!(kept(rule(None), "Deployment", live()), [Some(json!(7))]);
        assert_eq!(kept(rule(Some("keda-operator")), "Deployment", live()), [Some(json!(7))]);
        assert!(kept(rule(Some("kubectl-edit")), "Deployment", live()).is_empty());
        assert!(kept(rule(None), "StatefulSet", live()).is_empty());
        assert!(kept(rule(None), "Deployment", json!({})).is_empty(), "the declared value is the first");
    }
}
