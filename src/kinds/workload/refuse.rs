//! What a server refused, read for what it means: who denied it, which field cannot be changed.

use serde_json::Value;

/// The admission webhook or policy that stood in the way, as the server names it.
pub(super) fn denied_by(said: &str) -> Option<String> {
    let between = |before: &str, after: char| {
        let (_, rest) = said.split_once(before)?;
        rest.split_once(after).map(|(name, _)| name.to_owned())
    };
    between("admission webhook \"", '"')
        .map(|name| format!("admission webhook `{name}`"))
        .or_else(|| between("ValidatingAdmissionPolicy '", '\'').map(|name| format!("admission policy `{name}`")))
        .or_else(|| between("MutatingAdmissionPolicy '", '\'').map(|name| format!("admission policy `{name}`")))
}

/// The admission webhook that could not be asked.
pub(super) fn unreachable_webhook(said: &str) -> Option<&str> {
    let calling = said.split_once("failed calling webhook \"").and_then(|(_, rest)| rest.split_once('"'));
    let converting = || said.split_once("conversion webhook for ").and_then(|(_, rest)| rest.split_once(" failed: "));
    calling.or_else(converting).map(|(name, _)| name)
}

/// The fields of a refused change that cannot be changed once the object is there.
///
/// Told by the server's words for each cause, never by the status alone: a 409 or 422 has many
/// reasons, and who took them all for this one deleted people's data.
pub(super) fn immutable_fields(status: &Value) -> Vec<&str> {
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    let cannot_change = |text: &str| {
        ["immutable", "may not change once set", "cannot change roleRef", "updates to statefulset spec"]
            .iter()
            .any(|words| text.contains(words))
    };
    let mut fields: Vec<&str> = causes
        .filter(|cause| cause["message"].as_str().is_some_and(cannot_change))
        .filter_map(|cause| cause["field"].as_str())
        .collect();
    fields.dedup();
    fields
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_denial_is_told_with_the_name_of_who_denied() {
        let webhook = "admission webhook \"no.acme.io\" denied the request: not on a Friday";
        assert_eq!(denied_by(webhook).as_deref(), Some("admission webhook `no.acme.io`"));
        let policy = "ValidatingAdmissionPolicy 'small' with binding 'all' denied request: too many";
        assert_eq!(denied_by(policy).as_deref(), Some("admission policy `small`"));
        assert_eq!(denied_by("configmaps is forbidden: User \"x\" cannot create"), None);
        let down = "Internal error occurred: failed calling webhook \"no.acme.io\": connection refused";
        assert_eq!(unreachable_webhook(down), Some("no.acme.io"));
        let down = "conversion webhook for acme.io/v1, Kind=Widget failed: Post \"https://…\": connection refused";
        assert_eq!(unreachable_webhook(down), Some("acme.io/v1, Kind=Widget"));
    }

    #[test]
    fn only_causes_that_say_so_are_immutable_fields() {
        let status = |message: &str| json!({"details": {"causes": [{"field": "spec.selector", "message": message}]}});
        assert_eq!(immutable_fields(&status("Invalid value: {}: field is immutable")), ["spec.selector"]);
        assert_eq!(immutable_fields(&status("Invalid value: \"x\": must be positive")), Vec::<&str>::new());
        assert_eq!(immutable_fields(&json!({"message": "immutable"})), Vec::<&str>::new());
    }
}
