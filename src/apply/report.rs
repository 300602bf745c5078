//! How each unit of a run fared.

use std::collections::BTreeMap;

use crate::apply::Ending;
use crate::graph::NoOutput;
use crate::plan::{Trouble, chain};
use crate::unit::{Change, ErrorKind, KindError, UnitId};

#[derive(Debug, Default)]
pub struct Report {
    pub outcomes: BTreeMap<UnitId, Outcome>,
}

#[derive(Debug)]
pub enum Outcome {
    Applied(Change),
    /// Belongs to another environment; only its outputs were read.
    Read,
    Failed(ApplyError),
    /// Left alone, because this unit failed.
    Skipped(UnitId),
    /// Left alone, because somebody asked to stop.
    Stopped,
}

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the world moved since the plan was made: what would happen now was not approved")]
    Moved { now: Change },
    #[error("{}", .0.message)]
    NotPlanned(Trouble),
    #[error("it belongs to another environment and is not there yet")]
    NotThere,
    #[error("it was not part of the plan that was approved")]
    NotApproved,
    #[error("nothing here reaches `{0}` any more")]
    NoSite(String),
    #[error(transparent)]
    NoOutput(#[from] NoOutput),
    #[error(transparent)]
    Kind(#[from] KindError),
}

impl ApplyError {
    pub(super) fn ending(&self) -> Ending {
        match self.is_unfinished() {
            true => Ending::Unfinished(chain(self)),
            false => Ending::Failed(chain(self)),
        }
    }

    /// Whether what was begun goes on without us.
    fn is_unfinished(&self) -> bool {
        matches!(self, ApplyError::Kind(error) if error.kind == ErrorKind::Unfinished)
    }

    /// The next step, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            ApplyError::Moved { .. } => Some("run `groundplan plan` and approve what it shows now".to_owned()),
            ApplyError::NotPlanned(trouble) => trouble.hint.clone(),
            ApplyError::NotThere => Some("sync the other environment first".to_owned()),
            ApplyError::Kind(error) => error.hint.clone(),
            ApplyError::NotApproved | ApplyError::NoSite(_) | ApplyError::NoOutput(_) => None,
        }
    }
}

impl Outcome {
    pub fn ending(&self) -> Ending {
        match self {
            Outcome::Applied(Change::Nothing | Change::Later(_)) => Ending::Unchanged,
            Outcome::Applied(Change::Create(_)) => Ending::Created,
            Outcome::Applied(Change::Update(_)) => Ending::Updated,
            Outcome::Applied(Change::Delete) => Ending::Deleted,
            Outcome::Read => Ending::Read,
            Outcome::Failed(error) => error.ending(),
            Outcome::Skipped(by) => Ending::Skipped(by.clone()),
            Outcome::Stopped => Ending::Stopped,
        }
    }

    fn went_well(&self) -> bool {
        match self {
            Outcome::Applied(_) | Outcome::Read => true,
            Outcome::Failed(_) | Outcome::Skipped(_) | Outcome::Stopped => false,
        }
    }
}

/// How a whole run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Success {
    Whole,
    /// Something was done, and something failed or was left alone.
    Part,
    None,
}

impl Report {
    pub fn success(&self) -> Success {
        let well = self.outcomes.values().filter(|outcome| outcome.went_well()).count();
        match (well, self.outcomes.len()) {
            (well, all) if well == all => Success::Whole,
            // What goes on is no failure, though it is not done either.
            (0, _) if !self.failures().any(|(_, error)| error.is_unfinished()) => Success::None,
            _ => Success::Part,
        }
    }

    pub fn failures(&self) -> impl Iterator<Item = (&UnitId, &ApplyError)> {
        self.outcomes.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::Failed(error) => Some((id, error)),
            Outcome::Applied(_) | Outcome::Read | Outcome::Skipped(_) | Outcome::Stopped => None,
        })
    }
}
