//! One account and region as a place where stacks are kept: finds ours, and destroys them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use sha2::{Digest, Sha256};

use super::events;
use super::leftover;
use super::live::Live;
use super::realm::{Realm, is_absence};
use super::recover::hands_off;
use super::status::{End, Standing, Status};
use super::veil::Veil;
use super::wait::{self, Watch};
use super::wanted::PREFIX;
use crate::aws::{Api, failure};
use crate::unit::{Inputs, KindError, Owned, Progress, Site, SiteName, UnitId};

/// The tag that says which file a stack comes from; CloudGenesis' own, so that adopting its stacks
/// changes none of their resources.
pub(super) const MARK: &str = "CloudGenesis:stack-file";

/// The most letters of the tag's value.
const MARK_LENGTH: usize = 255;

/// The value of the mark: the repository's name, and the file's path.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Mark {
    repository: String,
    pub(super) value: String,
}

impl Mark {
    pub(super) fn of(repository: &str, file: &str) -> Self {
        let whole = format!("{}{file}", prefix(repository));
        Self { repository: repository.to_owned(), value: whole.chars().take(MARK_LENGTH).collect() }
    }

    /// Whether a stack that carries `found` was made from the very same file. A mark that was cut
    /// short may be that of several.
    pub(super) fn is_surely(&self, found: &str) -> bool {
        found == self.value && self.value.chars().count() < MARK_LENGTH
    }

    /// Whether a stack that carries `found` is another repository's.
    pub(super) fn is_foreign(&self, found: &str) -> bool {
        !found.starts_with(&format!("{}stacks/", prefix(&self.repository)))
    }
}

fn prefix(repository: &str) -> String {
    match repository.is_empty() {
        true => String::new(),
        false => format!("{repository}/"),
    }
}

/// One account and region.
pub(super) struct StackSite {
    realm: Arc<Realm>,
    repository: String,
    here: Here,
}

/// What the repository says of the stacks of one account and region.
#[derive(Default)]
pub(super) struct Here {
    /// By the stack's name: the unit, and what of it holds data.
    declared: BTreeMap<String, (UnitId, Vec<String>)>,
    /// Somebody else's, whatever mark they carry.
    external: BTreeSet<String>,
}

impl Here {
    pub(super) fn declare(&mut self, stack: &str, unit: &UnitId, stateful: Vec<String>) {
        self.declared.insert(stack.to_owned(), (unit.clone(), stateful));
    }

    pub(super) fn leave(&mut self, stack: &str) {
        self.external.insert(stack.to_owned());
    }
}

impl StackSite {
    pub(super) fn new(realm: Arc<Realm>, repository: &str, here: Here) -> Self {
        Self { realm, repository: repository.to_owned(), here }
    }

    fn owned_by_us(&self, live: &Live) -> Option<Owned> {
        let mark = live.tags.get(MARK)?;
        let file = mark.strip_prefix(&prefix(&self.repository)).filter(|file| file.starts_with("stacks/"))?;
        // A nested stack inherits the tags of its parent, and goes with it.
        if live.is_nested || live.status == Status::DeleteComplete || self.here.external.contains(&live.name) {
            return None;
        }
        // What is declared by its name is no leftover, though its mark may still name an older file.
        let marked = || UnitId::new(file.strip_suffix(".yaml").unwrap_or(file));
        Some(Owned {
            id: self.here.declared.get(&live.name).map_or_else(marked, |(unit, _)| unit.clone()),
            kind: super::kind_name(),
            site: self.name(),
            handle: live.id.clone(),
            created: live.created.clone(),
            guards: self.guards(live),
            needed_by: Vec::new(),
        })
    }

    fn guards(&self, live: &Live) -> Vec<String> {
        let mut guards = Vec::new();
        if live.is_protected {
            guards.push("termination protection is switched on".to_owned());
        }
        if self.repository.is_empty() {
            guards.push("the mark does not name a repository: set `repository:` in groundplan.yaml".to_owned());
        }
        guards
    }
}

#[async_trait]
impl Site for StackSite {
    fn name(&self) -> SiteName {
        SiteName::new(format!("{}/{}", self.realm.account, self.realm.region))
    }

