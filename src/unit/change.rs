//! The change between what is declared and what the world holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Outputs, Shown, UnitId, Who};

/// What a look at the world found. Plain data: it can be stored, shown, and approved elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub struct Planned {
    pub change: Change,
    /// Other people's fields beside ours: told, never touched.
    pub foreign: Vec<Difference>,
    pub coverage: Coverage,
    /// The unit's outputs as they are now, where it exists.
    pub outputs: Option<Outputs>,
    /// What of the change a general yes does not cover, beside what its effects say.
    pub words: Vec<Word>,
}

impl Planned {
    pub fn new(change: Change) -> Self {
        Self { change, foreign: Vec::new(), coverage: Coverage::default(), outputs: None, words: Vec::new() }
    }
}

/// Something in a change that needs a word of its own, whatever it does to data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Word {
    /// The word that agrees to it: `iam`.
    pub word: String,
    /// What it is, as a sentence about the unit.
    pub why: String,
}

/// What applying a unit would do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The world already agrees.
    Nothing,
    /// The unit is not there. The differences name what it will hold, where that is known.
    Create(Vec<Difference>),
    Update(Vec<Difference>),
    /// Known only once these units have been applied.
    Later(Vec<UnitId>),
    /// In the world with our mark, and no longer declared.
    Delete,
}

impl Change {
    /// Whether one who approved `self` has approved `now` as well.
    pub fn covers(&self, now: &Change) -> bool {
        match (self, now) {
            (_, Change::Nothing) => true,
            // Whoever approved a unit not yet known approved bringing it about, not losing what it holds.
            (Change::Later(_), Change::Create(_)) => true,
            (Change::Later(_), Change::Update(now)) => now.iter().all(|difference| difference.effect.is_gentle()),
            // A drifted thing that was put back meanwhile is less to do, not more.
            (Change::Update(approved), Change::Update(now)) => {
                now.iter().all(|difference| approved.contains(difference))
            }
            (Change::Create(_), Change::Create(_)) => true,
            (Change::Delete, Change::Delete) => true,
            (Change::Nothing | Change::Later(_) | Change::Delete | Change::Create(_) | Change::Update(_), _) => false,
        }
    }

    pub fn differences(&self) -> &[Difference] {
        match self {
            Change::Create(differences) | Change::Update(differences) => differences,
            Change::Nothing | Change::Later(_) | Change::Delete => &[],
        }
    }
}

/// One value that differs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What within the unit: `Jobs (AWS::SQS::Queue)`, `apps/Deployment shop/web`, `Parameters`.
    pub item: String,
    /// Where within the item, as `/Properties/VisibilityTimeout` or
    /// `spec.template.spec.containers[name=web].image`; empty for the whole item.
    pub path: String,
    /// None where it is not there now.
    pub from: Option<Shown>,
    /// None where it will not be there.
    pub to: Option<Shown>,
    pub cause: Cause,
    pub effect: Effect,
    /// Who made it so, where the world can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
}

/// Who moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Git did: the declaration changed since it was last applied.
    Declared,
    /// The world did: somebody changed it by hand.
    Drifted,
}

/// What making this one difference go away does to what the item holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Create,
    InPlace,
    /// CloudFormation cannot say before it is tried.
    MayReplace,
    /// Goes away and comes back: what it held is lost.
    Replace,
    Delete,
}

impl Effect {
    /// Nothing that an item holds can be lost by it.
    pub fn is_gentle(self) -> bool {
        match self {
            Effect::Create | Effect::InPlace => true,
            Effect::MayReplace | Effect::Replace | Effect::Delete => false,
        }
    }
}

/// How much of a unit the look could compare. What was not checked is never shown as clean.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    pub checked: usize,
    pub total: usize,
    /// What was left out, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}
