//! Why an operation failed: the first failure, down to the nested stack and the line of the template.

use super::events::{self, Event};
use super::live::Live;
use super::realm::Realm;
use super::template::Template;
use super::veil::Veil;
use crate::unit::KindError;

/// Stacks are nested no deeper than anybody would look.
const DEEPEST: usize = 6;

/// Where it began.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Cause {
    /// The nested stacks on the way, by their logical ids, the outermost first.
    pub(super) inside: Vec<String>,
    pub(super) event: Event,
}

/// Follows a failure into the nested stack that it came from.
pub(super) async fn root(realm: &Realm, events: &[Event]) -> Option<Cause> {
    let mut cause = Cause { inside: Vec::new(), event: events::cause(events)?.clone() };
    while cause.inside.len() < DEEPEST
        && let Some(nested) = cause.event.nested()
    {
        // Where the nested stack cannot be asked, what its parent says of it is the best there is.
        let Ok(within) = events::of_last_operation(realm, nested).await else { break };
        let Some(event) = events::cause(&within).cloned() else { break };
        cause.inside.push(std::mem::replace(&mut cause.event, event).logical_id);
    }
    Some(cause)
}

/// The error of an operation that ended badly.
pub(super) async fn failed(
    realm: &Realm,
    live: &Live,
    events: &[Event],
    veil: &Veil,
    template: Option<&Template>,
) -> KindError {
    let (name, status) = (&live.name, live.status.as_str());
    KindError::failed(match root(realm, events).await {
        Some(cause) => format!("the stack `{name}` ended in {status}: {}", sentence(&cause, veil, template)),
        None => format!("the stack `{name}` ended in {status}, and its events do not say why"),
    })
}

/// What failed, where it is written, and what AWS says of it.
pub(super) fn sentence(cause: &Cause, veil: &Veil, template: Option<&Template>) -> String {
    let Cause { inside, event } = cause;
    let reason = event.reason.as_deref().map_or("AWS gives no reason".to_owned(), |reason| veil.sentence(reason));
    let path: Vec<&str> = inside.iter().chain([&event.logical_id]).map(String::as_str).collect();
    let place = template.and_then(|template| template.place_of(&path));
    let place = place.map(|place| format!(" ({}:{})", place.file, place.line)).unwrap_or_default();
    format!("`{}`, {}{place}: {reason}", path.join("/"), event.r#type)
}
