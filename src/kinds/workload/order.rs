//! Which object must be there before which: edges found in the objects, none written by hand.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::names::Names;
use super::object::ObjectId;
use super::pods::{makes_pods, named_by_pod, pod_spec};
use super::policy::depends_on;
use super::webhooks::{admits, registers_webhooks, servers_of};

/// For each object, by its place in the list, the places of those that go before it.
pub(super) type Before = Vec<BTreeSet<usize>>;

/// Finds the edges among the objects of one workload. What stands in no edge goes in parallel.
pub(super) fn order(objects: &[(&ObjectId, &Value)]) -> Before {
    let mut before = edges(objects);
    break_cycles(&mut before);
    before
}

/// The edges as they are found: some may close a circle.
pub(super) fn edges(objects: &[(&ObjectId, &Value)]) -> Before {
    let index = Index::of(objects);
    let mut before: Before = (0..objects.len()).map(|at| index.needs(at)).collect();
    // Hardly any object names others, and there may be very many.
    let is_named = objects.iter().any(|(_, json)| !depends_on(json).is_empty());
    let names = is_named.then(|| Names::of(objects.iter().map(|(id, _)| *id)));
    for (at, needs) in before.iter_mut().enumerate() {
        needs.extend(names.iter().flat_map(|names| names.needs(objects[at].1)));
        needs.remove(&at);
    }
    before
}

