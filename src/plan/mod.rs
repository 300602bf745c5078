//! What would change, as plain data.
//!
//! A plan is a commit and what was found of each unit. Everything else can be read from Git again,
//! so a plan can be stored, shown, approved elsewhere and picked up after a restart.

mod approval;
mod deletion;
mod guards;
mod make;

pub use approval::{Approved, By, Consent, Refusal};
pub use deletion::Deletion;
pub use guards::Guard;
pub use make::{Scope, destroy, glance, known_outputs, make};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::graph::Graph;
use crate::repo::CommitId;
use crate::unit::{Change, Coverage, Difference, EnvironmentName, KindError, Look, SiteName, UnitId, Word};

/// What would change in one environment at one commit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub environment: EnvironmentName,
    pub commit: CommitId,
    /// Whether everything of ours is to go.
    pub purpose: Purpose,
    /// Whether changes made by hand were looked for too.
    pub looked_for_drift: bool,
    pub units: BTreeMap<UnitId, Finding>,
    /// Marked as ours and no longer declared, each with those that must go before it.
    pub deletions: Vec<Deletion>,
    /// Sites whose list of marked things could not be read; while there is one, nothing is deleted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unlisted: BTreeMap<SiteName, Trouble>,
}

/// Which end of the line a plan leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The world is to agree with what is declared.
    Sync,
    /// Nothing of ours is to be left.
    Destroy,
}

/// What was found of one unit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Found {
        change: Change,
        /// Someone else's fields beside ours.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        foreign: Vec<Difference>,
        coverage: Coverage,
        /// It may change once these have been applied, because it is made from their outputs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        follows: Vec<UnitId>,
        /// What of it a general yes does not cover, beside what its effects say.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        words: Vec<Word>,
    },
    /// It could not be asked.
    Failed(Trouble),
    /// Not asked, because this unit upstream could not be.
    Blocked(UnitId),
}

/// An error with its causes, as kept and told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// The deed and its causes, joined by `: `.
    pub message: String,
    pub hint: Option<String>,
    /// The other side did not answer at all.
    pub unreachable: bool,
}

impl Trouble {
    pub fn of(error: &KindError) -> Self {
        let unreachable = error.kind == crate::unit::ErrorKind::Unreachable;
        Self { message: chain(error), hint: error.hint.clone(), unreachable }
    }
}

/// An error and its causes in one line; a cause that its effect already tells is left out.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text += &format!(": {told}");
        }
        cause = error.source();
    }
    text
}

impl Plan {
    /// Nothing to do, and nothing that could not be asked.
    pub fn is_quiet(&self) -> bool {
        self.deletions.is_empty()
            && self.unlisted.is_empty()
            && self.units.values().all(|finding| match finding {
                Finding::Found { change, .. } => *change == Change::Nothing,
                Finding::Failed(_) | Finding::Blocked(_) => false,
            })
    }

    /// The units that would change, with how.
    pub fn changes(&self) -> impl Iterator<Item = (&UnitId, &Change)> {
        self.units.iter().filter_map(|(id, finding)| match finding {
            Finding::Found { change: Change::Nothing, .. } | Finding::Failed(_) | Finding::Blocked(_) => None,
            Finding::Found { change, .. } => Some((id, change)),
        })
    }

    /// Whatever could not be asked: the unit or site, and why.
    pub fn troubles(&self) -> impl Iterator<Item = (String, &Trouble)> {
        let units = self.units.iter().filter_map(|(id, finding)| match finding {
            Finding::Failed(trouble) => Some((id.to_string(), trouble)),
            Finding::Found { .. } | Finding::Blocked(_) => None,
        });
        units.chain(self.unlisted.iter().map(|(site, trouble)| (site.to_string(), trouble)))
    }

    /// What this plan says of the units of a smaller graph; nothing is deleted by a part.
    pub fn part(&self, graph: &Graph) -> Plan {
        let units = self.units.iter().filter(|(id, _)| graph.member(id).is_some());
        let units = units.map(|(id, finding)| (id.clone(), finding.clone())).collect();
        Plan { units, deletions: Vec::new(), ..self.clone() }
    }

    pub fn looked(&self) -> Look {
        match self.looked_for_drift {
            true => Look::Close,
            false => Look::Quick,
        }
    }

    /// Names what this plan would do: equal for two plans that would do the same.
    ///
    /// Hexadecimal SHA-256 over environment, commit, changes and deletions. What does not bear on
    /// the deed (foreign fields, coverage) is left out, so that it does not undo a consent.
    pub fn digest(&self) -> String {
        let changes: BTreeMap<_, _> = self.changes().collect();
        let deletions: Vec<_> =
            self.deletions.iter().map(|deletion| (&deletion.owned.id, &deletion.owned.handle)).collect();
        let mut bound = serde_json::json!([self.environment, self.commit, self.purpose, changes, deletions]);
        forget_hidden(&mut bound);
        hex::encode(Sha256::digest(bound.to_string()))
    }
}

/// Takes out what tells two hidden values apart: it is keyed anew in each process, and a plan that
/// was approved in one may be carried out by another.
fn forget_hidden(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(letters)) = fields.get_mut("hidden") {
                letters.clear();
            }
            fields.values_mut().for_each(forget_hidden);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_hidden),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
