//! Who may do what with a case: one answer, whichever way the wish came.
//!
//! Denied by default. Rules count people, not clicks, and never let the author of a drift decide
//! about putting it back.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Action, Case, CaseState, Risk};
use crate::declaration::{AccessRule, AccessSettings, Hours, Outside};

/// The rules that count for one wish.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// From the environment's own branch.
    pub access: AccessSettings,
    /// From the operator: they decide where no rule names the environment.
    pub approvers: BTreeSet<String>,
    /// User groups that are named somewhere and could not be read: nobody is in them now.
    pub unread: BTreeSet<String>,
}

/// A wish.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub action: Action,
    /// As the transport proved it.
    pub who: &'a str,
    pub case: &'a Case,
    pub at: Timestamp,
    /// Whether they say that it cannot wait for the hours of a rule.
    pub breaks_glass: bool,
}

/// The answer, with the rule that gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    Allowed {
        rule: String,
    },
    /// Yes, once another one who may agrees.
    NeedsAnother {
        rule: String,
    },
    /// Not at this time, unless they say that it cannot wait; `hours` are those of the rule.
    Closed {
        rule: String,
        hours: String,
        why: String,
    },
    Denied {
        rule: String,
        why: String,
    },
}

const OPERATOR: &str = "the operator's approvers";

impl Policy {
    pub fn decide(&self, request: Request<'_>) -> Decision {
        let Request { action, who, case, at: now, breaks_glass } = request;
        let environment = case.environment.as_str();
        let of_here = |rule: &&AccessRule| rule.environment.as_deref().is_none_or(|name| name == environment);
        let rules: Vec<_> = self.access.rules.iter().enumerate().filter(|(_, rule)| of_here(rule)).collect();
        if action == Action::Sync && self.is_author(who, case) {
            let why = "You seem to have made this change yourself: somebody else has to decide about it.".to_owned();
            return Decision::Denied { rule: "not the author of the drift".to_owned(), why };
        }
        if rules.is_empty() {
            return self.by_operator(action, who, environment);
        }
        let allows = |rule: &AccessRule| rule.actions.contains(&action) && self.names(&rule.allow, who);
        let allowing: Vec<_> = rules.into_iter().filter(|(_, rule)| allows(rule)).collect();
        let counts = |rule: &AccessRule| rule.hours.as_ref().is_none_or(|hours| hours.contain(now));
        let by_glass = |rule: &AccessRule| breaks_glass && rule.outside == Outside::BreakGlass;
        let open = allowing.iter().find(|(_, rule)| counts(rule));
        let Some((at, rule)) = open.or(allowing.iter().find(|(_, rule)| by_glass(rule))) else {
            if let Some((at, rule, hours)) =
                allowing.iter().find_map(|(at, rule)| Some((at, rule, rule.hours.as_ref()?)))
            {
                return closed(request, format!("access rule {}", at + 1), rule, hours);
            }
            let why = format!(
                "You may not {} {environment}: no rule in `access` of its branch says so.{}",
                action.word(),
                self.unread()
            );
            return Decision::Denied { rule: "no rule".to_owned(), why };
        };
        let outside = if counts(rule) { "" } else { ", outside its hours" };
        let name = format!("access rule {}{outside}", at + 1);
        // A risky drift takes two unless the rule says that one is enough.
        let people = if case.weight.risk == Risk::Risky { rule.approvals.unwrap_or(2) } else { 1 };
        if action != Action::Sync || people < 2 {
            return Decision::Allowed { rule: name };
        }
        match &case.state {
            CaseState::AwaitingApproval { by, .. } if self.person(by) == self.person(who) => Decision::Denied {
                rule: name,
                why: "You asked for this sync yourself: somebody else has to agree.".to_owned(),
            },
            CaseState::AwaitingApproval { .. } => Decision::Allowed { rule: name },
            CaseState::Open
            | CaseState::Acknowledged { .. }
            | CaseState::Snoozed { .. }
            | CaseState::SyncRequested { .. }
            | CaseState::Syncing { .. }
            | CaseState::Resolved { .. }
            | CaseState::SyncFailed { .. }
            | CaseState::Stale { .. } => Decision::NeedsAnother { rule: name },
        }
    }

