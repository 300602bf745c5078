//! One number for how an object stood when it was looked at: another number, and it has to be looked at again.
//!
//! An object's uid and resourceVersion stand for all of it, as long as the API server itself shows it in the same
//! way. Kubernetes' own kinds are shown so, and of those the head alone is asked for: its trace is of the name, the uid, the
//! resourceVersion and our own entry in `managedFields`. What a CustomResourceDefinition or another server brings
//! may be shown otherwise from one day to the next without any object having moved: of those the trace is of
//! every byte.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::fingerprint::half;
use super::heads::HeadAlone;
use super::managed::Head;

pub(super) type Trace = [u8; 16];

/// Groups that are served by the API server itself, from types that are compiled into it.
const NATIVE: &[&str] = &[
    "",
    "apps",
    "batch",
    "autoscaling",
    "policy",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "scheduling.k8s.io",
    "node.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
];

/// Whether the heads of its objects tell all.
pub(super) fn is_native(group: &str) -> bool {
    NATIVE.contains(&group)
}

/// Of an object as a list shows it whole.
pub(super) fn of_item(item: &RawValue, group: &str, head: &Head<'_>, field_manager: &str) -> Trace {
    if !is_native(group) {
        return half(Sha256::new_with_prefix(item.get().trim()));
    }
    let metadata = &head.metadata;
    let names = [metadata.namespace.as_deref().unwrap_or_default(), &metadata.name];
    let ours = head.ours(field_manager);
    let ours = ours.map(|entry| {
        let fields = entry.fields.map_or("", |fields| fields.get());
        [&*entry.api_version, fields, entry.time.as_deref().unwrap_or_default()]
    });
    of_parts(names, &metadata.uid, &metadata.resource_version, ours)
}

/// Of an object whose head alone was asked for.
pub(super) fn of_head(head: &HeadAlone<'_>, field_manager: &str) -> Trace {
    let ours = head.applied.iter().find(|entry| entry.manager == field_manager);
    let time = ours.map(|entry| entry.time()).unwrap_or_default();
    let ours = ours.map(|entry| [entry.api_version, entry.fields, &time]);
    of_parts([head.namespace, head.name], head.uid, head.resource_version, ours)
}

/// Of an object of which only this is known: nobody's entry is part of it.
pub(super) fn of_names(names: [&str; 2], uid: &str, resource_version: &str) -> Trace {
    of_parts(names, uid, resource_version, None)
}

fn of_parts(names: [&str; 2], uid: &str, resource_version: &str, ours: Option<[&str; 3]>) -> Trace {
    let mut hash = Sha256::new();
    for part in names.into_iter().chain([uid, resource_version]).chain(ours.into_iter().flatten()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    half(hash)
}

/// Many traces as one text.
pub(super) fn to_text(traces: &BTreeSet<Trace>) -> String {
    hex::encode(traces.iter().flatten().copied().collect::<Vec<u8>>())
}

/// Those of a text; none where it is no such text.
pub(super) fn from_text(text: &str) -> Option<BTreeSet<Trace>> {
    let bytes = hex::decode(text).ok()?;
    let (traces, rest) = bytes.as_chunks::<16>();
    rest.is_empty().then(|| traces.iter().copied().collect())
}
