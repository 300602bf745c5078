//! The way out of a status that nobody but a person may leave: what happened, and the exact next
//! command.
//!
//! Nothing here acts. A stack in any of these statuses holds real resources, and what would free it
//! may also lose them.

use super::events::Event;
use super::explain::{self, Cause};
use super::live::Live;
use super::realm::Realm;
use super::status::{Standing, Status};
use super::template::Template;
use super::veil::Veil;
use crate::unit::KindError;

/// Why a stack is left alone, and the exact next command.
pub(super) async fn hands_off(realm: &Realm, live: &Live, veil: &Veil, template: Option<&Template>) -> KindError {
    let events = super::events::of_last_operation(realm, &live.id).await.unwrap_or_default();
    let mut told = Vec::new();
    for event in blockers(live, &events) {
        let cause = explain::root(realm, std::slice::from_ref(event)).await;
        told.push(cause.unwrap_or_else(|| Cause { inside: Vec::new(), event: event.clone() }));
    }
    let advice = advice(live, &events, &told);
    let told: String = told.iter().map(|cause| format!("; {}", explain::sentence(cause, veil, template))).collect();
    let said = format!("the stack `{}` is in {}: {}{told}", live.name, live.status.as_str(), advice.why);
    KindError::refused(said).hint(match advice.verb {
        Some(verb) => {
            let Advice { options, word, .. } = &advice;
            format!("aws cloudformation {verb} --stack-name {} --region {}{options}{word}", live.name, realm.region)
        }
        None => "look at it in the console; this program leaves it alone".to_owned(),
    })
}

/// What to say of a status, and what to type.
#[derive(PartialEq, Debug, Default)]
struct Advice {
    why: &'static str,
    verb: Option<&'static str>,
    /// After the stack's name, with a space before it.
    options: String,
    /// What there is to know of it, with a space before it.
    word: String,
}

/// The resources that stand in the way, each once.
fn blockers<'e>(live: &Live, events: &'e [Event]) -> Vec<&'e Event> {
    let began = |event: &Event| match live.status {
        Status::UpdateRollbackFailed => event.is_of_stack && event.status == "UPDATE_ROLLBACK_IN_PROGRESS",
        Status::RollbackFailed => event.is_of_stack && event.status == "ROLLBACK_IN_PROGRESS",
        _ => false,
    };
    let from = events.iter().rposition(began).map_or(0, |index| index + 1);
    let mut found: Vec<&Event> = Vec::new();
    for event in &events[from..] {
        let failed = event.status.ends_with("_FAILED") && !event.is_of_stack && !event.was_cancelled();
        if failed && !found.iter().any(|known| known.logical_id == event.logical_id) {
            found.push(event);
        }
    }
    found
}

fn advice(live: &Live, events: &[Event], blockers: &[Cause]) -> Advice {
    let mut advice = match live.status.standing() {
        Standing::HandsOff { why, command } => Advice { why, verb: command, ..Advice::default() },
        Standing::Absent | Standing::Review | Standing::Ready | Standing::NeverCreated | Standing::Busy => {
            Advice { why: "it is not to be touched", ..Advice::default() }
        }
    };
    if blockers.is_empty() {
        return advice;
    }
    let tries = events.iter().filter(|event| event.is_of_stack && event.status == "UPDATE_ROLLBACK_FAILED").count();
    match live.status {
        // Once without skipping anything: what stood in the way may be gone.
        Status::UpdateRollbackFailed if tries < 2 => {}
        Status::UpdateRollbackFailed => {
            let names: Vec<String> = blockers.iter().map(skipped).collect();
            advice.options = format!(" --resources-to-skip {}", names.join(" "));
            advice.word = " (they then are not what the template says: look for drift afterwards)".to_owned();
        }
        Status::DeleteFailed | Status::RollbackFailed => {
            let names: Vec<&str> = blockers.iter().map(outermost).collect();
            advice.word = format!(
                " (if that fails again, `--retain-resources {}` leaves them in the account without a stack)",
                names.join(" ")
            );
        }
        _ => {}
    }
    advice
}

fn outermost(cause: &Cause) -> &str {
    cause.inside.first().unwrap_or(&cause.event.logical_id)
}

/// As `--resources-to-skip` takes it: a nested resource after the name of its stack.
fn skipped(cause: &Cause) -> String {
    let nested = cause.event.id_of_stack.as_deref().and_then(|id| id.split('/').nth(1));
    match nested.filter(|_| !cause.inside.is_empty()) {
        Some(stack) => format!("{stack}.{}", cause.event.logical_id),
        None => cause.event.logical_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::tests::event;
    use super::super::live::tests::live;
    use super::*;

    fn causes(live: &Live, events: &[Event]) -> Vec<Cause> {
        blockers(live, events).into_iter().map(|event| Cause { inside: Vec::new(), event: event.clone() }).collect()
    }

    fn command(live: &Live, events: &[Event]) -> String {
        let Advice { verb, options, word, .. } = advice(live, events, &causes(live, events));
        format!("{}{options}{word}", verb.unwrap_or_default())
    }

    #[test]
    fn a_stuck_update_is_continued_once_without_skipping_and_never_deleted() {
        let stuck = live("app", "UPDATE_ROLLBACK_FAILED");
        let once = [
            event("stack", "UPDATE_IN_PROGRESS", None),
            event("Web", "UPDATE_FAILED", Some("the cause")),
            event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", None),
            event("Queue", "UPDATE_FAILED", Some("access denied")),
            event("Other", "UPDATE_FAILED", Some("Resource update cancelled")),
            event("stack", "UPDATE_ROLLBACK_FAILED", None),
        ];
        assert_eq!(command(&stuck, &once), "continue-update-rollback");
        let named: Vec<_> = causes(&stuck, &once).into_iter().map(|cause| cause.event.logical_id).collect();
        assert_eq!(named, ["Queue"], "what stops the rollback, not what began it");

        let twice: Vec<Event> = once.iter().chain(&once[2..]).cloned().collect();
        let said = command(&stuck, &twice);
        assert!(said.starts_with("continue-update-rollback --resources-to-skip Queue ("), "{said}");
    }

    #[test]
    fn a_nested_resource_is_skipped_by_the_name_of_its_stack() {
        let inner = Event {
            id_of_stack: Some("arn:aws:cloudformation:eu-west-1:111122223333:stack/app-Db-1A2B/9".into()),
            ..event("Table", "UPDATE_FAILED", None)
        };
        assert_eq!(skipped(&Cause { inside: vec!["Db".into()], event: inner }), "app-Db-1A2B.Table");
    }

    #[test]
    fn what_a_deletion_stopped_at_is_named_and_may_be_kept() {
        let failed = live("app", "DELETE_FAILED");
        let events = [
            event("stack", "DELETE_IN_PROGRESS", None),
            event("Data", "DELETE_FAILED", Some("not empty")),
            event("stack", "DELETE_FAILED", None),
        ];
        let said = command(&failed, &events);
        assert!(said.starts_with("delete-stack (") && said.contains("--retain-resources Data"), "{said}");
    }
}
