//! The tables of kstatus, with what Flux and Argo CD do better.

use serde_json::json;

use super::*;

fn judged(group: &str, kind: &str, live: Value) -> Health {
    let id = ObjectId { group: group.into(), kind: kind.into(), namespace: None, name: "x".into() };
    health(&id, &live)
}

fn waits(text: &str) -> Health {
    Health::Waiting(text.into())
}

fn deployment_with(status: Value) -> Value {
    json!({"metadata": {"generation": 2}, "spec": {"replicas": 2, "progressDeadlineSeconds": 600}, "status": status})
}

#[test]
fn a_deployment_is_ready_when_all_its_new_pods_are_available_and_the_old_are_gone() {
    let full = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}, {"type": "Available", "status": "True"}]});
    let with = |changes: Value| {
        let mut status = full.clone();
        for (key, value) in changes.as_object().expect("the changes are a mapping") {
            status[key] = value.clone();
        }
        judged("apps", "Deployment", deployment_with(status))
    };
    assert_eq!(with(json!({})), Health::Ready);
    assert_eq!(with(json!({"observedGeneration": 1})), waits("its controller has not seen the change yet"));
    assert_eq!(with(json!({"updatedReplicas": 1})), waits("1 of 2 updated"));
    assert_eq!(with(json!({"replicas": 3})), waits("1 old pods still to go"));
    assert_eq!(with(json!({"availableReplicas": 1})), waits("1 of 2 available"));
    assert_eq!(judged("apps", "Deployment", deployment_with(json!({}))), waits("0 of 2 updated"));
    let late = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too slow"}]);
    assert_eq!(with(json!({"conditions": late})), Health::Failed("too slow".into()));
}

#[test]
fn jobs_are_waited_for_until_they_end() {
    let with = |conditions: Value| {
        judged(
            "batch",
            "Job",
            json!({"spec": {"completions": 3}, "status": {"succeeded": 1, "conditions": conditions}}),
        )
    };
    assert_eq!(with(json!([])), waits("1 of 3 completed"));
    assert_eq!(with(json!([{"type": "Complete", "status": "True"}])), Health::Ready);
    assert_eq!(
        with(json!([{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}])),
        Health::Failed("BackoffLimitExceeded".into())
    );
}

