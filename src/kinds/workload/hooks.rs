//! Hooks: objects that run around an apply, as annotations of Helm and Argo CD say it.
//!
//! A hook is no part of what is kept: it is done once for each state that is declared, and its absence
//! afterwards is no drift.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::desired::Desired;
use super::fingerprint::half;
use super::inventory::Inventory;
use super::object::{Object, ObjectId};
use super::policy::annotation;
use super::tell;
use crate::problem::Problem;
use crate::unit::{Cause, Difference, Shown};

pub(super) const HELM: &str = "helm.sh/hook";
pub(super) const ARGO: &str = "argocd.argoproj.io/hook";

/// When a hook runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    /// Before anything else is applied.
    Before,
    /// Once everything else is ready.
    After,
}

/// At which applies a hook runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Occasion {
    Install,
    Upgrade,
    Every,
}

/// When the object of a hook is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Removal {
    pub(super) succeeded: bool,
    pub(super) failed: bool,
}

/// One hook as it is declared. It has no `Debug`: it may be a Secret.
#[derive(Clone)]
pub(super) struct Hook {
    pub(super) phase: Phase,
    occasion: Occasion,
    weight: i64,
    pub(super) removal: Removal,
    /// The object that is sent; where a cluster is known, in its place there.
    pub(super) object: Object,
}

/// A hook with its place in a cluster.
#[derive(Clone)]
pub(super) struct Placed {
    pub(super) hook: Hook,
    pub(super) desired: Desired,
}

/// What kind of hook an object says it is; none where it is no hook.
fn words_of(json: &Value) -> Option<Vec<&str>> {
    let text = annotation(json, HELM).or_else(|| annotation(json, ARGO))?;
    Some(text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect())
}

/// Whether this object is a hook, whatever becomes of it.
pub(super) fn is_hook(json: &Value) -> bool {
    // A chart's definitions that must be there first are ordinary objects here: the order follows from them.
    words_of(json).is_some_and(|words| words != ["crd-install"])
}

/// Takes the hooks out of what is declared, in their order. What is never run is told.
pub(super) fn split(objects: Vec<Object>, warnings: &mut Vec<Problem>) -> (Vec<Object>, Vec<Hook>) {
    let (hooks, objects): (Vec<Object>, Vec<Object>) = objects.into_iter().partition(|object| is_hook(&object.json));
    let mut found: Vec<Hook> = hooks.into_iter().flat_map(|object| hooks_of(object, warnings)).collect();
    found.sort_by(|a, b| (a.phase, a.weight, &a.object.id).cmp(&(b.phase, b.weight, &b.object.id)));
    (objects, found)
}

fn hooks_of(object: Object, warnings: &mut Vec<Problem>) -> Vec<Hook> {
    let mut runs: Vec<(Phase, Occasion)> = Vec::new();
    for word in words_of(&object.json).unwrap_or_default() {
        let run = match word {
            "pre-install" => (Phase::Before, Occasion::Install),
            "pre-upgrade" => (Phase::Before, Occasion::Upgrade),
            "PreSync" => (Phase::Before, Occasion::Every),
            "post-install" => (Phase::After, Occasion::Install),
            "post-upgrade" => (Phase::After, Occasion::Upgrade),
            "Sync" | "PostSync" => (Phase::After, Occasion::Every),
            // Left out on purpose, or asked for by commands of their own tools.
            "Skip" | "test" | "test-success" | "test-failure" => continue,
            other => {
                let message = format!("`{}` is a hook for `{other}`, which is never run", object.id);
                warnings.push(Problem::new(object.place.clone(), message).hint("what it does must be done otherwise"));
                continue;
            }
        };
        runs.push(run);
    }
    let removal = removal_of(&object.json);
    let weight = annotation(&object.json, "helm.sh/hook-weight")
        .or_else(|| annotation(&object.json, "argocd.argoproj.io/sync-wave"))
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let phases: BTreeSet<Phase> = runs.iter().map(|(phase, _)| *phase).collect();
    let hook = |phase: Phase| {
        let mut occasions = runs.iter().filter(|(other, _)| *other == phase).map(|(_, occasion)| *occasion);
        let occasion = match (occasions.next(), occasions.next()) {
            (Some(only), None) => only,
            (_, Some(_)) | (None, None) => Occasion::Every,
        };
        Hook { phase, occasion, weight, removal, object: object.clone() }
    };
    phases.into_iter().map(hook).collect()
}

fn removal_of(json: &Value) -> Removal {
    let text = annotation(json, "helm.sh/hook-delete-policy")
        .or_else(|| annotation(json, "argocd.argoproj.io/hook-delete-policy"))
        .unwrap_or_default();
    let says = |words: &[&str]| text.split(',').any(|word| words.contains(&word.trim()));
    Removal {
        // One that removes itself some time after its end is removed at its end: in between it could not be told
        // from one that never ran.
        succeeded: says(&["hook-succeeded", "HookSucceeded"]) || !json["spec"]["ttlSecondsAfterFinished"].is_null(),
        failed: says(&["hook-failed", "HookFailed"]),
    }
}

