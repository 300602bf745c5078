//! From a name as an author wrote it to the unit it means.

use std::collections::BTreeMap;

use super::Wanted;
use crate::problem::{Problem, Problems, nearest};
use crate::unit::{Declared, Need, Promised, Reference, Target, UnitId, Why};

/// Every name by which a unit of the repository can be meant.
pub(super) struct Names<'a> {
    units: &'a [Declared],
    offers: BTreeMap<String, &'a UnitId>,
    /// Units whose files are broken: that is told already, and not again of all that name them.
    broken: Vec<UnitId>,
}

/// What one reference came to.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) edge: Option<(UnitId, Why)>,
    pub(super) wanted: Option<Wanted>,
}

/// Why a reference leads nowhere, and how bad that is.
pub(super) enum Lost {
    Error(Problem),
    Warning(Problem),
}

impl<'a> Names<'a> {
    pub(super) fn of(units: &'a [Declared], problems: &Problems) -> Self {
        let offers = units.iter().flat_map(|unit| unit.unit.offers().into_iter().map(move |offer| (offer, &unit.id)));
        let broken = problems.errors.iter().flat_map(|problem| ids_of_file(&problem.place.file)).collect();
        Self { units, offers: offers.collect(), broken }
    }

    /// Follows one reference.
    pub(super) fn follow(&self, reference: &Reference) -> Result<Resolved, Lost> {
        match &reference.target {
            Target::Unit(tail) => {
                let unit = self.unit(tail).map_err(|problem| lost(reference, problem))?;
                let Some(unit) = unit else { return Ok(Resolved::default()) };
                Ok(Resolved { edge: Some((unit.id.clone(), reference.why.clone())), wanted: None })
            }
            Target::Output(name) => {
                let unit = self.unit(&name.unit).map_err(|problem| lost(reference, problem))?;
                let Some(unit) = unit else { return Ok(Resolved::default()) };
                promised(unit, &name.output).map_err(|problem| lost(reference, problem))?;
                let wanted = Wanted { name: name.clone(), unit: unit.id.clone() };
                Ok(Resolved { edge: Some((unit.id.clone(), reference.why.clone())), wanted: Some(wanted) })
            }
            Target::Offer(offer) => match (self.offers.get(offer), reference.need) {
                (Some(unit), _) => Ok(Resolved { edge: Some(((*unit).clone(), reference.why.clone())), wanted: None }),
                (None, Need::May) => Ok(Resolved::default()),
                (None, Need::Must | Need::Should) => {
                    let known = self.offers.keys().map(String::as_str);
                    let near = nearest(offer, known).and_then(last_word);
                    let word = last_word(offer).unwrap_or(offer);
                    Err(lost(reference, (format!("nothing in the repository offers `{word}`"), near.map(meant))))
                }
            },
        }
    }

    /// The one unit that a tail of its path names; none where that unit's file is broken.
    fn unit(&self, tail: &str) -> Result<Option<&'a Declared>, (String, Option<String>)> {
        let tail = tail.strip_suffix(".yaml").unwrap_or(tail);
        let exact = self.units.iter().find(|unit| unit.id.as_str() == tail);
        let mut named = self.units.iter().filter(|unit| unit.id.ends_with(tail));
        match (exact, named.next(), named.next()) {
            (Some(unit), _, _) | (None, Some(unit), None) => Ok(Some(unit)),
            (None, None, _) if self.broken.iter().any(|id| id.ends_with(tail)) => Ok(None),
            (None, None, _) => Err((format!("there is no unit `{tail}`"), self.near(tail).map(|near| meant(&near)))),
            (None, Some(one), Some(other)) => {
                let hint = format!("write more of the path: `{}` or `{}`", one.id, other.id);
                Err((format!("`{tail}` names more than one unit"), Some(hint)))
            }
        }
    }

    fn near(&self, tail: &str) -> Option<String> {
        nearest_tail(tail, self.units.iter().map(|unit| &unit.id))
    }
}

/// The units that a file may declare: a stack is named by its file, a workload by its folder.
fn ids_of_file(file: &str) -> impl Iterator<Item = UnitId> {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned();
    let folder = file.rsplit_once('/').map(|(folder, _)| UnitId::new(folder));
    std::iter::once(UnitId::new(stem)).chain(folder)
}

/// The tail of a unit's path, as long as the one that was written, that was probably meant.
pub(super) fn nearest_tail<'a>(tail: &str, ids: impl Iterator<Item = &'a UnitId>) -> Option<String> {
    let depth = tail.matches('/').count() + 1;
    let tails: Vec<String> = ids.map(|id| last_parts(id.as_str(), depth)).collect();
    nearest(tail, tails.iter().map(String::as_str)).map(str::to_owned)
}

fn promised(unit: &Declared, output: &str) -> Result<(), (String, Option<String>)> {
    match unit.unit.promised() {
        Promised::Unknown => Ok(()),
        Promised::Exactly(outputs) if outputs.contains(output) => Ok(()),
        Promised::Exactly(outputs) => {
            let hint = match nearest(output, outputs.iter().map(String::as_str)) {
                Some(near) => meant(near),
                None if outputs.is_empty() => "it has no outputs".to_owned(),
                None => {
                    format!("it has {}", outputs.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
                }
            };
            Err((format!("`{}` has no output `{output}`", unit.id), Some(hint)))
        }
    }
}

fn lost(reference: &Reference, (message, hint): (String, Option<String>)) -> Lost {
    let problem =
        Problem { hint, line_text: reference.line_text.clone(), ..Problem::new(reference.place.clone(), message) };
    match reference.need {
        Need::Must => Lost::Error(problem),
        Need::May | Need::Should => Lost::Warning(problem),
    }
}

fn meant(near: &str) -> String {
    format!("did you mean `{near}`?")
}

fn last_word(offer: &str) -> Option<&str> {
    offer.rsplit('/').next()
}

fn last_parts(path: &str, count: usize) -> String {
    let parts: Vec<_> = path.split('/').collect();
    parts[parts.len().saturating_sub(count)..].join("/")
}
