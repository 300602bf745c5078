//! A look for drift at many stacks: one call a stack where the last full look vouches for the rest.
//!
//! AWS sums each detection up in one word for the stack, and the word may be kinder than the truth: it
//! counts for nothing where a type cannot be checked, and there were stacks in sync whose resources
//! were not. So the first look at each version of a stack reads everything. Later ones take the word
//! `IN_SYNC` only where that look bore it out for every resource, read the results of each stack that
//! is not, and read everything again every so often.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::detect::{self, Begun};
use super::drift::{self, Detected, Found};
use super::live::Live;
use super::realm::Realm;
use super::template::NESTED;
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
}

impl Swept {
    /// None where AWS' word for the whole stack cannot be trusted.
    pub(super) fn of(live: &Live, detected: &Detected) -> Option<Self> {
        let has = |statuses: &[&str]| detected.found.iter().any(|found| statuses.contains(&found.status.as_str()));
        let is_said = |word: &str| detected.words.iter().any(|said| said == word);
        let is_known = detected.words.iter().all(|word| matches!(word.as_str(), "IN_SYNC" | "DRIFTED"));
        let is_borne_out = has(&["MODIFIED", "DELETED"]) == is_said("DRIFTED");
        if detected.failed.is_some() || has(&["UNKNOWN"]) || !is_known || !is_borne_out {
            return None;
        }
        let coverage = drift::coverage(detected);
        let nested = detected.nested.clone();
        // Stacks that were looked at together are not all read in full again together.
        let offset = u32::from(Sha256::digest(&live.id)[0]) % (MOST / 2);
        Some(Self { total: coverage.total, unchecked: coverage.unchecked, nested, left: MOST - offset })
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

/// What differs in a stack, and how much of it was looked at.
pub(super) async fn look(realm: &Realm, live: &Live) -> Result<(Vec<Found>, Coverage), KindError> {
    if let Some(known) = realm.memory.swept(live).filter(|known| known.left > 0)
        && let Some(told) = Box::pin(by_word(realm, live, &known)).await?
    {
        return Ok(told);
    }
    let detected = Box::pin(detect::detect(realm, live)).await?;
    let coverage = drift::coverage(&detected);
    realm.memory.sweep(live, Swept::of(live, &detected));
    Ok((detected.found, coverage))
}

/// By AWS' word for the stack; none where that does not suffice.
async fn by_word(realm: &Realm, live: &Live, known: &Swept) -> Result<Option<(Vec<Found>, Coverage)>, KindError> {
    for id in std::iter::once(&live.id).chain(&known.nested) {
        let told = checked(realm, live, id).await?;
        match told.as_deref() {
            Some("IN_SYNC") => {}
            // Where what drifted may lie in a nested stack, all of them are read.
            Some("DRIFTED") if known.nested.is_empty() => {
                let found = detect::results(realm, &live.name, id).await?;
                let is_told = found.iter().any(|found| matches!(found.status.as_str(), "MODIFIED" | "DELETED"));
                realm.memory.sweep(live, is_told.then(|| Swept { left: known.left - 1, ..known.clone() }));
                return Ok(is_told.then(|| {
                    let coverage = known.coverage_with(&found);
                    let found = found.into_iter().filter(|found| found.r#type != NESTED || found.is_drifted());
                    (found.collect(), coverage)
                }));
            }
            Some(_) | None => return Ok(None),
        }
    }
    realm.memory.sweep(live, Some(Swept { left: known.left - 1, ..known.clone() }));
    Ok(Some((Vec::new(), known.coverage())))
}

/// Checks one stack, and gives AWS' word for it; none where another look is needed.
async fn checked(realm: &Realm, live: &Live, id: &str) -> Result<Option<String>, KindError> {
    let find = |stacks: &super::realm::Stacks| stacks.values().find(|one| one.id == id).cloned();
    let Some(before) = find(&*realm.stacks().await?) else { return Ok(None) };
    let beginning = realm.harvest.begin();
    let begun = detect::begin(realm, &live.name, id).await;
    drop(beginning);
    let detection = match begun? {
        Begun::Ours(detection) => detection,
        // The full look knows how to wait for it.
        Begun::Others => return Ok(None),
    };
    let started = Instant::now();
    tokio::time::sleep(realm.harvest.first_pause()).await;
    let mut since = started;
    for _ in 0..MOST_LISTS {
        let stacks = realm.harvest.after(realm, since).await?;
        since = Instant::now();
        let Some(now) = find(&stacks) else { return Ok(None) };
        // It was changed since it was looked at in full.
        if now.version() != before.version() {
            return Ok(None);
        }
        if now.drift.checked != before.drift.checked {
            realm.harvest.took(started.elapsed());
            return Ok(Some(now.drift.status));
        }
    }
    let ended = detect::finished(realm, &live.name, &detection).await?;
    let now = realm.look_at(id).await?;
    Ok(now.filter(|now| ended.failed.is_none() && now.version() == before.version()).map(|_| ended.word))
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
