//! Well-known custom resources that do not say it by a `Ready` condition, in the same words an author would use.
//!
//! What keeps a `Ready` condition (cert-manager, External Secrets, Flux, Knative, KEDA, Crossplane, Karpenter,
//! Strimzi) needs no row here.

use std::sync::OnceLock;

use super::HealthRule;
use crate::kinds::workload::object::ObjectId;
use crate::kinds::workload::spec::HealthSpec;

/// apiVersion, kind, current, failed.
const ROWS: &[(&str, &str, &str, &str)] = &[
    ("argoproj.io/v1alpha1", "Rollout", "status.phase in ['Healthy', 'Paused']", "status.phase == 'Degraded'"),
    (
        "gateway.networking.k8s.io/v1",
        "Gateway",
        "status.conditions.exists(c, c.type == 'Programmed' && c.status == 'True')",
        "status.conditions.exists(c, c.type == 'Accepted' && c.status == 'False')",
    ),
    (
        "monitoring.coreos.com/v1",
        "Prometheus",
        "status.conditions.exists(c, c.type == 'Available' && c.status == 'True')",
        "status.conditions.exists(c, c.type == 'Reconciled' && c.status == 'False')",
    ),
    (
        "monitoring.coreos.com/v1",
        "Alertmanager",
        "status.conditions.exists(c, c.type == 'Available' && c.status == 'True')",
        "status.conditions.exists(c, c.type == 'Reconciled' && c.status == 'False')",
    ),
    ("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "status.health == 'green'", "status.phase == 'Invalid'"),
    ("postgresql.cnpg.io/v1", "Cluster", "status.phase == 'Cluster in healthy state'", "false"),
    (
        "acid.zalan.do/v1",
        "postgresql",
        "status.PostgresClusterStatus == 'Running'",
        "status.PostgresClusterStatus in ['CreateFailed', 'UpdateFailed', 'SyncFailed', 'Invalid']",
    ),
    ("velero.io/v1", "BackupStorageLocation", "status.phase == 'Available'", "false"),
    ("flagger.app/v1beta1", "Canary", "status.phase in ['Initialized', 'Succeeded']", "status.phase == 'Failed'"),
];

/// The rule for a kind of these.
pub(super) fn of(id: &ObjectId) -> Option<&'static HealthRule> {
    static RULES: OnceLock<Vec<HealthRule>> = OnceLock::new();
    let rule = |(api_version, kind, current, failed): &(&str, &str, &str, &str)| {
        HealthRule::of(&HealthSpec {
            api_version: (*api_version).to_owned(),
            kind: (*kind).to_owned(),
            current: (*current).to_owned(),
            failed: Some((*failed).to_owned()),
            in_progress: None,
        })
        .expect("a row that is no expression fails the test beside it")
    };
    // The common objects are not even asked for.
    let is_known = ROWS.iter().any(|(api_version, kind, ..)| {
        *kind == id.kind && api_version.split_once('/').is_some_and(|(group, _)| group == id.group)
    });
    is_known.then(|| RULES.get_or_init(|| ROWS.iter().map(rule).collect()).iter().find(|rule| rule.is_for(id)))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::workload::ready::{Health, HealthRules};

    #[test]
    fn every_row_is_an_expression_and_says_what_its_controller_means() {
        let id = |group: &str, kind: &str| ObjectId { group: group.into(), kind: kind.into(), ..ObjectId::default() };
        for (group, kind, ..) in ROWS.iter().map(|row| (row.0.split('/').next().unwrap_or_default(), row.1)) {
            assert!(of(&id(group, kind)).is_some(), "{group} {kind}");
        }
        assert!(of(&id("apps", "Deployment")).is_none());
        let health = |group, kind, status| HealthRules::default().health(&id(group, kind), &json!({"status": status}));
        assert_eq!(health("argoproj.io", "Rollout", json!({"phase": "Healthy"})), Health::Ready);
        assert!(matches!(health("argoproj.io", "Rollout", json!({"phase": "Degraded"})), Health::Failed(_)));
        assert!(matches!(health("argoproj.io", "Rollout", json!({})), Health::Waiting(_)));
        let programmed =
            json!({"conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}]});
        assert_eq!(health("gateway.networking.k8s.io", "Gateway", programmed), Health::Ready);
        let refused = json!({"conditions": [{"type": "Accepted", "status": "False"}]});
        assert!(matches!(health("gateway.networking.k8s.io", "Gateway", refused), Health::Failed(_)));
    }
}
