//! Two answers of the API server about one object, compared path by path.
//!
//! Neither side is Git's text: one is the live object, the other what a dry run of our apply made of
//! it, so every default and every spelling is the server's own on both sides.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fingerprint::Step;

/// One path that differs. It has no `Debug`: the values may be secret.
#[derive(Clone, PartialEq)]
pub(super) struct Moved {
    pub(super) path: Vec<PathStep>,
    /// None where it is not there.
    pub(super) from: Option<Value>,
    pub(super) to: Option<Value>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum PathStep {
    Field(String),
    /// An item by its keys, as text for people: `name=web`, and as pairs for machines.
    Item(Vec<(String, String)>),
}

/// `spec.template.spec.containers[name=web].image`
pub(super) fn path_text(path: &[PathStep]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            PathStep::Field(name) if name.contains(['.', '/', '[']) => text.push_str(&format!("[{name}]")),
            PathStep::Field(name) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(name);
            }
            PathStep::Item(keys) => {
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.push_str(&format!("[{}]", keys.join(",")));
            }
        }
    }
    text
}

/// What differs between two objects, leaving out what the server keeps for itself.
///
/// `trees` are the `fieldsV1` of any managers: they tell which keys name the items of a list.
pub(super) fn compare(live: &Value, wanted: &Value, trees: &[Value]) -> Vec<Moved> {
    let mut moved = Vec::new();
    let trees: Vec<&Value> = trees.iter().collect();
    let (live, wanted) = (without_bookkeeping(live), without_bookkeeping(wanted));
    values(&mut Vec::new(), Some(&live), Some(&wanted), &trees, &mut moved);
    moved
}

fn without_bookkeeping(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
        // The items of a list leave them out.
        map.remove("apiVersion");
        map.remove("kind");
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            for own in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"] {
                metadata.remove(own);
            }
        }
    }
    object
}

fn values(
    path: &mut Vec<PathStep>,
    from: Option<&Value>,
    to: Option<&Value>,
    trees: &[&Value],
    moved: &mut Vec<Moved>,
) {
    match (from, to) {
        (from, to) if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => objects(path, from, to, trees, moved),
        (Some(Value::Array(old)), Some(Value::Array(new))) => match list_keys(trees, old, new) {
            Some(keys) => lists(path, old, new, &keys, trees, moved),
            None => moved.push(Moved { path: path.clone(), from: from.cloned(), to: to.cloned() }),
        },
        // A mapping that appears or goes is told by what is in it, where that is something.
        (Some(Value::Object(from)), None) if !from.is_empty() => objects(path, from, &Map::new(), trees, moved),
        (None, Some(Value::Object(to))) if !to.is_empty() => objects(path, &Map::new(), to, trees, moved),
        _ => moved.push(Moved { path: path.clone(), from: from.cloned(), to: to.cloned() }),
    }
}

fn objects(
    path: &mut Vec<PathStep>,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    trees: &[&Value],
    moved: &mut Vec<Moved>,
) {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    for name in names {
        let below: Vec<&Value> = trees.iter().filter_map(|tree| tree.get(format!("f:{name}"))).collect();
        path.push(PathStep::Field(name.clone()));
        values(path, from.get(name), to.get(name), &below, moved);
        path.pop();
    }
}

fn lists(
    path: &mut Vec<PathStep>,
    from: &[Value],
    to: &[Value],
    keys: &[String],
    trees: &[&Value],
    moved: &mut Vec<Moved>,
) {
    let names = |list: &[Value]| list.iter().map(|item| item_name(item, keys)).collect::<Vec<_>>();
    let (old, new) = (names(from), names(to));
    let all: BTreeSet<&Vec<(String, String)>> = old.iter().chain(&new).collect();
    for name in all {
        let find = |list: &[Value], names: &[Vec<(String, String)>]| {
            names.iter().position(|other| other == name).map(|at| list[at].clone())
        };
        let (before, after) = (find(from, &old), find(to, &new));
        let sample = before.as_ref().or(after.as_ref());
        let below: Vec<&Value> = trees.iter().filter_map(|tree| tree_of_item(tree, sample?)).collect();
        path.push(PathStep::Item(name.clone()));
        match (&before, &after) {
            (Some(_), Some(_)) => values(path, before.as_ref(), after.as_ref(), &below, moved),
            _ => moved.push(Moved { path: path.clone(), from: before, to: after }),
        }
        path.pop();
    }
    let common = |names: &[Vec<(String, String)>], others: &[Vec<(String, String)>]| {
        names.iter().filter(|name| others.contains(name)).cloned().collect::<Vec<_>>()
    };
    let (before, after) = (common(&old, &new), common(&new, &old));
    if before != after {
        let told = |names: &[Vec<(String, String)>]| {
            let names: Vec<String> = names.iter().map(|name| path_text(&[PathStep::Item(name.clone())])).collect();
            Some(Value::String(format!("order {}", names.join(" "))))
        };
        moved.push(Moved { path: path.clone(), from: told(&before), to: told(&after) });
    }
}

/// The keys that name the items of this list, where some manager's fields tell, and they do name them.
fn list_keys(trees: &[&Value], old: &[Value], new: &[Value]) -> Option<Vec<String>> {
    let keyed = trees.iter().filter_map(|tree| tree.as_object()).flat_map(|tree| tree.keys());
    let keys = keyed.filter_map(|key| Step::of(key)).find_map(|step| match step {
        Step::Item(keys) => Some(keys.into_keys().collect::<Vec<_>>()),
        Step::Field(_) | Step::Member(_) | Step::At(_) => None,
    })?;
    let all_differ = |list: &[Value]| {
        let names: BTreeSet<_> = list.iter().map(|item| item_name(item, &keys)).collect();
        names.len() == list.len()
    };
    (all_differ(old) && all_differ(new)).then_some(keys)
}

