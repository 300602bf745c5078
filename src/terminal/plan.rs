//! A plan for people.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::style::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, count, paint, plain};
use crate::plan::{Finding, Plan, Purpose, Trouble};
use crate::unit::{Cause, Change, Difference, Effect, Evidence, Shown, UnitId, Who, Word};

/// Of one unit, at most this many differences are shown; the rest is counted.
const MANY: usize = 40;

/// What would change, unit by unit; what stays as it is is only counted.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = format!("{}\n\n", paint(BOLD, format!("Plan for {} at {}", plan.environment, plan.commit.short())));
    let mut told = BTreeSet::new();
    for (unit, finding) in &plan.units {
        match finding {
            Finding::Failed(trouble) => {
                _ = writeln!(text, "{} {unit}  {}", paint(RED, "!"), paint(DIM, "could not be asked"));
                trouble_text(&mut text, trouble, &mut told);
            }
            Finding::Blocked(by) => {
                _ = writeln!(text, "{} {unit}  {}", paint(RED, "!"), paint(DIM, format!("waits for {by}")));
            }
            Finding::Found { change, follows, words, coverage, .. } => {
                change_text(&mut text, unit, change, follows);
                for what in &coverage.unchecked {
                    _ = writeln!(text, "{} {unit}  {}", paint(YELLOW, "!"), paint(DIM, format!("not checked: {what}")));
                }
                for Word { word, why } in words {
                    _ = writeln!(text, "    {} {why} {}", paint(RED, "!"), paint(DIM, format!("(--agree {word})")));
                }
            }
        }
    }
    for deletion in &plan.deletions {
        let why = match plan.purpose {
            Purpose::Sync => "delete: no longer declared",
            Purpose::Destroy => "delete",
        };
        _ = writeln!(text, "{} {}  {}", paint(RED, "-"), deletion.owned.id, paint(DIM, why));
        for guard in &deletion.owned.guards {
            _ = writeln!(text, "    {guard}");
        }
    }
    for (site, trouble) in &plan.unlisted {
        _ = writeln!(text, "{} {site}  what is there could not be listed, so nothing is deleted", paint(RED, "!"));
        trouble_text(&mut text, trouble, &mut told);
    }
    if plan.is_quiet() {
        text += "Nothing to do: ";
    } else {
        text.push('\n');
    }
    text + &summary(plan) + "\n"
}

/// An error that many units share is told in full once.
fn trouble_text<'a>(text: &mut String, trouble: &'a Trouble, told: &mut BTreeSet<&'a str>) {
    if !told.insert(&trouble.message) {
        _ = writeln!(text, "    {}", paint(DIM, "for the same reason as above"));
        return;
    }
    _ = writeln!(text, "    {}", trouble.message);
    if let Some(hint) = &trouble.hint {
        _ = writeln!(text, "    {} {hint}", paint(DIM, "help:"));
    }
}

fn change_text(text: &mut String, unit: &UnitId, change: &Change, follows: &[UnitId]) {
    let Some((sign, what)) = headline(change) else { return };
    _ = writeln!(text, "{sign} {unit}  {}", paint(DIM, what));
    if !follows.is_empty() && matches!(change, Change::Update(_)) {
        let upstream = follows.iter().map(last_word).collect::<Vec<_>>().join(", ");
        _ = writeln!(text, "    {}", paint(DIM, format!("made from outputs of {upstream}, which change too")));
    }
    *text += &differences_text(change.differences());
}

fn headline(change: &Change) -> Option<(String, String)> {
    match change {
        Change::Nothing => None,
        Change::Create(_) => Some((paint(GREEN, "+"), "create".to_owned())),
        Change::Update(_) => Some((paint(YELLOW, "~"), "change".to_owned())),
        Change::Delete => Some((paint(RED, "-"), "delete".to_owned())),
        Change::Later(units) => {
            let upstream = units.iter().map(last_word).collect::<Vec<_>>().join(", ");
            Some((paint(CYAN, "…"), format!("known after {upstream}")))
        }
    }
}

/// Enough of a unit's path where the whole of it stands on a line of its own.
fn last_word(unit: &UnitId) -> &str {
    unit.as_str().rsplit('/').next().unwrap_or_default()
}

/// Differences below their items, as `path  old → new`.
pub fn differences_text(differences: &[Difference]) -> String {
    let mut text = String::new();
    let mut item = "";
    for difference in differences.iter().take(MANY) {
        if difference.item != item {
            item = &difference.item;
            _ = writeln!(text, "    {} {item}{}", sign(difference), remark(difference));
        }
        if !difference.path.is_empty() {
            let values = format!("{} → {}", shown(difference.from.as_ref()), shown(difference.to.as_ref()));
            _ = writeln!(text, "        {}  {values}{}", difference.path, cause(difference));
        }
    }
    if differences.len() > MANY {
        _ = writeln!(text, "    … and {}", count(differences.len() - MANY, "more difference"));
    }
    text
}

fn sign(difference: &Difference) -> String {
    match (difference.path.is_empty(), difference.effect) {
        (true, Effect::Create) => paint(GREEN, "+"),
        (_, Effect::Delete) => paint(RED, "-"),
        (_, Effect::Replace | Effect::MayReplace) => paint(RED, "±"),
        (_, Effect::Create | Effect::InPlace) => paint(YELLOW, "~"),
    }
}

fn remark(difference: &Difference) -> String {
    let effect = match difference.effect {
        Effect::Create | Effect::InPlace => "",
        Effect::Delete => "  deletes it",
        Effect::Replace => "  replaces it: what it holds is lost",
        Effect::MayReplace => "  may replace it",
    };
    let cause = if difference.path.is_empty() { cause(difference) } else { String::new() };
    format!("{}{cause}", paint(RED, effect))
}

