//! What the world holds, written to where Git says it, and proven before anyone is asked to merge it.

use super::Service;
use super::ignore::is_below;
use super::propose::GitChange;
use super::source::Current;
use crate::cases::{Case, redact};
use crate::declaration::Declaration;
use crate::graph::Graph;
use crate::plan::{Finding, Plan};
use crate::repo::{Files, Snapshot};
use crate::unit::{Cause, Change, Difference, Effect, Shown, UnitId};

/// One value to be adopted.
struct Adopted {
    unit: UnitId,
    difference: Difference,
}

impl Service {
    /// The change that makes Git say what the world holds.
    ///
    /// Either all of what is asked for or nothing: who wants a part names its path.
    pub(super) async fn adopting(
        &self,
        current: &Current,
        case: &Case,
        path: Option<&str>,
    ) -> Result<GitChange, String> {
        let before = self.look(&current.declaration, case).await?.seen;
        if let Some((what, trouble)) = before.plan.troubles().next() {
            return Err(format!("{what}: {}", trouble.message));
        }
        let mut wanted = Vec::new();
        for unit in before.report.drifted().filter(|unit| case.units.iter().any(|own| own.id == unit.unit)) {
            let at = |difference: &&Difference| path.is_none_or(|path| is_below(&difference.path, path));
            let one = |difference: &Difference| Adopted { unit: unit.unit.clone(), difference: difference.clone() };
            wanted.extend(unit.drifted.iter().filter(at).map(one));
        }
        if wanted.is_empty() {
            return Err(match path {
                Some(path) => format!("nothing of this case differs at `{path}` or below it now"),
                None => "nothing of this case differs now that Git could say".to_owned(),
            });
        }
        let files = edits(&current.snapshot, &current.declaration.graph, &wanted)?;
        alone(&files, &current.declaration.graph, case)?;
        let edited = current.snapshot.with_files(&files);
        let (declaration, problems) = self.engine.check(&edited);
        if let Some(problem) = problems.errors.first() {
            return Err(format!("with that value, the repository would be invalid: {}", problem.message));
        }
        self.prove(&declaration, case, &before.plan, &wanted).await?;
        Ok(words(case, &wanted, files))
    }

    /// Looks at the world as if the change were merged.
    async fn prove(
        &self,
        declaration: &Declaration,
        case: &Case,
        before: &Plan,
        wanted: &[Adopted],
    ) -> Result<(), String> {
        let after = self.look(declaration, case).await?.seen;
        let is_record = |unit: &UnitId, difference: &Difference| {
            declaration.graph.member(unit).is_some_and(|member| member.declared.unit.is_record(difference))
        };
        proven(before, &after.plan, wanted, is_record)
            .map_err(|why| format!("it cannot be proven that merging would change nothing live: {why}"))
    }
}

/// The files as they are with every value in its place.
fn edits(snapshot: &Snapshot, graph: &Graph, wanted: &[Adopted]) -> Result<Files, String> {
    let (mut files, mut edited) = (Files::new(), snapshot.clone());
    let mut refused = Vec::new();
    for Adopted { unit, difference } in wanted {
        let found = match (refusal(difference), graph.member(unit)) {
            (Some(why), _) => Err(why.to_owned()),
            (None, None) => Err("its unit is not declared any more".to_owned()),
            (None, Some(member)) => member.declared.unit.authored(&edited, difference),
        };
        match found {
            Ok(more) => {
                edited = edited.with_files(&more);
                files.extend(more);
            }
            Err(why) => refused.push(format!("{}{}: {why}", difference.item, spaced(&difference.path))),
        }
    }
    if !refused.is_empty() {
        let hint = if refused.len() < wanted.len() { " (`--path` names the others)" } else { "" };
        return Err(format!("not everything can be adopted{hint}: {}", refused.join("; ")));
    }
    Ok(files)
}

/// Refuses a file that others are made from as well: what it means for them is not looked at.
fn alone(files: &Files, graph: &Graph, case: &Case) -> Result<(), String> {
    let others = graph.members().filter(|member| !case.units.iter().any(|own| own.id == member.declared.id));
    for member in others {
        if let Some(file) = files.keys().find(|file| member.declared.unit.is_made_from(file)) {
            return Err(format!("`{}` is made from `{file}` too: change it by hand", member.declared.id));
        }
    }
    Ok(())
}

fn spaced(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" {path}") }
}

