//! Rules that would take a case's differences out, written into `groundplan.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Zoned};
use serde_json::json;

use super::Service;
use super::propose::{GitChange, Wanted};
use super::source::Current;
use crate::cases::{Case, scrub};
use crate::declaration::IgnoreRule;
use crate::repo::Files;
use crate::unit::{Cause, UnitId};
use crate::yaml::{self, Edit, Value};

/// How long a rule counts where nobody says.
const USUAL: SignedDuration = SignedDuration::from_hours(24 * 90);
/// A rule must be looked at again some day.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 180);
const LONGEST_REASON: usize = 300;

/// A rule to be written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Rule {
    unit: String,
    path: String,
    reason: String,
    until: Date,
}

impl Service {
    /// The change that adds a rule for each difference of a case, or for those below a path.
    pub(super) fn ignoring(&self, current: &Current, case: &Case, wanted: &Wanted) -> Result<GitChange, String> {
        let today = Zoned::now().date();
        let rules = rules(case, wanted, &current.declaration.ignore, today)?;
        let name = match current.snapshot.file("groundplan.yml") {
            Some(_) => "groundplan.yml",
            None => "groundplan.yaml",
        };
        let mut bytes = current.snapshot.file(name).unwrap_or_default().to_vec();
        for rule in &rules {
            bytes = with_rule(name, &bytes, rule)?;
        }
        let files = BTreeMap::from([(name.to_owned(), bytes)]);
        let (after, problems) = self.engine.check(&current.snapshot.with_files(&files));
        let before = current.declaration.ignore.len();
        let is_it = after.ignore.len() == before + rules.len()
            && after.ignore[..before].iter().zip(&current.declaration.ignore).all(|(one, other)| is_same(one, other))
            && after.ignore[before..].iter().zip(&rules).all(|(written, rule)| rule.is(written));
        match (problems.errors.first(), is_it) {
            (None, true) => Ok(words(case, &rules, files)),
            (Some(problem), _) => Err(format!("with the rule, the repository would be invalid: {}", problem.message)),
            (None, false) => Err(format!("`{name}` is written in a way that a program cannot change safely")),
        }
    }
}

fn is_same(one: &IgnoreRule, other: &IgnoreRule) -> bool {
    (&one.unit.value, &one.path, &one.reason, one.until) == (&other.unit.value, &other.path, &other.reason, other.until)
}

/// The last day of a rule where nobody says another.
pub(super) fn usual_end(today: Date) -> Date {
    today.saturating_add(USUAL)
}

/// What is asked for, or why not.
fn rules(case: &Case, wanted: &Wanted, known: &[IgnoreRule], today: Date) -> Result<Vec<Rule>, String> {
    let reason = wanted.reason.as_deref().unwrap_or_default().trim();
    let until = wanted.until.unwrap_or_else(|| usual_end(today));
    if reason.is_empty() {
        return Err("a rule needs a reason: whoever meets it later wants to know why".to_owned());
    }
    if reason.chars().count() > LONGEST_REASON || scrub(reason) != reason {
        return Err(format!("the reason is longer than {LONGEST_REASON} letters, or holds what looks like a secret"));
    }
    if until < today || until > today.saturating_add(LONGEST) {
        return Err(format!("a rule ends between today and {}, not on {until}", today.saturating_add(LONGEST)));
    }
    let mut places: BTreeSet<(String, String)> = BTreeSet::new();
    for (unit, difference) in case.differences() {
        if difference.cause != Cause::Drifted {
            continue;
        }
        match (&wanted.path, difference.path.as_str()) {
            (Some(path), place) if is_below(place, path) => _ = places.insert((unit.to_string(), path.clone())),
            (Some(_), _) => {}
            (None, "") => {
                let said = "has no path of its own to ignore: sync it, or take it out of Git";
                return Err(format!("`{}` of `{unit}` {said}", difference.item));
            }
            (None, place) => _ = places.insert((unit.to_string(), place.to_owned())),
        }
    }
    if places.is_empty() {
        return Err(match &wanted.path {
            Some(path) => format!("no difference of this case is at `{path}` or below it"),
            None => "no difference of this case can be ignored".to_owned(),
        });
    }
    let counts = |rule: &&IgnoreRule| rule.until.is_none_or(|last| today <= last);
    if let Some((unit, path)) = places.iter().find(|(unit, path)| {
        known.iter().filter(counts).any(|rule| UnitId::new(unit).ends_with(&rule.unit.value) && rule.path == *path)
    }) {
        return Err(format!("a rule for `{path}` of `{unit}` is there already: `groundplan case recheck` sees it"));
    }
    let rule = |(unit, path): (String, String)| Rule { unit, path, reason: reason.to_owned(), until };
    Ok(places.into_iter().map(rule).collect())
}

