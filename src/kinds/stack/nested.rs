//! The change sets of nested stacks, told with their parent's.
//!
//! A parent's change set says of a nested stack that it changes, and not what inside of it does.

use super::changes::Changed;
use super::changeset;
use super::realm::Realm;
use crate::unit::{Effect, KindError};

/// Stacks are nested no deeper than anybody would look.
const DEEPEST: usize = 6;

/// The changes of a change set with those of the nested ones in their places, each named by the way to it.
pub(super) async fn spread(realm: &Realm, changes: Vec<Changed>) -> Result<Vec<Changed>, KindError> {
    Box::pin(below(realm, changes, "", DEEPEST)).await
}

async fn below(realm: &Realm, changes: Vec<Changed>, path: &str, depth: usize) -> Result<Vec<Changed>, KindError> {
    let mut all = Vec::new();
    for changed in changes {
        let logical_id = format!("{path}{}", changed.logical_id);
        let inside = match changed.nested.as_deref().filter(|_| depth > 0) {
            Some(id) => {
                let inner = Box::pin(changeset::changes_of(realm, id)).await?;
                Some(Box::pin(below(realm, inner, &format!("{logical_id}/"), depth - 1)).await?)
            }
            None => None,
        };
        all.extend(in_place_of(Changed { logical_id, ..changed }, inside));
    }
    Ok(all)
}

/// A nested stack that merely may change is what it holds; one that goes or is replaced is told itself.
fn in_place_of(nested: Changed, inside: Option<Vec<Changed>>) -> Vec<Changed> {
    match (inside, nested.effect()) {
        (None, _) => vec![nested],
        (Some(inside), Effect::InPlace | Effect::MayReplace) => inside,
        (Some(inside), Effect::Create | Effect::Replace | Effect::Delete) => {
            std::iter::once(nested).chain(inside).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_stack_is_told_by_what_changes_inside_and_by_itself_where_it_goes() {
        let changed = |logical_id: &str, action: &str, replacement: &str| Changed {
            logical_id: logical_id.into(),
            action: action.into(),
            replacement: Some(replacement.into()),
            ..Changed::default()
        };
        let names = |seen: Vec<Changed>| seen.into_iter().map(|changed| changed.logical_id).collect::<Vec<_>>();
        let inside = || Some(vec![changed("Inner/Queue", "Modify", "False")]);
        assert_eq!(names(in_place_of(changed("Inner", "Modify", "False"), inside())), ["Inner/Queue"]);
        assert_eq!(names(in_place_of(changed("Inner", "Modify", "False"), Some(Vec::new()))), [""; 0]);
        assert_eq!(names(in_place_of(changed("Inner", "Modify", "False"), None)), ["Inner"]);
        assert_eq!(names(in_place_of(changed("Inner", "Modify", "True"), inside())), ["Inner", "Inner/Queue"]);
        assert_eq!(names(in_place_of(changed("Inner", "Remove", "False"), None)), ["Inner"]);
    }
}
