//! What a look found of a workload, gathered object by object.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cluster::Listing;
use super::discovery::Resource;
use super::inventory::Applied;
use super::judge::Verdict;
use super::leave::Kept;
use super::object::ObjectId;
use super::settled::Stood;
use crate::unit::Difference;

/// What a look found.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) differences: Vec<Difference>,
    pub(super) foreign: Vec<Difference>,
    /// Objects that agree, with what is known of them; all others are to be applied.
    pub(super) agree: BTreeMap<ObjectId, Applied>,
    /// Others applied these before us: what they hold becomes ours.
    pub(super) adopt: BTreeSet<ObjectId>,
    /// These are made anew.
    pub(super) replace: BTreeSet<ObjectId>,
    /// Their values agree, and we do not hold them all: an apply only takes them back.
    pub(super) unheld: usize,
    /// Whether some of those were remembered otherwise.
    pub(super) memory_moved: bool,
    /// What is left to others, autoscalers and those that workload.yaml names.
    pub(super) kept: HashMap<ObjectId, Vec<Kept>>,
    /// Something of these is left to the other side of a fight: they do not agree, whatever was sent.
    pub(super) fought: BTreeSet<ObjectId>,
    /// What an apply puts right: the object, the path, and who wrote it.
    pub(super) corrections: Vec<(ObjectId, String, String)>,
    /// No longer declared and still ours, with its uid.
    pub(super) surplus: Vec<(ObjectId, Resource, String)>,
    /// No longer declared, and left for what would be lost with it.
    pub(super) left: Vec<ObjectId>,
    /// No longer declared, and could not be looked at: remembered, and not deleted now.
    pub(super) unseen: Vec<ObjectId>,
    /// Objects of hooks that are no longer declared, still there.
    pub(super) past_hooks: Vec<(ObjectId, Resource)>,
    /// Hooks that are no longer declared, and of which nothing is left.
    pub(super) lost_hooks: Vec<ObjectId>,
    pub(super) unchecked: Vec<String>,
    /// Whether anything that is declared is there.
    pub(super) anything: bool,
    /// What was listed of ours, and the version that each list shows: a watch goes on from there.
    pub(super) listed: Vec<(Listing, String)>,
    /// How each of those lists stood, and the one with which the inventory came along.
    pub(super) stood: Vec<Stood>,
    pub(super) with_memory: Option<Listing>,
    /// Whether all that is declared was listed as we left it, and nothing else.
    pub(super) is_settled: bool,
}

impl Seen {
    pub(super) fn put_in_order(&mut self) {
        // What somebody took from us is a difference, and not a field beside ours.
        let taken: BTreeSet<(&String, &String)> =
            self.differences.iter().map(|found| (&found.item, &found.path)).collect();
        self.foreign.retain(|found| !taken.contains(&(&found.item, &found.path)));
        self.differences.sort_by(|a, b| (&a.item, &a.path).cmp(&(&b.item, &b.path)));
    }

    pub(super) fn take(&mut self, id: &ObjectId, verdict: Verdict) {
        let Verdict { differences, kept, is_fought, corrections, agrees, foreign, adopts, replaces, unchecked } =
            verdict;
        if is_fought {
            self.fought.insert(id.clone());
        }
        if differences.is_empty() && agrees.is_none() && unchecked.is_none() {
            self.unheld += 1;
        }
        if adopts {
            self.adopt.insert(id.clone());
        }
        if replaces {
            self.replace.insert(id.clone());
        }
        self.foreign.extend(foreign);
        self.differences.extend(differences);
        self.unchecked.extend(unchecked);
        self.corrections.extend(corrections.into_iter().map(|(path, who)| (id.clone(), path, who)));
        if !kept.is_empty() {
            self.kept.insert(id.clone(), kept);
        }
        if let Some(applied) = agrees {
            self.memory_moved = true;
            self.agree.insert(id.clone(), applied);
        }
    }
}
