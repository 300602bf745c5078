//! What a workload has put into its cluster: the memory that lives beside the objects themselves.
//!
//! Written before the first object is applied, with all that will be, so that a process killed anywhere
//! leaves nothing it does not know of. Split into parts that each fit into a ConfigMap; parts that do
//! not belong together are [`Inventory::is_whole`] no more, and nothing is ever pruned from those.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::fight::Fight;
use super::fingerprint::half;
use super::mark::{INVENTORY_LABEL, Mark, REPOSITORY_LABEL, UNIT_ANNOTATION, UNIT_LABEL};
use super::object::ObjectId;

/// Where the inventories of every workload of a cluster lie.
pub(super) const NAMESPACE: &str = "groundplan";
/// The part of a ConfigMap that holds one part of an inventory.
const KEY: &str = "inventory.json";
/// A ConfigMap may hold a mebibyte, all told.
const PART_SIZE: usize = 700 * 1024;

/// Every object of one workload, as far as it is known.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Inventory {
    pub(super) records: BTreeMap<ObjectId, Record>,
    /// Whether the last apply went to its end. Otherwise some records name what may not be there.
    pub(super) finished: bool,
    /// False where parts are missing or do not belong together.
    pub(super) whole: bool,
    /// How many ConfigMaps it was read from.
    pub(super) parts: usize,
    /// When the first part was made.
    pub(super) created: Option<String>,
    /// Of the first part, as it was read: whoever writes over another version writes over somebody else's words.
    pub(super) version: Option<String>,
    pub(super) run: Run,
}

/// What is remembered of the applies themselves; it stands in the first part.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Run {
    /// The commit that is applied, or was applied last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) commit: String,
    /// Of all that is declared there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) state: String,
    /// Of what was declared when an apply last came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) applied: Option<String>,
    /// Whether an apply ever came to its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) installed: bool,
    /// The service account that the objects are applied as; they are removed as the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_account: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hooks: Vec<HookRow>,
}

/// What is remembered of one hook.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HookRecord {
    pub(super) version: String,
    /// The runs that came to a good end for the state that is applied now.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) done: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct HookRow {
    #[serde(flatten)]
    id: ObjectId,
    #[serde(flatten)]
    record: HookRecord,
}

impl Run {
    pub(super) fn hooks(&self) -> BTreeMap<ObjectId, HookRecord> {
        self.hooks.iter().map(|row| (row.id.clone(), row.record.clone())).collect()
    }

    pub(super) fn set_hooks(&mut self, hooks: BTreeMap<ObjectId, HookRecord>) {
        self.hooks = hooks.into_iter().map(|(id, record)| HookRow { id, record }).collect();
    }

    /// Whether somebody else is at it: another commit, or another state of the same.
    pub(super) fn is_another(&self, other: &Run) -> bool {
        (&self.commit, &self.state) != (&other.commit, &other.state)
    }
}

/// What is remembered of one object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Record {
    pub(super) version: String,
    /// None until the API server has answered to its apply.
    pub(super) applied: Option<Applied>,
    /// No longer declared, and left in the cluster because of what would be lost with it.
    pub(super) left: bool,
    /// Its author wrote that it stays when it is no longer declared.
    pub(super) stays: bool,
    /// What of it was put right, and undone again.
    pub(super) fights: Vec<Fight>,
}

/// What the API server's answer to our apply told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Applied {
    pub(super) uid: String,
    /// Of what was sent.
    pub(super) desired: String,
    /// Of our entry in `managedFields`.
    pub(super) entry: String,
    /// Of the live values at the fields we hold.
    pub(super) values: String,
    /// When our entry was last written, by the server's clock.
    pub(super) time: String,
    pub(super) resource_version: String,
}

#[derive(Serialize, Deserialize)]
struct Part {
    unit: String,
    repository: String,
    /// The same in all the parts that were written together.
    set: String,
    part: usize,
    parts: usize,
    finished: bool,
    #[serde(default)]
    run: Option<Run>,
    records: Vec<Row>,
}

/// An object and what is remembered of it, side by side. They are spelled out: to read thousands of flattened rows
/// takes longer than the rest of a quiet look.
#[derive(Serialize, Deserialize)]
struct Row {
    group: String,
    kind: String,
    namespace: Option<String>,
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied: Option<Applied>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    left: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stays: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fights: Vec<Fight>,
}

