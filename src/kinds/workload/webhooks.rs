//! Webhooks that are declared: whom they call, whom they admit, and who serves them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::object::ObjectId;
use super::pods::makes_pods;

/// Whether this registers webhooks that are asked before an object is taken.
pub(super) fn registers_webhooks(id: &ObjectId) -> bool {
    id.is("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
        || id.is("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")
}

/// The webhooks that must answer: one that may be silent holds nobody up.
fn demanded(json: &Value) -> impl Iterator<Item = &Value> {
    let webhooks = json["webhooks"].as_array().into_iter().flatten();
    webhooks.filter(|webhook| webhook["failurePolicy"] != "Ignore")
}

/// Whether objects of this group need these webhooks. A rule for every group is for the cluster's guards,
/// which may themselves need what they guard.
pub(super) fn admits(json: &Value, group: &str) -> bool {
    let rules = demanded(json).flat_map(|webhook| webhook["rules"].as_array().into_iter().flatten());
    rules.into_iter().any(|rule| rule["apiGroups"].as_array().into_iter().flatten().any(|named| named == group))
}

/// Those of `objects` that make the pods behind the services which this one calls.
pub(super) fn servers_of<'a>(
    id: &ObjectId,
    json: &Value,
    objects: impl Iterator<Item = (&'a ObjectId, &'a Value)> + Clone,
) -> BTreeSet<ObjectId> {
    let mut servers = BTreeSet::new();
    for called in services_of(id, json) {
        let is_called = |id: &ObjectId| {
            id.is("", "Service")
                && called["name"] == id.name.as_str()
                && called["namespace"].as_str() == id.namespace.as_deref()
        };
        let Some((service, json)) = objects.clone().find(|(id, _)| is_called(id)) else { continue };
        let selected =
            objects.clone().filter(|(id, other)| id.namespace == service.namespace && is_selected(json, id, other));
        servers.extend(selected.map(|(id, _)| id.clone()));
    }
    servers
}

fn services_of<'a>(id: &ObjectId, json: &'a Value) -> Vec<&'a Value> {
    let found: Vec<&Value> = match registers_webhooks(id) {
        true => demanded(json).map(|webhook| &webhook["clientConfig"]["service"]).collect(),
        false if id.is_crd() => vec![&json["spec"]["conversion"]["webhook"]["clientConfig"]["service"]],
        false => Vec::new(),
    };
    found.into_iter().filter(|service| !service.is_null()).collect()
}

fn is_selected(service: &Value, id: &ObjectId, maker: &Value) -> bool {
    if !makes_pods(id) {
        return false;
    }
    let labels =
        if id.is("", "Pod") { &maker["metadata"]["labels"] } else { &maker["spec"]["template"]["metadata"]["labels"] };
    let selector = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty());
    selector.is_some_and(|selector| selector.iter().all(|(name, value)| &labels[name.as_str()] == value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(group: &str, kind: &str, name: &str) -> ObjectId {
        let namespace = (group != "admissionregistration.k8s.io").then(|| "shop".to_owned());
        ObjectId { group: group.into(), kind: kind.into(), namespace, name: name.into() }
    }

    fn configuration(policy: &str) -> Value {
        json!({"webhooks": [{"failurePolicy": policy, "clientConfig": {"service": {"namespace": "shop", "name": "hook"}}, "rules": [{"apiGroups": ["acme.io"]}]}]})
    }

    fn served(policy: &str) -> Vec<String> {
        let maker = |app: &str| json!({"spec": {"template": {"metadata": {"labels": {"app": app, "x": "1"}}}}});
        let objects = [
            (id("", "Service", "hook"), json!({"spec": {"selector": {"app": "hook"}}})),
            (id("apps", "Deployment", "hook"), maker("hook")),
            (id("apps", "Deployment", "other"), maker("other")),
            (id("", "ConfigMap", "hook"), maker("hook")),
        ];
        let hooks = id("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "check");
        let objects = objects.iter().map(|(id, json)| (id, json));
        servers_of(&hooks, &configuration(policy), objects).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_webhook_is_served_by_the_pods_behind_its_service() {
        assert_eq!(served("Fail"), ["apps/Deployment shop/hook"]);
        assert_eq!(served("Ignore"), Vec::<String>::new(), "it may be silent");
    }

    #[test]
    fn a_webhook_admits_the_groups_it_names() {
        assert!(admits(&configuration("Fail"), "acme.io"));
        assert!(!admits(&configuration("Fail"), "other.io"));
        assert!(!admits(&configuration("Ignore"), "acme.io"));
        let guard = json!({"webhooks": [{"rules": [{"apiGroups": ["*"]}]}]});
        assert!(!admits(&guard, "acme.io"), "a guard of everything may need it");
    }
}
