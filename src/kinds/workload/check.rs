//! What is wrong with the manifests of a workload whatever its values are, told offline.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::claims::{self, Claims};
use super::depends;
use super::hooks;
use super::manifest::Manifest;
use super::mark::Mark;
use super::object::Object;
use super::policy;
use super::render::render;
use super::sources::Source;
use super::substitute::Values;
use super::wanted::Wanted;
use crate::problem::{Problem, Problems};
use crate::yaml::Node;

/// What a workload comes to, as far as that can be said offline.
pub(super) struct Checked {
    pub(super) claims: Claims,
    /// None where something is wrong with it.
    pub(super) wanted: Option<Wanted>,
}

/// Renders once with stand-ins, so that what is wrong whatever the values are is said offline.
pub(super) fn check_manifests(
    manifests: &[Manifest],
    values: &BTreeMap<String, Source>,
    (mark, namespace): (&Mark, &str),
    node: Option<&Node>,
    problems: &mut Problems,
) -> Checked {
    let stand_in = |(name, source): (&String, &Source)| {
        let value = match source {
            Source::Text(text) => text.clone(),
            // Two values must not make two names look the same, here or in another workload.
            Source::Output(_) | Source::Ssm { .. } => {
                format!("value-of-{}-{}", name.to_lowercase().replace('_', "-"), mark.label())
            }
        };
        (name.clone(), value)
    };
    let values: Values = values.iter().map(stand_in).collect();
    let rendered = render(manifests, &values, &BTreeSet::new());
    let is_whole = rendered.problems.is_empty();
    rendered.problems.into_iter().for_each(|problem| problems.error(problem));
    let unused: BTreeSet<&String> = values.keys().filter(|name| !rendered.used.contains(*name)).collect();
    for (key, _) in node.and_then(|node| node.get("values")).into_iter().flat_map(Node::entries) {
        if let Some(name) = key.text().filter(|name| unused.iter().any(|unused| unused == name)) {
            problems.warn(key.problem(format!("no manifest uses `${{{name}}}`")).hint("remove it, or use it"));
        }
    }
    rendered.objects.iter().flat_map(policy::misspelt).for_each(|problem| problems.error(problem));
    warn_of_scaled_replicas(&rendered.objects, problems);
    rendered.objects.iter().filter_map(too_large).for_each(|problem| problems.error(problem));
    let claim = |object: &Object| (claims::claimed(&object.id, namespace), object.place.clone());
    let claims = rendered.objects.iter().map(claim).collect();
    let (objects, hooks) = hooks::split(rendered.objects, &mut problems.warnings);
    depends::check(&objects, &hooks, namespace).into_iter().for_each(|problem| problems.error(problem));
    Checked { claims, wanted: is_whole.then_some(Wanted { objects, hooks }) }
}

/// What the API server would refuse for its size, told before anything else of the workload is sent.
fn too_large(object: &Object) -> Option<Problem> {
    /// Of all values of a ConfigMap or a Secret.
    const MOST_DATA: usize = 1024 * 1024;
    /// What etcd takes of one object, as it is started everywhere.
    const MOST_BYTES: usize = 1536 * 1024;
    let holds_data = object.id.is("", "ConfigMap") || object.id.is_secret();
    let texts = object.json["data"].as_object().into_iter().flat_map(|data| data.values());
    let data: usize = texts.filter_map(|value| value.as_str()).map(str::len).sum();
    // The values of a Secret are counted as they are, and written with four letters for three bytes.
    let data = if object.id.is_secret() { data / 4 * 3 } else { data };
    let (bytes, most) = match holds_data && data > MOST_DATA {
        true => (data, MOST_DATA),
        false if at_most(&object.json) <= MOST_BYTES => return None,
        false => (object.json.to_string().len(), MOST_BYTES),
    };
    let problem =
        Problem::new(object.place.clone(), format!("`{}` has {bytes} bytes, and a cluster takes {most}", object.id));
    (bytes > most).then(|| problem.hint("split it, or keep the data elsewhere and name it here"))
}

/// More bytes than a value can take as JSON: hardly any object has to be written out to be measured.
fn at_most(value: &Value) -> usize {
    /// The longest escape stands for one byte.
    const ESCAPED: usize = 6;
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 32,
        Value::String(text) => text.len() * ESCAPED + 2,
        Value::Array(items) => items.iter().map(|item| at_most(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => {
            map.iter().map(|(key, value)| key.len() * ESCAPED + at_most(value) + 4).sum::<usize>() + 2
        }
    }
}

fn warn_of_scaled_replicas(objects: &[Object], problems: &mut Problems) {
    for scaler in objects.iter().filter(|object| object.id.is("autoscaling", "HorizontalPodAutoscaler")) {
        let target = &scaler.json["spec"]["scaleTargetRef"];
        let declares = |object: &&Object| {
            target["kind"] == object.id.kind.as_str()
                && target["name"] == object.id.name.as_str()
                && object.id.namespace == scaler.id.namespace
                && !object.json["spec"]["replicas"].is_null()
        };
        if let Some(object) = objects.iter().find(declares) {
            problems.warn(
                Problem::new(object.place.clone(), format!("`{}` says how many replicas it has, and `{}` scales it", object.id, scaler.id))
                    .hint("the number is used once, at its creation; leave `replicas` out before the first apply to avoid even that"),
            );
        }
    }
}
