//! A stack as it is to be, every value at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudformation::operation::create_change_set::builders::CreateChangeSetFluentBuilder;
use aws_sdk_cloudformation::types::{Capability, Parameter, Tag};
use sha2::{Digest, Sha256};

use super::policy::Policy;
use super::template::Template;
use super::unit::Body;
use super::veil::Veil;
use crate::unit::Text;

/// Everything a change set is made from.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) body: Body,
    /// As declared; what is left to the template's defaults is not here.
    pub(super) parameters: BTreeMap<String, Text>,
    /// The whole set: CloudFormation replaces, it does not merge.
    pub(super) tags: BTreeMap<String, String>,
    /// Marks by which the stack may still be known: each names an older path of its file.
    pub(super) earlier: Vec<String>,
    pub(super) capabilities: Vec<String>,
    /// None leaves the protection as it is.
    pub(super) protection: Option<bool>,
    /// None leaves the policy as it is.
    pub(super) policy: Option<Policy>,
    /// None leaves the topics as they are.
    pub(super) notifications: Option<BTreeSet<String>>,
    /// None leaves the role that the stack already has.
    pub(super) role: Option<String>,
    /// How long the operation that brings it about is waited for.
    pub(super) longest: Duration,
    pub(super) veil: Veil,
}

/// The beginning of every change set's name and of every token of ours.
pub(super) const PREFIX: &str = "groundplan-";

impl Wanted {
    /// The name of the change set that brings this about.
    ///
    /// Secret values are no part of it: from a digest anyone may read, a short secret could be found
    /// by trying.
    pub(super) fn change_set_name(&self) -> String {
        let mut digest = Sha256::new();
        let mut add = |part: &str| {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        };
        add(&self.name);
        match &self.body {
            Body::Text(text) => add(text),
            Body::Url(url) => add(url),
        }
        for (name, value) in &self.parameters {
            add(name);
            add(if value.is_secret() { "" } else { value.expose() });
        }
        for (name, value) in &self.tags {
            add(name);
            add(value);
        }
        self.capabilities.iter().for_each(|capability| add(capability));
        // Not said and none are two wishes.
        add(if self.notifications.is_some() { "topics" } else { "" });
        self.notifications.iter().flatten().for_each(|topic| add(topic));
        format!("{PREFIX}{}", &hex::encode(digest.finalize())[..16])
    }

    /// Puts all of it into a change set, the template as it is to be sent.
    pub(super) fn fill(&self, body: &Body, call: CreateChangeSetFluentBuilder) -> CreateChangeSetFluentBuilder {
        let call = match body {
            Body::Text(text) => call.template_body(text),
            Body::Url(url) => call.template_url(url),
        };
        let parameter = |(name, value): (&String, &Text)| {
            Parameter::builder().parameter_key(name).parameter_value(value.expose()).build()
        };
        call.set_parameters(Some(self.parameters.iter().map(parameter).collect()))
            .set_tags(Some(tags(&self.tags)))
            .set_capabilities(capabilities(&self.capabilities))
            .set_notification_arns(self.notifications.as_ref().map(|topics| topics.iter().cloned().collect()))
            .set_role_arn(self.role.clone())
    }
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

pub(super) fn capabilities(words: &[String]) -> Option<Vec<Capability>> {
    (!words.is_empty()).then(|| words.iter().map(|word| Capability::from(word.as_str())).collect())
}

/// The value a parameter will have: as declared, or the template's default.
pub(super) fn value_of<'a>(wanted: &'a Wanted, template: &'a Template, name: &str) -> Option<&'a str> {
    match wanted.parameters.get(name) {
        Some(value) => Some(value.expose()),
        None => template.parameters.get(name)?.default.as_deref(),
    }
}
