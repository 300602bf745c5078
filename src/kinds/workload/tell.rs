//! Differences as people are told them: never a secret, and who did it where the cluster knows.

use serde_json::Value;

use super::compare::{Moved, PathStep, holds, path_text, text_of};
use super::fingerprint::Step;
use super::managed::{Entry, Head};
use super::object::ObjectId;
use crate::unit::{Cause, Difference, Effect, Shown, Who};

/// Long values are cut here; what counts is that they differ.
const LONGEST: usize = 2_000;
/// Of one object; a controller that fills in hundreds of fields is told by the first of them.
const MOST_FOREIGN: usize = 50;
/// What was applied last, and who has moved since.
pub(super) struct Since<'a> {
    /// When our fields were last written.
    pub(super) applied: Option<&'a str>,
    pub(super) git_moved: bool,
    /// Whether our entry is another than the one remembered: somebody took something from us.
    pub(super) entry_moved: bool,
}

/// One object that is not there.
pub(super) fn missing(id: &ObjectId, cause: Cause) -> Difference {
    whole(id, None, Some(Shown::text("present")), cause, Effect::Create)
}

/// One object that is no longer declared.
pub(super) fn surplus(id: &ObjectId) -> Difference {
    whole(id, Some(Shown::text("present")), None, Cause::Declared, Effect::Delete)
}

/// The object of a hook that is no longer declared.
pub(super) fn past_hook(id: &ObjectId) -> Difference {
    Difference { path: "hook".into(), ..surplus(id) }
}

fn whole(id: &ObjectId, from: Option<Shown>, to: Option<Shown>, cause: Cause, effect: Effect) -> Difference {
    Difference { item: id.to_string(), path: String::new(), from, to, cause, effect, who: None }
}

/// One path of an object, from the live value to ours.
///
/// Where Git has not moved since the last apply, the world has. Where both may have, a path is called
/// drifted only if somebody else holds it and wrote after our last apply; all the rest Git asks for.
pub(super) fn difference(
    id: &ObjectId,
    moved: &Moved,
    head: &Head<'_>,
    field_manager: &str,
    since: &Since<'_>,
) -> Difference {
    let who = holder(head, &moved.path, field_manager);
    // A write of the scale leaves no time behind.
    let later = |who: &Who| who.time.as_deref().is_none_or(|time| since.applied.is_some_and(|applied| time >= applied));
    let taken = since.entry_moved && who.as_ref().is_some_and(later);
    let cause = match since.git_moved && !taken {
        true => Cause::Declared,
        false => Cause::Drifted,
    };
    Difference {
        item: id.to_string(),
        path: path_text(&moved.path),
        from: moved.from.as_ref().map(|value| shown(id, &moved.path, value)),
        to: moved.to.as_ref().map(|value| shown(id, &moved.path, value)),
        who: if cause == Cause::Drifted { who } else { None },
        cause,
        effect: Effect::InPlace,
    }
}

/// The manager that holds a path now, beside ourselves; of many the one who wrote last.
fn holder(head: &Head<'_>, path: &[PathStep], field_manager: &str) -> Option<Who> {
    let others = head.metadata.managed_fields.iter().filter(|entry| !entry.is_ours(field_manager));
    let holding = others.filter(|entry| holds(&entry.tree(), path));
    holding.max_by_key(|entry| entry.time.clone()).map(Entry::who)
}

/// A value as it may be shown: what stands in a Secret is never told.
pub(super) fn shown(id: &ObjectId, path: &[PathStep], value: &Value) -> Shown {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    if id.is_secret() && may_be_secret(path) {
        return Shown::hidden(&format!("{id} {}", path_text(path)), text.as_bytes());
    }
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Shown::text(format!("{}…", &text[..end])),
        None => Shown::text(text),
    }
}

/// Of a Secret only its labels, type and finalizers may be told; annotations hold copies of it.
fn may_be_secret(path: &[PathStep]) -> bool {
    let field = |at: usize| match path.get(at) {
        Some(PathStep::Field(name)) => Some(name.as_str()),
        Some(PathStep::Item(_)) | None => None,
    };
    !matches!(
        (field(0), field(1)),
        (Some("metadata"), Some("labels" | "finalizers" | "ownerReferences")) | (Some("type" | "immutable"), _)
    )
}

/// Other people's fields beside ours: told from their value to nothing of ours, and never touched.
///
/// `ours` are the fields we hold, or would hold after an apply.
pub(super) fn foreign(
    id: &ObjectId,
    live: &Value,
    head: &Head<'_>,
    field_manager: &str,
    ours: &Value,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for entry in head.metadata.managed_fields.iter().filter(|entry| entry.is_foreign(field_manager)) {
        for (path, value) in leaves(&entry.tree(), live) {
            if holds(ours, &path) || is_bookkeeping(&path) {
                continue;
            }
            found.push(Difference {
                item: id.to_string(),
                path: path_text(&path),
                from: Some(shown(id, &path, value)),
                to: None,
                cause: Cause::Drifted,
                effect: Effect::InPlace,
                who: Some(entry.who()),
            });
        }
    }
    found.truncate(MOST_FOREIGN);
    found
}

