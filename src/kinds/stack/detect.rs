//! Asks CloudFormation to look for drift, and waits for what it finds.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackDriftDetectionStatus;

use super::drift::{Detected, Found};
use super::live::Live;
use super::realm::Realm;
use super::resources::{self, Resource};
use super::template::NESTED;
use super::wait::Pace;
use crate::aws::{Api, failure};
use crate::unit::KindError;

/// Detection asks many services in turn; beyond this it is given up, and said so.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Stacks are nested no deeper than anybody would look.
const DEEPEST: usize = 6;

/// Asks for drift of every resource of a stack, those of its nested stacks included.
pub(super) async fn detect(realm: &Realm, live: &Live) -> Result<Detected, KindError> {
    let mut detected = Detected::default();
    let mut waiting = vec![(String::new(), live.id.clone(), 0)];
    while let Some((path, id, depth)) = waiting.pop() {
        let ended = Box::pin(detect_one(realm, &live.name, &id)).await?;
        let One { found, all } = Box::pin(read(realm, &live.name, &id)).await?;
        detected.failed = detected.failed.or(ended.failed);
        detected.words.push(ended.word);
        let named = |logical_id: String| format!("{path}{logical_id}");
        detected.found.extend(found.into_iter().map(|found| Found { logical_id: named(found.logical_id), ..found }));
        for resource in all {
            if is_nested(&resource) && depth < DEEPEST {
                detected.nested.push(resource.physical_id.clone());
                waiting.push((format!("{path}{}/", resource.logical_id), resource.physical_id, depth + 1));
            } else {
                detected.all.push((named(resource.logical_id), resource.r#type));
            }
        }
    }
    // What a nested stack is as a resource says nothing of what it holds.
    detected.found.retain(|found| found.r#type != NESTED || found.is_drifted());
    Ok(detected)
}

/// What the last detection found of a stack that holds no other, by AWS' word for it as a whole and, where
/// it was ours, the detection's id; none where it holds one.
pub(super) async fn found(
    realm: &Realm,
    live: &Live,
    word: String,
    detection: Option<&str>,
) -> Result<Option<Detected>, KindError> {
    let One { found, all } = Box::pin(read(realm, &live.name, &live.id)).await?;
    if all.iter().any(is_nested) {
        return Ok(None);
    }
    let is_checked =
        |resource: &Resource| found.iter().any(|found| found.logical_id == resource.logical_id && found.is_checked());
    // Only the detection itself tells whether what is left out could not be asked for.
    let failed = match detection.filter(|_| !all.iter().all(is_checked)) {
        Some(detection) => finished(realm, &live.name, detection).await?.failed,
        None => None,
    };
    let all = all.into_iter().map(|resource| (resource.logical_id, resource.r#type)).collect();
    Ok(Some(Detected { found, all, nested: Vec::new(), failed, words: vec![word] }))
}

fn is_nested(resource: &Resource) -> bool {
    resource.r#type == NESTED && resource.physical_id.starts_with("arn:")
}

/// What was found of one stack's resources, and all that it holds.
struct One {
    found: Vec<Found>,
    all: Vec<Resource>,
}

async fn read(realm: &Realm, name: &str, id: &str) -> Result<One, KindError> {
    let found = results(realm, name, id).await?;
    let mut all = resources::of_id(realm, name, id).await?;
    all.retain(|resource| resource.status != "DELETE_COMPLETE");
    Ok(One { found, all })
}

/// How a detection ended.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Ended {
    /// Why it failed, where it did.
    pub(super) failed: Option<String>,
    /// AWS' word for the stack; empty where that is not known.
    pub(super) word: String,
}

async fn detect_one(realm: &Realm, name: &str, id: &str) -> Result<Ended, KindError> {
    // Known before it is asked for: only its time tells when one that somebody else began has ended.
    let known = realm.stacks().await?;
    let before = known.values().find(|live| live.id == id).and_then(|live| live.drift.checked.clone());
    match begin(realm, name, id).await? {
        Begun::Ours(detection) => finished(realm, name, &detection).await,
        Begun::Others => {
            others_finished(realm, name, id, before).await?;
            Ok(Ended::default())
        }
    }
}

/// Who began the detection that is under way.
pub(super) enum Begun {
    /// We did; by this id it is asked for.
    Ours(String),
    /// Somebody else, whose id for it nobody tells.
    Others,
}

/// Begins a detection, where none is under way.
pub(super) async fn begin(realm: &Realm, name: &str, id: &str) -> Result<Begun, KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    match session.call(Api::Drift, || client.detect_stack_drift().stack_name(id).send()).await {
        Ok(begun) => Ok(Begun::Ours(begun.stack_drift_detection_id.unwrap_or_default())),
        Err(error) if is_running(error.code(), error.message()) => Ok(Begun::Others),
        Err(error) => {
            let deed = format!("cannot detect drift of the stack `{name}`");
            Err(session.name_the_target(failure(deed, error)))
        }
    }
}

/// The API has no error of its own for a detection that somebody else began: only a sentence.
fn is_running(code: Option<&str>, message: Option<&str>) -> bool {
    code == Some("ValidationError") && message.is_some_and(|said| said.contains("already in progress"))
}

/// What the last detection found of each resource.
pub(super) async fn results(realm: &Realm, name: &str, id: &str) -> Result<Vec<Found>, KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = || client.describe_stack_resource_drifts().stack_name(id).set_next_token(next.clone()).send();
        let page = session.call(Api::Read, call).await.map_err(|error| {
            session.name_the_target(failure(format!("cannot read the drift of the stack `{name}`"), error))
        })?;
        found.extend(page.stack_resource_drifts.unwrap_or_default().into_iter().map(Found::of));
        next = page.next_token;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Waits for a detection that somebody else began, whose id nobody tells: its result serves as well.
pub(super) async fn others_finished(
    realm: &Realm,
    name: &str,
    id: &str,
    before: Option<String>,
) -> Result<(), KindError> {
    let (mut pace, started) = (Pace::new(), Instant::now());
    while started.elapsed() < LONGEST {
        pace.pause().await;
        let now = realm.look_at(id).await?.and_then(|live| live.drift.checked);
        if now != before {
            return Ok(());
        }
    }
    Err(endless(name))
}

fn endless(name: &str) -> KindError {
    let minutes = LONGEST.as_secs() / 60;
    KindError::failed(format!("drift detection of the stack `{name}` did not end within {minutes} minutes"))
}

/// Waits until a detection of ours has ended.
pub(super) async fn finished(realm: &Realm, name: &str, detection: &str) -> Result<Ended, KindError> {
    let (mut pace, started) = (Pace::new(), Instant::now());
    while started.elapsed() < LONGEST {
        match ended(realm, name, detection).await? {
            Some(ended) => return Ok(ended),
            None => pace.pause().await,
        }
    }
    Err(endless(name))
}

/// How a detection of ours ended; none while it goes on. One that failed has partial results, which count.
pub(super) async fn ended(realm: &Realm, name: &str, detection: &str) -> Result<Option<Ended>, KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    let call = || client.describe_stack_drift_detection_status().stack_drift_detection_id(detection).send();
    let now = session.call(Api::Read, call).await.map_err(|error| {
        session.name_the_target(failure(format!("cannot detect drift of the stack `{name}`"), error))
    })?;
    Ok(match now.detection_status {
        Some(StackDriftDetectionStatus::DetectionInProgress) => None,
        Some(StackDriftDetectionStatus::DetectionFailed) => {
            let reason = now.detection_status_reason.unwrap_or_else(|| "AWS gives no reason".to_owned());
            Some(Ended { failed: Some(reason), word: String::new() })
        }
        _ => {
            let word = now.stack_drift_status.map(|word| word.as_str().to_owned()).unwrap_or_default();
            Some(Ended { failed: None, word })
        }
    })
}
