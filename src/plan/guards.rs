//! What a plan may not do on a general yes.

use std::fmt;

use super::{Finding, Plan, Purpose};
use crate::unit::{Effect, UnitId, Word};

/// More deletions than this in one plan are asked for on their own.
const MANY: usize = 3;

/// Something in a plan that needs a word of its own.
#[derive(Clone, PartialEq, Debug)]
pub enum Guard {
    /// Units are deleted: a few of them.
    Deletes(usize),
    /// So many that it may be a mistake in the tree rather than a wish.
    DeletesMany(usize),
    /// Nothing at all is declared any more, and things with our mark exist.
    EmptyTree,
    /// A unit says of itself that it must not go without a word.
    Protected { unit: UnitId, why: String },
    /// Something in a unit goes away, with what it holds.
    DeletesItem { unit: UnitId, item: String },
    /// Something in a unit is, or may be, made anew, and what it holds is lost.
    Replaces { unit: UnitId, item: String },
    /// A unit names something else that a general yes does not cover.
    Asks { unit: UnitId, asked: Word },
}

impl Guard {
    /// The word that agrees to it: `delete`, `delete-many`, `replace`, …
    pub fn name(&self) -> String {
        match self {
            Guard::Deletes(_) => "delete".to_owned(),
            Guard::DeletesMany(count) => format!("delete-{count}"),
            Guard::EmptyTree => "empty-tree".to_owned(),
            Guard::Protected { unit, .. } => format!("protected:{unit}"),
            // The same word as for whole units: whoever agrees has seen the list of both.
            Guard::DeletesItem { .. } => "delete".to_owned(),
            Guard::Replaces { .. } => "replace".to_owned(),
            Guard::Asks { asked, .. } => asked.word.clone(),
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::Deletes(count) => write!(f, "{count} would be deleted"),
            Guard::DeletesMany(count) => write!(f, "as many as {count} would be deleted"),
            Guard::EmptyTree => write!(f, "nothing is declared any more"),
            Guard::Protected { unit, why } => write!(f, "`{unit}`: {why}"),
            Guard::DeletesItem { unit, item } => write!(f, "`{unit}`: {item} would be deleted"),
            Guard::Replaces { unit, item } => write!(f, "`{unit}`: {item} would be replaced"),
            Guard::Asks { unit, asked } => write!(f, "`{unit}`: {}", asked.why),
        }
    }
}

impl Plan {
    /// Everything in this plan that a general yes does not cover.
    pub fn guards(&self) -> Vec<Guard> {
        let mut guards = Vec::new();
        let count = self.deletions.len();
        match count {
            0 => {}
            1..=MANY => guards.push(Guard::Deletes(count)),
            _ => guards.push(Guard::DeletesMany(count)),
        }
        let wanted = match self.purpose {
            Purpose::Destroy => true,
            Purpose::Sync => !self.units.is_empty(),
        };
        if count > 0 && !wanted {
            guards.push(Guard::EmptyTree);
        }
        for deletion in &self.deletions {
            let protected = |why: &String| Guard::Protected { unit: deletion.owned.id.clone(), why: why.clone() };
            guards.extend(deletion.owned.guards.iter().map(protected));
        }
        for (unit, finding) in &self.units {
            let Finding::Found { change, words, .. } = finding else { continue };
            guards.extend(words.iter().map(|asked| Guard::Asks { unit: unit.clone(), asked: asked.clone() }));
            let losing = change.differences().iter().filter_map(|difference| {
                let (unit, item) = (unit.clone(), difference.item.clone());
                match difference.effect {
                    Effect::Delete => Some(Guard::DeletesItem { unit, item }),
                    Effect::Replace | Effect::MayReplace => Some(Guard::Replaces { unit, item }),
                    Effect::Create | Effect::InPlace => None,
                }
            });
            let mut items: Vec<_> = losing.collect();
            items.dedup();
            guards.extend(items);
        }
        guards
    }
}
