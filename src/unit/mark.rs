//! The mark on everything we bring about; it stands in for a state file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KindName, SiteName, UnitId};
use crate::repo::CommitId;

/// For whom a deed is done; a kind writes of it what its mark can carry.
#[derive(Clone, PartialEq, Debug)]
pub struct Owner {
    pub unit: UnitId,
    pub commit: CommitId,
}

/// A thing in the world that carries this repository's mark.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Owned {
    pub id: UnitId,
    pub kind: KindName,
    pub site: SiteName,
    /// What to ask for when it is to be destroyed: a stack's id, an inventory's name.
    pub handle: String,
    /// RFC 3339; of two things no longer declared, the younger one goes first.
    pub created: Option<String>,
    /// Why it must not be deleted without a word of its own: termination protection, data inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<String>,
    /// What takes something from it, as far as the world says: it goes before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed_by: Vec<UnitId>,
}
