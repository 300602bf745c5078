//! Where a rendered value comes from: found by changing what it may come from, and rendering again.
//!
//! Neither a chart nor a kustomization says which of its words became a value. So each word that may have is changed
//! in a copy, and taken where the render then says exactly what the cluster holds, and else what it said before. Where
//! no word does it, a patch beside them is. What others stand on, a base or a shared chart, is never changed.

use serde_json::Value;

use super::compare::{PathStep, text_of};
use super::object::Object;
use super::patch;
use super::path;
use super::recipe::Recipe;
use super::sealed;
use super::workload_file;
use crate::repo::{Files, Snapshot};
use crate::unit::{Difference, Shown};
use crate::yaml::{self, Edit, Node};

/// Each costs a render.
const MOST_TRIES: usize = 48;

/// One value of one object that is to become another.
pub(super) struct Wish<'a> {
    pub(super) object: &'a Object,
    pub(super) path: Vec<PathStep>,
    pub(super) declared: &'a Value,
    pub(super) live: Value,
}

/// One way to the wish, and how directly a word says the value: those that say it whole come first.
struct Way {
    files: Files,
    rest: usize,
}

/// The files with which the render says what the cluster holds, or why there are none.
pub(super) fn retrace(
    recipe: &Recipe,
    namespace: &str,
    snapshot: &Snapshot,
    difference: &Difference,
) -> Result<Files, String> {
    let before = recipe.objects(snapshot)?;
    let is_it = |object: &&Object| object.id.is_called(&difference.item, namespace);
    let named: Vec<&Object> = before.iter().filter(is_it).collect();
    let [object] = named.as_slice() else { return Err("what is rendered does not name it outright".to_owned()) };
    let path = path::parse(&difference.path).ok_or("its path cannot be read")?;
    let declared =
        path::at(&object.json, &path).ok_or("what is rendered does not say it: sync, or write it by hand")?;
    let Some(Shown::Text(live)) = &difference.from else { return Err("what is there now is not known".to_owned()) };
    if text_of(declared).contains("${") {
        return Err("it is a value of the workload: change it where `workload.yaml` takes it from".to_owned());
    }
    let live = alike(declared, live).ok_or("it is no single value of the same type: change it by hand")?;
    let wish = Wish { object, path, declared, live };
    let mut ways = words(recipe, snapshot, &wish);
    ways.extend(defaults(recipe, snapshot, &wish));
    ways.sort_by_key(|way| way.rest);
    ways.truncate(MOST_TRIES);
    let patches = patch::ways(recipe, snapshot, &wish).into_iter();
    let mut tried = ways.into_iter().map(|way| way.files).chain(patches);
    let found = tried.find(|files| {
        let after = recipe.objects(&snapshot.with_files(files));
        after.is_ok_and(|after| is_granted(&wish, &before, &after))
    });
    found.ok_or_else(|| {
        format!("no word of `{}` makes this value alone, and no patch does: change it by hand", recipe.folder)
    })
}

/// Every word of its own files that the value may hold.
fn words(recipe: &Recipe, snapshot: &Snapshot, wish: &Wish<'_>) -> Vec<Way> {
    let workload = workload_file::path(&recipe.folder);
    let mut ways = Vec::new();
    for file in recipe.own_files().chain([workload.as_str()]) {
        let Some(bytes) = snapshot.file(file).filter(|bytes| !sealed::is_sealed(file, bytes)) else { continue };
        // The templates of a chart are no YAML.
        let Ok(documents) = yaml::parse(file, bytes) else { continue };
        let mut scalars = Vec::new();
        for document in &documents {
            let values = document.get("chart").and_then(|chart| chart.get("values"));
            collect(if file == workload { values } else { Some(document) }, &mut scalars);
        }
        for node in scalars {
            let Some((text, rest)) = node.text().and_then(|word| wish.with_another(word)) else { continue };
            let files = Edit::scalar(node, &text)
                .map_err(|problem| problem.message)
                .and_then(|edit| yaml::edited_in(snapshot, file, &[edit]));
            ways.extend(files.ok().map(|files| Way { files, rest }));
        }
    }
    ways
}

/// Every default of its chart that the value may hold, given as a value of the workload's own.
fn defaults(recipe: &Recipe, snapshot: &Snapshot, wish: &Wish<'_>) -> Vec<Way> {
    let file = workload_file::path(&recipe.folder);
    let root = snapshot.file(&file).and_then(|bytes| yaml::parse_one(&file, bytes).ok());
    let Some(chart) = root.as_ref().and_then(|root| root.get("chart")) else { return Vec::new() };
    let mut ways = Vec::new();
    for (keys, node) in recipe.default_values(snapshot) {
        let Some((text, rest)) = node.text().and_then(|word| wish.with_another(word)) else { continue };
        let Some(value) = yaml::kubernetes(&node).ok().and_then(|default| alike(&default, &text)) else { continue };
        let edit = given(chart, &keys, value).and_then(|edit| yaml::edited_in(snapshot, &file, &[edit]).ok());
        ways.extend(edit.map(|files| Way { files, rest }));
    }
    ways
}

