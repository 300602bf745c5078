//! Where a live value would be written: the one scalar of a plain manifest that says it now.

use super::compare::PathStep;
use super::manifest::{Manifest, unfold_all};
use super::object::{ObjectId, split_api_version};
use super::path;
use super::sealed;
use crate::problem::Problems;
use crate::repo::{Files, Snapshot};
use crate::unit::{Difference, Shown};
use crate::yaml::{self, Edit, Node, Value};

/// The file with the value in its place, or why there is none.
pub(super) fn authored(
    manifests: &[Manifest],
    namespace: &str,
    snapshot: &Snapshot,
    difference: &Difference,
) -> Result<Files, String> {
    let named: Vec<&Node> =
        manifests.iter().map(|manifest| &manifest.node).filter(|node| is(node, namespace, &difference.item)).collect();
    let [object] = named.as_slice() else {
        return Err("no manifest names it outright: change it by hand".to_owned());
    };
    let file = object.span.file.to_string();
    // Other values of it may have been changed already.
    let bytes = snapshot.file(&file).unwrap_or_default();
    if sealed::is_sealed(&file, bytes) {
        return Err("it is kept by sops: change it there by hand".to_owned());
    }
    let documents = yaml::parse_manifests(&file, bytes).map_err(|_| format!("`{file}` cannot be read"))?;
    let mut manifests = Vec::new();
    unfold_all(documents, false, &mut manifests, &mut Problems::default());
    let object = manifests.iter().map(|manifest| &manifest.node).find(|node| is(node, namespace, &difference.item));
    let object = object.ok_or_else(|| format!("`{file}` names it no more"))?;
    let node = at(object, &difference.path)
        .ok_or_else(|| format!("`{file}` does not say it: write it there by hand, or sync"))?;
    let Some(Shown::Text(live)) = &difference.from else { return Err("what is there now is not known".to_owned()) };
    match node.text() {
        None => return Err(format!("`{file}` holds more than one value there: change it by hand")),
        Some(text) if text.contains("${") => {
            return Err(format!(
                "it is a value of the workload, `{text}`: change it where `workload.yaml` takes it from"
            ));
        }
        Some(_) if live.contains("${") => return Err("it holds `${`, which means something else in Git".to_owned()),
        Some(_) => {}
    }
    let edit =
        Edit::scalar(node, live).map_err(|problem| format!("{file}:{}: {}", problem.place.line, problem.message))?;
    yaml::edited_in(snapshot, &file, &[edit])
}

/// Whether a document is this object, as people name it.
fn is(node: &Node, namespace: &str, item: &str) -> bool {
    let text = |node: Option<&Node>| node.and_then(Node::text).map(str::to_owned);
    let metadata = node.get("metadata");
    let (Some(api_version), Some(kind)) = (text(node.get("apiVersion")), text(node.get("kind"))) else { return false };
    let Some(name) = text(metadata.and_then(|metadata| metadata.get("name"))) else { return false };
    let (group, _) = split_api_version(&api_version);
    let written = text(metadata.and_then(|metadata| metadata.get("namespace"))).filter(|text| !text.is_empty());
    ObjectId { group: group.to_owned(), kind, namespace: written, name }.is_called(item, namespace)
}

/// The node at a path as differences write it: `spec.containers[name=web].image`.
fn at<'n>(object: &'n Node, path: &str) -> Option<&'n Node> {
    path::parse(path)?.iter().try_fold(object, |node, step| match (step, &node.value) {
        (PathStep::Field(name), Value::Mapping(_)) => node.get(name),
        (PathStep::Item(keys), Value::Sequence(items)) => item(items, keys),
        (PathStep::Field(_) | PathStep::Item(_), _) => None,
    })
}

/// The only item that has all these keys; a protocol that is not written is TCP.
fn item<'n>(items: &'n [Node], keys: &[(String, String)]) -> Option<&'n Node> {
    let has = |item: &Node, key: &str, value: &str| match item.get(key) {
        Some(found) => found.text() == Some(value),
        None => (key, value) == ("protocol", "TCP"),
    };
    let mut found = items.iter().filter(|item| keys.iter().all(|(key, value)| has(item, key, value)));
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::CommitId;
    use crate::unit::{Cause, Effect};

    const FILE: &str = "clusters/shop/web/all.yaml";
    const TEXT: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web, labels: {app.kubernetes.io/name: web}}
data:
  color: blue   # theirs
  host: ${HOST}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: sidecar
          image: nginx:1
        - name: web
          image: \"web:1\"
          ports: [{containerPort: 80, name: http}]
";

    fn adopted(item: &str, path: &str, live: &str) -> Result<String, String> {
        let snapshot = Snapshot::of_files(CommitId::new("c"), [(FILE, TEXT)]);
        let manifests: Vec<_> = yaml::parse(FILE, TEXT.as_bytes())
            .expect("valid")
            .into_iter()
            .map(|node| Manifest { node, sealed: false })
            .collect();
        let difference = Difference {
            item: item.into(),
            path: path.into(),
            from: Some(Shown::text(live)),
            to: Some(Shown::text("x")),
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: None,
        };
        let mut files = authored(&manifests, "default", &snapshot, &difference)?;
        Ok(String::from_utf8(files.remove(FILE).expect("it is the one")).expect("text"))
    }

    #[test]
    fn the_scalar_that_says_it_is_changed_and_no_other_byte() {
        let deployment = "apps/Deployment shop/web";
        for (item, path, live, old, new) in [
            ("ConfigMap default/web", "data.color", "by hand", "color: blue ", "color: by hand "),
            ("ConfigMap default/web", "metadata.labels[app.kubernetes.io/name]", "shop", "name: web}}", "name: shop}}"),
            (deployment, "spec.replicas", "5", "replicas: 2", "replicas: 5"),
            (deployment, "spec.template.spec.containers[name=web].image", "web:2", "\"web:1\"", "\"web:2\""),
            (
                deployment,
                "spec.template.spec.containers[name=web].ports[containerPort=80,protocol=TCP].name",
                "www",
                "name: http",
                "name: www",
            ),
        ] {
            assert_eq!(adopted(item, path, live), Ok(TEXT.replacen(old, new, 1)), "{path}");
        }
    }

    #[test]
    fn what_is_not_written_as_one_value_is_refused_with_what_to_do() {
        for (item, path, live, why) in [
            ("ConfigMap default/web", "data.host", "db", "workload.yaml"),
            ("ConfigMap default/web", "data.color", "${X}", "something else in Git"),
            ("ConfigMap default/web", "data.size", "3", "does not say it"),
            ("ConfigMap default/web", "data", "{}", "more than one value"),
            ("ConfigMap default/other", "data.color", "x", "no manifest names it"),
            ("apps/Deployment shop/web", "spec.template.spec.containers[name=none].image", "x", "does not say it"),
        ] {
            let refused = adopted(item, path, live).expect_err(path);
            assert!(refused.contains(why), "{path}: {refused}");
        }
    }
}
