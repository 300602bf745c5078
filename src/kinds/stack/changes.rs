//! What a change set would do, as plain data and as differences to show.

use aws_sdk_cloudformation::types::{AttributeChangeType, Change, ResourceChange};

use super::veil::Veil;
use crate::unit::{Cause, Difference, Effect, Shown};

/// One resource's change, with the words AWS uses.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Changed {
    pub(super) logical_id: String,
    pub(super) r#type: String,
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`, `SyncWithActual`.
    pub(super) action: String,
    /// `True`, `False`, `Conditional`.
    pub(super) replacement: Option<String>,
    /// `Delete`, `Retain`, `Snapshot`, `ReplaceAndDelete`, …
    pub(super) policy_action: Option<String>,
    pub(super) details: Vec<Detail>,
    /// The change set of a nested stack.
    pub(super) nested: Option<String>,
}

/// One property's change.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Detail {
    /// As `/Properties/VisibilityTimeout`.
    pub(super) path: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// It is there already: only what CloudFormation keeps of it changes.
    pub(super) is_synced: bool,
}

impl Changed {
    pub(super) fn of(change: Change) -> Option<Self> {
        let change = change.resource_change?;
        let details = details(&change);
        Some(Self {
            logical_id: change.logical_resource_id.unwrap_or_default(),
            r#type: change.resource_type.unwrap_or_default(),
            action: change.action.map(|action| action.as_str().to_owned()).unwrap_or_default(),
            replacement: change.replacement.map(|word| word.as_str().to_owned()),
            policy_action: change.policy_action.map(|word| word.as_str().to_owned()),
            nested: change.change_set_id,
            details,
        })
    }

    pub(super) fn effect(&self) -> Effect {
        match (self.action.as_str(), self.replacement.as_deref()) {
            ("Add" | "Import", _) => Effect::Create,
            ("Remove", _) => Effect::Delete,
            ("Modify", Some("False") | None) | ("SyncWithActual", _) => Effect::InPlace,
            ("Modify", Some("True")) => Effect::Replace,
            // `Conditional`, `Dynamic`, and whatever is newer than this program.
            _ => Effect::MayReplace,
        }
    }

    /// The paths that are there already as they are wanted; `/Properties` for a whole resource.
    pub(super) fn synced(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match (self.action.as_str(), self.details.is_empty()) {
            ("SyncWithActual", true) => Box::new(std::iter::once("/Properties")),
            ("SyncWithActual", false) => Box::new(self.details.iter().map(|detail| detail.path.as_str())),
            _ => Box::new(self.details.iter().filter(|detail| detail.is_synced).map(|detail| detail.path.as_str())),
        }
    }

    /// What of it is written to the world; none where nothing is.
    pub(super) fn written(&self) -> Option<Self> {
        let details: Vec<_> = self.details.iter().filter(|detail| !detail.is_synced).cloned().collect();
        let is_nothing = self.action == "SyncWithActual" || (details.is_empty() && !self.details.is_empty());
        (!is_nothing).then(|| Self { details, ..self.clone() })
    }

    /// Whether it does nothing that another change does not: as grave, and to the same paths.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let is_known = |detail: &Detail| other.details.iter().any(|known| known.path == detail.path);
        (&self.action, &self.replacement) == (&other.action, &other.replacement) && self.details.iter().all(is_known)
    }

    /// As differences; a resource without known properties is one of its own.
    pub(super) fn differences(&self, veil: &Veil) -> Vec<Difference> {
        let item = format!("{} ({})", self.logical_id, self.r#type);
        let effect = self.effect();
        let of = |path: &str, from, to| Difference {
            item: item.clone(),
            path: path.to_owned(),
            from,
            to,
            cause: Cause::Declared,
            effect,
            who: None,
        };
        let kind = || Some(Shown::text(&self.r#type));
        match effect {
            Effect::Create => vec![of("", None, kind())],
            Effect::Delete => {
                vec![of("", Some(self.retained().map_or_else(|| Shown::text(&self.r#type), Shown::text)), None)]
            }
            Effect::InPlace | Effect::MayReplace | Effect::Replace if self.details.is_empty() => {
                vec![of("", kind(), kind())]
            }
            Effect::InPlace | Effect::MayReplace | Effect::Replace => {
                let shown = |detail: &Detail, value: &Option<String>| {
                    value.as_ref().map(|value| veil.shown(&item, &detail.path, value))
                };
                let one = |detail: &Detail| match (&detail.before, &detail.after) {
                    // AWS does not tell the values of every type.
                    (None, None) => {
                        of(&detail.path, Some(Shown::text("as deployed")), Some(Shown::text("as declared")))
                    }
                    (before, after) => of(&detail.path, shown(detail, before), shown(detail, after)),
                };
                self.details.iter().map(one).collect()
            }
        }
    }

    fn retained(&self) -> Option<String> {
        match self.policy_action.as_deref() {
            Some("Retain") => Some(format!("{} (kept in the account, no longer in the stack)", self.r#type)),
            Some("Snapshot") => Some(format!("{} (a snapshot is taken)", self.r#type)),
            Some(_) | None => None,
        }
    }
}

/// Each property once: AWS lists one that several references cause several times.
fn details(change: &ResourceChange) -> Vec<Detail> {
    let mut details: Vec<Detail> = Vec::new();
    for detail in change.details() {
        let Some(target) = detail.target() else { continue };
        let attribute = target.attribute().map_or("Properties", |attribute| attribute.as_str());
        let path = match (target.path(), target.name()) {
            (Some(path), _) => path.to_owned(),
            (None, Some(name)) => format!("/{attribute}/{name}"),
            (None, None) => format!("/{attribute}"),
        };
        let new = Detail {
            path,
            before: target.before_value().map(str::to_owned),
            after: target.after_value().map(str::to_owned),
            is_synced: target.attribute_change_type() == Some(&AttributeChangeType::SyncWithActual),
        };
        match details.iter_mut().find(|known| known.path == new.path) {
            Some(known) => {
                known.before = known.before.take().or(new.before);
                known.after = known.after.take().or(new.after);
                known.is_synced &= new.is_synced;
            }
            None => details.push(new),
        }
    }
    details
}

/// What remains of a first look without values: some changes are missing from a look with them.
pub(super) fn merge(mut with_values: Vec<Changed>, without: Vec<Changed>) -> Vec<Changed> {
    for changed in without {
        if !with_values.iter().any(|known| known.logical_id == changed.logical_id) {
            with_values.push(changed);
        }
    }
    with_values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(action: &str, replacement: Option<&str>) -> Changed {
        Changed {
            logical_id: "Jobs".into(),
            r#type: "AWS::SQS::Queue".into(),
            action: action.into(),
            replacement: replacement.map(str::to_owned),
            ..Changed::default()
        }
    }

    #[test]
    fn what_a_change_does_is_read_from_its_words() {
        let table = [
            ("Add", None, Effect::Create),
            ("Import", None, Effect::Create),
            ("Remove", None, Effect::Delete),
            ("Modify", Some("False"), Effect::InPlace),
            ("Modify", None, Effect::InPlace),
            ("Modify", Some("True"), Effect::Replace),
            ("Modify", Some("Conditional"), Effect::MayReplace),
            ("Dynamic", None, Effect::MayReplace),
            ("SomethingNew", None, Effect::MayReplace),
        ];
        for (action, replacement, effect) in table {
            assert_eq!(changed(action, replacement).effect(), effect, "{action} {replacement:?}");
        }
    }

    #[test]
    fn each_property_is_a_difference_and_a_secret_one_is_hidden() {
        let detail = |path: &str| Detail {
            path: path.into(),
            before: Some("a".into()),
            after: Some("b".into()),
            ..Detail::default()
        };
        let change = Changed {
            details: vec![detail("/Properties/QueueName"), detail("/Properties/Password")],
            ..changed("Modify", Some("True"))
        };
        let seen = change.differences(&Veil::default());
        assert_eq!((seen[0].item.as_str(), seen[0].path.as_str()), ("Jobs (AWS::SQS::Queue)", "/Properties/QueueName"));
        assert_eq!((&seen[0].from, seen[0].effect), (&Some(Shown::text("a")), Effect::Replace));
        assert!(matches!((&seen[1].from, &seen[1].to), (Some(Shown::Hidden(_)), Some(Shown::Hidden(_)))));
    }
}
