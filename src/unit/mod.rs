//! The words every other room speaks: what Git declares, what the world holds, and the change
//! between them.
//!
//! Three traits are all the engine knows of CloudFormation and Kubernetes. A [`Kind`] reads what a
//! repository declares, offline. A [`Unit`] is one declared thing that can be brought about: a
//! stack, a workload. A [`Site`] is somewhere a kind keeps things (an account and region, a
//! cluster): it finds what carries our mark there, and destroys it even when its file is gone.

mod change;
mod error;
mod id;
mod mark;
mod moment;
mod output;
mod progress;
mod reference;
mod settings;
mod shown;
mod who;

pub use change::{Cause, Change, Coverage, Difference, Effect, Planned, Word};
pub use error::{ErrorKind, KindError};
pub use id::{EnvironmentName, KindName, ParseIdError, SiteName, UnitId};
pub use mark::{Owned, Owner};
pub use moment::{Moment, Moments};
pub use output::{Inputs, Outputs, Promised, Secret, Text};
pub use progress::Progress;
pub use reference::{Need, OutputName, Reference, Target, Why};
pub use settings::{External, Moved, ReadSettings, StackDialect, TemplateChanges};
pub use shown::Shown;
pub use who::{Confidence, Evidence, Who};

use std::sync::Arc;

use async_trait::async_trait;
use schemars::Schema;

use crate::problem::Problems;
use crate::repo::{Files, Snapshot};

/// One kind of thing a repository can declare: a folder under `kinds/` and a row in its list.
pub trait Kind: Send + Sync {
    fn name(&self) -> KindName;

    /// The files of this kind and what each may say: the name of the schema and the schema.
    fn schemas(&self) -> Vec<(&'static str, Schema)>;

    /// Reads every unit of this kind that the snapshot declares, and the sites they live at.
    ///
    /// Needs no client. Whatever cannot be read is added to `problems`, and the rest is returned.
    fn read(&self, snapshot: &Snapshot, settings: &ReadSettings, problems: &mut Problems) -> Reading;
}

/// What a kind found in a snapshot.
#[derive(Default)]
pub struct Reading {
    pub units: Vec<Declared>,
    pub sites: Vec<Arc<dyn Site>>,
}

/// A unit as Git declares it: a node of the graph.
#[derive(Clone)]
pub struct Declared {
    pub id: UnitId,
    pub kind: KindName,
    pub site: SiteName,
    /// The file that declares it, for errors about the unit as a whole.
    pub file: String,
    pub unit: Arc<dyn Unit>,
}

/// One declared thing that can be brought about.
#[async_trait]
pub trait Unit: Send + Sync {
    /// What this unit is made from or must wait for, as its author wrote it.
    fn references(&self) -> Vec<Reference>;

    /// Names by which others may refer to it beside its path: see [`Target::Offer`].
    fn offers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The outputs it will have, so that a wrong name fails offline.
    fn promised(&self) -> Promised;

    /// What bringing it about from nothing would need a word of its own for, as far as its
    /// declaration says: asked where it cannot be planned before others are there.
    fn words(&self) -> Vec<Word> {
        Vec::new()
    }

    /// Somebody else's: its outputs are read, and nothing of it is ever touched.
    fn is_external(&self) -> bool {
        false
    }

    /// Asks the world what bringing the unit about would change.
    ///
    /// Nothing a user keeps is written. What it leaves behind for its own use (a change set) is
    /// part of the [`Prepared`], and goes with [`Deed::perform`] or [`Deed::abandon`].
    async fn prepare(&self, inputs: &Inputs, look: Look) -> Result<Prepared, KindError>;

    /// The files with which the repository would say what the world holds at this difference, or why there
    /// are none. Without a question to the world, and no proof: whoever asks plans the changed repository.
    ///
    /// `snapshot` may hold other changes already, made for other differences of the same commit.
    fn authored(&self, snapshot: &Snapshot, difference: &Difference) -> Result<Files, String> {
        let _ = (snapshot, difference);
        Err("where it is written is not known".to_owned())
    }

    /// Whether anything of this unit may be made from a file.
    fn is_made_from(&self, file: &str) -> bool {
        let _ = file;
        true
    }

    /// Whether a difference is only in what is kept of the unit: to make it go away writes to nothing
    /// that the unit brought about.
    fn is_record(&self, difference: &Difference) -> bool {
        let _ = difference;
        false
    }

    /// What it would send, offline and with every secret masked; none where its file is sent as it is.
    ///
    /// A value that only the world knows stands as the name it is asked for by.
    fn rendered(&self) -> Result<Option<Vec<serde_json::Value>>, KindError> {
        Ok(None)
    }

    /// Tells of every change to what the unit keeps, as it happens; none where it can only be asked.
    ///
    /// The first moment is how things stand, and is worth as much as a close look.
    async fn watch(&self, _inputs: &Inputs) -> Result<Option<Moments>, KindError> {
        Ok(None)
    }

    /// Who is likely to have made each of these changes, in their order, by records that come later
    /// than the changes do; nobody where there are none.
    async fn authors(&self, differences: &[Difference]) -> Result<Vec<Option<Who>>, KindError> {
        Ok(vec![None; differences.len()])
    }
}

/// How closely to look at the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// Compare what is declared with what was applied: cheap, and blind to changes made by hand
    /// where asking for them takes minutes.
    Quick,
    /// Also ask whether what was applied is still there: drift.
    Close,
}

/// What a look found, and the deed that would put it right.
pub struct Prepared {
    pub planned: Planned,
    /// None where there is nothing to do.
    pub deed: Option<Box<dyn Deed>>,
}

impl Prepared {
    /// Whether all of it was looked at, and nothing is to be done.
    pub fn is_quiet(&self) -> bool {
        let Planned { change, coverage, .. } = &self.planned;
        self.deed.is_none() && matches!(change, Change::Nothing) && coverage.unchecked.is_empty()
    }
}

/// The one change that was planned, ready to be made: no choice is left to it.
#[async_trait]
pub trait Deed: Send {
    /// Makes the change and waits until the unit is ready.
    ///
    /// Safe to run again after being killed anywhere.
    async fn perform(self: Box<Self>, owner: &Owner, progress: &Progress) -> Result<Outputs, KindError>;

    /// Removes what preparing left behind.
    async fn abandon(self: Box<Self>) -> Result<(), KindError> {
        Ok(())
    }
}

/// Somewhere a kind keeps things.
#[async_trait]
pub trait Site: Send + Sync {
    fn name(&self) -> SiteName;

    /// What must be known before it can be asked: a cluster is named by a stack's output.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// Finds everything here that carries this repository's mark, declared or not.
    ///
    /// A list that could not be read to its end is an error, never a shorter list.
    async fn owned(&self, inputs: &Inputs) -> Result<Vec<Owned>, KindError>;

    /// Removes what carries our mark, and waits until it is gone. Looks at the mark again first.
    async fn destroy(&self, owned: &Owned, inputs: &Inputs, progress: &Progress) -> Result<(), KindError>;
}
