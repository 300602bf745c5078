//! CreateChangeSet without the capability that its template asks for: refused, as the service does.

use axum::http::StatusCode;

use super::answer::Answer;
use super::supplied::Asked;

pub(super) fn answer(asked: Asked<'_>) -> Option<Answer> {
    let form = &asked.call.form;
    let makes_identities = form.get("TemplateBody").is_some_and(|body| body.contains("AWS::IAM::"));
    let given = (1..10).filter_map(|number| form.get(&format!("Capabilities.member.{number}")));
    let is_given = given.into_iter().any(|word| matches!(word, "CAPABILITY_IAM" | "CAPABILITY_NAMED_IAM"));
    if asked.call.action != "CreateChangeSet" || !makes_identities || is_given {
        return None;
    }
    let said = "Requires capabilities : [CAPABILITY_IAM]";
    let status = StatusCode::BAD_REQUEST;
    Some(Answer::error(asked.call.protocol, status, "InsufficientCapabilitiesException", said))
}