impl Row {
    fn of(id: &ObjectId, record: &Record) -> Self {
        let ObjectId { group, kind, namespace, name } = id.clone();
        let Record { version, applied, left, stays, fights } = record.clone();
        Self { group, kind, namespace, name, version, applied, left, stays, fights }
    }

    fn apart(self) -> (ObjectId, Record) {
        let Self { group, kind, namespace, name, version, applied, left, stays, fights } = self;
        (ObjectId { group, kind, namespace, name }, Record { version, applied, left, stays, fights })
    }
}

impl Inventory {
    pub(super) fn new(records: BTreeMap<ObjectId, Record>, finished: bool) -> Self {
        Self { records, finished, whole: true, ..Self::default() }
    }

    /// The apply of this state has come to its end.
    pub(super) fn finish(&mut self, state: &str) {
        self.finished = true;
        self.run.applied = Some(state.to_owned());
        self.run.installed = true;
    }

    /// Whether every part was there and all were written together.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// A hash of all that it says: whether it was written since is asked by it.
    pub(super) fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for (id, record) in &self.records {
            let row = Row::of(id, record);
            hash.update(serde_json::to_vec(&row).expect("rows are plain text"));
        }
        let rest = (&self.finished, &self.whole, &self.parts, &self.created, &self.version, &self.run);
        hash.update(serde_json::to_vec(&rest).expect("a run is plain text"));
        half(hash)
    }

    /// The ConfigMaps that hold it.
    pub(super) fn to_config_maps(&self, mark: &Mark) -> Vec<Value> {
        let parts = self.split();
        let mut set = Sha256::new();
        for rows in &parts {
            set.update(serde_json::to_vec(rows).expect("rows are plain text"));
        }
        let set = hex::encode(&set.finalize()[..8]);
        let count = parts.len();
        parts
            .into_iter()
            .enumerate()
            .map(|(at, records)| {
                let part = Part {
                    unit: mark.unit.to_string(),
                    repository: mark.repository.clone(),
                    set: format!("{set}-{}", if self.finished { "finished" } else { "begun" }),
                    part: at,
                    parts: count,
                    finished: self.finished,
                    run: (at == 0).then(|| self.run.clone()),
                    records,
                };
                config_map(mark, at, &part)
            })
            .collect()
    }

    fn split(&self) -> Vec<Vec<Row>> {
        let mut parts = vec![Vec::new()];
        let mut size = 0;
        for (id, record) in &self.records {
            let row = Row::of(id, record);
            // Inside a ConfigMap the text is quoted once more: each of its own quotes takes two bytes.
            let text = serde_json::to_string(&row).expect("rows are plain text");
            let bytes = text.len() + text.matches(['"', '\\']).count() + 1;
            if size + bytes > PART_SIZE && size > 0 {
                parts.push(Vec::new());
                size = 0;
            }
            size += bytes;
            parts.last_mut().expect("there is always a part").push(row);
        }
        parts
    }

    /// Reads what was found under a workload's label; none where nothing was.
    ///
    /// A part that cannot be read does not end the reading: what the others name is still ours.
    pub(super) fn from_config_maps(config_maps: &[Value]) -> Option<Self> {
        if config_maps.is_empty() {
            return None;
        }
        let read: Vec<Part> =
            config_maps.iter().filter_map(|map| serde_json::from_str(map["data"][KEY].as_str()?).ok()).collect();
        let whole = belong_together(&read, config_maps.len());
        let finished = whole && read.iter().all(|part| part.finished);
        let run = read.iter().find_map(|part| part.run.clone()).unwrap_or_default();
        let first =
            config_maps.iter().find(|map| map["metadata"]["name"].as_str().is_some_and(|name| name.ends_with("-0")));
        let version = first.and_then(|map| map["metadata"]["resourceVersion"].as_str()).map(str::to_owned);
        let rows = read.into_iter().flat_map(|part| part.records);
        let created = config_maps.iter().filter_map(|map| map["metadata"]["creationTimestamp"].as_str()).min();
        Some(Self {
            records: rows.map(Row::apart).collect(),
            finished,
            whole,
            parts: config_maps.len(),
            created: created.map(str::to_owned),
            version,
            run,
        })
    }
}

fn belong_together(read: &[Part], found: usize) -> bool {
    let Some(first) = read.first() else { return false };
    let numbers: std::collections::BTreeSet<usize> = read.iter().map(|part| part.part).collect();
    read.len() == found
        && first.parts == found
        && numbers == (0..found).collect()
        && read.iter().all(|part| part.set == first.set && part.parts == first.parts && part.unit == first.unit)
}