    fn by_operator(&self, action: Action, who: &str, environment: &str) -> Decision {
        match self.approvers.contains(who) {
            true => Decision::Allowed { rule: OPERATOR.to_owned() },
            false => Decision::Denied {
                rule: OPERATOR.to_owned(),
                why: format!(
                    "You may not {} {environment}: the operator's list of approvers does not name you.{}",
                    action.word(),
                    self.unread()
                ),
            },
        }
    }

    fn unread(&self) -> String {
        let groups: Vec<_> = self.unread.iter().map(String::as_str).collect();
        match groups.as_slice() {
            [] => String::new(),
            _ => format!(" The user group {} could not be read, so nobody counts as in it.", groups.join(", ")),
        }
    }

    /// Whether a list names someone: as themselves, by a group, or as everyone.
    fn names(&self, list: &[String], who: &str) -> bool {
        let person = self.person(who);
        let is_them = |name: &str| name == who || self.person(name) == person;
        list.iter().any(|name| match self.access.groups.get(name) {
            Some(members) => members.iter().any(|member| is_them(member)),
            None => name == "everyone" || is_them(name),
        })
    }

    /// The person behind a name; the name itself where nobody has it.
    fn person<'a>(&'a self, name: &'a str) -> &'a str {
        let has_it = |(person, names): &(&'a String, &'a Vec<String>)| {
            person.as_str() == name || names.iter().any(|known| known == name)
        };
        self.access.people.iter().find(has_it).map_or(name, |(person, _)| person)
    }

    fn is_author(&self, who: &str, case: &Case) -> bool {
        let differences = case.units.iter().flat_map(|unit| &unit.differences);
        let mut authors = differences.filter_map(|difference| difference.who.as_ref());
        authors.any(|author| self.person(&author.name) == self.person(who))
    }
}

