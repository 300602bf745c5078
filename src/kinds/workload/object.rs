//! One object of a workload, and its name.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Place;

/// What names an object in a cluster, in whatever version it is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ObjectId {
    /// Empty for the core group.
    pub group: String,
    pub kind: String,
    /// None where the object belongs to the whole cluster, and before the scope of its kind is known.
    pub namespace: Option<String>,
    pub name: String,
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
    /// Whether this is one of Kubernetes' own kinds.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    pub fn is_secret(&self) -> bool {
        self.is("", "Secret")
    }

    pub fn is_crd(&self) -> bool {
        self.is("apiextensions.k8s.io", "CustomResourceDefinition")
    }

    pub fn is_namespace(&self) -> bool {
        self.is("", "Namespace")
    }
}

/// An object as it is declared, with every `${VALUE}` in its place.
///
/// It has no `Debug`: it may be a Secret.
#[derive(Clone)]
pub struct Object {
    pub id: ObjectId,
    pub version: String,
    pub json: Value,
    /// Where it is declared.
    pub place: Place,
}

impl Object {
    pub fn api_version(&self) -> String {
        match self.id.group.is_empty() {
            true => self.version.clone(),
            false => format!("{}/{}", self.id.group, self.version),
        }
    }
}

/// `apps/v1` is the group `apps` and the version `v1`; `v1` is of the core group.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
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
