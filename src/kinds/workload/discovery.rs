//! Which kinds a cluster serves, and under which paths: two requests for all of them.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{Object, ObjectId};

/// Asks for the answer in one document.
pub(super) const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// Where objects of one kind and version are served.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

impl Resource {
    /// `/apis/apps/v1/deployments`
    pub(super) fn all(&self) -> String {
        format!("{}/{}", self.root(), self.plural)
    }

    /// `/apis/apps/v1/namespaces/shop/deployments`
    pub(super) fn within(&self, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) if self.namespaced => {
                format!("{}/namespaces/{}/{}", self.root(), in_path(namespace), self.plural)
            }
            _ => self.all(),
        }
    }

    /// `/apis/apps/v1/namespaces/shop/deployments/web`
    pub(super) fn one(&self, id: &ObjectId) -> String {
        format!("{}/{}", self.within(id.namespace.as_deref()), in_path(&id.name))
    }

    fn root(&self) -> String {
        match self.group.is_empty() {
            true => format!("/api/{}", in_path(&self.version)),
            false => format!("/apis/{}/{}", in_path(&self.group), in_path(&self.version)),
        }
    }
}

/// Names in Kubernetes hardly need it (`system:node` does), and whatever an author wrote stays one segment.
fn in_path(segment: &str) -> String {
    let mut path = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte as char),
            b'.' if segment != "." && segment != ".." => path.push('.'),
            other => path.push_str(&format!("%{other:02X}")),
        }
    }
    path
}

/// Every kind a cluster serves.
#[derive(Clone, Default, Debug)]
pub(super) struct Discovery {
    /// By group and kind: its versions, the server's favourite first.
    kinds: HashMap<(String, String), Vec<Resource>>,
    /// Groups whose own server did not answer when the kinds were asked for: what is missing of them may be there.
    silent: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Groups {
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize, Default)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Served>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Served {
    resource: String,
    #[serde(default)]
    response_kind: ResponseKind,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize, Default)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

impl Discovery {
    /// As it is kept; nothing where it is not whole.
    pub(super) fn to_keep(&self) -> Option<String> {
        let rows: Vec<(&String, &Vec<Resource>)> =
            self.kinds.iter().map(|((_, kind), served)| (kind, served)).collect();
        self.silent.is_empty().then(|| serde_json::to_string(&rows).expect("rows are plain text"))
    }

    /// What was kept.
    pub(super) fn kept(text: &str) -> Option<Self> {
        let rows: Vec<(String, Vec<Resource>)> = serde_json::from_str(text).ok()?;
        let kinds = rows.into_iter().filter_map(|(kind, served)| Some(((served.first()?.group.clone(), kind), served)));
        let kinds: HashMap<_, _> = kinds.collect();
        (!kinds.is_empty()).then(|| Self { kinds, silent: BTreeSet::new() })
    }

