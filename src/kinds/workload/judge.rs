//! The dry run that settles a suspicion: what would our apply change of this live object?

use jiff::Timestamp;
use serde_json::Value;

use super::cluster::Cluster;
use super::compare::{PathStep, compare};
use super::desired::Desired;
use super::fight;
use super::fingerprint::of_entry;
use super::inventory::{Applied, Record};
use super::leave::{Kept, LeaveRule, left};
use super::managed::Head;
use super::path;
use super::sift::remember;
use super::tell::{self, Since};
use crate::unit::{Cause, Difference, KindError};

/// What a dry run found.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) differences: Vec<Difference>,
    /// What is left to others, and must not be undone by our apply.
    pub(super) kept: Vec<Kept>,
    /// Some of it is left only because putting it right was undone again and again.
    pub(super) is_fought: bool,
    /// What somebody else wrote and an apply puts right: the path and who it was.
    pub(super) corrections: Vec<(String, String)>,
    /// A new memory of the object, where it agrees and we hold all we declare.
    pub(super) agrees: Option<Applied>,
    /// Other people's fields beside ours.
    pub(super) foreign: Vec<Difference>,
    /// Others applied it before us, and what they hold becomes ours.
    pub(super) adopts: bool,
    /// Its author agreed to making it anew, and nothing less brings it about.
    pub(super) replaces: bool,
    /// Why the object could not be asked about; its differences are then not known.
    pub(super) unchecked: Option<String>,
}

impl Verdict {
    fn unchecked(why: String) -> Self {
        Self { unchecked: Some(why), ..Self::default() }
    }
}

/// Asks the server. A refusal is this unit's failure, found before anything was changed.
pub(super) async fn judge(
    cluster: &Cluster,
    desired: &Desired,
    live: &Value,
    record: Option<&Record>,
    (manager, leave): (&str, &[LeaveRule]),
) -> Result<Verdict, KindError> {
    let id = desired.id();
    let mut live = std::borrow::Cow::Borrowed(live);
    for attempt in 0.. {
        let text = live.to_string();
        let head: Head<'_> = serde_json::from_str(&text).map_err(|error| broken(cluster, &error))?;
        if head.metadata.deletion_timestamp.is_some() {
            return Ok(Verdict::unchecked(format!("`{id}` is being deleted")));
        }
        let mut kept = left(leave, id, &desired.object.json, &live, &head, manager);
        kept.extend(autoscaled(desired, &head).then(|| replicas(desired, &live)).flatten());
        let body = desired.body(&kept);
        let answer = cluster.apply(&desired.resource, id, manager, body, true).await?;
        if answer.status == 400 && answer.body.contains("dry run") {
            return Ok(Verdict::unchecked(format!("`{id}`: an admission webhook does not take part in dry runs")));
        }
        let immutable = answer.immutable_fields();
        if may_be_replaced(desired) && !immutable.is_empty() {
            let differences = immutable.iter().map(|field| tell::replaced(id, field)).collect();
            return Ok(Verdict { differences, replaces: true, ..Verdict::default() });
        }
        if !answer.is_good() {
            let place = &desired.object.place;
            let deed = format!("cannot apply `{id}` of {}:{}", place.file, place.line);
            return Err(answer.refusal(&cluster.server.name, &deed, Some(id)));
        }
        let wanted: Value = serde_json::from_str(&answer.body).map_err(|error| broken(cluster, &error))?;
        // The dry run says which version it looked at: two versions compared would show what nobody did.
        let same = wanted["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"];
        if !same && attempt < 3 {
            let Some(again) = cluster.get(&desired.resource, id).await? else {
                return Ok(Verdict::unchecked(format!("`{id}` went away while it was looked at")));
            };
            live = std::borrow::Cow::Owned(serde_json::from_str(&again).map_err(|error| broken(cluster, &error))?);
            continue;
        }
        let mut differences = differences(desired, &live, &wanted, &head, record, manager);
        let fought = stopped(&mut differences, record, desired);
        let ours = fields_of(&wanted, manager).unwrap_or_default();
        let adopts = super::adopt::is_due(&head, manager);
        if adopts {
            differences.extend(super::adopt::leftovers(cluster, desired, &live, &head, &ours).await?);
        }
        let mut foreign = match adopts {
            // They are about to become ours.
            true => Vec::new(),
            false => tell::foreign(id, &live, &head, manager, &ours),
        };
        kept.extend(fought.iter().filter_map(|one| {
            let path = path::parse(&one.path)?;
            Some(Kept { value: path::at(&live, &path).cloned(), path })
        }));
        let unchecked = fought
            .first()
            .map(|one| fight::told(&one.item, &one.path, one.who.as_ref().map_or("another", |who| who.name.as_str())));
        let is_fought = !fought.is_empty();
        foreign.extend(fought);
        let whole = differences.is_empty() && unchecked.is_none() && holds_all(&live, &wanted, manager, &kept);
        let agrees = match whole {
            true => Some(remember(id, &text, manager, &desired.hash).map_err(|error| broken(cluster, &error))?),
            false => None,
        };
        let by_whom = |one: &Difference| {
            let who = one.who.as_ref().filter(|_| one.cause == Cause::Drifted)?;
            Some((one.path.clone(), who.name.clone()))
        };
        let corrections = differences.iter().filter_map(by_whom).collect();
        return Ok(Verdict {
            differences,
            kept,
            is_fought,
            corrections,
            agrees,
            foreign,
            adopts,
            replaces: false,
            unchecked,
        });
    }
    unreachable!("the last attempt returns")
}

