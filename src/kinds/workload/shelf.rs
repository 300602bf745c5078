//! The objects that a watched workload declares, folded small: they are only wanted when one is asked about again.
//!
//! Objects of one repository are alike, so a few dozen of them together take little more room than one. Nothing is
//! written anywhere else: among them are Secrets.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hooks::Hook;
use super::object::{Object, ObjectId};
use super::wanted::Wanted;
use crate::problem::Place;

/// More of them fold better, and each time one is wanted all of its box are unfolded.
const IN_A_BOX: usize = 32;

/// It has no `Debug`: it may hold Secrets.
pub(super) struct Shelf {
    boxes: Vec<Folded>,
    /// They are few.
    hooks: Vec<Hook>,
}

enum Folded {
    Small(Box<[u8]>),
    /// What would come back as something else is kept as it is.
    Plain(Vec<Object>),
}

#[derive(Serialize)]
struct Line<'a>(&'a ObjectId, &'a str, &'a Value, (&'a str, usize, usize));

#[derive(Deserialize)]
struct Written(ObjectId, String, Value, (String, usize, usize));

impl Shelf {
    pub(super) fn of(wanted: Wanted) -> Self {
        let mut boxes = Vec::with_capacity(wanted.objects.len().div_ceil(IN_A_BOX));
        let mut objects = wanted.objects.into_iter().peekable();
        while objects.peek().is_some() {
            boxes.push(fold(objects.by_ref().take(IN_A_BOX).collect()));
        }
        Self { boxes, hooks: wanted.hooks }
    }

    /// All that is declared, as it was put here.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { objects: self.boxes.iter().flat_map(unfold).collect(), hooks: self.hooks.clone() }
    }

    /// The object at its place among those that are declared.
    pub(super) fn object(&self, place: usize) -> Option<Object> {
        match self.boxes.get(place / IN_A_BOX)? {
            Folded::Small(bytes) => inflate(bytes).lines().nth(place % IN_A_BOX).map(read),
            Folded::Plain(objects) => objects.get(place % IN_A_BOX).cloned(),
        }
    }
}

fn fold(objects: Vec<Object>) -> Folded {
    let line = |object: &Object| {
        let Place { file, line, column } = &object.place;
        let line = Line(&object.id, &object.version, &object.json, (file, *line, *column));
        serde_json::to_string(&line).expect("a manifest is JSON") + "\n"
    };
    let text: String = objects.iter().map(line).collect();
    // Of some numbers the text is not the whole story.
    let comes_back = |(object, line): (&Object, &str)| read(line).json == object.json;
    if !objects.iter().zip(text.lines()).all(comes_back) {
        return Folded::Plain(objects);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let small = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    Folded::Small(small.expect("a buffer takes everything").into_boxed_slice())
}

fn unfold(folded: &Folded) -> Vec<Object> {
    match folded {
        Folded::Small(bytes) => inflate(bytes).lines().map(read).collect(),
        Folded::Plain(objects) => objects.clone(),
    }
}

fn inflate(bytes: &[u8]) -> String {
    let mut text = String::new();
    DeflateDecoder::new(bytes).read_to_string(&mut text).expect("it was folded here");
    text
}

fn read(line: &str) -> Object {
    let Written(id, version, json, (file, line, column)) = serde_json::from_str(line).expect("it was written here");
    Object { id, version, json, place: Place { file, line, column } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(at: usize) -> Object {
        let id = ObjectId { kind: "ConfigMap".into(), name: format!("map-{at}"), ..ObjectId::default() };
        let json = json!({"z": at, "a": {"text": "two\nlines", "number": 1.5}, "metadata": {"name": id.name}});
        Object { id, version: "v1".into(), json, place: Place { file: "a.yaml".into(), line: at, column: 3 } }
    }

    fn same(one: &Object, other: &Object) -> bool {
        (&one.id, &one.version, one.json.to_string(), &one.place)
            == (&other.id, &other.version, other.json.to_string(), &other.place)
    }

    #[test]
    fn what_is_put_on_the_shelf_comes_back_each_and_all() {
        let count = IN_A_BOX * 2 + 5;
        let shelf = Shelf::of(Wanted { objects: (0..count).map(object).collect(), hooks: Vec::new() });
        let all = shelf.wanted().objects;
        assert_eq!(all.len(), count);
        for (at, found) in all.iter().enumerate() {
            assert!(same(found, &object(at)), "the order of its keys, and its place included");
            assert!(same(&shelf.object(at).expect("it is there"), found));
        }
        assert!(shelf.object(count).is_none());
    }

    #[test]
    fn objects_that_are_alike_take_little_room() {
        let shelf = Shelf::of(Wanted { objects: (0..IN_A_BOX).map(object).collect(), hooks: Vec::new() });
        let Folded::Small(bytes) = &shelf.boxes[0] else { panic!("they are plain") };
        assert!(bytes.len() < 16 * IN_A_BOX, "{} bytes", bytes.len());
    }
}