/// The order of deletion, as groups that go one after another: webhooks first, so that none of them
/// stands in the way of the rest, then everything in reverse.
pub(super) fn deletion(ids: &[ObjectId]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); 7];
    for (at, id) in ids.iter().enumerate() {
        groups[deletion_rank(id)].push(at);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn deletion_rank(id: &ObjectId) -> usize {
    match (id.group.as_str(), id.kind.as_str()) {
        ("admissionregistration.k8s.io", _) => 0,
        // Custom resources go while the controller that clears their finalizers still runs.
        (group, _) if !is_built_in(group) => 1,
        ("apiregistration.k8s.io" | "networking.k8s.io" | "autoscaling" | "policy", _) | ("", "Service") => 2,
        _ if makes_pods(id) => 3,
        ("apiextensions.k8s.io", _) => 5,
        ("", "Namespace") => 6,
        _ => 4,
    }
}

/// Whether the API server itself brings this group.
pub(super) fn is_built_in(group: &str) -> bool {
    BUILT_IN.contains(&group.strip_suffix(".k8s.io").unwrap_or(group))
}

/// The groups of kube-apiserver, without the `.k8s.io` that most of them end in.
const BUILT_IN: &[&str] = &[
    "",
    "apps",
    "autoscaling",
    "batch",
    "policy",
    "admissionregistration",
    "apiextensions",
    "apiregistration",
    "authentication",
    "authorization",
    "certificates",
    "coordination",
    "discovery",
    "events",
    "flowcontrol.apiserver",
    "networking",
    "node",
    "rbac.authorization",
    "resource",
    "scheduling",
    "storage",
];

/// The objects of a workload by what others call them.
struct Index<'a> {
    objects: &'a [(&'a ObjectId, &'a Value)],
    named: HashMap<(&'a str, Option<&'a str>, &'a str), usize>,
    definitions: HashMap<(&'a str, &'a str), usize>,
    /// Makers of pods, and the services before them: what webhooks may call.
    servers: Vec<usize>,
    /// What registers webhooks.
    webhooks: Vec<usize>,
    /// What limits the pods of a namespace, and so must be there before them.
    limits: HashMap<Option<&'a str>, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(objects: &'a [(&'a ObjectId, &'a Value)]) -> Self {
        let mut index = Self {
            objects,
            named: HashMap::new(),
            definitions: HashMap::new(),
            servers: Vec::new(),
            webhooks: Vec::new(),
            limits: HashMap::new(),
        };
        for (at, (id, json)) in objects.iter().enumerate() {
            if is_built_in(&id.group) {
                index.named.insert((&id.kind, id.namespace.as_deref(), &id.name), at);
            }
            if id.is_crd() {
                let text = |path: &str| json.pointer(path).and_then(Value::as_str).unwrap_or_default();
                index.definitions.insert((text("/spec/group"), text("/spec/names/kind")), at);
            }
            if registers_webhooks(id) {
                index.webhooks.push(at);
            }
            if makes_pods(id) || id.is("", "Service") {
                index.servers.push(at);
            }
            if matches!(id.kind.as_str(), "NetworkPolicy" | "ResourceQuota" | "LimitRange") && is_built_in(&id.group) {
                index.limits.entry(id.namespace.as_deref()).or_default().push(at);
            }
        }
        index
    }

    fn needs(&self, at: usize) -> BTreeSet<usize> {
        let (id, json) = self.objects[at];
        let namespace = id.namespace.as_deref();
        let mut needs = BTreeSet::new();
        if !is_built_in(&id.group) {
            self.of_custom_resource(id, &mut needs);
            needs.extend(self.store_of(id, json));
        }
        if let Some(namespace) = namespace {
            needs.extend(self.find("Namespace", None, namespace));
        }
        if let Some(pod) = pod_spec(id, json) {
            for (kind, name) in named_by_pod(pod) {
                needs.extend(self.find(kind, namespace, &name).or_else(|| self.find(kind, None, &name)));
            }
            needs.extend(self.limits.get(&namespace).into_iter().flatten());
        }
        match (id.group.as_str(), id.kind.as_str()) {
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
                self.of_binding(json, namespace, &mut needs)
            }
            ("admissionregistration.k8s.io", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
                needs.extend(&self.servers);
            }
            ("autoscaling", _) => {
                let target = &json["spec"]["scaleTargetRef"];
                needs.extend(self.find(text(&target["kind"]), namespace, text(&target["name"])));
            }
            ("apiregistration.k8s.io", _) => {
                let service = &json["spec"]["service"];
                needs.extend(self.find("Service", service["namespace"].as_str(), text(&service["name"])));
            }
            ("networking.k8s.io", "Ingress") => {
                needs.extend(self.find("IngressClass", None, text(&json["spec"]["ingressClassName"])));
                needs.extend(services_of(json).filter_map(|name| self.find("Service", namespace, name)));
            }
            ("", "PersistentVolumeClaim") => {
                needs.extend(self.find("StorageClass", None, text(&json["spec"]["storageClassName"])));
            }
            _ => {}
        }
        needs
    }

    /// What an external secret is fetched from.
    fn store_of(&self, id: &ObjectId, json: &Value) -> Option<usize> {
        if !id.is("external-secrets.io", "ExternalSecret") {
            return None;
        }
        let named = &json["spec"]["secretStoreRef"];
        let kind = named["kind"].as_str().unwrap_or("SecretStore");
        let is_it = |other: &ObjectId| {
            other.group == id.group
                && other.kind == kind
                && named["name"] == other.name.as_str()
                && (kind != "SecretStore" || other.namespace == id.namespace)
        };
        self.objects.iter().position(|(other, _)| is_it(other))
    }

    /// Its definition, whoever converts it, and whoever must admit it.
    fn of_custom_resource(&self, id: &ObjectId, needs: &mut BTreeSet<usize>) {
        if let Some(definition) = self.definitions.get(&(id.group.as_str(), id.kind.as_str())) {
            needs.insert(*definition);
            let (definition, json) = self.objects[*definition];
            let servers = servers_of(definition, json, self.objects.iter().copied());
            needs.extend((0..self.objects.len()).filter(|at| servers.contains(self.objects[*at].0)));
        }
        needs.extend(self.webhooks.iter().filter(|at| admits(self.objects[**at].1, &id.group)));
    }

    fn of_binding(&self, json: &Value, namespace: Option<&str>, needs: &mut BTreeSet<usize>) {
        let role = &json["roleRef"];
        let home = if role["kind"] == "Role" { namespace } else { None };
        needs.extend(self.find(text(&role["kind"]), home, text(&role["name"])));
        for subject in json["subjects"].as_array().into_iter().flatten() {
            if subject["kind"] == "ServiceAccount" {
                let home = subject["namespace"].as_str().or(namespace);
                needs.extend(self.find("ServiceAccount", home, text(&subject["name"])));
            }
        }
    }

    fn find(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<usize> {
        self.named.get(&(kind, namespace, name)).copied()
    }
}

