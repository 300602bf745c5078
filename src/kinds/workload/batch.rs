//! What has happened by now, taken in together: of each object only the newest word counts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;

use super::follow::News;
use super::object::ObjectId;
use crate::unit::KindError;

/// One moment tells so many objects at most; the first of many changes are not kept waiting for the last.
const MOST: usize = 256;

/// What has come together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: BTreeMap<ObjectId, Event>,
    /// Something that concerns all of it; the events are then nothing any more.
    pub(super) turn: Option<Turn>,
    /// Until when this is the whole story.
    pub(super) at: Timestamp,
}

/// The newest word about one object.
pub(super) struct Event {
    pub(super) object: Box<RawValue>,
    pub(super) is_gone: bool,
}

/// What happened to the watch itself.
pub(super) enum Turn {
    /// Who applies the workload has written its inventory.
    Applied,
    Lost(KindError),
    /// What is told from here on is no whole story: only a look at everything says what is so.
    Again,
}

/// Waits until something happens, and takes in what else has happened by then. None where nobody tells any more.
pub(super) async fn gather(news: &mut Receiver<News>) -> Option<Batch> {
    let mut batch = Batch::default();
    batch.add(news.recv().await?);
    while batch.turn.is_none()
        && batch.events.len() < MOST
        && let Ok(next) = news.try_recv()
    {
        batch.add(next);
    }
    Some(batch)
}

impl Batch {
    fn add(&mut self, news: News) {
        match news {
            // The first of the listings is the inventory's own.
            News::Object { listing: 0, at, .. } => (self.at, self.turn) = (at, Some(Turn::Applied)),
            News::Object { at, id, object, is_gone, .. } => {
                self.at = at;
                self.events.insert(id, Event { object, is_gone });
            }
            News::Lost { at, error } => (self.at, self.turn) = (at, Some(Turn::Lost(error))),
            News::Again { at } => (self.at, self.turn) = (at, Some(Turn::Again)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    fn news(listing: usize, second: i64, name: &str, is_gone: bool) -> News {
        let id = ObjectId { name: name.into(), ..ObjectId::default() };
        let object = RawValue::from_string(second.to_string()).expect("a number");
        News::Object { listing, at: at(second), id, object, is_gone }
    }

    async fn gathered(all: Vec<News>) -> Batch {
        let (send, mut receive) = mpsc::channel(all.len());
        for one in all {
            send.send(one).await.expect("there is room");
        }
        gather(&mut receive).await.expect("there is something")
    }

    #[tokio::test]
    async fn of_one_object_the_newest_word_counts() {
        let batch = gathered(vec![
            news(1, 1, "a", false),
            news(1, 2, "b", false),
            news(1, 3, "a", true),
            news(2, 4, "c", true),
        ])
        .await;
        let told: Vec<(&str, &str, bool)> =
            batch.events.iter().map(|(id, event)| (id.name.as_str(), event.object.get(), event.is_gone)).collect();
        assert_eq!(told, [("a", "3", true), ("b", "2", false), ("c", "4", true)], "a deletion stays one");
        assert_eq!(batch.at, at(4));
        let again = gathered(vec![news(1, 1, "a", true), news(1, 2, "a", false)]).await;
        assert!(again.events.values().all(|event| !event.is_gone), "and what was made again is there");
    }

    #[tokio::test]
    async fn what_concerns_everything_goes_before_what_concerns_one() {
        let error = || KindError::unreachable("the watch was lost");
        let lost = vec![news(1, 1, "a", false), News::Lost { at: at(2), error: error() }, news(1, 3, "b", false)];
        assert!(matches!(gathered(lost).await.turn, Some(Turn::Lost(_))));
        let applied = gathered(vec![news(1, 1, "a", false), news(0, 2, "unit-0", false)]).await;
        assert!(matches!(applied.turn, Some(Turn::Applied)));
        assert_eq!(applied.at, at(2));
    }

    #[tokio::test]
    async fn many_changes_are_told_in_turns() {
        let all = (0..MOST + 5).map(|at| news(1, 1, &format!("map-{at}"), false)).collect();
        assert_eq!(gathered(all).await.events.len(), MOST);
    }
}
