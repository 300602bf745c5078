//! Objects by what their authors call them where one waits for another.

use std::collections::HashMap;

use serde_json::Value;

use super::object::ObjectId;
use super::policy::depends_on;

/// The places of objects, by `apps/Deployment shop/web` and by `apps/namespaces/shop/Deployment/web`.
pub(super) struct Names(HashMap<String, Vec<usize>>);

impl Names {
    pub(super) fn of<'i>(ids: impl IntoIterator<Item = &'i ObjectId>) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, id) in ids.into_iter().enumerate() {
            let theirs = match &id.namespace {
                Some(namespace) => format!("{}/namespaces/{namespace}/{}/{}", id.group, id.kind, id.name),
                None => format!("{}/{}/{}", id.group, id.kind, id.name),
            };
            for name in [theirs, id.to_string()] {
                places.entry(name).or_default().push(at);
            }
        }
        Self(places)
    }

    /// Those that are called so.
    pub(super) fn called(&self, text: &str) -> &[usize] {
        self.0.get(text).map(Vec::as_slice).unwrap_or_default()
    }

    /// Those that an object's author wrote must be ready before it, in their order.
    pub(super) fn needs(&self, json: &Value) -> Vec<usize> {
        let mut needs: Vec<usize> = depends_on(json).into_iter().flat_map(|text| self.called(text)).copied().collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_found_by_either_of_its_names_and_once() {
        let id = |kind: &str, namespace: Option<&str>| ObjectId {
            group: "apps".into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: "web".into(),
        };
        let ids = [id("Deployment", None), id("Deployment", Some("shop")), id("StatefulSet", Some("shop"))];
        let names = Names::of(&ids);
        let needs =
            |text: &str| names.needs(&json!({"metadata": {"annotations": {"groundplan.dev/depends-on": text}}}));
        assert_eq!(
            needs("apps/StatefulSet shop/web, apps/namespaces/shop/Deployment/web, apps/Deployment shop/web"),
            [1, 2]
        );
        assert_eq!(needs("apps/Deployment web"), [0]);
        assert_eq!(needs("apps/Deployment/web"), [0]);
        assert_eq!(needs("apps/Deployment other/web"), [0; 0]);
    }
}
