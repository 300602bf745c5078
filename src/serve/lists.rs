//! Which new cases have a message of their own, and which stand in a list.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::digest;
use crate::cases::{Case, CaseState, Risk};
use crate::store::{Notice, Step};

/// More new cases than this in one run are told in one list.
const MOST_NEW: usize = 10;

/// Leaves the first new cases their own messages, the riskiest first; the others, what is of low risk, and all that
/// was there before anyone looked stand in lists.
pub(super) fn quieten(
    steps: &mut [Step],
    environment: &str,
    alerts: Option<&str>,
    baseline: bool,
    now: Timestamp,
) -> Vec<Notice> {
    let mut new: Vec<_> = steps.iter_mut().filter(|step| step.before.is_none()).collect();
    new.sort_by_key(|step| std::cmp::Reverse(step.case.weight.risk));
    let mut lists: BTreeMap<List, Vec<String>> = BTreeMap::new();
    for (at, step) in new.into_iter().enumerate() {
        let list = match step.case.weight.risk {
            _ if baseline => List::Baseline,
            Risk::Low => List::Low,
            Risk::Medium | Risk::Risky if at < MOST_NEW => continue,
            Risk::Medium | Risk::Risky => List::More,
        };
        (step.case.quiet, step.tell) = (true, false);
        lists.entry(list).or_default().push(line(&step.case));
    }
    let notice = |(list, lines): (List, Vec<String>)| Notice {
        name: list.name(environment, now),
        alerts: alerts.map(str::to_owned),
        text: format!(
            "{} `groundplan case list` shows them all.\n• {}",
            list.title(environment, lines.len()),
            lines.join("\n• ")
        ),
    };
    lists.into_iter().map(notice).collect()
}

/// Why cases stand in a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum List {
    Baseline,
    /// Words for people were changed: nobody is called for that.
    Low,
    More,
}

impl List {
    fn name(self, environment: &str, now: Timestamp) -> String {
        match self {
            List::Baseline => format!("baseline:{environment}"),
            List::Low => format!("low:{environment}:{}", now.as_millisecond()),
            List::More => format!("digest:{environment}:{}", now.as_millisecond()),
        }
    }

    fn title(self, environment: &str, count: usize) -> String {
        let cases = digest::count(count);
        match self {
            List::Baseline => format!(
                "First look at {environment}: {count} drifted before anyone looked. Nothing is asked of anyone."
            ),
            List::Low => format!("Drift in {environment}: {cases} of low risk, in tags and descriptions only."),
            List::More => {
                let more = cases.replacen(' ', " more ", 1);
                format!("Drift in {environment}: {more}, beside those that have a message of their own.")
            }
        }
    }
}

/// A case as a line of a list, within one environment.
pub(super) fn line(case: &Case) -> String {
    let units: Vec<_> = case.units.iter().map(|unit| unit.id.as_str()).collect();
    let risky = if case.weight.risk == Risk::Risky { ", risky" } else { "" };
    let state = if case.state == CaseState::Open { String::new() } else { format!(", {}", case.state.word()) };
    format!("{} {}: {} changes{risky}{state}", case.id, units.join(", "), case.differences().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Weight, open_case};

    fn new(risk: Risk) -> Step {
        Step {
            before: None,
            tell: true,
            audit: None,
            case: Case { weight: Weight { risk, why: Vec::new() }, ..open_case() },
        }
    }

    fn texts(steps: &mut [Step], baseline: bool) -> Vec<String> {
        let notices = quieten(steps, "production", None, baseline, Timestamp::UNIX_EPOCH);
        notices.into_iter().map(|notice| notice.text.lines().next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn nobody_is_called_for_tags_and_descriptions() {
        let mut steps = [new(Risk::Low), new(Risk::Medium), new(Risk::Low), new(Risk::Risky)];
        let said = texts(&mut steps, false);
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("Drift in production: 2 cases of low risk"), "{said:?}");
        let told: Vec<_> = steps.iter().map(|step| (step.tell, step.case.quiet)).collect();
        assert_eq!(told, [(false, true), (true, false), (false, true), (true, false)]);
    }

    #[test]
    fn ten_have_a_message_and_the_others_are_one_list() {
        let mut steps: Vec<_> = (0..13).map(|at| new(if at == 12 { Risk::Risky } else { Risk::Medium })).collect();
        let said = texts(&mut steps, false);
        assert!(said.len() == 1 && said[0].starts_with("Drift in production: 3 more cases, beside"), "{said:?}");
        assert!(steps[12].tell, "the riskiest has one");
    }

    #[test]
    fn what_was_there_before_anyone_looked_is_one_list_however_risky() {
        let mut steps = [new(Risk::Risky), new(Risk::Low), Step { before: Some(1), ..new(Risk::Medium) }];
        let said = texts(&mut steps, true);
        assert!(said.len() == 1 && said[0].starts_with("First look at production: 2 drifted"), "{said:?}");
        assert!(steps[2].tell, "a case that people know of is no news of a first look");
    }
}