    async fn owned(&self, _inputs: &Inputs) -> Result<Vec<Owned>, KindError> {
        let stacks = self.realm.stacks().await?;
        let mut all = Vec::new();
        for (live, mut owned) in stacks.values().filter_map(|live| Some((live, self.owned_by_us(live)?))) {
            match self.here.declared.get(&live.name) {
                Some((_, stateful)) => owned.guards.extend(stateful.iter().cloned()),
                // No file says any more what it holds: the account is asked.
                None => {
                    let leftover::Standing { guards, importers } =
                        Box::pin(leftover::standing(&self.realm, live)).await?;
                    owned.guards.extend(guards);
                    let importers = importers.iter().filter_map(|name| self.owned_by_us(stacks.get(name)?));
                    owned.needed_by = importers.map(|importer| importer.id).collect();
                }
            }
            all.push(owned);
        }
        Ok(all)
    }

    async fn destroy(&self, owned: &Owned, _inputs: &Inputs, progress: &Progress) -> Result<(), KindError> {
        let realm = self.realm.as_ref();
        let Some(live) = realm.look_at(&owned.handle).await? else { return Ok(()) };
        if live.status == Status::DeleteComplete {
            return Ok(());
        }
        if self.owned_by_us(&live).is_none_or(|now| now.id != owned.id) {
            let said = format!("the stack `{}` no longer carries the mark of `{}`", live.name, owned.id);
            return Err(KindError::refused(said));
        }
        if live.is_protected {
            let said = format!("the stack `{}` is protected from deletion", live.name);
            return Err(KindError::refused(said).hint(format!(
                "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {} --region {}",
                live.name, realm.region
            )));
        }
        check_deletable(realm, &live).await?;
        leftover::check_exports(realm, &live).await?;
        delete(realm, &live, &Veil::default(), progress).await
    }
}

async fn check_deletable(realm: &Realm, live: &Live) -> Result<(), KindError> {
    match (&live.status, live.status.standing()) {
        // A deletion that failed may be tried again; it was begun on purpose.
        (Status::DeleteFailed | Status::DeleteInProgress, _) => Ok(()),
        (_, Standing::Ready | Standing::NeverCreated | Standing::Absent) => Ok(()),
        (_, Standing::Review) => {
            let said = format!("the stack `{}` holds only change sets, which may be somebody's review", live.name);
            Err(KindError::refused(said))
        }
        (_, Standing::Busy) => {
            let said = format!("the stack `{}` is in {}", live.name, live.status.as_str());
            Err(KindError::failed(said).hint("run again when that has ended"))
        }
        (_, Standing::HandsOff { .. }) => Err(hands_off(realm, live, &Veil::default(), None).await),
    }
}

/// Deletes a stack by its id, and waits until it is gone.
pub(super) async fn delete(realm: &Realm, live: &Live, veil: &Veil, progress: &Progress) -> Result<(), KindError> {
    let (session, client) = (realm.session().await?, realm.writer().await?);
    // A try after one that failed is another deed, and needs another token.
    let newest = events::newest(realm, &live.id).await?.map(|event| event.id).unwrap_or_default();
    let token = format!("{PREFIX}delete-{}-{}", short(&live.id), &hex::encode(Sha256::digest(newest))[..8]);
    realm.touch(&live.name);
    let call = || client.delete_stack().stack_name(&live.id).client_request_token(&token).send();
    match session.call(Api::Write, call).await {
        Ok(_) => {}
        Err(error) if is_absence(error.code(), error.message()) => return Ok(()),
        Err(error) => {
            let deed = format!("cannot delete the stack `{}`", live.name);
            return Err(session.name_the_target(failure(deed, error)));
        }
    }
    let before = Some(live.version());
    let (name, stack_id, longest) = (live.name.as_str(), live.id.as_str(), wait::longest(realm));
    let watch = Watch { realm, name, stack_id, before, token, longest, veil, template: None, progress };
    match watch.until_gone().await? {
        Some(now) if now.status.end() != End::Gone => Err(hands_off(realm, &now, veil, None).await),
        Some(_) | None => Ok(()),
    }
}

fn short(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_the_repository_and_the_file() {
        let mark = Mark::of("shop", "stacks/111122223333/eu-west-1/vpc.yaml");
        assert_eq!(mark.value, "shop/stacks/111122223333/eu-west-1/vpc.yaml");
        assert!(!mark.is_foreign("shop/stacks/111122223333/eu-west-1/old.yaml"));
        assert!(mark.is_foreign("other/stacks/111122223333/eu-west-1/vpc.yaml"));
        assert!(mark.is_foreign("stacks/111122223333/eu-west-1/vpc.yaml"));
        let long = Mark::of("", &format!("stacks/{}.yaml", "x".repeat(300)));
        assert_eq!(long.value.chars().count(), 255);
    }
}