/// The answer to one who may at other times, and not now.
fn closed(Request { action, case, .. }: Request<'_>, name: String, rule: &AccessRule, hours: &Hours) -> Decision {
    let hours = hours.text();
    let why = format!("You may {} {} within {hours}, and it is another time now.", action.word(), case.environment);
    match (rule.outside, action) {
        (Outside::BreakGlass, Action::Sync) => {
            let way = format!(" If it cannot wait: `groundplan case sync {} --break-glass REASON`.", case.id);
            Decision::Closed { rule: name, hours: hours.to_string(), why: why + &way }
        }
        (Outside::BreakGlass | Outside::Deny, _) => Decision::Denied { rule: name, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::case::tests::open;
    use crate::cases::{CaseUnit, Weight};
    use crate::unit::{Cause, Coverage, Difference, Effect, UnitId, Who};

    fn policy(rules: Vec<AccessRule>) -> Policy {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let people = [("ada", list(&["U1", "login:ada", "kubectl-ada"])), ("bob", list(&["U2"]))];
        let access = AccessSettings {
            people: people.map(|(name, names)| (name.to_owned(), names)).into(),
            groups: [("sre".to_owned(), list(&["ada", "U2", "U4"]))].into(),
            rules,
        };
        Policy { access, approvers: ["U3".to_owned()].into(), unread: BTreeSet::new() }
    }

    fn rule(environment: Option<&str>, action: Action, allow: &str, approvals: Option<u8>) -> AccessRule {
        let environment = environment.map(str::to_owned);
        AccessRule {
            environment,
            actions: vec![action],
            allow: vec![allow.to_owned()],
            approvals,
            hours: None,
            outside: Outside::Deny,
        }
    }

    fn word(policy: &Policy, action: Action, who: &str, case: &Case) -> &'static str {
        word_at(policy, (action, who, case), Timestamp::UNIX_EPOCH, false)
    }

    fn word_at(
        policy: &Policy,
        (action, who, case): (Action, &str, &Case),
        at: Timestamp,
        breaks_glass: bool,
    ) -> &'static str {
        match policy.decide(Request { action, who, case, at, breaks_glass }) {
            Decision::Allowed { .. } => "yes",
            Decision::NeedsAnother { .. } => "two",
            Decision::Closed { .. } => "not now",
            Decision::Denied { .. } => "no",
        }
    }

    fn risky() -> Case {
        Case { weight: Weight { risk: Risk::Risky, why: Vec::new() }, ..open() }
    }

    #[test]
    fn without_a_rule_for_the_environment_the_operators_approvers_decide() {
        let policy = policy(vec![rule(Some("staging"), Action::Sync, "everyone", None)]);
        let answers = ["U1", "U3", "U9", ""].map(|who| word(&policy, Action::Sync, who, &open()));
        assert_eq!(answers, ["no", "yes", "no", "no"]);
        assert_eq!(word(&Policy::default(), Action::Recheck, "U3", &open()), "no");
    }

    #[test]
    fn a_rule_for_the_environment_ends_the_operators_say_and_allows_only_what_it_names() {
        let policy = policy(vec![rule(Some("production"), Action::Sync, "sre", None)]);
        let table = [
            (Action::Sync, "U1", "yes"),
            (Action::Sync, "login:ada", "yes"),
            (Action::Sync, "U2", "yes"),
            (Action::Sync, "U4", "yes"),
            (Action::Sync, "U3", "no"),
            (Action::Sync, "sre", "no"),
            (Action::Snooze, "U1", "no"),
        ];
        for (action, who, expected) in table {
            assert_eq!(word(&policy, action, who, &open()), expected, "{action:?} {who}");
        }
    }

    #[test]
    fn a_risky_sync_takes_two_people_and_not_two_names_of_one() {
        let two = policy(vec![rule(None, Action::Sync, "sre", None)]);
        assert_eq!(word(&two, Action::Sync, "U1", &risky()), "two");
        let until = Timestamp::from_second(2_000_000_000).expect("a time in this century");
        let asked = Case { state: CaseState::AwaitingApproval { by: "U1".into(), until }, ..risky() };
        let answers = ["U1", "login:ada", "U2", "U9"].map(|who| word(&two, Action::Sync, who, &asked));
        assert_eq!(answers, ["no", "no", "yes", "no"]);
        let one = policy(vec![rule(None, Action::Sync, "sre", Some(1))]);
        assert_eq!(word(&one, Action::Sync, "U1", &risky()), "yes");
    }

    #[test]
    fn outside_of_its_hours_a_rule_allows_only_who_says_that_it_cannot_wait() {
        let hours = Hours::parse("Mon-Fri 08:00-18:00 Europe/London").expect("hours");
        let timed =
            |outside| AccessRule { hours: Some(hours.clone()), outside, ..rule(None, Action::Sync, "sre", None) };
        let (noon, night): (Timestamp, Timestamp) =
            ("2026-11-20T12:00:00Z".parse().expect("a time"), "2026-11-21T03:00:00Z".parse().expect("a time"));
        let ask = |policy: &Policy, who, case: &Case, at, glass| word_at(policy, (Action::Sync, who, case), at, glass);
        let glass = policy(vec![timed(Outside::BreakGlass)]);
        for (who, at, breaks, expected) in [
            ("U1", noon, false, "yes"),
            ("U1", night, false, "not now"),
            ("U1", night, true, "yes"),
            ("U9", night, true, "no"),
        ] {
            assert_eq!(ask(&glass, who, &open(), at, breaks), expected, "{who} {at} {breaks}");
        }
        assert_eq!(ask(&glass, "U1", &risky(), night, true), "two", "haste makes nobody two people");
        let shut = policy(vec![timed(Outside::Deny)]);
        assert_eq!(ask(&shut, "U1", &open(), night, true), "no");
        // Another rule that counts at any time needs no haste.
        let both = policy(vec![timed(Outside::Deny), rule(None, Action::Sync, "bob", None)]);
        assert_eq!(["U1", "U2"].map(|who| ask(&both, who, &open(), night, false)), ["no", "yes"]);
    }

    #[test]
    fn the_author_of_a_drift_does_not_decide_about_it() {
        let difference = Difference {
            item: "apps/Deployment shop/web".into(),
            path: "spec.replicas".into(),
            from: None,
            to: None,
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: Some(Who::manager("kubectl-ada", "Update", None)),
        };
        let unit = CaseUnit { id: UnitId::new("web"), differences: vec![difference], coverage: Coverage::default() };
        let case = Case { units: vec![unit], ..open() };
        let policy = policy(vec![rule(None, Action::Sync, "everyone", None)]);
        let answers = ["U1", "login:ada", "kubectl-ada", "U2"].map(|who| word(&policy, Action::Sync, who, &case));
        assert_eq!(answers, ["no", "no", "no", "yes"]);
    }
}
