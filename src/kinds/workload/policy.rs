//! What the author of one object says of how it is kept: in our words, and in those of Flux, Argo CD and Helm.

use serde_json::Value;

use super::object::Object;
use crate::problem::Problem;

/// Written on an object that is not always applied: `once`, `never`.
pub(super) const APPLY: &str = "groundplan.dev/apply";
/// Written on an object that stays when it is no longer declared: `never`.
pub(super) const PRUNE: &str = "groundplan.dev/prune";
/// Names of objects that must be ready first, as `apps/Deployment shop/web`, by commas.
pub(super) const DEPENDS_ON: &str = "groundplan.dev/depends-on";
/// Written on a Service or an Ingress that is ready only with its address: `address`.
pub(super) const WAIT_FOR: &str = "groundplan.dev/wait-for";

/// When an object is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    /// Kept as it is declared.
    Always,
    /// Made where it is missing; whatever it becomes afterwards is no drift.
    Once,
    /// Neither made nor changed.
    Never,
}

/// When this object is sent.
pub(super) fn sent(json: &Value) -> Sent {
    let says = |key: &str, value: &str| annotation(json, key) == Some(value);
    if says(APPLY, "never")
        || says("kustomize.toolkit.fluxcd.io/ssa", "Ignore")
        || says("kustomize.toolkit.fluxcd.io/reconcile", "disabled")
    {
        return Sent::Never;
    }
    match says(APPLY, "once") || says("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent") {
        true => Sent::Once,
        false => Sent::Always,
    }
}

/// Whether this object stays in the cluster when it is no longer declared.
pub(super) fn stays(json: &Value) -> bool {
    let says = |key: &str, value: &str| annotation(json, key) == Some(value);
    let options = annotation(json, "argocd.argoproj.io/sync-options").unwrap_or_default();
    says(PRUNE, "never")
        || says("kustomize.toolkit.fluxcd.io/prune", "disabled")
        || says("helm.sh/resource-policy", "keep")
        || options.split(',').any(|option| option.trim() == "Prune=false")
}

/// What an object waits for until it is ready, in our words or in those of kpt and kustomize.
pub(super) fn depends_on(json: &Value) -> Vec<&str> {
    let texts = [annotation(json, DEPENDS_ON), annotation(json, "config.kubernetes.io/depends-on")];
    texts
        .into_iter()
        .flatten()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect()
}

/// Words of ours that are none.
pub(super) fn misspelt(object: &Object) -> Vec<Problem> {
    let known: &[(&str, &[&str])] = &[(APPLY, &["once", "never"]), (PRUNE, &["never"]), (WAIT_FOR, &["address"])];
    let mut problems = Vec::new();
    for (key, words) in known {
        let Some(found) = annotation(&object.json, key).filter(|found| !words.contains(found)) else { continue };
        problems.push(
            Problem::new(object.place.clone(), format!("`{}`: `{key}: {found}` means nothing", object.id))
                .hint(format!("write `{}`, or leave it away", words.join("` or `"))),
        );
    }
    problems
}

pub(super) fn annotation<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json["metadata"]["annotations"][key].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(key: &str, value: &str) -> Value {
        json!({"metadata": {"annotations": {key: value}}})
    }

    #[test]
    fn the_words_of_other_tools_mean_here_what_they_mean_there() {
        for (key, value, seen) in [
            (APPLY, "once", Sent::Once),
            (APPLY, "never", Sent::Never),
            ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent", Sent::Once),
            ("kustomize.toolkit.fluxcd.io/ssa", "Ignore", Sent::Never),
            ("kustomize.toolkit.fluxcd.io/ssa", "Merge", Sent::Always),
            ("note", "once", Sent::Always),
        ] {
            assert_eq!(sent(&with(key, value)), seen, "{key}: {value}");
        }
        for (key, value, seen) in [
            (PRUNE, "never", true),
            ("kustomize.toolkit.fluxcd.io/prune", "disabled", true),
            ("helm.sh/resource-policy", "keep", true),
            ("argocd.argoproj.io/sync-options", "Validate=false, Prune=false", true),
            ("argocd.argoproj.io/sync-options", "Prune=true", false),
        ] {
            assert_eq!(stays(&with(key, value)), seen, "{key}: {value}");
        }
    }

    #[test]
    fn a_word_that_means_nothing_is_told() {
        let object = |value: &str| Object {
            id: Default::default(),
            version: "v1".into(),
            json: with(APPLY, value),
            place: Default::default(),
        };
        assert_eq!(misspelt(&object("once")).len(), 0);
        assert!(misspelt(&object("sometimes"))[0].message.contains("groundplan.dev/apply: sometimes"));
    }
}