/// What tools write to remember their own doings.
pub(super) fn is_bookkeeping(path: &[PathStep]) -> bool {
    let text = path_text(path);
    text.starts_with("status")
        || text == "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]"
        || text == "metadata.annotations[deployment.kubernetes.io/revision]"
}

/// A field that goes because nobody declares it any more.
pub(super) fn left_over(
    id: &ObjectId,
    path: &[PathStep],
    value: &Value,
    after: Option<&Value>,
    who: Who,
) -> Difference {
    Difference {
        item: id.to_string(),
        path: path_text(path),
        from: Some(shown(id, path, value)),
        to: after.map(|value| shown(id, path, value)),
        cause: Cause::Declared,
        effect: Effect::InPlace,
        who: Some(who),
    }
}

/// An object that must be made anew for a change of this field.
pub(super) fn replaced(id: &ObjectId, field: &str) -> Difference {
    Difference { path: field.to_owned(), effect: Effect::Replace, ..missing(id, Cause::Declared) }
}

/// Every leaf of a tree of fields that is there in the live object.
pub(super) fn leaves<'v>(tree: &Value, live: &'v Value) -> Vec<(Vec<PathStep>, &'v Value)> {
    let mut leaves = Vec::new();
    collect(tree, live, &mut Vec::new(), &mut leaves);
    leaves
}

fn collect<'v>(tree: &Value, live: &'v Value, path: &mut Vec<PathStep>, leaves: &mut Vec<(Vec<PathStep>, &'v Value)>) {
    let Some(children) = tree.as_object() else { return };
    if children.is_empty() {
        leaves.push((path.clone(), live));
        return;
    }
    for (key, below) in children {
        let Some(step) = Step::of(key) else { continue };
        let Some((_, value)) = step.of_value(live) else { continue };
        let name = match step {
            Step::Field(name) => PathStep::Field(name),
            Step::Item(keys) => PathStep::Item(keys.into_iter().map(|(key, value)| (key, text_of(&value))).collect()),
            Step::Member(member) => PathStep::Item(vec![("value".into(), member.to_string())]),
            Step::At(at) => PathStep::Item(vec![("index".into(), at.to_string())]),
        };
        path.push(name);
        collect(below, value, path, leaves);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(kind: &str) -> ObjectId {
        ObjectId { kind: kind.into(), name: "x".into(), ..ObjectId::default() }
    }

    fn live(kind: &str) -> String {
        let entries = json!([
            {"manager": "ours", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:data": {"f:a": {}}}},
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:c": {}}}},
        ]);
        json!({"kind": kind, "metadata": {"managedFields": entries}, "data": {"a": "hunter2", "b": "hunter3", "c": "x"}}).to_string()
    }

    fn ours(head: &Head<'_>) -> Value {
        head.ours("ours").map(Entry::tree).unwrap_or_default()
    }

    fn told(kind: &str, git_moved: bool) -> Difference {
        let text = live(kind);
        let head: Head<'_> = serde_json::from_str(&text).expect("the object is well-formed");
        let path = vec![PathStep::Field("data".into()), PathStep::Field("a".into())];
        let moved = Moved { path, from: Some(json!("hunter2")), to: Some(json!("one")) };
        difference(
            &id(kind),
            &moved,
            &head,
            "ours",
            &Since { applied: Some("2026-01-01T00:00:00Z"), git_moved, entry_moved: true },
        )
    }

    #[test]
    fn a_difference_names_who_holds_the_path_now() {
        let difference = told("ConfigMap", false);
        assert_eq!(difference.path, "data.a");
        assert_eq!(difference.from, Some(Shown::text("hunter2")));
        assert_eq!(difference.cause, Cause::Drifted);
        assert_eq!(difference.who.map(|who| who.name).as_deref(), Some("kubectl-edit"));
    }

    #[test]
    fn a_path_that_somebody_wrote_after_us_is_drifted_even_when_git_moved() {
        assert_eq!(told("ConfigMap", true).cause, Cause::Drifted);
    }

    #[test]
    fn the_data_of_a_secret_is_never_told() {
        let difference = told("Secret", false);
        let text = live("Secret");
        let head: Head<'_> = serde_json::from_str(&text).expect("the object is well-formed");
        let value: Value = serde_json::from_str(&text).expect("the object is well-formed");
        let all = format!("{difference:?} {:?}", foreign(&id("Secret"), &value, &head, "ours", &ours(&head)));
        assert!(all.contains("data.b") && !all.contains("hunter"), "{all}");
    }

    #[test]
    fn only_what_people_and_tools_wrote_beside_us_is_foreign() {
        let text = live("ConfigMap");
        let head: Head<'_> = serde_json::from_str(&text).expect("the object is well-formed");
        let value: Value = serde_json::from_str(&text).expect("the object is well-formed");
        let paths: Vec<String> = foreign(&id("ConfigMap"), &value, &head, "ours", &ours(&head))
            .into_iter()
            .map(|found| found.path)
            .collect();
        assert_eq!(paths, ["data.b"]);
    }
}
