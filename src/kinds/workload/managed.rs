//! `managedFields`: who holds which field of a live object.
//!
//! Decoded as borrowed slices: in a list of a thousand Deployments these entries are nearly half of
//! the bytes, and almost all of them are only hashed.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::unit::Who;

/// One manager's entry.
#[derive(Clone, Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    #[serde(borrow, default)]
    pub(super) manager: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) operation: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) subresource: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "fieldsV1")]
    pub(super) fields: Option<&'a RawValue>,
}

/// The part of a live object that every look needs.
#[derive(Deserialize, Debug)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) metadata: Metadata<'a>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow, default)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) uid: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) resource_version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) deletion_timestamp: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) managed_fields: Vec<Entry<'a>>,
}

impl<'a> Head<'a> {
    /// The entry of our own server-side apply.
    pub(super) fn ours(&self, field_manager: &str) -> Option<&Entry<'a>> {
        self.metadata.managed_fields.iter().find(|entry| entry.is_ours(field_manager))
    }
}

impl Entry<'_> {
    pub(super) fn is_ours(&self, field_manager: &str) -> bool {
        self.manager == field_manager && self.operation == "Apply" && self.subresource.is_none()
    }

    /// Whether somebody wrote beside us, and not a part of the cluster that fills in what is its own.
    pub(super) fn is_foreign(&self, field_manager: &str) -> bool {
        !self.is_ours(field_manager) && self.subresource.is_none() && !is_known_controller(&self.manager)
    }

    /// Kubernetes' own controllers write the scale that an autoscaler decided on through this door.
    pub(super) fn is_autoscaler(&self) -> bool {
        self.subresource.as_deref() == Some("scale") && is_known_controller(&self.manager)
    }

    pub(super) fn who(&self) -> Who {
        Who::manager(self.manager.as_ref(), self.operation.as_ref(), self.time.as_deref().map(str::to_owned))
    }

    /// The fields as a tree; empty where there are none.
    pub(super) fn tree(&self) -> Value {
        self.fields.and_then(|fields| serde_json::from_str(fields.get()).ok()).unwrap_or(Value::Null)
    }
}

fn is_known_controller(manager: &str) -> bool {
    const KNOWN: &[&str] = &[
        "kube-controller-manager",
        "kube-scheduler",
        "kube-apiserver",
        "kubelet",
        "kube-proxy",
        "kwok",
        "k3s",
        "cloud-controller-manager",
        "aws-cloud-controller-manager",
        "eks",
        "vpcLambda",
        "service-lb-controller",
    ];
    KNOWN.contains(&manager)
}