fn broken(cluster: &Cluster, error: &serde_json::Error) -> KindError {
    KindError::failed(format!("{} answered with a broken object: {error}", cluster.server.name))
}

/// Whether somebody's autoscaler says how many replicas there are: one of this workload, or one that
/// has already written them.
fn autoscaled(desired: &Desired, head: &Head<'_>) -> bool {
    let replicas = [super::compare::PathStep::Field("spec".into()), super::compare::PathStep::Field("replicas".into())];
    let wrote =
        |entry: &super::managed::Entry<'_>| entry.is_autoscaler() && super::compare::holds(&entry.tree(), &replicas);
    desired.scaled || head.metadata.managed_fields.iter().any(wrote)
}

fn replicas(desired: &Desired, live: &Value) -> Option<Kept> {
    let path = path::parse("spec.replicas").expect("a path");
    desired.object.json.pointer("/spec/replicas")?;
    let value = live.pointer("/spec/replicas").cloned()?;
    Some(Kept { path, value: Some(value) })
}

/// Takes out what was put right again and again and is left to the other side for now.
fn stopped(differences: &mut Vec<Difference>, record: Option<&Record>, desired: &Desired) -> Vec<Difference> {
    let Some(record) = record else { return Vec::new() };
    // A change in Git is somebody's wish, and worth another attempt.
    let git_moved = record.applied.as_ref().is_none_or(|applied| applied.desired != desired.hash);
    if git_moved || record.fights.is_empty() {
        return Vec::new();
    }
    let now = Timestamp::now();
    let is_stopped = |one: &mut Difference| {
        one.who.as_ref().is_some_and(|who| fight::is_stopped(&record.fights, &one.path, &who.name, now))
    };
    differences.extract_if(.., is_stopped).collect()
}

fn differences(
    desired: &Desired,
    live: &Value,
    wanted: &Value,
    head: &Head<'_>,
    record: Option<&Record>,
    manager: &str,
) -> Vec<Difference> {
    let applied = record.and_then(|record| record.applied.as_ref());
    let entry = head.ours(manager).map(of_entry);
    let entry_moved = applied.is_some_and(|applied| entry.as_ref() != Some(&applied.entry));
    let since = Since {
        applied: applied.map(|applied| applied.time.as_str()),
        git_moved: applied.is_none_or(|applied| {
            // No hash tells of a Secret's values; where nobody else wrote them, the author has.
            applied.desired != desired.hash || (desired.id().is_secret() && !entry_moved)
        }),
        entry_moved,
    };
    let fields = |object: &Value| {
        let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|mut entry| entry["fieldsV1"].take())
    };
    let trees: Vec<Value> = fields(wanted).chain(fields(live)).collect();
    let moved = compare(live, wanted, &trees);
    moved.iter().map(|moved| tell::difference(desired.id(), moved, head, manager, &since)).collect()
}

/// Whether our entry already holds every field that an apply would give us. Where it does not, the
/// values agree by chance, and a memory made now would not see the next change of those fields.
fn holds_all(live: &Value, wanted: &Value, manager: &str, kept: &[Kept]) -> bool {
    let ours = |object: &Value| {
        let mut fields = fields_of(object, manager)?;
        kept.iter().for_each(|kept| forget(&mut fields, &kept.path));
        Some(fields)
    };
    ours(live).is_some() && ours(live) == ours(wanted)
}

/// Takes a path out of a tree of fields, and what holds nothing else any more.
fn forget(fields: &mut Value, path: &[PathStep]) {
    let (Some((step, rest)), Some(children)) = (path.split_first(), fields.as_object_mut()) else { return };
    let Some(key) = children.keys().find(|key| step.is_named_by(key)).cloned() else { return };
    if let Some(below) = children.get_mut(&key).filter(|_| !rest.is_empty()) {
        forget(below, rest);
    }
    let is_empty = |below: &Value| below.as_object().is_none_or(|map| map.keys().all(|key| key == "."));
    if rest.is_empty() || children.get(&key).is_some_and(is_empty) {
        children.remove(&key);
    }
}

/// The fields that our apply holds of an object.
fn fields_of(object: &Value, manager: &str) -> Option<Value> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    let ours = entries
        .iter()
        .find(|entry| entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"].is_null())?;
    Some(ours["fieldsV1"].clone())
}

/// Whether the author wrote that this object may be made anew; what holds data never is.
fn may_be_replaced(desired: &Desired) -> bool {
    let said = &desired.object.json["metadata"]["annotations"][super::mark::REPLACE_ANNOTATION];
    said == "allowed" && super::look::keeps_data(desired.id()).is_none()
}