/// A field manager speaks for itself; a person is told with what says so, and how sure that is.
pub(super) fn author(Who { name, operation, time, evidence, confidence }: &Who) -> String {
    let time = time.as_ref().map(|time| format!(", {time}")).unwrap_or_default();
    let sure = match evidence {
        Evidence::FieldManager => String::new(),
        Evidence::CloudTrail | Evidence::AuditLog => {
            format!("; {}, confidence {}", evidence.word(), confidence.word())
        }
    };
    format!(" by {} ({}{time}{sure})", plain(name), plain(operation))
}

fn cause(difference: &Difference) -> String {
    let by = difference.who.as_ref().map(author);
    match (
        difference.cause,
        difference.path.is_empty() && difference.from.is_none() && difference.effect == Effect::Create,
    ) {
        (Cause::Declared, _) => String::new(),
        (Cause::Drifted, true) => paint(DIM, format!("  is gone{}", by.unwrap_or_default())),
        (Cause::Drifted, false) => paint(DIM, format!("  changed by hand{}", by.unwrap_or_default())),
    }
}

fn shown(value: Option<&Shown>) -> String {
    value.map_or_else(|| "(not set)".to_owned(), Shown::to_string)
}

fn summary(plan: &Plan) -> String {
    let of = |wanted: fn(&Change) -> bool| plan.changes().filter(|(_, change)| wanted(change)).count();
    let creates = of(|change| matches!(change, Change::Create(_)));
    let updates = of(|change| matches!(change, Change::Update(_)));
    let later = of(|change| matches!(change, Change::Later(_)));
    let troubles = plan.units.values().filter(|finding| !matches!(finding, Finding::Found { .. })).count();
    let quiet = plan.units.len() - creates - updates - later - troubles;
    let parts = [
        (creates, "to create"),
        (updates, "to change"),
        (later, "known later"),
        (plan.deletions.len(), "to delete"),
        (troubles, "could not be asked"),
        (quiet, "as declared"),
    ];
    let told: Vec<_> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    match told.is_empty() {
        true => "nothing is declared.".to_owned(),
        false => format!("{}.", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::Deletion;
    use crate::repo::CommitId;
    use crate::unit::{Coverage, KindName, Owned, SiteName, Who};

    fn difference(item: &str, path: &str, from: Option<&str>, to: Option<&str>) -> Difference {
        Difference {
            item: item.to_owned(),
            path: path.to_owned(),
            from: from.map(Shown::text),
            to: to.map(Shown::text),
            cause: Cause::Declared,
            effect: Effect::InPlace,
            who: None,
        }
    }

    fn found(change: Change) -> Finding {
        Finding::Found {
            change,
            foreign: Vec::new(),
            coverage: Coverage::default(),
            follows: Vec::new(),
            words: Vec::new(),
        }
    }

    fn plan(units: impl IntoIterator<Item = (&'static str, Finding)>) -> Plan {
        Plan {
            environment: "production".parse().expect("a name"),
            commit: CommitId::new("c0ffee1234567"),
            purpose: Purpose::Sync,
            looked_for_drift: true,
            units: units.into_iter().map(|(id, finding)| (UnitId::new(id), finding)).collect(),
            deletions: Vec::new(),
            unlisted: BTreeMap::new(),
        }
    }

    fn plain(plan: &Plan) -> String {
        anstream::adapter::strip_str(&plan_text(plan)).to_string()
    }

    #[test]
    fn a_plan_tells_every_change_with_its_values_and_what_it_does_to_data() {
        let by_hand = Difference {
            cause: Cause::Drifted,
            who: Some(Who::manager("kubectl-edit", "Update", None)),
            ..difference("apps/Deployment shop/web", "spec.replicas", Some("9"), Some("3"))
        };
        let secret = Difference {
            from: Some(Shown::hidden("password", b"old")),
            to: Some(Shown::hidden("password", b"new")),
            ..difference("Parameters", "Password", None, None)
        };
        let replaced = Difference {
            effect: Effect::Replace,
            ..difference("Table (AWS::DynamoDB::Table)", "/Properties/KeySchema", Some("a"), Some("b"))
        };
        let create = Difference { effect: Effect::Create, ..difference("Vpc (AWS::EC2::VPC)", "", None, None) };
        let trouble = || {
            let message = "account 111111111111 cannot be reached".to_owned();
            Finding::Failed(Trouble { message, hint: Some("check the network".to_owned()), unreachable: true })
        };
        let mut plan = plan([
            ("clusters/shop/web", found(Change::Update(vec![by_hand]))),
            ("clusters/shop/batch", found(Change::Later(vec![UnitId::new("stacks/1/eu-west-1/queue")]))),
            ("stacks/1/eu-west-1/db", found(Change::Update(vec![secret, replaced]))),
            ("stacks/1/eu-west-1/vpc", found(Change::Create(vec![create]))),
            ("stacks/1/eu-west-1/same", found(Change::Nothing)),
            ("stacks/2/eu-west-1/one", trouble()),
            ("stacks/2/eu-west-1/two", trouble()),
        ]);
        let owned = Owned {
            id: UnitId::new("stacks/1/eu-west-1/old"),
            kind: KindName::new("stack"),
            site: SiteName::new("1/eu-west-1"),
            handle: "arn".to_owned(),
            created: None,
            guards: vec!["termination protection is on".to_owned()],
            needed_by: Vec::new(),
        };
        plan.deletions = vec![Deletion { owned, after: Vec::new() }];
        insta::assert_snapshot!(plain(&plan));
    }

    #[test]
    fn a_plan_with_nothing_to_do_says_so_in_one_line() {
        insta::assert_snapshot!(plain(&plan([("stacks/1/eu-west-1/vpc", found(Change::Nothing))])));
    }
}