#[test]
fn other_kinds_follow_their_rules() {
    for (group, kind, live, seen) in [
        (
            "apps",
            "StatefulSet",
            json!({"spec": {"replicas": 1}, "status": {}}),
            waits("its controller has not seen it yet"),
        ),
        (
            "apps",
            "DaemonSet",
            json!({"status": {"observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, "metadata": {"generation": 1}}),
            waits("1 of 2 available"),
        ),
        (
            "",
            "Pod",
            json!({"status": {"phase": "Running", "containerStatuses": [{"name": "web", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            Health::Failed("container `web`: CrashLoopBackOff after 3 restarts".into()),
        ),
        (
            "",
            "PersistentVolumeClaim",
            json!({"status": {"phase": "Lost"}}),
            Health::Failed("its volume is lost".into()),
        ),
        ("", "Service", json!({"spec": {"type": "LoadBalancer"}}), waits("has no address in the cluster")),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            json!({"status": {"conditions": [{"type": "Established", "status": "True"}]}}),
            Health::Ready,
        ),
        (
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            json!({"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]}}),
            Health::Failed("taken".into()),
        ),
        (
            "acme.io",
            "Widget",
            json!({"status": {"conditions": [{"type": "Ready", "status": "False", "message": "soon"}]}}),
            waits("soon"),
        ),
        ("acme.io", "Widget", json!({}), Health::Ready),
        (
            "acme.io",
            "Widget",
            json!({"status": {"conditions": [{"type": "Stalled", "status": "True", "message": "stuck"}]}}),
            Health::Failed("stuck".into()),
        ),
        (
            "",
            "ConfigMap",
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            waits("is being deleted"),
        ),
        ("", "ConfigMap", json!({}), Health::Ready),
    ] {
        assert_eq!(judged(group, kind, live), seen, "{group}/{kind}");
    }
}

/// A live object whose controller has seen its generation.
fn seen(kind: &str, spec: Value, status: Value) -> Health {
    let mut status = status;
    status["observedGeneration"] = json!(1);
    judged("apps", kind, json!({"metadata": {"generation": 1}, "spec": spec, "status": status}))
}

#[test]
fn before_any_rule_of_a_kind_come_those_of_all_kinds() {
    let with = |metadata: Value, conditions: Value| {
        judged(
            "acme.io",
            "Widget",
            json!({"metadata": metadata, "status": {"observedGeneration": 1, "conditions": conditions}}),
        )
    };
    let condition = |name: &str, status: &str| json!([{"type": name, "status": status, "message": "so it is"}]);
    let at = |generation: i64| json!({"generation": generation});
    assert_eq!(with(json!({"generation": 1, "deletionTimestamp": "x"}), json!([])), waits("is being deleted"));
    assert_eq!(with(at(2), condition("Ready", "True")), waits("its controller has not seen the change yet"));
    assert_eq!(with(at(1), condition("Reconciling", "True")), waits("so it is"));
    assert_eq!(with(at(1), condition("Stalled", "True")), Health::Failed("so it is".into()));
    assert_eq!(with(at(1), condition("Ready", "False")), waits("so it is"));
    assert_eq!(with(at(1), condition("Ready", "Unknown")), waits("so it is"));
    assert_eq!(with(at(1), condition("Ready", "True")), Health::Ready);
    assert_eq!(with(at(1), condition("Synced", "False")), Health::Ready, "no condition that everybody knows");
}

#[test]
fn a_stateful_set_is_ready_with_its_last_revision_up_to_its_partition() {
    let status = |ready: i64, updated: i64, revisions: (&str, &str)| json!({"replicas": 3, "readyReplicas": ready, "updatedReplicas": updated, "currentRevision": revisions.0, "updateRevision": revisions.1});
    let plain = json!({"replicas": 3});
    let partition = json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}});
    let by_hand = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
    let with = |spec: &Value, status| seen("StatefulSet", spec.clone(), status);
    assert_eq!(with(&plain, status(3, 3, ("b", "b"))), Health::Ready);
    assert_eq!(with(&plain, status(2, 3, ("b", "b"))), waits("2 of 3 ready"));
    assert_eq!(with(&plain, status(3, 1, ("a", "b"))), waits("1 of 3 updated"));
    assert_eq!(with(&json!({"replicas": 2}), status(3, 2, ("b", "b"))), waits("1 pods still to go"));
    assert_eq!(with(&partition, status(3, 1, ("a", "b"))), Health::Ready);
    assert_eq!(with(&partition, status(3, 0, ("a", "b"))), waits("0 of 1 updated"));
    assert_eq!(with(&by_hand, status(0, 0, ("a", "b"))), Health::Ready, "its pods are changed by hand");
}

#[test]
fn a_daemon_set_and_a_replica_set_are_ready_pod_by_pod() {
    let daemons = |changes: &[(&str, i64)]| {
        let mut status = json!({"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": 2});
        changes.iter().for_each(|(key, value)| status[*key] = json!(value));
        seen("DaemonSet", json!({}), status)
    };
    assert_eq!(daemons(&[]), Health::Ready);
    assert_eq!(daemons(&[("currentNumberScheduled", 1)]), waits("1 of 2 scheduled"));
    assert_eq!(daemons(&[("updatedNumberScheduled", 1)]), waits("1 of 2 updated"));
    assert_eq!(daemons(&[("numberReady", 1)]), waits("1 of 2 ready"));
    assert_eq!(judged("apps", "DaemonSet", json!({"status": {}})), waits("its controller has not seen it yet"));
    let replicas = |changes: &[(&str, i64)]| {
        let mut status = json!({"replicas": 2, "fullyLabeledReplicas": 2, "availableReplicas": 2, "readyReplicas": 2});
        changes.iter().for_each(|(key, value)| status[*key] = json!(value));
        seen("ReplicaSet", json!({"replicas": 2}), status)
    };
    assert_eq!(replicas(&[]), Health::Ready);
    assert_eq!(replicas(&[("fullyLabeledReplicas", 1)]), waits("1 of 2 labelled"));
    assert_eq!(replicas(&[("availableReplicas", 1)]), waits("1 of 2 available"));
    assert_eq!(replicas(&[("replicas", 3)]), waits("1 pods still to go"));
    let failing = json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}]});
    assert_eq!(seen("ReplicaSet", json!({"replicas": 1}), failing), waits("quota"));
}

#[test]
fn a_deployment_that_is_paused_scaled_to_none_or_keeps_no_deadline_is_no_exception() {
    let none = json!({"replicas": 0, "conditions": [{"type": "Available", "status": "True"}]});
    assert_eq!(seen("Deployment", json!({"replicas": 0, "progressDeadlineSeconds": 600}), none), Health::Ready);
    let one = |conditions: Value| json!({"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1, "conditions": conditions});
    let available = json!({"type": "Available", "status": "True"});
    let timeless = json!({"replicas": 1, "progressDeadlineSeconds": i32::MAX});
    assert_eq!(seen("Deployment", timeless, one(json!([available]))), Health::Ready);
    let timed = json!({"replicas": 1, "progressDeadlineSeconds": 600});
    assert_eq!(seen("Deployment", timed.clone(), one(json!([available]))), waits("its new pods are not all there"));
    let progressing = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"});
    assert_eq!(seen("Deployment", timed, one(json!([progressing]))), waits("is not available"));
}

#[test]
fn pods_services_jobs_and_what_has_no_rule() {
    let pod = |phase: &str, more: Value| {
        let mut status = more;
        status["phase"] = json!(phase);
        judged("", "Pod", json!({"status": status}))
    };
    assert_eq!(pod("Succeeded", json!({})), Health::Ready);
    assert_eq!(pod("Failed", json!({"message": "out of memory"})), Health::Failed("out of memory".into()));
    assert_eq!(pod("Running", json!({"conditions": [{"type": "Ready", "status": "True"}]})), Health::Ready);
    let unscheduled = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}]});
    assert_eq!(pod("Pending", unscheduled), waits("no node"));
    let once = json!([{"name": "web", "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
    assert_eq!(
        pod("Running", json!({"containerStatuses": once})),
        waits("container `web`: CrashLoopBackOff after 1 restarts")
    );
    let volume = |phase: &str| judged("", "PersistentVolumeClaim", json!({"status": {"phase": phase}}));
    assert_eq!((volume("Bound"), volume("Pending")), (Health::Ready, Health::Ready), "its first consumer binds it");
    let service = |spec: Value| judged("", "Service", json!({"spec": spec}));
    assert_eq!(service(json!({"type": "ClusterIP"})), Health::Ready);
    assert_eq!(
        service(json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"})),
        Health::Ready,
        "its address may never come"
    );
    let suspended =
        json!({"spec": {"suspend": true}, "status": {"conditions": [{"type": "Suspended", "status": "True"}]}});
    assert_eq!(judged("batch", "Job", suspended), Health::Ready);
    let definition = |status: &str, reason: &str| {
        let conditions = json!([{"type": "Established", "status": status, "reason": reason, "message": "broken"}]);
        judged("apiextensions.k8s.io", "CustomResourceDefinition", json!({"status": {"conditions": conditions}}))
    };
    assert_eq!(definition("False", "Installing"), waits("broken"));
    assert_eq!(definition("False", "NotAccepted"), Health::Failed("broken".into()));
    let api = |status: &str| {
        judged(
            "apiregistration.k8s.io",
            "APIService",
            json!({"status": {"conditions": [{"type": "Available", "status": status}]}}),
        )
    };
    assert_eq!((api("True"), api("False")), (Health::Ready, waits("is not available")));
    for (group, kind) in [
        ("networking.k8s.io", "Ingress"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("batch", "CronJob"),
        ("", "Secret"),
        ("policy", "PodDisruptionBudget"),
    ] {
        assert_eq!(
            judged(group, kind, json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})),
            Health::Ready,
            "{kind}"
        );
    }
}

#[test]
fn an_address_is_waited_for_only_where_its_author_wrote_so() {
    let live = |annotation: Value, ingress: Value| json!({"metadata": {"annotations": {"groundplan.dev/wait-for": annotation}}, "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, "status": {"loadBalancer": {"ingress": ingress}}});
    for (group, kind) in [("", "Service"), ("networking.k8s.io", "Ingress")] {
        let id = ObjectId { group: group.into(), kind: kind.into(), ..ObjectId::default() };
        let judged = |live: Value| super::health(&id, &live);
        assert_eq!(judged(live(Value::Null, json!([]))), Health::Ready, "{kind}");
        assert!(
            matches!(judged(live(json!("address"), json!([]))), Health::Waiting(why) if why.contains("no address"))
        );
        assert_eq!(judged(live(json!("address"), json!([{"hostname": "a.example"}]))), Health::Ready, "{kind}");
    }
}
