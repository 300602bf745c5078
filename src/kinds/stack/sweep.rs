//! A look for drift at many stacks: one call a stack where what is known vouches for the rest.
//!
//! AWS sums each detection up in one word for the stack, told for all stacks in one list. The word counts
//! for nothing where a type cannot be checked, and there were stacks in sync whose resources were not.
//! (Where a resource could not be asked for, AWS documents the word `UNKNOWN`.) So
//! `IN_SYNC` is taken only where it is known what it is about: where a full look at this very version of
//! the stack bore it out, or where the stack's template names all that it holds and full looks at others
//! of this account and region had a verdict for each of its types ([`vouch`](super::vouch)). Whatever is
//! not in sync is read, and every stack is read in full every so often, at another time than the others.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::detect::{self, Begun};
use super::drift::{self, Detected, Found};
use super::live::Live;
use super::realm::{Realm, Stacks};
use super::template::{NESTED, Template};
use super::vouch;
use crate::unit::{Coverage, KindError};

/// So many looks in a row may take AWS' word for a stack.
const MOST: u32 = 20;
/// So many lists are read before a detection is asked for by its own id.
const MOST_LISTS: u32 = 20;

/// What a full look found of a version of a stack, and the looks that may still go by it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Swept {
    total: usize,
    /// What cannot be checked, each with its reason.
    unchecked: Vec<String>,
    /// The ids of its nested stacks.
    nested: Vec<String>,
    left: u32,
    /// Whether AWS' word for the stack was borne out.
    is_proven: bool,
}

impl Swept {
    /// The next look is to be a full one.
    fn nothing() -> Self {
        Self { total: 0, unchecked: Vec::new(), nested: Vec::new(), left: 0, is_proven: false }
    }

    /// Of a stack that was never read in full. Those that were made together are not all read together.
    fn vouched(live: &Live, coverage: Coverage) -> Self {
        let left = 1 + chance(live) % MOST;
        Self { total: coverage.total, unchecked: coverage.unchecked, nested: Vec::new(), left, is_proven: true }
    }

    /// After one more look by AWS' word.
    fn looked(&self) -> Self {
        Self { left: self.left.saturating_sub(1), ..self.clone() }
    }

    /// None where AWS' word for the whole stack cannot be trusted.
    fn of(live: &Live, detected: &Detected) -> Option<Self> {
        let is_known = detected.words.iter().all(|word| matches!(word.as_str(), "IN_SYNC" | "DRIFTED"));
        let is_borne_out = has(detected, &["MODIFIED", "DELETED"]) == is_said(detected, "DRIFTED");
        if detected.failed.is_some() || has(detected, &["UNKNOWN"]) || !is_known || !is_borne_out {
            return None;
        }
        let coverage = drift::coverage(detected);
        let nested = detected.nested.clone();
        // Stacks that were looked at together are not all read in full again together.
        let left = MOST - chance(live) % (MOST / 2);
        Some(Self { total: coverage.total, unchecked: coverage.unchecked, nested, left, is_proven: true })
    }

    fn coverage(&self) -> Coverage {
        let checked = self.total - self.unchecked.len();
        Coverage { checked, total: self.total, unchecked: self.unchecked.clone() }
    }