/// Why a value is not for Git, whatever its file says.
fn refusal(difference: &Difference) -> Option<&'static str> {
    let Difference { path, from, effect, .. } = difference;
    let redacted = redact(difference);
    let is_hidden = |shown: &Option<Shown>| matches!(shown, Some(Shown::Hidden(_)));
    if is_hidden(&redacted.from) || is_hidden(&redacted.to) {
        return Some("it is a secret, or may be one: put it where secrets are kept");
    }
    if path.is_empty() || from.is_none() || *effect != Effect::InPlace {
        return Some("the world lost it: sync brings it back, or take it out of Git");
    }
    if path == "status" || path.starts_with("status.") {
        return Some("it is what the world says of itself");
    }
    if let Some(Shown::Text(text)) = from
        && (text.contains("0.0.0.0/0") || text.contains("::/0"))
    {
        return Some("it opens a network to everyone, which is written by hand and reviewed, or not at all");
    }
    None
}

/// Whether nothing that was adopted differs any more, and nothing new does.
fn proven(
    before: &Plan,
    after: &Plan,
    wanted: &[Adopted],
    is_record: impl Fn(&UnitId, &Difference) -> bool,
) -> Result<(), String> {
    if let Some((what, trouble)) = after.troubles().next() {
        return Err(format!("{what}: {}", trouble.message));
    }
    for (id, finding) in &after.units {
        let Finding::Found { change, coverage, .. } = finding else {
            return Err(format!("`{id}` could not be asked"));
        };
        let known = before.units.get(id);
        let (had, was) = match known {
            Some(Finding::Found { change, coverage, .. }) => (change.differences(), coverage.checked),
            Some(Finding::Failed(_) | Finding::Blocked(_)) | None => (&[][..], 0),
        };
        if coverage.checked < was {
            return Err(format!("less of `{id}` could be compared than before"));
        }
        for difference in change.differences() {
            let is_it = |adopted: &Adopted| {
                adopted.unit == *id
                    && (&adopted.difference.item, &adopted.difference.path) == (&difference.item, &difference.path)
            };
            let place = format!("{}{} of `{id}`", difference.item, spaced(&difference.path));
            if wanted.iter().any(is_it) {
                return Err(format!("{place} would still differ"));
            }
            let is_new = !had.iter().any(|before| is_same(before, difference));
            let harmless = difference.cause == Cause::Declared && is_record(id, difference);
            if is_new && !harmless {
                return Err(format!("{place} would change too"));
            }
        }
        match (change, known) {
            (Change::Nothing | Change::Update(_), _) => {}
            (Change::Create(_) | Change::Later(_) | Change::Delete, Some(Finding::Found { change: before, .. }))
                if before == change => {}
            (Change::Create(_) | Change::Later(_) | Change::Delete, _) => {
                return Err(format!("`{id}` would be made or deleted"));
            }
        }
    }
    Ok(())
}

/// The same values at the same place, whoever is said to have moved.
fn is_same(one: &Difference, other: &Difference) -> bool {
    (&one.item, &one.path, &one.from, &one.to, one.effect)
        == (&other.item, &other.path, &other.from, &other.to, other.effect)
}

fn words(case: &Case, wanted: &[Adopted], files: Files) -> GitChange {
    let environment = &case.environment;
    let title = match wanted {
        [one] => format!("adopt what {environment} holds at {}", one.difference.path),
        many => format!("adopt what {environment} holds at {} paths", many.len()),
    };
    let lines: Vec<String> = wanted.iter().map(line).collect();
    let body = format!(
        "The world was changed by hand; this makes Git say what it holds.\n\n{}\n\nProven before this was pushed: with \
         this change, none of these paths differs any more, and nothing else would change. Merging changes nothing live.",
        lines.join("\n")
    );
    GitChange { title, body, files }
}

/// As values may be told: no more than in Slack.
fn line(adopted: &Adopted) -> String {
    let Difference { item, path, from, to, who, .. } = redact(&adopted.difference);
    let shown = |value: Option<Shown>| value.map_or_else(|| "(absent)".to_owned(), |shown| shown.to_string());
    let who = who.map(|who| format!(", likely by {}", who.name)).unwrap_or_default();
    format!("- {item} `{path}` of `{}`: {} → {}{who}", adopted.unit, shown(to), shown(from))
}

#[cfg(test)]
#[path = "adopt_tests.rs"]
mod tests;
