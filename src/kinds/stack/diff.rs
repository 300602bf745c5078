//! What differs between a stack as declared and as described, found without asking for a change set.

use std::collections::BTreeSet;

use super::live::Live;
use super::site::MARK;
use super::template::Template;
use super::wanted::{Wanted, value_of};
use crate::unit::{Cause, Difference, Effect, Shown};

/// What a cheap look says.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Quick {
    /// All that can be compared is equal.
    Equal,
    /// These differ; a change set tells what that does to the resources.
    Differs(Vec<Difference>),
    /// All that can be compared is equal, and something cannot be: only a change set can tell. A
    /// `NoEcho` parameter reads back masked, and a template in somebody's bucket is not read.
    Ask,
}

/// Compares parameters, tags and template. `deployed` is the template as it was sent, where it was read.
///
/// Capabilities and the role are how a change is made, not what the stack is.
pub(super) fn quick(wanted: &Wanted, template: Option<&Template>, live: &Live, sent: Sent) -> Quick {
    let Some(template) = template else { return Quick::Ask };
    let mut differences = Vec::new();
    differences.extend(parameters(wanted, template, live));
    differences.extend(tags(wanted, live));
    differences.extend(topics(wanted, live));
    if sent == Sent::Other {
        differences.push(whole("Template", Some("as deployed"), Some(&template.path)));
    }
    let masked =
        template.parameters.iter().any(|(name, declared)| declared.no_echo && wanted.parameters.contains_key(name));
    match (differences.is_empty(), masked) {
        (false, _) => Quick::Differs(differences),
        (true, true) => Quick::Ask,
        (true, false) => Quick::Equal,
    }
}

/// How the template to send compares with the one last sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    Same,
    Other,
}

fn parameters<'a>(wanted: &'a Wanted, template: &'a Template, live: &'a Live) -> impl Iterator<Item = Difference> + 'a {
    let gone = live.parameters.keys().filter(|name| !template.parameters.contains_key(*name));
    let names: BTreeSet<&String> = template.parameters.keys().chain(gone).collect();
    names.into_iter().filter_map(move |name| {
        if template.parameters.get(name).is_some_and(|declared| declared.no_echo) {
            return None;
        }
        let from = live.parameters.get(name).map(String::as_str);
        let to = value_of(wanted, template, name).filter(|_| template.parameters.contains_key(name));
        let path = format!("/{name}");
        let shown = |value: &str| wanted.veil.shown("Parameters", &path, value);
        (from != to).then(|| difference("Parameters", &path, from.map(shown), to.map(shown)))
    })
}

fn tags<'a>(wanted: &'a Wanted, live: &'a Live) -> impl Iterator<Item = Difference> + 'a {
    let names: BTreeSet<&String> = wanted.tags.keys().chain(live.tags.keys()).collect();
    names.into_iter().filter_map(move |name| {
        let (from, to) = (live.tags.get(name), wanted.tags.get(name));
        // Stacks that stackctl made carry no mark, and those whose file moved an older one. It comes with their next change: a tag of its own
        // would touch every resource of an adopted repository.
        let is_unmarked = name == MARK && from.is_none_or(|from| wanted.earlier.contains(from));
        if from == to || is_unmarked || name.starts_with("aws:") {
            return None;
        }
        let path = format!("/{name}");
        let shown = |value: &String| wanted.veil.shown("Tags", &path, value);
        Some(difference("Tags", &path, from.map(shown), to.map(shown)))
    })
}

fn topics(wanted: &Wanted, live: &Live) -> Option<Difference> {
    let topics = wanted.notifications.as_ref().filter(|topics| **topics != live.notifications)?;
    let shown = |topics: &BTreeSet<String>| {
        let all: Vec<&str> = topics.iter().map(String::as_str).collect();
        Some(Shown::text(if all.is_empty() { "none".to_owned() } else { all.join(", ") }))
    };
    Some(difference("Stack", "/NotificationArns", shown(&live.notifications), shown(topics)))
}

fn difference(item: &str, path: &str, from: Option<Shown>, to: Option<Shown>) -> Difference {
    Difference {
        item: item.to_owned(),
        path: path.to_owned(),
        from,
        to,
        cause: Cause::Declared,
        effect: Effect::InPlace,
        who: None,
    }
}

fn whole(item: &str, from: Option<&str>, to: Option<&str>) -> Difference {
    difference(item, "", from.map(Shown::text), to.map(Shown::text))
}

/// What a stack that is not there will hold, as far as its template says.
pub(super) fn creation(template: Option<&Template>) -> Vec<Difference> {
    let resources = template.into_iter().flat_map(Template::all_resources);
    let created = |(name, resource): (String, &super::template::Resource)| Difference {
        effect: Effect::Create,
        ..whole(&format!("{name} ({})", resource.r#type), None, Some(&resource.r#type))
    };
    resources.map(created).collect()
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
