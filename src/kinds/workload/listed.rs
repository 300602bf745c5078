//! The lists of a look: which are asked for, and what they show.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::ahead::Ahead;
use super::cluster::Listing;
use super::desired::Desired;
use super::hands::for_each;
use super::look::Subject;
use super::object::ObjectId;
use super::seen::Seen;
use super::settled::Stood;
use super::sift::{Found, sift};
use crate::unit::KindError;

/// So many bytes of lists take longer than a thread that helps.
const WORTH_A_THREAD: usize = 256 * 1024;

impl Subject<'_> {
    /// One list a kind, of what carries our label. Where nothing of ours is remembered, the names of all
    /// that is there instead: an object that somebody else made must not be overwritten unseen.
    pub(super) async fn list(&self, ahead: Ahead, seen: &mut Seen) -> Result<HashMap<ObjectId, Found>, KindError> {
        let mut listings = self.listings();
        let is_known = |listing: &Listing| {
            listing.kind == "ConfigMap" && listing.resource.group.is_empty() && listing.selector.is_some()
        };
        let known = listings.iter().find(|listing| self.config_maps.is_some() && is_known(listing)).cloned();
        let mut answers = Vec::new();
        if let (Some(listing), Some(text)) = (known, self.config_maps) {
            listings.remove(&listing);
            seen.with_memory = Some(listing.clone());
            answers.push((listing, text.to_owned()));
        }
        let early = if self.inventory.is_some() { ahead.take(&mut listings).await? } else { Vec::new() };
        let before: BTreeSet<Listing> = early.iter().map(|(listing, _)| listing.clone()).collect();
        answers.extend(early);
        answers.extend(self.cluster.list_all(listings).await?);
        let mut all = HashMap::new();
        self.take_in(answers, &mut all, seen)?;
        let again = self.to_list_again(&before, &all);
        seen.listed.retain(|(listing, _)| !again.contains(listing));
        self.take_in(self.cluster.list_all(again).await?, &mut all, seen)?;
        Ok(all)
    }

    /// Reads lists, and what version each shows.
    fn take_in(
        &self,
        answers: Vec<(Listing, String)>,
        all: &mut HashMap<ObjectId, Found>,
        seen: &mut Seen,
    ) -> Result<(), KindError> {
        let manager = self.mark.field_manager();
        let mine = self.inventory.is_some();
        let declared: HashSet<&ObjectId> = match mine {
            true => HashSet::new(),
            false => self.desired.iter().map(Desired::id).collect(),
        };
        let applied = |id: &ObjectId| self.record(id).and_then(|record| record.applied.as_ref());
        let bytes: usize = answers.iter().map(|(_, text)| text.len()).sum();
        let sifted = for_each(&answers, bytes / WORTH_A_THREAD, |(listing, text)| {
            sift(text, &listing.resource.group, &listing.kind, &manager, applied)
        });
        for ((listing, _), sifted) in answers.into_iter().zip(sifted) {
            let (found, version) = sifted.map_err(|error| self.broken(&error))?;
            if mine {
                let traces = found.iter().filter_map(|one| one.trace).collect();
                let stood = Stood { listing: listing.clone(), version: version.clone(), count: found.len(), traces };
                seen.stood.push(stood);
                seen.listed.push((listing, version));
            }
            for mut one in found.into_iter().filter(|one| mine || declared.contains(&one.id)) {
                if !mine {
                    // Only its name was asked for.
                    (one.live, one.kept) = (None, false);
                }
                all.insert(one.id.clone(), one);
            }
        }
        Ok(())
    }

    /// Kinds that were listed before the inventory was read, and of which it names something that is not declared
    /// and not in the list: it may have been made in between, and must not be forgotten as gone.
    fn to_list_again(&self, before: &BTreeSet<Listing>, all: &HashMap<ObjectId, Found>) -> BTreeSet<Listing> {
        let remembered = self.inventory.into_iter().flat_map(|inventory| inventory.records.keys());
        let missing: Vec<&ObjectId> = remembered.filter(|id| !all.contains_key(id)).collect();
        if before.is_empty() || missing.is_empty() {
            return BTreeSet::new();
        }
        let declared: HashSet<&ObjectId> = self.desired.iter().map(Desired::id).collect();
        let undeclared = missing.into_iter().filter(|id| !declared.contains(id));
        let listing_of = |id: &ObjectId| {
            before.iter().find(|listing| (&listing.resource.group, &listing.kind) == (&id.group, &id.kind)).cloned()
        };
        undeclared.filter_map(listing_of).collect()
    }

    fn listings(&self) -> BTreeSet<Listing> {
        let declared = self.desired.iter().map(|desired| (desired.resource.clone(), desired.id()));
        match self.inventory {
            None => declared
                .map(|(resource, id)| Listing {
                    resource,
                    kind: id.kind.clone(),
                    namespace: id.namespace.clone(),
                    selector: None,
                    metadata_only: true,
                })
                .collect(),
            Some(inventory) => {
                let kinds: BTreeSet<(&str, &str)> =
                    declared.clone().map(|(_, id)| (id.group.as_str(), id.kind.as_str())).collect();
                let asked = inventory.records.iter().filter(|(id, _)| !self.discovery.is_silent(&id.group));
                let remembered = asked.filter_map(|(id, record)| {
                    let resource = self.discovery.find_any(&id.group, &record.version, &id.kind)?;
                    // Where the declared version is another one, the list of that version shows them all.
                    let is_declared = kinds.contains(&(id.group.as_str(), id.kind.as_str()));
                    (!is_declared).then(|| (resource.clone(), id))
                });
                declared
                    .chain(remembered)
                    .map(|(resource, id)| Listing::of_unit(self.mark, resource, &id.kind))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::cluster::Cluster;
    use super::super::discovery::{Discovery, Resource};
    use super::super::inventory::{Inventory, Record};
    use super::super::mark::Mark;
    use super::super::object::Object;
    use super::super::server::Server;
    use super::super::wire::client;
    use super::*;
    use crate::unit::UnitId;

    fn id(name: &str) -> ObjectId {
        ObjectId { kind: "ConfigMap".into(), name: name.into(), ..ObjectId::default() }
    }

    fn resource() -> Resource {
        Resource { group: String::new(), version: "v1".into(), plural: "configmaps".into(), namespaced: true }
    }

    fn desired(name: &str) -> Desired {
        let object = Object { id: id(name), version: "v1".into(), json: json!({}), place: Default::default() };
        Desired { object, resource: resource(), hash: String::new(), scaled: false }
    }

    #[tokio::test]
    async fn what_may_have_been_made_between_a_list_and_the_inventory_is_listed_again() {
        let nobody = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
        let cluster = Cluster::new(Server::new(client(&nobody).expect("it asks nobody yet"), "c", None));
        let (mark, discovery) = (Mark::new("r", &UnitId::new("clusters/prod/shop")), Discovery::default());
        let declared = [desired("declared")];
        let remembered =
            |names: &[&str]| Inventory::new(names.iter().map(|name| (id(name), Record::default())).collect(), true);
        let listing = Listing::of_unit(&mark, resource(), "ConfigMap");
        let again = |inventory: &Inventory, before: &[&Listing], seen: &[&str]| {
            let found = |name: &&str| Found { id: id(name), uid: String::new(), kept: true, live: None, trace: None };
            let all = seen.iter().map(|name| (id(name), found(name))).collect();
            let subject = Subject {
                cluster: &cluster,
                discovery: &discovery,
                mark: &mark,
                desired: &declared,
                inventory: Some(inventory),
                prune: true,
                leave: &[],
                config_maps: None,
            };
            subject.to_list_again(&before.iter().map(|one| (*one).clone()).collect(), &all)
        };
        let inventory = remembered(&["declared", "past"]);
        assert_eq!(again(&inventory, &[&listing], &["declared"]), BTreeSet::from([listing.clone()]));
        assert!(again(&inventory, &[&listing], &["declared", "past"]).is_empty(), "it is there");
        assert!(again(&inventory, &[], &["declared"]).is_empty(), "it was listed after the inventory was read");
        // What is declared and missing is read by itself.
        assert!(again(&remembered(&["declared"]), &[&listing], &[]).is_empty());
    }
}
