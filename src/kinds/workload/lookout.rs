//! The live objects that somebody waits for: listed once, then told by watches.
//!
//! A list every second would be late by half of it and would cost a page each time. Where the watches
//! may not be opened, or are lost, it goes on by lists alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{Cluster, Listing};
use super::follow::{Following, News, Watches};
use super::mark::Mark;
use super::object::ObjectId;
use super::wait::Awaited;
use crate::unit::KindError;

/// What comes this close together is judged together, where there is much to judge.
const TOGETHER: Duration = Duration::from_millis(5);
/// So few are judged one by one.
const FEW: usize = 8;
/// However quiet the watches are, a list is the judge again after this.
const LIST_AGAIN: Duration = Duration::from_secs(30);

/// The objects of some kinds that carry a unit's label.
pub(super) struct Lookout<'a> {
    cluster: &'a Cluster,
    listings: BTreeSet<Listing>,
    pub(super) live: BTreeMap<ObjectId, Value>,
    /// What was listed, up to which version, and when.
    listed: Option<(Vec<(Listing, String)>, Instant)>,
    watches: Option<Watches>,
    /// A watch was lost: from then on only lists are believed.
    is_deaf: bool,
    /// Nobody has judged what is known yet.
    is_new: bool,
}

impl<'a> Lookout<'a> {
    pub(super) fn new(cluster: &'a Cluster, mark: &Mark, awaited: &Awaited) -> Self {
        let listings = listings(mark, awaited);
        Self { cluster, listings, live: BTreeMap::new(), listed: None, watches: None, is_deaf: false, is_new: false }
    }

    /// What the server answered when these were applied is as good as a list, where they are all that is waited
    /// for, and each the only one of its kind: two have a version each, and a watch goes on from one.
    pub(super) fn knowing(mut self, mark: &Mark, awaited: &Awaited, answers: BTreeMap<ObjectId, Value>) -> Self {
        let is_whole = awaited.keys().eq(answers.keys()) && self.listings.len() == awaited.len();
        let versions = awaited.iter().zip(answers.values()).map(|((id, resource), answer)| {
            let version = answer["metadata"]["resourceVersion"].as_str()?;
            Some((Listing::of_unit(mark, resource.clone(), &id.kind), version.to_owned()))
        });
        if let Some(versions) = versions.collect::<Option<Vec<_>>>().filter(|_| is_whole) {
            (self.live, self.listed, self.is_new) = (answers, Some((versions, Instant::now())), true);
        }
        self
    }

    /// Lists everything where nobody tells what happens. Whether all of it is to be judged.
    pub(super) async fn look(&mut self) -> Result<bool, KindError> {
        if self.listed.as_ref().is_some_and(|(_, when)| when.elapsed() < LIST_AGAIN) {
            return Ok(std::mem::take(&mut self.is_new));
        }
        self.watches = None;
        let (live, versions) = Box::pin(all(self.cluster, self.listings.clone())).await?;
        (self.live, self.listed) = (live, Some((versions, Instant::now())));
        Ok(true)
    }

    /// Until something happened, and to which objects; or until the time is over.
    pub(super) async fn next(&mut self, longest: Duration) -> BTreeSet<ObjectId> {
        let (mut changed, are_few) = (BTreeSet::new(), self.live.len() <= FEW);
        let Some(watches) = self.watches() else {
            tokio::time::sleep(longest).await;
            self.listed = None;
            return changed;
        };
        let Ok(Some(first)) = tokio::time::timeout(longest, watches.news.recv()).await else { return changed };
        if !are_few {
            tokio::time::sleep(TOGETHER).await;
        }
        let mut all = vec![first];
        while let Ok(news) = watches.news.try_recv() {
            all.push(news);
        }
        for news in all {
            let (id, object, is_gone) = match news {
                News::Object { id, object, is_gone, .. } => (id, object, is_gone),
                News::Lost { .. } => {
                    (self.is_deaf, self.listed) = (true, None);
                    continue;
                }
                News::Again { .. } => {
                    self.listed = None;
                    continue;
                }
            };
            let Ok(object) = serde_json::from_str::<Value>(object.get()) else {
                self.listed = None;
                continue;
            };
            changed.insert(id.clone());
            match is_gone {
                true => _ = self.live.remove(&id),
                false => _ = self.live.insert(id, object),
            }
        }
        changed
    }