/// The services that an Ingress leads to.
fn services_of(ingress: &Value) -> impl Iterator<Item = &str> {
    let rules = ingress["spec"]["rules"].as_array().into_iter().flatten();
    let paths = rules.flat_map(|rule| rule["http"]["paths"].as_array().into_iter().flatten());
    let backends = paths.map(|path| &path["backend"]).chain([&ingress["spec"]["defaultBackend"]]);
    backends.filter_map(|backend| backend["service"]["name"].as_str())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Takes edges out until nothing waits for itself: objects are applied in any order rather than never.
fn break_cycles(before: &mut Before) {
    let mut left: BTreeSet<usize> = (0..before.len()).collect();
    while !left.is_empty() {
        let free: Vec<usize> = left.iter().copied().filter(|at| before[*at].is_disjoint(&left)).collect();
        match free.is_empty() {
            false => free.iter().for_each(|at| {
                left.remove(at);
            }),
            true => {
                let first = *left.first().expect("the loop runs while something is left");
                before[first].retain(|at| !left.contains(at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::workload::policy::DEPENDS_ON;

    fn id(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectId {
        ObjectId { group: group.into(), kind: kind.into(), namespace: namespace.map(Into::into), name: name.into() }
    }

    fn before(objects: &[(ObjectId, Value)]) -> Vec<Vec<usize>> {
        let objects: Vec<_> = objects.iter().map(|(id, json)| (id, json)).collect();
        order(&objects).into_iter().map(|needs| needs.into_iter().collect()).collect()
    }

    #[test]
    fn a_workload_goes_after_what_its_pods_name() {
        let pod = json!({
            "serviceAccountName": "web",
            "volumes": [{"persistentVolumeClaim": {"claimName": "data"}}, {"projected": {"sources": [{"secret": {"name": "tls"}}]}}],
            "containers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "settings"}}}], "envFrom": [{"secretRef": {"name": "gone"}}]}],
        });
        let shop = Some("shop");
        let objects = [
            (id("apps", "Deployment", shop, "web"), json!({"spec": {"template": {"spec": pod}}})),
            (id("", "ServiceAccount", shop, "web"), json!({})),
            (id("", "PersistentVolumeClaim", shop, "data"), json!({})),
            (id("", "Secret", shop, "tls"), json!({})),
            (id("", "ConfigMap", shop, "settings"), json!({})),
            (id("", "ConfigMap", Some("other"), "settings"), json!({})),
            (id("", "Namespace", None, "shop"), json!({})),
        ];
        assert_eq!(before(&objects), [vec![1, 2, 3, 4, 6], vec![6], vec![6], vec![6], vec![6], vec![], vec![]]);
    }

    #[test]
    fn a_custom_resource_goes_after_its_definition() {
        let objects = [
            (id("acme.io", "Widget", None, "one"), json!({})),
            (
                id("apiextensions.k8s.io", "CustomResourceDefinition", None, "widgets.acme.io"),
                json!({"spec": {"group": "acme.io", "names": {"kind": "Widget"}}}),
            ),
        ];
        assert_eq!(before(&objects), [vec![1], vec![]]);
    }

    #[test]
    fn a_custom_resource_goes_after_the_webhooks_that_admit_and_convert_it() {
        let service = json!({"namespace": "a", "name": "hook"});
        let converted = json!({"spec": {"group": "acme.io", "names": {"kind": "Widget"}, "conversion": {"webhook": {"clientConfig": {"service": service}}}}});
        let webhook = json!({"clientConfig": {"service": service}, "rules": [{"apiGroups": ["acme.io"]}]});
        let objects = [
            (id("acme.io", "Widget", None, "one"), json!({})),
            (id("apiextensions.k8s.io", "CustomResourceDefinition", None, "widgets.acme.io"), converted),
            (
                id("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", None, "check"),
                json!({"webhooks": [webhook]}),
            ),
            (id("", "Service", Some("a"), "hook"), json!({"spec": {"selector": {"app": "hook"}}})),
            (
                id("apps", "Deployment", Some("a"), "hook"),
                json!({"spec": {"template": {"metadata": {"labels": {"app": "hook"}}}}}),
            ),
            (id("other.io", "Widget", None, "two"), json!({})),
        ];
        assert_eq!(before(&objects), [vec![1, 2, 4], vec![], vec![3, 4], vec![], vec![], vec![]]);
    }

    #[test]
    fn a_binding_goes_after_its_role_and_its_subjects() {
        let rbac = "rbac.authorization.k8s.io";
        let binding = json!({"roleRef": {"kind": "ClusterRole", "name": "read"}, "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]});
        let objects = [
            (id(rbac, "ClusterRoleBinding", None, "read"), binding),
            (id(rbac, "ClusterRole", None, "read"), json!({})),
            (id("", "ServiceAccount", Some("shop"), "web"), json!({})),
        ];
        assert_eq!(before(&objects)[0], [1, 2]);
    }

    #[test]
    fn what_an_author_names_goes_first_and_so_do_services_and_stores() {
        let shop = Some("shop");
        let after = |text: &str| json!({"metadata": {"annotations": {DEPENDS_ON: text}}});
        let other = json!({"metadata": {"annotations": {"config.kubernetes.io/depends-on": "apps/namespaces/shop/Deployment/db, /namespaces/shop/ConfigMap/a"}}});
        let ingress = json!({"spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}]}});
        let store = "external-secrets.io";
        let objects = [
            (id("apps", "Deployment", shop, "web"), after("apps/Deployment shop/db")),
            (id("apps", "Deployment", shop, "db"), json!({})),
            (id("", "ConfigMap", shop, "a"), json!({})),
            (id("apps", "Deployment", shop, "mail"), other),
            (id("networking.k8s.io", "Ingress", shop, "web"), ingress),
            (id("", "Service", shop, "web"), json!({})),
            (
                id(store, "ExternalSecret", shop, "keys"),
                json!({"spec": {"secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"}}}),
            ),
            (id(store, "ClusterSecretStore", None, "vault"), json!({})),
        ];
        assert_eq!(before(&objects), [vec![1], vec![], vec![], vec![1, 2], vec![5], vec![], vec![7], vec![]]);
    }

    #[test]
    fn webhooks_come_last_and_go_first() {
        let hooks = id("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", None, "check");
        let (web, service) = (id("apps", "Deployment", Some("a"), "web"), id("", "Service", Some("a"), "web"));
        let definition = id("apiextensions.k8s.io", "CustomResourceDefinition", None, "widgets.acme.io");
        let widget = id("acme.io", "Widget", None, "one");
        let home = id("", "Namespace", None, "a");
        let ids = [home, definition, hooks, web, service, widget];
        let objects: Vec<_> = ids.iter().map(|id| (id.clone(), json!({}))).collect();
        assert_eq!(before(&objects)[2], [3, 4]);
        assert_eq!(deletion(&ids), [vec![2], vec![5], vec![4], vec![3], vec![1], vec![0]]);
    }

    #[test]
    fn things_that_wait_for_each_other_are_let_go() {
        let mut before = vec![BTreeSet::from([1]), BTreeSet::from([0]), BTreeSet::from([0])];
        break_cycles(&mut before);
        assert_eq!(before, [BTreeSet::new(), BTreeSet::from([0]), BTreeSet::from([0])]);
    }
}
