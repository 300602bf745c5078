//! A declaration that says by now what the world holds: the change set that writes nothing of it again.
//!
//! A plain change set compares with what was deployed last, and would write a value that is there
//! already. A drift-aware one knows what is there, and may put back more than was asked for: it is taken
//! only where it does nothing that the plain one, or the reported drift, does not name.

use aws_sdk_cloudformation::types::{ChangeSetType, DeploymentMode};

use super::changes::Changed;
use super::changeset::{self, ChangeSet, Made};
use super::drift::Found;
use super::realm::Realm;
use super::revert::beyond;
use super::unit::Body;
use super::wanted::Wanted;
use crate::unit::Difference;

/// The drift-aware change set of what is wanted, where it leaves something alone that the plain one
/// would write, and does no more than was told otherwise. The plain one is taken away then.
pub(super) async fn aware(
    realm: &Realm,
    (wanted, body): (&Wanted, &Body),
    plain: &ChangeSet,
    reported: &[Found],
) -> Option<ChangeSet> {
    let name = format!("{}-aware", wanted.change_set_name());
    let made = changeset::make(realm, &wanted.name, &name, true, |call| {
        wanted.fill(body, call.change_set_type(ChangeSetType::Update).deployment_mode(DeploymentMode::RevertDrift))
    });
    // Where the API lacks the mode, what is there is told as it was before, and written again.
    let Ok(Made::Ready(set)) = made.await else { return None };
    let unused = match serves(&set.changes, &plain.changes, reported) {
        true => plain,
        false => &set,
    };
    // What stays behind is swept by the next run, and goes when another one is executed.
    let _ = changeset::delete(realm, &unused.stack_id, &unused.id).await;
    (unused == plain).then_some(set)
}

/// Whether it leaves something alone, and does nothing that was not named before.
fn serves(aware: &[Changed], plain: &[Changed], reported: &[Found]) -> bool {
    let is_named = |changed: &Changed| {
        let known = plain.iter().find(|known| known.logical_id == changed.logical_id);
        known.is_some_and(|known| changed.is_within(known))
            || beyond(std::slice::from_ref(changed), reported).is_empty()
    };
    let left_alone = aware.iter().any(|changed| changed.synced().next().is_some());
    let is_whole = plain.iter().all(|known| aware.iter().any(|changed| changed.logical_id == known.logical_id));
    left_alone && is_whole && aware.iter().filter_map(Changed::written).all(|changed| is_named(&changed))
}

/// Takes out what is there already: it differs from what was deployed, and from nothing that is wanted.
pub(super) fn without_synced(differences: &mut Vec<Difference>, set: &ChangeSet) {
    let is_synced = |difference: &Difference| {
        let of_item = |changed: &&Changed| difference.item == format!("{} ({})", changed.logical_id, changed.r#type);
        let synced = set.changes.iter().filter(of_item).flat_map(Changed::synced);
        synced.into_iter().any(|path| covers(path, &difference.path))
    };
    differences.retain(|difference| !is_synced(difference));
}

/// A path is the other one, or stands above it.
fn covers(path: &str, below: &str) -> bool {
    below.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::changes::Detail;
    use super::super::drift::Property;
    use super::*;
    use crate::unit::{Cause, Effect, Shown};

    const TIMEOUT: &str = "/Properties/VisibilityTimeout";
    const DELAY: &str = "/Properties/DelaySeconds";

    fn changed(id: &str, action: &str, details: &[(&str, bool)]) -> Changed {
        let detail = |(path, synced): &(&str, bool)| Detail {
            path: (*path).to_owned(),
            is_synced: *synced,
            ..Detail::default()
        };
        Changed {
            logical_id: id.into(),
            r#type: "AWS::SQS::Queue".into(),
            action: action.into(),
            replacement: Some("False".into()),
            details: details.iter().map(detail).collect(),
            ..Changed::default()
        }
    }

    fn reported(path: &str) -> Vec<Found> {
        vec![Found {
            logical_id: "Jobs".into(),
            r#type: "AWS::SQS::Queue".into(),
            status: "MODIFIED".into(),
            properties: vec![Property {
                path: path.trim_start_matches("/Properties").into(),
                expected: Some("1".into()),
                actual: Some("2".into()),
            }],
            ..Found::default()
        }]
    }

    #[test]
    fn it_serves_where_it_leaves_something_alone_and_does_no_more_than_was_named() {
        let synced = || changed("Jobs", "SyncWithActual", &[(TIMEOUT, true)]);
        let plain = [changed("Jobs", "Modify", &[(TIMEOUT, false)])];
        let two = [plain[0].clone(), changed("Other", "Modify", &[(DELAY, false)])];
        for (aware, plain, drift, does) in [
            (vec![synced()], &plain[..], TIMEOUT, true),
            (vec![changed("Jobs", "Modify", &[(TIMEOUT, true), (DELAY, false)])], &plain[..], DELAY, true),
            (vec![changed("Jobs", "Modify", &[(TIMEOUT, true), (DELAY, false)])], &plain[..], TIMEOUT, false),
            (vec![changed("Jobs", "Modify", &[(TIMEOUT, false)])], &plain[..], TIMEOUT, false),
            (vec![synced(), changed("Other", "Modify", &[(DELAY, false)])], &plain[..], TIMEOUT, false),
            (vec![synced(), changed("Other", "Modify", &[(DELAY, false)])], &two[..], TIMEOUT, true),
            (vec![synced(), changed("Other", "Remove", &[])], &two[..], TIMEOUT, false),
            (vec![synced()], &two[..], TIMEOUT, false),
            (vec![synced(), changed("Role", "Dynamic", &[])], &plain[..], TIMEOUT, false),
        ] {
            assert_eq!(serves(&aware, plain, &reported(drift)), does, "{aware:?} {drift}");
        }
    }

    #[test]
    fn what_is_there_already_is_no_difference() {
        let set = ChangeSet {
            id: "i".into(),
            stack_id: "s".into(),
            changes: vec![changed("Jobs", "SyncWithActual", &[(TIMEOUT, true)])],
        };
        let of = |item: &str, path: &str, cause| Difference {
            item: item.into(),
            path: path.into(),
            from: Some(Shown::text("1")),
            to: Some(Shown::text("2")),
            cause,
            effect: Effect::InPlace,
            who: None,
        };
        let jobs = "Jobs (AWS::SQS::Queue)";
        let mut differences = vec![
            of(jobs, TIMEOUT, Cause::Declared),
            of(jobs, TIMEOUT, Cause::Drifted),
            of(jobs, DELAY, Cause::Drifted),
            of("Parameters", "/Timeout", Cause::Declared),
        ];
        without_synced(&mut differences, &set);
        let left: Vec<_> = differences.iter().map(|difference| difference.path.as_str()).collect();
        assert_eq!(left, [DELAY, "/Timeout"]);
    }
}