fn item_name(item: &Value, keys: &[String]) -> Vec<(String, String)> {
    keys.iter().filter_map(|key| Some((key.clone(), text_of(item.get(key)?)))).collect()
}

/// A single value as people write it.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn tree_of_item<'t>(tree: &'t Value, item: &Value) -> Option<&'t Value> {
    tree.as_object()?.iter().find_map(|(key, below)| match Step::of(key)? {
        Step::Item(keys) => keys.iter().all(|(key, value)| item.get(key) == Some(value)).then_some(below),
        Step::Field(_) | Step::Member(_) | Step::At(_) => None,
    })
}

/// Whether a tree of fields holds this path, or the whole value it stands in.
pub(super) fn holds(tree: &Value, path: &[PathStep]) -> bool {
    let Some(children) = tree.as_object() else { return false };
    let Some((step, rest)) = path.split_first() else { return true };
    if children.is_empty() {
        return true;
    }
    let below = match step {
        PathStep::Field(name) => children.get(&format!("f:{name}")),
        PathStep::Item(keys) => children.iter().find_map(|(key, below)| match Step::of(key)? {
            Step::Item(found) => names_item(&found, keys).then_some(below),
            Step::Field(_) | Step::Member(_) | Step::At(_) => None,
        }),
    };
    below.is_some_and(|below| holds(below, rest))
}

impl PathStep {
    /// Whether a key of a tree of fields means this step.
    pub(super) fn is_named_by(&self, key: &str) -> bool {
        match (self, Step::of(key)) {
            (PathStep::Field(name), Some(Step::Field(found))) => *name == found,
            (PathStep::Item(keys), Some(Step::Item(found))) => names_item(&found, keys),
            (PathStep::Field(_) | PathStep::Item(_), _) => false,
        }
    }
}

fn names_item(found: &std::collections::BTreeMap<String, Value>, keys: &[(String, String)]) -> bool {
    found.len() == keys.len()
        && keys.iter().all(|(key, text)| found.get(key).is_some_and(|value| text_of(value) == *text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Value {
        json!({"f:spec": {
            "f:replicas": {},
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:value": {}}}}},
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:targetPort": {}}},
            "f:args": {},
        }})
    }

    fn told(live: Value, wanted: Value) -> Vec<String> {
        let show = |value: Option<Value>| value.map_or("nothing".to_owned(), |value| value.to_string());
        let moved = compare(&json!({"spec": live}), &json!({"spec": wanted}), &[tree()]);
        moved
            .into_iter()
            .map(|moved| format!("{}: {} → {}", path_text(&moved.path), show(moved.from), show(moved.to)))
            .collect()
    }

    #[test]
    fn a_difference_is_told_by_its_path_with_the_keys_of_lists() {
        for (live, wanted, seen) in [
            (json!({"replicas": 5}), json!({"replicas": 2}), "spec.replicas: 5 → 2"),
            (
                json!({"containers": [{"name": "web", "image": "web:2"}]}),
                json!({"containers": [{"name": "web", "image": "web:1"}]}),
                r#"spec.containers[name=web].image: "web:2" → "web:1""#,
            ),
            (
                json!({"containers": [{"name": "web", "env": [{"name": "A", "value": "x"}]}]}),
                json!({"containers": [{"name": "web", "env": [{"name": "A", "value": "y"}]}]}),
                r#"spec.containers[name=web].env[name=A].value: "x" → "y""#,
            ),
            (
                json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 1}]}),
                json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 2}]}),
                "spec.ports[port=80,protocol=TCP].targetPort: 1 → 2",
            ),
            (json!({"args": ["a", "b"]}), json!({"args": ["a"]}), r#"spec.args: ["a","b"] → ["a"]"#),
            (
                json!({"containers": [{"name": "a"}, {"name": "b"}]}),
                json!({"containers": [{"name": "b"}, {"name": "a"}]}),
                r#"spec.containers: "order [name=a] [name=b]" → "order [name=b] [name=a]""#,
            ),
            (
                json!({"containers": [{"name": "a"}]}),
                json!({"containers": []}),
                r#"spec.containers[name=a]: {"name":"a"} → nothing"#,
            ),
            (json!({"a.b/c": {"d": 1}}), json!({}), "spec[a.b/c].d: 1 → nothing"),
        ] {
            assert_eq!(told(live, wanted), [seen]);
        }
    }

    #[test]
    fn the_servers_own_bookkeeping_is_no_difference() {
        let live = json!({"metadata": {"name": "web", "resourceVersion": "1", "managedFields": [], "uid": "a", "generation": 1}, "status": {"a": 1}});
        let wanted = json!({"metadata": {"name": "web", "resourceVersion": "2", "uid": "b"}, "status": {}});
        assert!(compare(&live, &wanted, &[]).is_empty());
    }

    #[test]
    fn a_manager_holds_what_its_fields_say_and_all_below_a_leaf() {
        let path = |text: &[&str]| text.iter().map(|name| PathStep::Field((*name).into())).collect::<Vec<_>>();
        assert!(holds(&tree(), &path(&["spec", "replicas"])));
        assert!(!holds(&tree(), &path(&["spec", "paused"])));
        assert!(holds(&tree(), &path(&["spec", "args", "deeper"])));
        let mut image = path(&["spec", "containers"]);
        image.push(PathStep::Item(vec![("name".into(), "web".into())]));
        assert!(holds(&tree(), &image));
    }
}
