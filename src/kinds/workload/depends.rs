//! What authors write under `depends-on`, checked offline: names that lead nowhere, and circles that nothing
//! could be applied in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::claims::claimed;
use super::hooks::Hook;
use super::names::Names;
use super::object::{Object, ObjectId};
use super::order::edges;
use super::policy::depends_on;
use crate::problem::Problem;

/// Every name that no object of the workload has, and every circle that such a name closes.
pub(super) fn check(objects: &[Object], hooks: &[Hook], default_namespace: &str) -> Vec<Problem> {
    if objects.iter().all(|object| depends_on(&object.json).is_empty()) {
        return Vec::new();
    }
    let ids: Vec<ObjectId> = objects.iter().map(|object| claimed(&object.id, default_namespace)).collect();
    let mut problems = unknown(objects, &ids, hooks);
    problems.extend(circles(objects, &ids));
    problems
}

fn unknown(objects: &[Object], ids: &[ObjectId], hooks: &[Hook]) -> Vec<Problem> {
    // Whether a kind has namespaces is only known where the cluster is asked: one that was not written may be left out.
    let as_written = objects.iter().map(|object| &object.id).chain(hooks.iter().map(|hook| &hook.object.id));
    let known = Names::of(ids.iter().chain(as_written));
    let mut problems = Vec::new();
    for (object, id) in objects.iter().zip(ids) {
        for text in depends_on(&object.json) {
            if !known.called(text).is_empty() {
                continue;
            }
            let message = format!("`{id}` depends on `{text}`, and this workload declares no such object");
            let texts: Vec<String> = ids.iter().map(ObjectId::to_string).collect();
            problems.push(
                Problem::new(object.place.clone(), message)
                    .hint("write it as `apps/Deployment shop/db`; a whole workload is named in workload.yaml, under `dependsOn`")
                    .did_you_mean(text, texts.iter().map(String::as_str)),
            );
        }
    }
    problems
}

/// Circles with a step that an author wrote; each is told once.
fn circles(objects: &[Object], ids: &[ObjectId]) -> Vec<Problem> {
    let all: Vec<(&ObjectId, &Value)> = ids.iter().zip(objects).map(|(id, object)| (id, &object.json)).collect();
    let before = edges(&all);
    let names = Names::of(ids);
    let (mut problems, mut told) = (Vec::new(), BTreeSet::new());
    for (at, object) in objects.iter().enumerate() {
        for first in names.needs(&object.json) {
            let Some(way) = way(&before, first, at).filter(|way| way.iter().all(|step| !told.contains(step))) else {
                continue;
            };
            told.extend(way.iter().copied());
            let chain: Vec<String> = std::iter::once(at).chain(way).map(|step| format!("`{}`", ids[step])).collect();
            let message = format!("these wait for each other: {}", chain.join(" needs "));
            problems.push(Problem::new(object.place.clone(), message).hint("take one of them out of `depends-on`"));
        }
    }
    problems
}

/// The shortest way from one object along what it needs to another, both included.
fn way(before: &[BTreeSet<usize>], from: usize, to: usize) -> Option<Vec<usize>> {
    let mut came = BTreeMap::from([(from, from)]);
    let mut turn = vec![from];
    while !turn.is_empty() && !came.contains_key(&to) {
        let mut next = Vec::new();
        for step in turn {
            for need in &before[step] {
                came.entry(*need).or_insert_with(|| {
                    next.push(*need);
                    step
                });
            }
        }
        turn = next;
    }
    let (mut way, mut step) = (vec![to], to);
    while step != from {
        step = *came.get(&step)?;
        way.push(step);
    }
    way.reverse();
    Some(way)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::policy::DEPENDS_ON;
    use super::*;
    use crate::problem::Place;

    fn object(group: &str, kind: &str, name: &str, needs: &str) -> Object {
        let id = ObjectId { group: group.into(), kind: kind.into(), namespace: None, name: name.into() };
        let json = json!({"metadata": {"name": name, "annotations": {DEPENDS_ON: needs}}});
        Object { id, version: "v1".into(), json, place: Place { line: 7, ..Place::file("all.yaml") } }
    }

    fn map(name: &str, needs: &str) -> Object {
        object("", "ConfigMap", name, needs)
    }

    fn told(objects: &[Object]) -> Vec<String> {
        check(objects, &[], "shop").into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_name_of_no_object_is_told_with_the_nearest() {
        let problems = check(&[map("a", "ConfigMap shop/settngs"), map("settings", "")], &[], "shop");
        let said = "`ConfigMap shop/a` depends on `ConfigMap shop/settngs`, and this workload declares no such object";
        assert_eq!(problems.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), [said]);
        assert_eq!((problems[0].place.file.as_str(), problems[0].place.line), ("all.yaml", 7));
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `ConfigMap shop/settings`?"));
    }

    #[test]
    fn what_is_there_may_be_named_however_its_kind_is_kept() {
        let widget = object("acme.io", "Widget", "one", "");
        for name in ["acme.io/Widget one", "acme.io/Widget shop/one", "acme.io/namespaces/shop/Widget/one"] {
            assert_eq!(told(&[map("a", name), widget.clone()]), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_circle_is_told_once_with_every_step() {
        let all = [map("a", "ConfigMap shop/b"), map("b", "ConfigMap shop/c"), map("c", "ConfigMap shop/a")];
        let way = "`ConfigMap shop/a` needs `ConfigMap shop/b` needs `ConfigMap shop/c` needs `ConfigMap shop/a`";
        assert_eq!(told(&all), [format!("these wait for each other: {way}")]);
        let itself = "`ConfigMap shop/a` needs `ConfigMap shop/a`";
        assert_eq!(told(&[map("a", "ConfigMap shop/a")]), [format!("these wait for each other: {itself}")]);
        assert_eq!(told(&all[..2]).len(), 1, "only the name that leads nowhere");
    }

    #[test]
    fn a_circle_through_what_follows_from_the_objects_is_one_too() {
        let all = [object("", "Namespace", "shop", "ConfigMap shop/a"), map("a", "")];
        let way = "`Namespace shop` needs `ConfigMap shop/a` needs `Namespace shop`";
        assert_eq!(told(&all), [format!("these wait for each other: {way}")]);
    }
}
