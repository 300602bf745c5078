//! The dry run that settles a suspicion: what would our apply change of this live object?

use serde_json::Value;

use super::cluster::Cluster;
use super::compare::compare;
use super::desired::Desired;
use super::fingerprint::of_entry;
use super::inventory::{Applied, Record};
use super::managed::Head;
use super::sift::remember;
use super::tell::{self, Since};
use crate::unit::{Difference, KindError};

/// What a dry run found.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) differences: Vec<Difference>,
    /// The replicas that an autoscaler set, which our apply must not undo.
    pub(super) live_replicas: Option<Value>,
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
    manager: &str,
) -> Result<Verdict, KindError> {
    let id = desired.id();
    let mut live = std::borrow::Cow::Borrowed(live);
    for attempt in 0.. {
        let text = live.to_string();
        let head: Head<'_> = serde_json::from_str(&text).map_err(|error| broken(cluster, &error))?;
        if head.metadata.deletion_timestamp.is_some() {
            return Ok(Verdict::unchecked(format!("`{id}` is being deleted")));
        }
        let replicas =
            autoscaled(desired, &head).then(|| live["spec"]["replicas"].clone()).filter(|found| !found.is_null());
        let body = desired.body(replicas.as_ref());
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
        let ours = fields_of(&wanted, manager).unwrap_or_default();
        let adopts = super::adopt::is_due(&head, manager);
        if adopts {
            differences.extend(super::adopt::leftovers(cluster, desired, &live, &head, &ours).await?);
        }
        let foreign = match adopts {
            // They are about to become ours.
            true => Vec::new(),
            false => tell::foreign(id, &live, &head, manager, &ours),
        };
        let whole = differences.is_empty() && holds_all(&live, &wanted, manager, replicas.is_some());
        let agrees = match whole {
            true => Some(remember(id, &text, manager, &desired.hash).map_err(|error| broken(cluster, &error))?),
            false => None,
        };
        return Ok(Verdict {
            differences,
            live_replicas: replicas,
            agrees,
            foreign,
            adopts,
            replaces: false,
            unchecked: None,
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
fn holds_all(live: &Value, wanted: &Value, manager: &str, scaled: bool) -> bool {
    let ours = |object: &Value| {
        let mut fields = fields_of(object, manager)?;
        if scaled && let Some(spec) = fields.get_mut("f:spec").and_then(Value::as_object_mut) {
            spec.remove("f:replicas");
        }
        Some(fields)
    };
    ours(live).is_some() && ours(live) == ours(wanted)
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