    /// With what was found now: what could not be checked this time is added.
    fn coverage_with(&self, found: &[Found]) -> Coverage {
        let mut coverage = self.coverage();
        for resource in found.iter().filter(|found| found.status == "UNKNOWN") {
            let item = format!("{} ({})", resource.logical_id, resource.r#type);
            if !coverage.unchecked.iter().any(|line| line.starts_with(&item)) {
                coverage.unchecked.push(format!("{item}: {}", resource.reason.as_deref().unwrap_or("UNKNOWN")));
            }
        }
        coverage.checked = coverage.total.saturating_sub(coverage.unchecked.len());
        coverage
    }
}

fn has(detected: &Detected, statuses: &[&str]) -> bool {
    detected.found.iter().any(|found| statuses.contains(&found.status.as_str()))
}

fn is_said(detected: &Detected, word: &str) -> bool {
    detected.words.iter().any(|said| said == word)
}

/// A number that is always the same for a stack, and another one for most others.
fn chance(live: &Live) -> u32 {
    u32::from(Sha256::digest(&live.id)[0])
}

/// What differs in a stack, and how much of it was looked at.
type Told = (Vec<Found>, Coverage);

/// The template that a stack is declared with, and as what it is sent.
pub(super) type Declared<'a> = Option<(&'a Template, &'a str)>;

/// Looks for drift of one stack, together with all who look for it in this account and region.
pub(super) async fn look(realm: &Realm, live: &Live, declared: Declared<'_>) -> Result<Told, KindError> {
    realm.harvest.look();
    let told = match known(realm, live, declared) {
        Some(known) => Box::pin(by_word(realm, live, &known)).await?,
        // What is nested is asked for one by one.
        None if declared.is_some_and(|(template, _)| template.has_nested()) => None,
        None => Box::pin(by_results(realm, live, declared)).await?,
    };
    match told {
        Some(told) => Ok(told),
        None => {
            let detected = Box::pin(detect::detect(realm, live)).await?;
            Ok(learned(realm, live, detected))
        }
    }
}

/// What vouches for AWS' word for a stack.
fn known(realm: &Realm, live: &Live, declared: Declared<'_>) -> Option<Swept> {
    match realm.memory.swept(live) {
        Some(swept) if !swept.is_proven => None,
        // Many that are due together are read a few at a time.
        Some(swept) if swept.left == 0 && realm.harvest.may_read_again() => None,
        Some(swept) => Some(swept),
        None => vouched(realm, live, declared),
    }
}

/// What vouches for the word for a stack of which nothing is known but its template.
fn vouched(realm: &Realm, live: &Live, declared: Declared<'_>) -> Option<Swept> {
    let (template, sent) = declared.filter(|_| realm.memory.swept(live).is_none())?;
    let is_deployed = realm.memory.is_template(live, sent) == Some(true);
    let coverage = realm.memory.types(&realm.place()).coverage(live, template).filter(|_| is_deployed)?;
    Some(Swept::vouched(live, coverage))
}

/// Remembers a full look.
fn learned(realm: &Realm, live: &Live, detected: Detected) -> Told {
    let coverage = drift::coverage(&detected);
    realm.memory.learn_types(&realm.place(), |types| {
        types.learn(&detected);
        if has(&detected, &["MODIFIED", "DELETED"]) && is_said(&detected, "IN_SYNC") && !is_said(&detected, "DRIFTED") {
            types.mislead();
        }
    });
    realm.memory.sweep(live, Swept::of(live, &detected).unwrap_or_else(Swept::nothing));
    (detected.found, coverage)
}

/// By AWS' word for the stack; none where that does not suffice.
async fn by_word(realm: &Realm, live: &Live, known: &Swept) -> Result<Option<Told>, KindError> {
    for id in std::iter::once(&live.id).chain(&known.nested) {
        let word = match checked(realm, live, id).await? {
            Checked::Ended { word, detection: _ } => word,
            Checked::Others { .. } | Checked::Doubtful => return Ok(None),
        };
        match settled(realm, live, known, &word).await? {
            Settled::InSync => {}
            Settled::Told(told) => return Ok(Some(told)),
            Settled::Doubtful => return Ok(None),
        }
    }
    realm.memory.sweep(live, known.looked());
    Ok(Some((Vec::new(), known.coverage())))
}

/// What AWS' word for one stack comes to.
enum Settled {
    InSync,
    Told(Told),
    Doubtful,
}

async fn settled(realm: &Realm, live: &Live, known: &Swept, word: &str) -> Result<Settled, KindError> {
    match word {
        "IN_SYNC" => Ok(Settled::InSync),
        // Where what drifted may lie in a nested stack, all of them are read.
        "DRIFTED" if known.nested.is_empty() => {
            let found = detect::results(realm, &live.name, &live.id).await?;
            let is_told = found.iter().any(|found| matches!(found.status.as_str(), "MODIFIED" | "DELETED"));
            if !is_told {
                realm.memory.sweep(live, Swept::nothing());
                return Ok(Settled::Doubtful);
            }
            realm.memory.sweep(live, known.looked());
            let coverage = known.coverage_with(&found);
            let found = found.into_iter().filter(|found| found.r#type != NESTED || found.is_drifted());
            Ok(Settled::Told((found.collect(), coverage)))
        }
        _ => Ok(Settled::Doubtful),
    }
}

/// By what was found of each resource, after a detection that is waited for together with the others; none
/// where that does not suffice.
async fn by_results(realm: &Realm, live: &Live, declared: Declared<'_>) -> Result<Option<Told>, KindError> {
    let (word, detection) = match checked(realm, live, &live.id).await? {
        Checked::Ended { word, detection } => (word, Some(detection)),
        Checked::Others { before } => {
            detect::others_finished(realm, &live.name, &live.id, before).await?;
            (String::new(), None)
        }
        Checked::Doubtful => return Ok(None),
    };
    // Of all who begin together, the first few prove the types for the others.
    let may_be_vouched = declared.is_some_and(|(template, _)| vouch::is_told_by(live, template));
    let _proving = match may_be_vouched {
        true => Some(realm.harvest.proving.lock().await),
        false => None,
    };
    if let Some(known) = vouched(realm, live, declared) {
        match Box::pin(settled(realm, live, &known, &word)).await? {
            Settled::InSync => {
                realm.memory.sweep(live, known.looked());
                return Ok(Some((Vec::new(), known.coverage())));
            }
            Settled::Told(told) => return Ok(Some(told)),
            Settled::Doubtful => {}
        }
    }
    let found = Box::pin(detect::found(realm, live, word, detection.as_deref())).await?;
    Ok(found.map(|detected| learned(realm, live, detected)))
}

/// What became of a detection of one stack.
enum Checked {
    /// It has ended: AWS' word for the stack, and the detection's own id.
    Ended { word: String, detection: String },
    /// Somebody else had begun one, after the last one that is known to have been made.
    Others { before: Option<String> },
    /// The stack was changed meanwhile, is not in the list, or could not be checked.
    Doubtful,
}

/// Checks one stack, and waits together with all who do.
async fn checked(realm: &Realm, live: &Live, id: &str) -> Result<Checked, KindError> {
    let find = |stacks: &Stacks| stacks.values().find(|one| one.id == id).cloned();
    let Some(before) = find(&*realm.stacks().await?) else { return Ok(Checked::Doubtful) };
    let beginning = realm.harvest.begin();
    let begun = detect::begin(realm, &live.name, id).await;
    drop(beginning);
    let detection = match begun? {
        Begun::Ours(detection) => detection,
        Begun::Others => return Ok(Checked::Others { before: before.drift.checked }),
    };
    let started = Instant::now();
    let mut is_first = false;
    let too_early = realm.harvest.told_too_early.get_or_try_init(|| {
        is_first = true;
        is_told_too_early(realm, live, &detection, &before)
    });
    if *too_early.await? {
        realm.harvest.distrust();
    }
    tokio::time::sleep(realm.harvest.first_pause()).await;
    let mut since = started;
    for _ in 0..MOST_LISTS {
        if !realm.harvest.tells_ends() {
            break;
        }
        let stacks = realm.harvest.after(realm, since).await?;
        since = Instant::now();
        let Some(now) = find(&stacks) else { return Ok(Checked::Doubtful) };
        // It was changed since it was looked at in full.
        if now.version() != before.version() {
            return Ok(Checked::Doubtful);
        }
        if now.drift.checked != before.drift.checked {
            if is_first {
                match detect::ended(realm, &live.name, &detection).await? {
                    Some(ended) if ended.failed.is_some() => return Ok(Checked::Doubtful),
                    Some(ended) if ended.word == now.drift.status => {}
                    Some(_) | None => {
                        realm.harvest.distrust();
                        // Where AWS has two words for one stack, neither is enough for a stack that was never read.
                        realm.memory.learn_types(&realm.place(), vouch::Types::mislead);
                        break;
                    }
                }
            }
            realm.harvest.took(started.elapsed());
            return Ok(Checked::Ended { word: now.drift.status, detection });
        }
    }
    let ended = detect::finished(realm, &live.name, &detection).await?;
    let now = realm.look_at(id).await?;
    match now.is_some_and(|now| ended.failed.is_none() && now.version() == before.version()) {
        true => Ok(Checked::Ended { word: ended.word, detection }),
        false => Ok(Checked::Doubtful),
    }
}

/// Whether a detection that has just begun is told as made, and goes on.
///
/// AWS documents the time of the last check as the one when a detection was begun, and not whether it is
/// told before its end. So one is looked at right after it began; where AWS tells it then, no list is
/// gone by, and each detection is asked for by its own id.
async fn is_told_too_early(realm: &Realm, live: &Live, detection: &str, before: &Live) -> Result<bool, KindError> {
    let told = realm.look_at(&before.id).await?.is_some_and(|now| now.drift.checked != before.drift.checked);
    Ok(told && detect::ended(realm, &live.name, detection).await?.is_none())
}

#[cfg(test)]
mod tests {
    use super::super::live::tests::live;
    use super::*;

    fn found(status: &str) -> Found {
        Found { logical_id: "Jobs".into(), r#type: "AWS::SQS::Queue".into(), status: status.into(), ..Found::default() }
    }

    fn detected(status: &str, word: &str) -> Detected {
        let all = [("Jobs", "AWS::SQS::Queue"), ("Wait", "AWS::CloudFormation::WaitConditionHandle")];
        Detected {
            found: vec![found(status)],
            all: all.map(|(id, r#type)| (id.to_owned(), r#type.to_owned())).to_vec(),
            words: vec![word.to_owned()],
            ..Detected::default()
        }
    }

    #[test]
    fn aws_word_is_taken_only_where_every_resource_bears_it_out() {
        let stack = live("app", "UPDATE_COMPLETE");
        let of = |detected: Detected| Swept::of(&stack, &detected);
        let swept = of(detected("IN_SYNC", "IN_SYNC")).expect("all agree");
        assert!(swept.left > 0 && swept.left <= MOST);
        assert_eq!((swept.coverage().checked, swept.coverage().total), (1, 2), "what cannot be checked stays named");
        assert!(of(detected("MODIFIED", "DRIFTED")).is_some());
        assert_eq!(of(detected("MODIFIED", "IN_SYNC")), None, "the word is kinder than the truth");
        assert_eq!(of(detected("IN_SYNC", "DRIFTED")), None);
        assert_eq!(of(detected("UNKNOWN", "IN_SYNC")), None);
        assert_eq!(of(detected("IN_SYNC", "")), None, "somebody else's detection says nothing");
        assert_eq!(of(Detected { failed: Some("denied".into()), ..detected("IN_SYNC", "IN_SYNC") }), None);
    }

    #[test]
    fn what_could_not_be_checked_this_time_is_added_to_what_never_can() {
        let swept = Swept::of(&live("app", "UPDATE_COMPLETE"), &detected("IN_SYNC", "IN_SYNC")).expect("all agree");
        let seen = swept.coverage_with(&[found("UNKNOWN")]);
        assert_eq!((seen.checked, seen.total, seen.unchecked.len()), (0, 2, 2), "{seen:?}");
        assert_eq!(swept.coverage_with(&[found("MODIFIED")]), swept.coverage());
    }
}