/// Whether a path is at another one or below it; the empty path is above all, and names nothing.
pub(super) fn is_below(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    !above.is_empty()
        && path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.', '[']))
}

impl Rule {
    fn entry(&self) -> serde_json::Value {
        let Self { unit, path, reason, until } = self;
        json!({"unit": unit, "path": path, "reason": reason, "until": until.to_string()})
    }

    fn is(&self, written: &IgnoreRule) -> bool {
        (&self.unit, &self.path, &self.reason, Some(self.until))
            == (&written.unit.value, &written.path, &written.reason, written.until)
    }
}

/// The file with one more rule, and every other byte as it was.
fn with_rule(name: &str, bytes: &[u8], rule: &Rule) -> Result<Vec<u8>, String> {
    let told = |problem: crate::problem::Problem| {
        format!("{}:{}: {}", problem.place.file, problem.place.line, problem.message)
    };
    let first =
        |problems: Vec<crate::problem::Problem>| told(problems.into_iter().next().expect("a failure has a problem"));
    let documents = yaml::parse(name, bytes).map_err(first)?;
    let list = json!([rule.entry()]);
    let Some(root) = documents.first() else { return Ok(yaml::begun(bytes, "ignore", &list)) };
    let edit = match root.get("ignore") {
        None => Edit::key(root, "ignore", &list),
        Some(node) => match &node.value {
            Value::Sequence(_) => Edit::item(node, &rule.entry()),
            Value::Scalar(_) | Value::Mapping(_) => {
                return Err(format!("`ignore:` of `{name}` is no list: remove it, and ask again"));
            }
        },
    };
    edit.and_then(|edit| yaml::edited(name, bytes, &[edit])).map_err(told)
}

fn words(case: &Case, rules: &[Rule], files: Files) -> GitChange {
    let (environment, first) = (&case.environment, rules.first().expect("at least one rule is asked for"));
    let title = match rules.len() {
        1 => format!("ignore drift in {environment} at {}", first.path),
        count => format!("ignore drift in {environment} at {count} paths"),
    };
    let list: Vec<_> = rules.iter().map(|rule| format!("- `{}` of `{}`", rule.path, rule.unit)).collect();
    let body = format!(
        "Until {}, these are told as ignored and not as drift:\n\n{}\n\nReason: {}\n\nA rule takes out its path in every \
         item of its unit. Merging changes nothing live; the case ends when the rule is seen.",
        first.until,
        list.join("\n"),
        first.reason.lines().collect::<Vec<_>>().join(" "),
    );
    GitChange { title, body, files }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str) -> Rule {
        let until = "2027-02-19".parse().expect("a date");
        Rule { unit: "stacks/a".into(), path: path.into(), reason: "tuned: by hand".into(), until }
    }

    #[test]
    fn a_rule_is_added_and_the_rest_of_the_file_stays() {
        let added = |text: &str| with_rule("groundplan.yaml", text.as_bytes(), &rule("/P")).map(String::from_utf8);
        let lines = "  - unit: stacks/a\n    path: /P\n    reason: 'tuned: by hand'\n    until: '2027-02-19'\n";
        for (before, after) in [
            ("", format!("ignore:\n{lines}")),
            ("repository: shop # ours\n", format!("repository: shop # ours\nignore:\n{lines}")),
            ("ignore:\n  - unit: b # b\n", format!("ignore:\n  - unit: b # b\n{lines}")),
        ] {
            assert_eq!(added(before), Ok(Ok(after)), "{before}");
        }
        assert!(added("ignore: everything\n").is_err());
    }

    #[test]
    fn a_path_is_above_what_lies_below_it_and_not_above_a_longer_name() {
        for (path, above, is) in [
            ("/Properties/A", "/Properties/A", true),
            ("/Properties/A/0", "/Properties/A", true),
            ("/Properties/AB", "/Properties/A", false),
            ("spec.a[name=x].b", "spec.a", true),
            ("/Properties/A", "", false),
            ("/Properties/A", "/", false),
        ] {
            assert_eq!(is_below(path, above), is, "{path} {above}");
        }
    }
}
