//! What is refused, and what counts as proven.

use std::collections::BTreeMap;

use super::*;
use crate::plan::Purpose;
use crate::repo::CommitId;
use crate::unit::Coverage;

fn difference(item: &str, path: &str, from: Option<&str>, to: Option<&str>) -> Difference {
    Difference {
        item: item.into(),
        path: path.into(),
        from: from.map(Shown::text),
        to: to.map(Shown::text),
        cause: Cause::Drifted,
        effect: Effect::InPlace,
        who: None,
    }
}

#[test]
fn secrets_statuses_open_networks_and_what_the_world_lost_are_not_for_git() {
    let queue = "Jobs (AWS::SQS::Queue)";
    for (item, path, from, to, why) in [
        (queue, "/Properties/Password", Some("a"), Some("b"), "secret"),
        ("Secret shop/db", "data.x", Some("a"), Some("b"), "secret"),
        (
            "apps/Deployment a/b",
            "spec.template.spec.containers[name=a].env[name=X].value",
            Some("a"),
            Some("b"),
            "secret",
        ),
        (queue, "/Properties/Name", Some("AKIAIOSFODNN7EXAMPLE"), Some("b"), "secret"),
        (queue, "", None, Some("AWS::SQS::Queue"), "lost"),
        (queue, "/Properties/DelaySeconds", None, Some("5"), "lost"),
        ("apps/Deployment a/b", "status.replicas", Some("1"), Some("2"), "says of itself"),
        ("Web (AWS::EC2::SecurityGroup)", "/Properties/CidrIp", Some("0.0.0.0/0"), Some("10.0.0.0/8"), "everyone"),
    ] {
        let refusal = refusal(&difference(item, path, from, to)).unwrap_or_else(|| panic!("{item} {path}"));
        assert!(refusal.contains(why), "{item} {path}: {refusal}");
    }
    assert_eq!(refusal(&difference(queue, "/Properties/VisibilityTimeout", Some("45"), Some("30"))), None);
    assert_eq!(refusal(&difference("ConfigMap a/b", "data.color", Some("by hand"), Some("blue"))), None);
}

fn id() -> UnitId {
    UnitId::new("stacks/jobs")
}

fn plan(change: Change) -> Plan {
    let coverage = Coverage { checked: 1, total: 1, unchecked: Vec::new() };
    let finding = Finding::Found { change, foreign: Vec::new(), coverage, follows: Vec::new(), words: Vec::new() };
    Plan {
        environment: "production".parse().expect("a name"),
        commit: CommitId::new("c0ffee"),
        purpose: Purpose::Sync,
        looked_for_drift: true,
        units: BTreeMap::from([(id(), finding)]),
        deletions: Vec::new(),
        unlisted: BTreeMap::new(),
    }
}

fn timeout() -> Difference {
    difference("Jobs (AWS::SQS::Queue)", "/Properties/VisibilityTimeout", Some("45"), Some("30"))
}

fn recorded(difference: Difference) -> Difference {
    Difference { item: "Parameters".into(), cause: Cause::Declared, ..difference }
}

fn proof(after: Change) -> Result<(), String> {
    let other = difference("Jobs (AWS::SQS::Queue)", "/Properties/DelaySeconds", Some("9"), Some("5"));
    let before = plan(Change::Update(vec![timeout(), other]));
    let wanted = [Adopted { unit: id(), difference: timeout() }];
    proven(&before, &plan(after), &wanted, |_, difference| difference.item == "Parameters")
}

#[test]
fn a_change_is_proven_when_nothing_of_it_differs_any_more_and_nothing_new_does() {
    let other = difference("Jobs (AWS::SQS::Queue)", "/Properties/DelaySeconds", Some("9"), Some("5"));
    assert_eq!(proof(Change::Nothing), Ok(()));
    assert_eq!(proof(Change::Update(vec![other])), Ok(()));
    assert_eq!(proof(Change::Update(vec![recorded(timeout())])), Ok(()));
}

#[test]
fn whatever_would_still_or_newly_change_is_no_proof() {
    assert!(proof(Change::Update(vec![timeout()])).is_err_and(|why| why.contains("still differ")));
    let new = difference("Other (AWS::SQS::Queue)", "/Properties/DelaySeconds", Some("1"), Some("2"));
    assert!(proof(Change::Update(vec![new])).is_err_and(|why| why.contains("change too")));
    let drifted = Difference { cause: Cause::Drifted, ..recorded(timeout()) };
    assert!(proof(Change::Update(vec![drifted])).is_err());
    assert!(proof(Change::Create(Vec::new())).is_err());
}
