//! What a watch remembers of each declared object: two hashes and the server's answer, in a hundred bytes.
//!
//! The text of an inventory's record is long, and nearly all of it is numbers. Whatever would not come back as it was
//! is kept as it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::desired::Desired;
use super::fingerprint::half;
use super::inventory::{Applied, Inventory, Record};
use super::object::ObjectId;

/// One row an object, in the order of their keys.
pub(super) struct Ledger {
    rows: Box<[Row]>,
    /// Records that are no mere numbers, by the place of their object.
    odd: BTreeMap<u32, Record>,
}

/// One declared object.
pub(super) struct Row {
    /// Of its name.
    key: [u8; 16],
    /// Of what is declared, as [`Desired`] has it.
    hash: [u8; 16],
    /// Its place among those that are declared.
    pub(super) place: u32,
    pub(super) scaled: bool,
    memory: Memory,
}

enum Memory {
    Nothing,
    Odd,
    Applied(Numbers),
}

/// What the API server answered when exactly what is declared was applied.
struct Numbers {
    uid: [u8; 16],
    entry: [u8; 16],
    values: [u8; 16],
    /// Seconds since 1970.
    time: i64,
    version: u64,
}

impl Ledger {
    pub(super) fn of(desired: &[Desired], inventory: Option<&Inventory>) -> Self {
        let mut odd = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::with_capacity(desired.len());
        for (place, one) in (0..).zip(desired) {
            let hash = bytes(&one.hash).expect("a hash of ours is 32 digits");
            let record = inventory.and_then(|inventory| inventory.records.get(one.id()));
            let memory = match record.map(|record| Numbers::of(record, &one.hash)) {
                None => Memory::Nothing,
                Some(Some(numbers)) => Memory::Applied(numbers),
                Some(None) => {
                    odd.insert(place, record.cloned().unwrap_or_default());
                    Memory::Odd
                }
            };
            rows.push(Row { key: key_of(one.id()), hash, place, scaled: one.scaled, memory });
        }
        rows.sort_by_key(|row| row.key);
        Self { rows: rows.into_boxed_slice(), odd }
    }

    /// The row of an object; none where it is not declared.
    pub(super) fn row(&self, id: &ObjectId) -> Option<&Row> {
        let key = key_of(id);
        self.rows.binary_search_by_key(&key, |row| row.key).ok().map(|at| &self.rows[at])
    }

    /// What the inventory says of it, as far as judging it needs that.
    pub(super) fn record(&self, row: &Row) -> Option<Record> {
        match &row.memory {
            Memory::Nothing => None,
            Memory::Odd => self.odd.get(&row.place).cloned(),
            Memory::Applied(numbers) => {
                Some(Record { applied: Some(numbers.applied(&row.hash())), ..Record::default() })
            }
        }
    }
}

impl Row {
    pub(super) fn hash(&self) -> String {
        hex::encode(self.hash)
    }
}

impl Numbers {
    /// None where they are not the whole story.
    fn of(record: &Record, hash: &str) -> Option<Self> {
        let applied = record.applied.as_ref().filter(|_| record.fights.is_empty())?;
        let numbers = Self {
            uid: bytes(&applied.uid.replace('-', ""))?,
            entry: bytes(&applied.entry)?,
            values: bytes(&applied.values)?,
            time: applied.time.parse::<Timestamp>().ok()?.as_second(),
            version: applied.resource_version.parse().ok()?,
        };
        (numbers.applied(hash) == *applied).then_some(numbers)
    }

    fn applied(&self, hash: &str) -> Applied {
        Applied {
            uid: uid_text(&self.uid),
            desired: hash.to_owned(),
            entry: hex::encode(self.entry),
            values: hex::encode(self.values),
            time: Timestamp::from_second(self.time).map(|time| time.to_string()).unwrap_or_default(),
            resource_version: self.version.to_string(),
        }
    }
}

fn bytes(digits: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// As Kubernetes writes it: `4b1f1d8e-0000-4000-8000-000000000000`.
fn uid_text(uid: &[u8; 16]) -> String {
    let digits = hex::encode(uid);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

fn key_of(id: &ObjectId) -> [u8; 16] {
    half(Sha256::new_with_prefix(id.to_string()))
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use serde_json::Value;

    use super::super::discovery::Resource;
    use super::super::object::Object;
    use super::*;

    fn id(name: &str) -> ObjectId {
        ObjectId { kind: "ConfigMap".into(), namespace: Some("shop".into()), name: name.into(), ..ObjectId::default() }
    }

    fn desired(name: &str) -> Desired {
        let resource =
            Resource { group: String::new(), version: "v1".into(), plural: "configmaps".into(), namespaced: true };
        let object = Object { id: id(name), version: "v1".into(), json: Value::Null, place: Default::default() };
        Desired { object, resource, hash: "d1".repeat(16), scaled: false }
    }

    fn record(change: impl Fn(&mut Record)) -> Record {
        let applied = Applied {
            uid: "4b1f1d8e-0a0b-4000-8000-00000000000c".into(),
            desired: "d1".repeat(16),
            entry: "e2".repeat(16),
            values: "f3".repeat(16),
            time: "2026-01-01T00:00:00Z".into(),
            resource_version: "1234567".into(),
        };
        let mut record = Record { applied: Some(applied), ..Record::default() };
        change(&mut record);
        record
    }

    /// What the ledger makes of this record, and whether it took the short way.
    fn kept(record: Record) -> (Option<Record>, bool) {
        let inventory = Inventory::new([(id("a"), record)].into(), true);
        let ledger = Ledger::of(&[desired("b"), desired("a")], Some(&inventory));
        let row = ledger.row(&id("a")).expect("it is declared");
        assert_eq!((row.place, row.hash()), (1, "d1".repeat(16)));
        assert!(ledger.row(&id("c")).is_none());
        (ledger.record(row), ledger.odd.is_empty())
    }

    #[test]
    fn a_record_comes_back_as_it_was_whatever_is_in_it() {
        assert_eq!(kept(record(|_| ())), (Some(record(|_| ())), true));
        let mut odd: Vec<Record> = Vec::new();
        let mut with = |change: &dyn Fn(&mut Applied)| {
            odd.push(record(|record| record.applied.iter_mut().for_each(change)));
        };
        with(&|applied| applied.uid = "another name".into());
        with(&|applied| applied.uid = applied.uid.to_uppercase());
        with(&|applied| applied.desired = "00".repeat(16));
        with(&|applied| applied.values = String::new());
        with(&|applied| applied.time = "2026-01-01T00:00:00.5Z".into());
        with(&|applied| applied.resource_version = "007".into());
        odd.push(record(|record| record.applied = None));
        for record in odd {
            assert_eq!(kept(record.clone()), (Some(record), false));
        }
    }

    #[test]
    fn an_object_takes_little_more_than_a_hundred_bytes() {
        assert!(size_of::<Row>() <= 112, "{}", size_of::<Row>());
    }
}