    /// Adds what `/api` or `/apis` answered.
    pub(super) fn add(&mut self, answer: &str) -> Result<(), serde_json::Error> {
        let groups: Groups = serde_json::from_str(answer)?;
        for group in groups.items {
            for version in group.versions {
                if version.freshness == "Stale" {
                    self.silent.insert(group.metadata.name.clone());
                }
                for served in version.resources {
                    // Reviews and the like can be created and not be kept.
                    if served.verbs.iter().any(|verb| verb == "patch") {
                        self.insert(&group.metadata.name, &version.version, served);
                    }
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, group: &str, version: &str, served: Served) {
        let resource = Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: served.resource,
            namespaced: served.scope == "Namespaced",
        };
        self.kinds.entry((group.to_owned(), served.response_kind.kind)).or_default().push(resource);
    }

    /// Adds the kinds that a workload's own CRDs will bring, so that its custom resources can be placed
    /// before those CRDs are there.
    pub(super) fn add_definitions<'a>(&mut self, objects: impl IntoIterator<Item = &'a Object>) {
        for object in objects.into_iter().filter(|object| object.id.is_crd()) {
            let text = |path: &str| object.json.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
            let known = self.kinds.entry((group.clone(), kind)).or_default();
            for version in object.json["spec"]["versions"].as_array().into_iter().flatten() {
                let version = version["name"].as_str().unwrap_or_default();
                if !known.iter().any(|resource| resource.version == version) {
                    known.push(Resource {
                        group: group.clone(),
                        version: version.to_owned(),
                        plural: text("/spec/names/plural"),
                        namespaced: text("/spec/scope") == "Namespaced",
                    });
                }
            }
        }
    }

    /// Where a kind is served in exactly this version.
    pub(super) fn find(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        self.versions(group, kind).iter().find(|resource| resource.version == version)
    }

    /// A kind in this version, or where that is gone, in the one the server prefers.
    pub(super) fn find_any(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        self.find(group, version, kind).or_else(|| self.versions(group, kind).first())
    }

    /// Whether the server behind this group did not answer, so that a kind it does not show may still be there.
    pub(super) fn is_silent(&self, group: &str) -> bool {
        self.silent.contains(group)
    }

    pub(super) fn versions(&self, group: &str, kind: &str) -> &[Resource] {
        self.kinds.get(&(group.to_owned(), kind.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The kinds of a group, for "did you mean".
    pub(super) fn kinds_of(&self, group: &str) -> impl Iterator<Item = &str> {
        self.kinds.keys().filter(move |(other, _)| other == group).map(|(_, kind)| kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_what_is_not_whole_is_not_kept() {
        let served = json!({"resource": "configmaps", "responseKind": {"kind": "ConfigMap"}, "scope": "Namespaced", "verbs": ["patch"]});
        let answer = |freshness: &str| {
            json!({"items": [{"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [served], "freshness": freshness}]}]}).to_string()
        };
        let mut whole = Discovery::default();
        whole.add(&answer("Current")).expect("well-formed");
        let read = Discovery::kept(&whole.to_keep().expect("it is whole")).expect("it was kept");
        assert_eq!(read.find("", "v1", "ConfigMap"), whole.find("", "v1", "ConfigMap"));
        whole.add(&answer("Stale")).expect("well-formed");
        assert_eq!(whole.to_keep(), None);
        assert!(Discovery::kept("[]").is_none() && Discovery::kept("{").is_none());
    }

    fn discovery() -> Discovery {
        let mut discovery = Discovery::default();
        let served = |plural: &str, kind: &str, scope: &str| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": ["get", "list", "patch"]});
        let core = json!({"items": [{"versions": [{"version": "v1", "resources": [served("namespaces", "Namespace", "Cluster"), served("configmaps", "ConfigMap", "Namespaced")]}]}]});
        let apps = json!({"items": [{"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [served("deployments", "Deployment", "Namespaced")]}]}]});
        discovery.add(&core.to_string()).expect("the answer is well-formed");
        discovery.add(&apps.to_string()).expect("the answer is well-formed");
        discovery
    }

    #[test]
    fn an_object_is_found_under_the_path_of_its_kind() {
        let discovery = discovery();
        let id = ObjectId { namespace: Some("shop".into()), name: "system:web/..".into(), ..ObjectId::default() };
        let find = |group, kind| discovery.find(group, "v1", kind).expect("the kind is served");
        assert_eq!(find("apps", "Deployment").one(&id), "/apis/apps/v1/namespaces/shop/deployments/system%3Aweb%2F..");
        assert_eq!(find("", "Namespace").all(), "/api/v1/namespaces");
        assert_eq!(discovery.find("apps", "v1beta1", "Deployment"), None);
        assert_eq!(discovery.find_any("apps", "v1beta1", "Deployment").map(|found| found.version.as_str()), Some("v1"));
    }

    #[test]
    fn a_group_whose_server_is_gone_is_not_a_group_without_kinds() {
        let mut discovery = discovery();
        let answer = json!({"items": [{"metadata": {"name": "acme.io"}, "versions": [{"version": "v1", "freshness": "Stale"}]}]});
        discovery.add(&answer.to_string()).expect("the answer is well-formed");
        assert!(discovery.is_silent("acme.io") && !discovery.is_silent("apps"));
    }

    #[test]
    fn a_workloads_own_definitions_are_known_before_they_are_there() {
        let mut discovery = discovery();
        let json = json!({"spec": {"group": "acme.io", "scope": "Cluster", "names": {"kind": "Widget", "plural": "widgets"}, "versions": [{"name": "v1"}]}});
        let id = ObjectId {
            group: "apiextensions.k8s.io".into(),
            kind: "CustomResourceDefinition".into(),
            ..ObjectId::default()
        };
        let definition = Object { id, version: "v1".into(), json, place: Default::default() };
        discovery.add_definitions([&definition]);
        assert_eq!(
            discovery.find("acme.io", "v1", "Widget").map(Resource::all).as_deref(),
            Some("/apis/acme.io/v1/widgets")
        );
    }
}
