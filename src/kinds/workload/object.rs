//! One object of a workload, and its name.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Place;

/// What names an object in a cluster, in whatever version it is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub(super) struct ObjectId {
    /// Empty for the core group.
    pub(super) group: String,
    pub(super) kind: String,
    /// None where the object belongs to the whole cluster, and before the scope of its kind is known.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

/// `apps/Deployment shop/web`, `Namespace shop`
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

impl ObjectId {
    /// Whether people call it so, in a workload whose objects live in `namespace` where they name none.
    pub(super) fn is_called(&self, item: &str, namespace: &str) -> bool {
        let namespaced = || ObjectId { namespace: Some(namespace.to_owned()), ..self.clone() };
        self.to_string() == item || (self.namespace.is_none() && namespaced().to_string() == item)
    }

    /// Whether this is one of Kubernetes' own kinds.
    pub(super) fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    pub(super) fn is_secret(&self) -> bool {
        self.is("", "Secret")
    }

    pub(super) fn is_crd(&self) -> bool {
        self.is("apiextensions.k8s.io", "CustomResourceDefinition")
    }
}

/// An object as it is declared, with every `${VALUE}` in its place.
///
/// It has no `Debug`: it may be a Secret.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) id: ObjectId,
    pub(super) version: String,
    pub(super) json: Value,
    /// Where it is declared.
    pub(super) place: Place,
}

impl Object {
    pub(super) fn api_version(&self) -> String {
        match self.id.group.is_empty() {
            true => self.version.clone(),
            false => format!("{}/{}", self.id.group, self.version),
        }
    }
}

/// `apps/v1` is the group `apps` and the version `v1`; `v1` is of the core group.
pub(super) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_as_people_name_it() {
        let id = |group: &str, kind: &str, namespace: Option<&str>| ObjectId {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: "web".into(),
        };
        assert_eq!(id("apps", "Deployment", Some("shop")).to_string(), "apps/Deployment shop/web");
        assert_eq!(id("", "Namespace", None).to_string(), "Namespace web");
    }
}