/// A hash of everything that is declared: an apply of another state runs its hooks, one of the same state does not.
pub(super) fn state_of(desired: &[Desired], hooks: &[Placed]) -> String {
    let mut all: Vec<(&ObjectId, &str)> = desired.iter().map(|one| (one.id(), one.hash.as_str())).collect();
    all.extend(hooks.iter().map(|placed| (placed.desired.id(), placed.desired.hash.as_str())));
    all.sort();
    let mut hash = Sha256::new();
    for (id, text) in all {
        hash.update(id.to_string().as_bytes());
        hash.update(text.as_bytes());
    }
    hex::encode(half(hash))
}

/// The hooks that an apply of this state runs, after those that were done for it already.
pub(super) fn due(hooks: &[Placed], state: &str, inventory: Option<&Inventory>) -> Vec<Placed> {
    let run = inventory.map(|inventory| inventory.run.clone()).unwrap_or_default();
    if run.applied.as_deref() == Some(state) && run.state == state {
        return Vec::new();
    }
    let (is_installed, records) = (run.installed, run.hooks());
    let is_done = |placed: &Placed| {
        records.get(placed.desired.id()).is_some_and(|record| record.done.contains(&placed.hook.mark(state)))
    };
    let is_meant = |hook: &Hook| match hook.occasion {
        Occasion::Install => !is_installed,
        Occasion::Upgrade => is_installed,
        Occasion::Every => true,
    };
    hooks.iter().filter(|placed| is_meant(&placed.hook) && !is_done(placed)).cloned().collect()
}

impl Hook {
    /// What tells this run of the hook from every other.
    pub(super) fn mark(&self, state: &str) -> String {
        match self.phase {
            Phase::Before => format!("before-{state}"),
            Phase::After => format!("after-{state}"),
        }
    }
}

/// As a plan tells it.
pub(super) fn difference(placed: &Placed) -> Difference {
    let when = match placed.hook.phase {
        Phase::Before => "runs before the rest",
        Phase::After => "runs when the rest is ready",
    };
    Difference {
        to: Some(Shown::text(when)),
        path: "hook".into(),
        ..tell::missing(placed.desired.id(), Cause::Declared)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, annotations: Value) -> Object {
        let id = ObjectId { group: "batch".into(), kind: "Job".into(), namespace: None, name: name.into() };
        let json = json!({"metadata": {"name": name, "annotations": annotations}});
        Object { id, version: "v1".into(), json, place: Default::default() }
    }

    fn hooks(annotations: Value) -> (Vec<(Phase, Occasion)>, usize) {
        let mut warnings = Vec::new();
        let (objects, hooks) = split(vec![object("a", annotations)], &mut warnings);
        assert!(objects.is_empty() || hooks.is_empty());
        (hooks.into_iter().map(|hook| (hook.phase, hook.occasion)).collect(), warnings.len())
    }

    #[test]
    fn annotations_of_helm_and_argo_say_when_a_hook_runs() {
        for (annotations, seen, told) in [
            (json!({HELM: "pre-install"}), vec![(Phase::Before, Occasion::Install)], 0),
            (json!({HELM: "pre-install, pre-upgrade"}), vec![(Phase::Before, Occasion::Every)], 0),
            (
                json!({HELM: "post-install,pre-upgrade"}),
                vec![(Phase::Before, Occasion::Upgrade), (Phase::After, Occasion::Install)],
                0,
            ),
            (json!({ARGO: "PreSync"}), vec![(Phase::Before, Occasion::Every)], 0),
            (json!({ARGO: "PostSync,SyncFail"}), vec![(Phase::After, Occasion::Every)], 1),
            (json!({HELM: "pre-delete"}), vec![], 1),
            (json!({HELM: "test"}), vec![], 0),
            (json!({ARGO: "Skip"}), vec![], 0),
            (json!({"note": "pre-install"}), vec![], 0),
        ] {
            assert_eq!(hooks(annotations.clone()), (seen, told), "{annotations}");
        }
    }

    #[test]
    fn hooks_stand_in_the_order_of_their_weights_and_definitions_are_none() {
        let of = |name: &str, weight: &str| object(name, json!({HELM: "pre-install", "helm.sh/hook-weight": weight}));
        let objects = vec![of("b", "5"), of("a", "-5"), of("c", "-5"), object("crd", json!({HELM: "crd-install"}))];
        let (objects, hooks) = split(objects, &mut Vec::new());
        assert_eq!(hooks.iter().map(|hook| hook.object.id.name.as_str()).collect::<Vec<_>>(), ["a", "c", "b"]);
        assert_eq!(objects.len(), 1);
    }

    #[test]
    fn a_hook_that_removes_itself_later_is_removed_at_its_end() {
        let mut job = json!({"spec": {"ttlSecondsAfterFinished": 60}});
        assert_eq!(removal_of(&job), Removal { succeeded: true, failed: false });
        job = json!({"metadata": {"annotations": {"argocd.argoproj.io/hook-delete-policy": "HookFailed"}}});
        assert_eq!(removal_of(&job), Removal { succeeded: false, failed: true });
    }
}
