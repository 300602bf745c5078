//! Who asked for what, and what became of it: a list that can only grow, each entry sealed with the
//! one before it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One thing that was asked for, or done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// As the transport proved it: a Slack user's id, or `login:NAME`.
    pub who: String,
    pub action: String,
    pub case: String,
    pub revision: u64,
    /// `allowed`, `waits for another`, `denied`.
    pub decision: String,
    /// Which rule decided.
    pub rule: String,
    pub plan_hash: String,
    pub commit: String,
    /// By which way it came.
    pub transport: String,
    /// What came of it, or why nothing did.
    pub result: String,
}

/// An entry in its place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    pub sequence: u64,
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// The hash of the record before; empty for the first.
    pub previous: String,
    /// SHA-256 over sequence, entry and `previous`.
    pub hash: String,
}

/// Where the list was changed afterwards.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the audit was changed: record {sequence} does not follow from the one before it")]
pub struct BrokenChain {
    pub sequence: u64,
}

impl AuditEntry {
    /// Puts it behind the last record.
    pub fn seal(self, last: Option<&AuditRecord>) -> AuditRecord {
        let sequence = last.map_or(1, |last| last.sequence + 1);
        let previous = last.map(|last| last.hash.clone()).unwrap_or_default();
        let hash = digest(sequence, &self, &previous);
        AuditRecord { sequence, entry: self, previous, hash }
    }
}

/// Whether every record follows from the one before it, from the first on.
pub fn verify(records: &[AuditRecord]) -> Result<(), BrokenChain> {
    let mut previous = "";
    for (expected, record) in (1..).zip(records) {
        let AuditRecord { sequence, entry, previous: told, hash } = record;
        if *sequence != expected || told != previous || *hash != digest(*sequence, entry, told) {
            return Err(BrokenChain { sequence: *sequence });
        }
        previous = hash;
    }
    Ok(())
}

fn digest(sequence: u64, entry: &AuditEntry, previous: &str) -> String {
    hex::encode(Sha256::digest(serde_json::json!([sequence, entry, previous]).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(who: &str) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_second(1_800_000_000).expect("a time in this century"),
            who: who.into(),
            action: "sync".into(),
            case: "d_1".into(),
            revision: 1,
            decision: "allowed".into(),
            rule: "approvers".into(),
            plan_hash: "4f0d".into(),
            commit: "9f1c".into(),
            transport: "slack".into(),
            result: String::new(),
        }
    }

    fn chain() -> Vec<AuditRecord> {
        let mut records: Vec<AuditRecord> = Vec::new();
        for who in ["U1", "U2", "U3"] {
            let record = entry(who).seal(records.last());
            records.push(record);
        }
        records
    }

    #[test]
    fn a_change_a_gap_and_a_swap_are_found_where_they_are() {
        assert_eq!(verify(&chain()), Ok(()));
        let mut changed = chain();
        changed[1].entry.who = "U9".into();
        assert_eq!(verify(&changed), Err(BrokenChain { sequence: 2 }));
        let mut gap = chain();
        gap.remove(1);
        assert_eq!(verify(&gap), Err(BrokenChain { sequence: 3 }));
        let mut swapped = chain();
        swapped.swap(0, 1);
        assert_eq!(verify(&swapped), Err(BrokenChain { sequence: 2 }));
    }
}
