//! What is known of a stack that was never read in full: its resources by its template, and of which
//! types drift can be detected by the stacks that were.
//!
//! AWS leaves what it cannot check out of every answer, so that a stack is in sync with nothing checked.
//! Whoever goes by AWS' word for a stack must know what that word is about. The template that a stack was
//! deployed with names each resource, unless a macro, a condition or a nested stack has a say. And
//! whether a type can be checked is the same for every stack of an account and region: one full look
//! that had a verdict for each resource of a type proves it. A type that was checked here and not there
//! (a right is missing, a service was slow) proves nothing any more, and neither does anything in an
//! account and region where AWS called a stack in sync whose resources were not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::drift::{Detected, uncheckable};
use super::live::Live;
use super::status::Status;
use super::template::{NESTED, Template};
use crate::unit::Coverage;

/// Of which types drift can be detected in one account and region.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Types {
    seen: BTreeMap<String, Seen>,
    /// AWS' word for a stack was kinder than the truth.
    is_misled: bool,
}

/// What the full looks saw of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Seen {
    Always,
    Never,
    Sometimes,
}

impl Types {
    /// Takes in a full look.
    pub(super) fn learn(&mut self, detected: &Detected) {
        for (logical_id, r#type) in &detected.all {
            let found = detected.found.iter().find(|found| found.logical_id == *logical_id);
            let now = match found {
                Some(found) if found.is_checked() => Seen::Always,
                Some(found) if found.status == "NOT_CHECKED" => Seen::Never,
                // What could not be asked for says nothing of its type.
                Some(_) => Seen::Sometimes,
                None if detected.failed.is_some() => Seen::Sometimes,
                None => Seen::Never,
            };
            let seen = self.seen.entry(r#type.clone()).or_insert(now);
            if *seen != now {
                *seen = Seen::Sometimes;
            }
        }
    }

    /// AWS' word for a stack was not borne out by its resources.
    pub(super) fn mislead(&mut self) {
        self.is_misled = true;
    }

    /// What a detection covers of a stack that was deployed with this template; none where that is not
    /// surely known.
    pub(super) fn coverage(&self, live: &Live, template: &Template) -> Option<Coverage> {
        if self.is_misled || !is_told_by(live, template) {
            return None;
        }
        let mut coverage = Coverage { total: template.resources.len(), ..Coverage::default() };
        for (logical_id, resource) in &template.resources {
            match self.seen.get(&resource.r#type)? {
                Seen::Always => coverage.checked += 1,
                Seen::Never => coverage.unchecked.push(uncheckable(logical_id, &resource.r#type)),
                Seen::Sometimes => return None,
            }
        }
        Some(coverage)
    }
}

/// Whether the template names exactly what the stack holds.
pub(super) fn is_told_by(live: &Live, template: &Template) -> bool {
    let is_plain = |resource: &super::template::Resource| !resource.is_conditional && resource.r#type != NESTED;
    // A rollback may have given resources up.
    let is_whole = matches!(live.status, Status::CreateComplete | Status::UpdateComplete | Status::ImportComplete);
    is_whole && !template.is_transformed && template.resources.values().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::super::drift::Found;
    use super::super::live::tests::live;
    use super::*;

    fn template(resources: &str) -> Template {
        Template::parse("templates/a.yaml", format!("Resources:\n{resources}").as_bytes()).expect("a template")
    }

    fn detected(resources: &[(&str, &str, Option<&str>)]) -> Detected {
        let found = resources.iter().filter_map(|(id, r#type, status)| {
            let (logical_id, r#type) = ((*id).to_owned(), (*r#type).to_owned());
            status.map(|status| Found { logical_id, r#type, status: status.to_owned(), ..Found::default() })
        });
        let all = resources.iter().map(|(id, r#type, _)| ((*id).to_owned(), (*r#type).to_owned()));
        Detected { found: found.collect(), all: all.collect(), ..Detected::default() }
    }

    const JOBS: &str = "  Jobs: {Type: AWS::SQS::Queue}\n";
    const BOTH: &str = "  Jobs: {Type: AWS::SQS::Queue}\n  Wait: {Type: AWS::CloudFormation::WaitConditionHandle}\n";

    #[test]
    fn what_full_looks_proved_of_each_type_covers_a_stack_that_was_never_read() {
        let (stack, mut types) = (live("app", "CREATE_COMPLETE"), Types::default());
        assert_eq!(types.coverage(&stack, &template(JOBS)), None, "nothing is proven yet");
        types
            .learn(&detected(&[("A", "AWS::SQS::Queue", Some("IN_SYNC")), ("B", "AWS::SQS::Queue", Some("MODIFIED"))]));
        assert_eq!(types.coverage(&stack, &template(BOTH)), None, "one type is not");
        types.learn(&detected(&[("W", "AWS::CloudFormation::WaitConditionHandle", None)]));
        let coverage = types.coverage(&stack, &template(BOTH)).expect("both are proven");
        assert_eq!((coverage.checked, coverage.total), (1, 2));
        assert!(coverage.unchecked[0].starts_with("Wait ("), "what cannot be checked stays named");
    }

    #[test]
    fn nothing_covers_what_a_template_does_not_surely_tell() {
        let (stack, mut types) = (live("app", "CREATE_COMPLETE"), Types::default());
        types.learn(&detected(&[("A", "AWS::SQS::Queue", Some("IN_SYNC")), ("N", NESTED, Some("IN_SYNC"))]));
        for resources in [
            "  Jobs: {Type: AWS::SQS::Queue, Condition: IsThere}\n",
            "  Inner: {Type: AWS::CloudFormation::Stack}\n",
            "  Jobs: {Type: AWS::SQS::Queue}\nTransform: AWS::LanguageExtensions\n",
        ] {
            assert_eq!(types.coverage(&stack, &template(resources)), None, "{resources}");
        }
        assert_eq!(types.coverage(&live("app", "UPDATE_ROLLBACK_COMPLETE"), &template(JOBS)), None);
        assert!(types.coverage(&stack, &template(JOBS)).is_some());
    }

    #[test]
    fn a_type_that_could_not_be_checked_once_and_a_kind_word_prove_nothing_any_more() {
        let (stack, queue) = (live("app", "CREATE_COMPLETE"), "AWS::SQS::Queue");
        let proven = || {
            let mut types = Types::default();
            types.learn(&detected(&[("A", queue, Some("IN_SYNC"))]));
            types
        };
        let failed = Detected { failed: Some("denied".into()), ..detected(&[("A", queue, None)]) };
        for contradicting in [detected(&[("A", queue, Some("UNKNOWN"))]), detected(&[("A", queue, None)]), failed] {
            let mut types = proven();
            types.learn(&contradicting);
            types.learn(&detected(&[("A", queue, Some("IN_SYNC"))]));
            assert_eq!(types.coverage(&stack, &template(JOBS)), None, "{contradicting:?}");
        }
        let mut types = proven();
        types.mislead();
        assert_eq!(types.coverage(&stack, &template(JOBS)), None);
    }
}
