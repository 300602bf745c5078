//! Rules, kept in Git, for differences that are known.

use schemars::JsonSchema;
use serde::Serialize;

use crate::declaration::IgnoreRule;
use crate::unit::{Difference, UnitId};

/// The day by which a rule's end is judged.
pub type Today = jiff::civil::Date;

/// A difference that a rule took out, and the rule's reason.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct Ignored {
    pub difference: Difference,
    pub reason: String,
    /// The rule's last day.
    pub until: Option<String>,
}

/// Takes out what a rule that still counts covers.
pub(super) fn split(
    unit: &UnitId,
    differences: Vec<Difference>,
    rules: &[IgnoreRule],
    today: Today,
) -> (Vec<Difference>, Vec<Ignored>) {
    let (mut kept, mut ignored) = (Vec::new(), Vec::new());
    for difference in differences {
        match rules.iter().find(|rule| covers(rule, unit, &difference, today)) {
            Some(rule) => ignored.push(Ignored {
                difference,
                reason: rule.reason.clone(),
                until: rule.until.map(|day| day.to_string()),
            }),
            None => kept.push(difference),
        }
    }
    (kept, ignored)
}

/// Covered is the path itself and all below it, not one that only begins with the same letters.
fn covers(rule: &IgnoreRule, unit: &UnitId, difference: &Difference, today: Today) -> bool {
    let below = difference.path.strip_prefix(rule.path.as_str());
    let path =
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.', '[']) || rule.path.ends_with('/'));
    unit.ends_with(&rule.unit.value) && path && rule.until.is_none_or(|last| today <= last)
}