/// The value below `values` of a chart; none where a value is given there already.
fn given(chart: &Node, keys: &[String], value: Value) -> Option<Edit> {
    let (mut node, mut keys) = (chart, [&["values".to_owned()], keys].concat().into_iter());
    let missing = loop {
        let key = keys.next()?;
        match node.get(&key) {
            Some(below) => node = below,
            None => break key,
        }
    };
    let nested = keys.rev().fold(value, |value, key| Value::Object([(key, value)].into_iter().collect()));
    Edit::key(node, &missing, &nested).ok()
}

impl Wish<'_> {
    /// What a word must become, and how much of the declared value it does not say.
    fn with_another(&self, word: &str) -> Option<(String, usize)> {
        let (declared, live) = (text_of(self.declared), text_of(&self.live));
        if word.is_empty() {
            return None;
        }
        declared.match_indices(word).find_map(|(at, _)| {
            let (before, after) = (&declared[..at], &declared[at + word.len()..]);
            let text = live.strip_prefix(before)?.strip_suffix(after)?;
            (!text.is_empty() && text != word).then(|| (text.to_owned(), declared.len() - word.len()))
        })
    }
}

/// Whether a render says the wish, and in all else what another said.
fn is_granted(wish: &Wish<'_>, before: &[Object], after: &[Object]) -> bool {
    before.len() == after.len()
        && before.iter().zip(after).all(|(before, after)| {
            let mut expected = before.json.clone();
            if before.id == wish.object.id {
                path::put(&mut expected, &wish.path, Some(&wish.live));
            }
            before.id == after.id && before.version == after.version && expected == after.json
        })
}

/// A text as a value of the type of another; none where it is none.
fn alike(other: &Value, text: &str) -> Option<Value> {
    match other {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Number(_) => serde_json::from_str(text).ok().filter(Value::is_number),
        Value::Bool(_) => serde_json::from_str(text).ok().filter(Value::is_boolean),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn collect<'n>(node: Option<&'n Node>, scalars: &mut Vec<&'n Node>) {
    let Some(node) = node else { return };
    match &node.value {
        yaml::Value::Scalar(_) => scalars.push(node),
        yaml::Value::Sequence(items) => items.iter().for_each(|item| collect(Some(item), scalars)),
        yaml::Value::Mapping(pairs) => pairs.iter().for_each(|(_, value)| collect(Some(value), scalars)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::object::ObjectId;
    use super::*;
    use crate::problem::Place;

    fn object(json: Value) -> Object {
        let id = ObjectId { group: "apps".into(), kind: "Deployment".into(), namespace: None, name: "web".into() };
        Object { id, version: "v1".into(), json, place: Place::file("x") }
    }

    #[test]
    fn a_word_becomes_what_makes_the_whole_value_another() {
        let (object, declared) = (object(json!({})), json!("acme/web:1.4"));
        let wish = |live: &str| Wish {
            object: &object,
            path: Vec::new(),
            declared: &declared,
            live: Value::String(live.into()),
        };
        assert_eq!(wish("acme/web:1.5").with_another("1.4"), Some(("1.5".into(), 9)));
        assert_eq!(wish("acme/web:1.5").with_another("acme/web:1.4"), Some(("acme/web:1.5".into(), 0)));
        assert_eq!(wish("acme/api:1.4").with_another("1.4"), None, "another part of it moved");
        assert_eq!(wish("acme/web:1.5").with_another("w"), None);
        assert_eq!(wish("acme/web:1.5").with_another(""), None);
    }

    #[test]
    fn a_wish_is_granted_where_nothing_else_moved() {
        let before = object(json!({"spec": {"replicas": 2, "paused": false}}));
        let wish = Wish {
            object: &before,
            path: path::parse("spec.replicas").expect("a path"),
            declared: &json!(2),
            live: json!(5),
        };
        let render = |spec: Value| [object(json!({"spec": spec}))];
        let granted = |after: &[Object]| is_granted(&wish, std::slice::from_ref(&before), after);
        assert!(granted(&render(json!({"replicas": 5, "paused": false}))));
        assert!(!granted(&render(json!({"replicas": "5", "paused": false}))), "a text is no number");
        assert!(!granted(&render(json!({"replicas": 5, "paused": true}))));
        assert!(!granted(&render(json!({"replicas": 2, "paused": false}))));
        assert!(!granted(&[]));
    }

    #[test]
    fn a_default_is_given_where_no_value_is() {
        let text = "chart:\n  path: x\n  values: {image: {name: web}}\n";
        let root = yaml::parse_one("workload.yaml", text.as_bytes()).expect("valid");
        let chart = root.get("chart").expect("it is there");
        let with = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            let edit = given(chart, &keys, json!(5))?;
            let bytes = yaml::edited("workload.yaml", text.as_bytes(), &[edit]).expect("it can be written");
            Some(String::from_utf8(bytes).expect("text"))
        };
        assert_eq!(
            with(&["image", "pulls"]).as_deref(),
            Some("chart:\n  path: x\n  values: {image: {name: web, pulls: 5}}\n")
        );
        assert_eq!(
            with(&["web", "count"]).as_deref(),
            Some("chart:\n  path: x\n  values: {image: {name: web}, web: {count: 5}}\n")
        );
        assert_eq!(with(&["image", "name"]), None);
    }
}
