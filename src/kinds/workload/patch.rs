//! A patch beside a kustomization or a chart, for a value that no word of theirs makes.

use serde_json::{Map, Value, json};

use super::compare::PathStep;
use super::kustomization;
use super::object::ObjectId;
use super::recipe::Recipe;
use super::retrace::Wish;
use super::workload_file;
use crate::repo::{Files, Snapshot};
use crate::yaml::{self, Edit, Node};

/// The patches that may do it: which name an object has where a patch meets it, only a render tells.
pub(super) fn ways(recipe: &Recipe, snapshot: &Snapshot, wish: &Wish<'_>) -> Vec<Files> {
    let Some(below) = nested(&wish.object.json, &wish.path, &wish.live) else { return Vec::new() };
    let overlay = kustomization::file_in(snapshot, &recipe.folder)
        .and_then(|file| Some((yaml::parse_one(&file, snapshot.file(&file)?).ok()?, file)));
    let affix = |key: &str| overlay.as_ref().and_then(|(root, _)| Some(root.get(key)?.text()?.to_owned()));
    let name = &wish.object.id.name;
    // What a kustomization puts before and behind its names, it puts there after its patches.
    let bare = affix("namePrefix").and_then(|prefix| name.strip_prefix(prefix.as_str())).unwrap_or(name);
    let bare = affix("nameSuffix").and_then(|suffix| bare.strip_suffix(suffix.as_str())).unwrap_or(bare).to_owned();
    let mut names = vec![name.clone()];
    names.extend((bare != *name).then_some(bare));
    let spaces = [wish.object.id.namespace.clone(), None];
    let spaces = if spaces[0].is_some() { &spaces[..] } else { &spaces[1..] };
    let path = file_name(&recipe.folder, &wish.object.id, snapshot);
    let entry = json!({"path": path});
    let Some(mention) = mention(recipe, snapshot, overlay.as_ref(), &entry) else { return Vec::new() };
    let patch = |name: &String, namespace: &Option<String>| {
        let text = yaml::document(&document(wish, name, namespace.as_deref(), below.clone()));
        let mut files = mention.clone();
        files.insert(format!("{}/{path}", recipe.folder), text.into_bytes());
        files
    };
    names
        .iter()
        .flat_map(|name| spaces.iter().map(move |space| (name, space)))
        .map(|(name, space)| patch(name, space))
        .collect()
}

/// The file that names the patches, with one more.
fn mention(recipe: &Recipe, snapshot: &Snapshot, overlay: Option<&(Node, String)>, entry: &Value) -> Option<Files> {
    let add = |above: &Node, file: &str| {
        let edit = match above.get("patches") {
            Some(list) => Edit::item(list, entry),
            None => Edit::key(above, "patches", &json!([entry])),
        };
        yaml::edited_in(snapshot, file, &[edit.ok()?]).ok()
    };
    if let Some((root, file)) = overlay {
        return add(root, file);
    }
    let (file, chart) = (workload_file::path(&recipe.folder), json!({"patches": [entry]}));
    let bytes = snapshot.file(&file).unwrap_or_default();
    match yaml::parse(&file, bytes).ok()?.first() {
        None => Some(Files::from([(file, yaml::begun(bytes, "chart", &chart))])),
        Some(root) => match root.get("chart") {
            Some(node) => add(node, &file),
            None => yaml::edited_in(snapshot, &file, &[Edit::key(root, "chart", &chart).ok()?]).ok(),
        },
    }
}

/// `adopted-deployment-web.yaml`, and a number where there is one.
fn file_name(folder: &str, id: &ObjectId, snapshot: &Snapshot) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' };
    let base: String = format!("adopted-{}-{}", id.kind, id.name).chars().map(letter).collect();
    let names = (1..).map(|number| match number {
        1 => format!("{base}.yaml"),
        number => format!("{base}-{number}.yaml"),
    });
    names.into_iter().find(|name| snapshot.entry(&format!("{folder}/{name}")).is_none()).expect("numbers do not end")
}

/// The patch as people write one: what names the object, and the value below its keys.
fn document(wish: &Wish<'_>, name: &str, namespace: Option<&str>, below: Value) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    metadata.extend(namespace.map(|namespace| ("namespace".to_owned(), json!(namespace))));
    let mut patch = json!({"apiVersion": wish.object.api_version(), "kind": wish.object.id.kind, "metadata": metadata});
    if let Value::Object(below) = below {
        for (key, value) in below {
            match (patch.get_mut(&key).and_then(Value::as_object_mut), value) {
                (Some(known), Value::Object(more)) => known.extend(more),
                (_, value) => patch[key] = value,
            }
        }
    }
    patch
}

/// A value below the keys of its path; the items of lists with what tells them apart.
fn nested(object: &Value, path: &[PathStep], value: &Value) -> Option<Value> {
    match path {
        [] => Some(value.clone()),
        [PathStep::Field(name), rest @ ..] => Some(json!({name.clone(): nested(object.get(name)?, rest, value)?})),
        [PathStep::Item(keys), rest @ ..] => {
            let item = super::path::at(object, &[PathStep::Item(keys.clone())])?;
            let mut named: Map<String, Value> =
                keys.iter().map(|(key, _)| Some((key.clone(), item.get(key)?.clone()))).collect::<Option<_>>()?;
            match nested(item, rest, value)? {
                Value::Object(below) => named.extend(below),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
            }
            Some(Value::Array(vec![Value::Object(named)]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::path;
    use super::*;

    #[test]
    fn a_patch_names_each_item_on_the_way_by_its_own_keys() {
        let object = json!({"spec": {"ports": [{"port": 80, "name": "a"}, {"port": 443, "name": "b"}]}});
        let path = path::parse("spec.ports[port=443].name").expect("a path");
        assert_eq!(
            nested(&object, &path, &json!("https")),
            Some(json!({"spec": {"ports": [{"port": 443, "name": "https"}]}}))
        );
        let missing = path::parse("spec.ports[port=8080].name").expect("a path");
        assert_eq!(nested(&object, &missing, &json!("https")), None);
    }
}
