//! The mark on every object we apply, and the names made from it.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::unit::UnitId;

/// Selects a unit's objects: the value is short enough for a label and cannot be chosen by accident.
pub(super) const UNIT_LABEL: &str = "groundplan.dev/unit";
/// Says to people whose it is.
pub(super) const UNIT_ANNOTATION: &str = "groundplan.dev/unit";
/// Written by an author on an object that may be deleted and made anew where a field cannot be changed.
pub(super) const REPLACE_ANNOTATION: &str = "groundplan.dev/replace";
/// Says whose hook an object is. It is not [`UNIT_LABEL`]: a hook is no part of what is kept.
pub(super) const HOOK_LABEL: &str = "groundplan.dev/hook";
/// For which declared state a hook ran.
pub(super) const HOOK_RUN: &str = "groundplan.dev/hook-run";
/// Selects a unit's inventory.
pub(super) const INVENTORY_LABEL: &str = "groundplan.dev/inventory";
/// Selects a repository's inventories.
pub(super) const REPOSITORY_LABEL: &str = "groundplan.dev/repository";

/// Whose an object is: the repository and the unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) repository: String,
    pub(super) unit: UnitId,
}

impl Mark {
    pub(super) fn new(repository: &str, unit: &UnitId) -> Self {
        Self { repository: repository.to_owned(), unit: unit.clone() }
    }

    /// The value of [`UNIT_ANNOTATION`].
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.repository, self.unit)
    }

    /// The value of [`UNIT_LABEL`]. The two parts are kept apart, so that no other pair makes the same text.
    pub(super) fn label(&self) -> String {
        short_hash(&[&self.repository, self.unit.as_str()])
    }

    /// What its inventory carries as [`UNIT_LABEL`], so that one list shows both and neither is taken for the other.
    pub(super) fn inventory_label(&self) -> String {
        format!("inventory-{}", self.label())
    }

    pub(super) fn repository_label(&self) -> String {
        repository_label(&self.repository)
    }

    /// The name of our entries in `managedFields`, one a unit, so that two units can be told apart.
    pub(super) fn field_manager(&self) -> String {
        let mut name = format!("groundplan/{}", self.unit);
        if name.len() > 128 {
            let keep = (0..=128 - 17).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
            name = format!("{}~{}", &name[..keep], self.label());
        }
        name
    }

    /// Makes an object that bears the mark a hook's.
    pub(super) fn put_hook_on(&self, object: &mut Value) {
        self.write(object, HOOK_LABEL);
        if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
            labels.remove(UNIT_LABEL);
        }
    }

    /// Writes the mark into an object.
    pub(super) fn put_on(&self, object: &mut Value) {
        self.write(object, UNIT_LABEL);
    }

    fn write(&self, object: &mut Value, label: &str) {
        let Some(metadata) = section(object, "metadata") else { return };
        for (name, key, value) in [("labels", label, self.label()), ("annotations", UNIT_ANNOTATION, self.full_name())]
        {
            let entry = metadata.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if entry.is_null() {
                *entry = Value::Object(Map::new());
            }
            if let Some(map) = entry.as_object_mut() {
                map.insert(key.to_owned(), Value::String(value));
            }
        }
    }
}

pub(super) fn repository_label(repository: &str) -> String {
    short_hash(&[repository])
}

fn section<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    object.as_object_mut()?.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_different_units_differ_and_fit() {
        let mark = |repository: &str, unit: &str| Mark::new(repository, &UnitId::new(unit));
        assert_eq!(mark("a", "clusters/prod/shop").label().len(), 16);
        assert_ne!(mark("a", "b/c").label(), mark("a/b", "c").label());
        let long = mark("a", &"x".repeat(300));
        assert!(long.field_manager().len() <= 128);
        assert_ne!(long.field_manager(), mark("a", &"x".repeat(301)).field_manager());
        assert_eq!(mark("a", "clusters/prod/shop").field_manager(), "groundplan/clusters/prod/shop");
    }

    #[test]
    fn a_mark_is_put_beside_labels_that_are_there() {
        let mut object =
            serde_json::json!({"metadata": {"name": "web", "labels": {"app": "web"}, "annotations": null}});
        Mark::new("shop", &UnitId::new("clusters/prod/web")).put_on(&mut object);
        assert_eq!(object["metadata"]["labels"]["app"], "web");
        assert_eq!(object["metadata"]["annotations"][UNIT_ANNOTATION], "shop/clusters/prod/web");
    }
}
