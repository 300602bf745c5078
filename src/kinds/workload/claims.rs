//! Objects that two workloads of one cluster claim: each would undo what the other does.

use std::collections::HashMap;

use super::object::ObjectId;
use crate::problem::{Place, Problem, Problems};

/// The objects of one workload, each with the place it is declared at.
pub(super) type Claims = Vec<(ObjectId, Place)>;

/// Tells every object that more than one workload of a cluster declares, naming both places.
pub(super) fn check(cluster: &[(String, Claims)], problems: &mut Problems) {
    if cluster.len() < 2 {
        return;
    }
    let mut first: HashMap<&ObjectId, (&str, &Place)> = HashMap::new();
    for (unit, claims) in cluster {
        for (id, place) in claims {
            match first.get(id) {
                Some((other, there)) if other != unit => problems.error(
                    Problem::new(place.clone(), format!("`{id}` is declared by `{unit}` and by `{other}`"))
                        .hint(format!("declare it in one of them; the other is at {}:{}", there.file, there.line)),
                ),
                Some(_) => {}
                None => _ = first.insert(id, (unit, place)),
            }
        }
    }
}

/// What names an object whichever workload declares it: one of the whole cluster has no namespace.
pub(super) fn claimed(id: &ObjectId, default_namespace: &str) -> ObjectId {
    let namespace = match is_of_the_cluster(id) {
        true => None,
        false => Some(id.namespace.clone().unwrap_or_else(|| default_namespace.to_owned())),
    };
    ObjectId { namespace, ..id.clone() }
}

/// Kubernetes' own kinds without a namespace. Others are only known once the cluster is asked.
fn is_of_the_cluster(id: &ObjectId) -> bool {
    match id.group.as_str() {
        "" => matches!(id.kind.as_str(), "Namespace" | "Node" | "PersistentVolume"),
        "rbac.authorization.k8s.io" => id.kind.starts_with("Cluster"),
        "networking.k8s.io" | "scheduling.k8s.io" | "node.k8s.io" => id.kind.ends_with("Class"),
        "storage.k8s.io" => id.kind != "CSIStorageCapacity",
        "apiextensions.k8s.io"
        | "admissionregistration.k8s.io"
        | "apiregistration.k8s.io"
        | "certificates.k8s.io"
        | "flowcontrol.apiserver.k8s.io" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: &str, namespace: Option<&str>) -> ObjectId {
        ObjectId { kind: kind.into(), namespace: namespace.map(Into::into), name: "shop".into(), ..Default::default() }
    }

    #[test]
    fn an_object_of_two_workloads_is_told_with_both_names() {
        let claims = |file: &str, namespace: &str| {
            let found = [id("Namespace", None), id("ConfigMap", None)];
            found.map(|id| (claimed(&id, namespace), Place::file(file))).to_vec()
        };
        let mut problems = Problems::default();
        check(&[("a".into(), claims("a.yaml", "one")), ("b".into(), claims("b.yaml", "two"))], &mut problems);
        let told: Vec<&str> = problems.errors.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(told, ["`Namespace shop` is declared by `b` and by `a`"]);
    }
}
