//! Paths within an object as people write them: read, followed, and written to.

use serde_json::Value;

use super::compare::{PathStep, text_of};

/// Reads `spec.template.spec.containers[name=web].image`, as differences write it.
///
/// What stands in brackets is the keys of an item (`name=web`), or a key with dots in it (`[acme.io/tier]`).
pub(super) fn parse(text: &str) -> Option<Vec<PathStep>> {
    let (mut path, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let step;
        (step, rest) = match rest.strip_prefix('[') {
            Some(inside) => {
                let (inside, rest) = inside.split_once(']')?;
                (of_brackets(inside), rest)
            }
            None => {
                let field = if path.is_empty() { rest } else { rest.strip_prefix('.')? };
                let (name, rest) = field.split_at(field.find(['.', '[']).unwrap_or(field.len()));
                (PathStep::Field(name.to_owned()), rest)
            }
        };
        if step == PathStep::Field(String::new()) {
            return None;
        }
        path.push(step);
    }
    (!path.is_empty()).then_some(path)
}

fn of_brackets(inside: &str) -> PathStep {
    let pairs: Option<Vec<(String, String)>> = inside
        .split(',')
        .map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    match pairs {
        Some(keys) => PathStep::Item(keys),
        None => PathStep::Field(inside.to_owned()),
    }
}

/// What stands at a path.
pub(super) fn at<'v>(value: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        PathStep::Field(name) => value.get(name),
        PathStep::Item(keys) => value.as_array()?.iter().find(|item| is_named(item, keys)),
    })
}

/// Writes a value to a path whose parents are there, or takes away what stands there.
pub(super) fn put(object: &mut Value, path: &[PathStep], value: Option<&Value>) {
    let Some(value) = value else { return remove(object, path) };
    let place = path.iter().try_fold(object, |object, step| match step {
        PathStep::Field(name) => object.as_object_mut().and_then(|map| map.get_mut(name)),
        PathStep::Item(keys) => object.as_array_mut()?.iter_mut().find(|item| is_named(item, keys)),
    });
    if let Some(place) = place {
        *place = value.clone();
    }
}

/// Takes one leaf away; where it names an item of a list, the whole item.
pub(super) fn remove(value: &mut Value, path: &[PathStep]) {
    match path {
        [] => {}
        [PathStep::Field(name)] => {
            if let Some(map) = value.as_object_mut() {
                map.shift_remove(name);
            }
        }
        [PathStep::Item(keys), rest @ ..] => {
            let is_key =
                |step: &PathStep| matches!(step, PathStep::Field(name) if keys.iter().any(|(key, _)| key == name));
            let Some(items) = value.as_array_mut() else { return };
            match rest {
                [] => items.retain(|item| !is_named(item, keys)),
                [only] if is_key(only) => items.retain(|item| !is_named(item, keys)),
                rest => items.iter_mut().filter(|item| is_named(item, keys)).for_each(|item| remove(item, rest)),
            }
        }
        [PathStep::Field(name), rest @ ..] => {
            if let Some(below) = value.get_mut(name) {
                remove(below, rest);
            }
        }
    }
}

fn is_named(item: &Value, keys: &[(String, String)]) -> bool {
    keys.iter().all(|(key, wanted)| match item.get(key) {
        Some(found) => text_of(found) == *wanted,
        // A member of a set is named by itself.
        None => key == "value" && serde_json::from_str::<Value>(wanted).is_ok_and(|member| member == *item),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::workload::compare::path_text;

    #[test]
    fn a_path_is_read_as_differences_write_it() {
        for text in [
            "spec.replicas",
            "spec.template.spec.containers[name=web].image",
            "metadata.annotations[acme.io/tier]",
            "spec.ports[port=80,protocol=TCP].nodePort",
        ] {
            assert_eq!(parse(text).map(|path| path_text(&path)).as_deref(), Some(text));
        }
        for text in ["", ".", "spec.", "spec..a", "spec[a"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_put_where_the_path_leads_and_nowhere_else() {
        let mut object = json!({"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:1"}], "replicas": 2}});
        let path = |text: &str| parse(text).expect("a path");
        put(&mut object, &path("spec.containers[name=log].image"), Some(&json!("log:2")));
        put(&mut object, &path("spec.replicas"), None);
        put(&mut object, &path("spec.gone.deeper"), Some(&json!(1)));
        assert_eq!(
            object,
            json!({"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:2"}]}})
        );
        assert_eq!(at(&object, &path("spec.containers[name=web].image")), Some(&json!("web:1")));
    }

    #[test]
    fn a_leaf_goes_alone_and_the_key_of_an_item_takes_the_item_along() {
        let item = |name: &str| PathStep::Item(vec![("name".into(), name.into())]);
        let field = |name: &str| PathStep::Field(name.into());
        let mut live = json!({"list": [{"name": "a", "x": 1, "y": 2}, {"name": "b", "x": 3}], "set": ["one", "two"]});
        remove(&mut live, &[field("list"), item("a"), field("x")]);
        remove(&mut live, &[field("list"), item("b"), field("name")]);
        remove(&mut live, &[field("set"), PathStep::Item(vec![("value".into(), "\"two\"".into())])]);
        assert_eq!(live, json!({"list": [{"name": "a", "y": 2}], "set": ["one"]}));
    }
}