/// The name of one part's ConfigMap.
pub(super) fn part_name(mark: &Mark, part: usize) -> String {
    format!("unit-{}-{part}", mark.label())
}

fn config_map(mark: &Mark, at: usize, part: &Part) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": part_name(mark, at),
            "namespace": NAMESPACE,
            // Not the label of the unit's objects: an inventory is not part of what it lists.
            "labels": {
                INVENTORY_LABEL: mark.label(),
                REPOSITORY_LABEL: mark.repository_label(),
                UNIT_LABEL: mark.inventory_label(),
            },
            "annotations": {UNIT_ANNOTATION: mark.full_name()},
        },
        "data": {KEY: serde_json::to_string(part).expect("a part is plain text")},
    })
}

/// The unit that an inventory belongs to, as written in its data.
pub(super) fn unit_of(config_map: &Value) -> Option<(String, String)> {
    let part: Part = serde_json::from_str(config_map["data"][KEY].as_str()?).ok()?;
    Some((part.repository, part.unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::UnitId;

    fn inventory(count: usize) -> Inventory {
        let record = |at: usize| {
            let id = ObjectId {
                kind: "ConfigMap".into(),
                namespace: Some("shop".into()),
                name: format!("settings-{at:05}"),
                ..ObjectId::default()
            };
            let applied = Applied {
                uid: "4b1f1d8e-0000-4000-8000-000000000000".into(),
                desired: "d".repeat(32),
                entry: "e".repeat(32),
                values: "f".repeat(32),
                time: "2026-01-01T00:00:00Z".into(),
                resource_version: at.to_string(),
            };
            (id, Record { version: "v1".into(), applied: Some(applied), ..Record::default() })
        };
        Inventory::new((0..count).map(record).collect(), true)
    }

    fn mark() -> Mark {
        Mark::new("shop", &UnitId::new("clusters/prod/shop"))
    }

    #[test]
    fn a_large_inventory_is_split_and_read_again() {
        let all = inventory(5_000);
        let maps = all.to_config_maps(&mark());
        assert!(maps.len() > 1);
        assert!(maps.iter().all(|map| map.to_string().len() < 900 * 1024));
        let read = Inventory::from_config_maps(&maps).expect("there are parts");
        assert!(read.is_whole() && read.finished);
        assert_eq!(read.records, all.records);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_no_whole_inventory() {
        let maps = inventory(5_000).to_config_maps(&mark());
        let other = inventory(5_001).to_config_maps(&mark());
        let whole = |maps: &[Value]| Inventory::from_config_maps(maps).expect("there are parts").is_whole();
        assert!(!whole(&maps[..1]), "a part is missing");
        assert!(!whole(&[maps[0].clone(), other[1].clone(), maps[2].clone()]), "a part of another writing");
        let mut broken = maps.clone();
        broken[1]["data"][KEY] = json!("{");
        assert!(!whole(&broken));
        assert!(
            Inventory::from_config_maps(&broken).is_some_and(|read| !read.records.is_empty()),
            "what is known is still ours"
        );
    }

    #[test]
    fn what_is_remembered_of_hooks_and_runs_is_read_again_and_an_older_inventory_has_none() {
        let mut all = inventory(1);
        let id = ObjectId { group: "batch".into(), kind: "Job".into(), namespace: None, name: "migrate".into() };
        let done = BTreeSet::from(["before-s".to_owned()]);
        all.run = Run { commit: "c".into(), state: "s".into(), installed: true, ..Run::default() };
        all.run.set_hooks([(id.clone(), HookRecord { version: "v1".into(), done })].into());
        let mut maps = all.to_config_maps(&mark());
        let read = |maps: &[Value]| Inventory::from_config_maps(maps).expect("there are parts");
        assert_eq!(read(&maps).run, all.run);
        assert!(read(&maps).run.hooks().contains_key(&id));
        let mut part: Value = serde_json::from_str(maps[0]["data"][KEY].as_str().expect("a text")).expect("JSON");
        part.as_object_mut().expect("a mapping").remove("run");
        maps[0]["data"][KEY] = json!(part.to_string());
        assert_eq!(read(&maps).run, Run::default());
        assert!(read(&maps).is_whole());
    }

    #[test]
    fn no_config_map_is_no_inventory() {
        assert_eq!(Inventory::from_config_maps(&[]), None);
    }
}