    /// Opens the watches where the last list left off; none where there are none to be had.
    fn watches(&mut self) -> Option<&mut Watches> {
        let (versions, _) = self.listed.as_ref()?;
        if self.is_deaf {
            self.watches = None;
        } else if self.watches.is_none() {
            let follow = |(number, (listing, version)): (usize, &(Listing, String))| {
                (Following::new(listing.clone(), number, version.clone()), self.cluster.server.clone())
            };
            self.watches = Some(Watches::open(versions.iter().enumerate().map(follow)));
        }
        self.watches.as_mut()
    }
}

fn listings(mark: &Mark, awaited: &Awaited) -> BTreeSet<Listing> {
    awaited.iter().map(|(id, resource)| Listing::of_unit(mark, resource.clone(), &id.kind)).collect()
}

/// The live objects of these kinds that carry the unit's label.
pub(super) async fn objects_of(
    cluster: &Cluster,
    mark: &Mark,
    awaited: &Awaited,
) -> Result<BTreeMap<ObjectId, Value>, KindError> {
    Ok(Box::pin(all(cluster, listings(mark, awaited))).await?.0)
}

/// All that these lists hold, and the version that each shows.
async fn all(
    cluster: &Cluster,
    listings: BTreeSet<Listing>,
) -> Result<(BTreeMap<ObjectId, Value>, Vec<(Listing, String)>), KindError> {
    let (mut objects, mut versions) = (BTreeMap::new(), Vec::new());
    for (listing, text) in cluster.list_all(listings).await? {
        let mut list: Value = serde_json::from_str(&text).map_err(|error| cluster.server.broken_list(&error))?;
        let kind = (listing.resource.group.clone(), listing.kind.clone());
        for object in list["items"].as_array_mut().into_iter().flatten() {
            objects.insert(id_of(&kind, object), object.take());
        }
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        versions.push((listing, version));
    }
    Ok((objects, versions))
}

fn id_of((group, kind): &(String, String), object: &Value) -> ObjectId {
    let text = |key: &str| object["metadata"][key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    ObjectId {
        group: group.clone(),
        kind: kind.clone(),
        namespace: text("namespace"),
        name: text("name").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::discovery::Resource;
    use super::super::server::Server;
    use super::super::wire::client;
    use super::*;
    use crate::unit::UnitId;

    fn id(kind: &str, name: &str) -> ObjectId {
        ObjectId { kind: kind.into(), name: name.into(), ..ObjectId::default() }
    }

    fn awaited(ids: &[ObjectId]) -> Awaited {
        let resource =
            |kind: &str| Resource { group: String::new(), version: "v1".into(), plural: kind.into(), namespaced: true };
        ids.iter().map(|id| (id.clone(), resource(&id.kind))).collect()
    }

    #[tokio::test]
    async fn answers_stand_in_for_lists_where_a_watch_can_go_on_from_each() {
        let nobody = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
        let cluster = Cluster::new(Server::new(client(&nobody).expect("it asks nobody yet"), "c", None));
        let mark = Mark::new("r", &UnitId::new("clusters/prod/shop"));
        let known = |wanted: &[ObjectId], answered: &[ObjectId]| {
            let answer = json!({"metadata": {"resourceVersion": "7"}});
            let answers = answered.iter().map(|id| (id.clone(), answer.clone())).collect();
            let awaited = awaited(wanted);
            Lookout::new(&cluster, &mark, &awaited).knowing(&mark, &awaited, answers)
        };
        let (a, b, other) = (id("A", "a"), id("B", "b"), id("A", "other"));
        let mut both = known(&[a.clone(), b.clone()], &[a.clone(), b.clone()]);
        assert!(both.look().await.is_ok_and(|judge_all| judge_all), "nobody has judged them yet");
        assert!(both.look().await.is_ok_and(|judge_all| !judge_all), "and nobody was asked");
        assert_eq!(both.listed.map(|(versions, _)| versions[1].1.clone()).as_deref(), Some("7"));
        assert!(known(&[a.clone(), b], std::slice::from_ref(&a)).listed.is_none(), "one was not answered for");
        assert!(known(&[a.clone(), other.clone()], &[a, other]).listed.is_none(), "two of one kind");
    }
}
