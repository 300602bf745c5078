//! One watch of an API server: it stays open, is opened again where it left off, and its silence is noticed.
//!
//! An API server that has nothing to say sends a bookmark every minute. A watch that says less than that
//! is not quiet, it is dead: a firewall forgot the connection, or the server hangs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::cluster::Listing;
use super::managed::Head;
use super::object::ObjectId;
use super::said::{Said, said};
use super::server::{Server, Stream, encode};
use crate::unit::KindError;

/// A bookmark is due every minute.
pub(super) const SILENCE: Duration = Duration::from_secs(90);
/// The server ends each watch after this, so that watches move between its replicas.
const LONGEST_WATCH: u32 = 290;
/// An object has a mebibyte and a half, and its `managedFields` beside it.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
const USUAL_LINE: usize = 64 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Events that wait for their turn; a slow judge lets the server wait, which ends slow watches by itself.
const ROOM: usize = 256;
/// While statuses pour in, they are read so long after each other: to be woken costs more than to read one.
const BETWEEN_STATUSES: Duration = Duration::from_millis(50);
/// Nothing came for so long: what has come together is read.
const GAP: Duration = Duration::from_millis(1);

/// What a watch tells.
pub(super) enum News {
    /// An object appeared or changed; or it went, or lost the label that is watched.
    Object { listing: usize, at: Timestamp, id: ObjectId, object: Box<RawValue>, is_gone: bool },
    /// Nothing is known any more; told once.
    Lost { at: Timestamp, error: KindError },
    /// It is heard again after it was lost, or its place was forgotten: what it says from there on is no whole story.
    Again { at: Timestamp },
}

/// Watches that run; dropping it ends them.
pub(super) struct Watches {
    pub(super) news: mpsc::Receiver<News>,
    _running: JoinSet<()>,
}

impl Watches {
    /// Opens each at its server.
    pub(super) fn open(all: impl IntoIterator<Item = (Following, Server)>) -> Self {
        let (send, news) = mpsc::channel(ROOM);
        let mut running = JoinSet::new();
        for (following, server) in all {
            running.spawn(following.run(server, send.clone()));
        }
        Self { news, _running: running }
    }
}

/// What is watched, and from which version on.
pub(super) struct Following {
    pub(super) listing: Listing,
    /// Its place among those that are watched.
    pub(super) number: usize,
    pub(super) version: String,
    pub(super) silence: Duration,
    heard: Heard,
}

/// What of an object is worth telling.
enum Heard {
    Everything,
    /// All but its status, as far as that is not ours: what each object said last, by a hash of its name. Two names
    /// of one hash are told too often and never too seldom, because the name is part of what is said.
    Words {
        field_manager: String,
        said: HashMap<u64, [u8; 16]>,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    what: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What a server says instead of an object.
#[derive(Deserialize)]
struct Status<'a> {
    #[serde(default)]
    code: u16,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// Why a watch ended.
enum End {
    /// Its time was over.
    Closed,
    /// Its place is so old that the server has forgotten it.
    Forgotten,
    Lost(String),
    /// Whoever listened has gone.
    Unheard,
}

impl Following {
    /// Follows what happens to the objects of a list from a version on.
    pub(super) fn new(listing: Listing, number: usize, version: String) -> Self {
        Self { listing, number, version, silence: SILENCE, heard: Heard::Everything }
    }

    /// Tells nothing of an object while it says what it said last, whatever becomes of its status.
    pub(super) fn without_statuses(self, field_manager: String) -> Self {
        Self { heard: Heard::Words { field_manager, said: HashMap::new() }, ..self }
    }

    /// Follows until nobody listens, or until its place was forgotten.
    pub(super) async fn run(mut self, server: Server, news: mpsc::Sender<News>) {
        let (mut pause, mut is_lost) = (FIRST_PAUSE, false);
        loop {
            let end = match server.open(&self.path()).await {
                Ok(Stream::Open(lines)) => {
                    if is_lost && news.send(News::Again { at: Timestamp::now() }).await.is_err() {
                        return;
                    }
                    (pause, is_lost) = (FIRST_PAUSE, false);
                    self.read(lines, &news).await
                }
                Ok(Stream::Forgotten) => End::Forgotten,
                Err(error) => End::Lost(error.message),
            };
            match end {
                End::Closed => {}
                End::Unheard => return,
                End::Forgotten => {
                    _ = news.send(News::Again { at: Timestamp::now() }).await;
                    return;
                }
                End::Lost(_) if is_lost => {}
                End::Lost(why) => {
                    is_lost = true;
                    let error = KindError::unreachable(format!(
                        "the watch on {} was lost: {why}",
                        self.listing.resource.plural
                    ));
                    if news.send(News::Lost { at: Timestamp::now(), error }).await.is_err() {
                        return;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn path(&self) -> String {
        let Listing { resource, namespace, selector, .. } = &self.listing;
        let selector = selector.as_deref().map(|text| format!("&labelSelector={}", encode(text))).unwrap_or_default();
        format!(
            "{}?watch=1&allowWatchBookmarks=true&timeoutSeconds={LONGEST_WATCH}&resourceVersion={}{selector}",
            resource.within(namespace.as_deref()),
            encode(&self.version)
        )
    }

    /// Reads until the watch ends, remembering its place.
    async fn read(&mut self, mut lines: impl AsyncBufRead + Unpin, news: &mpsc::Sender<News>) -> End {
        let (mut line, mut only_statuses) = (Vec::new(), false);
        loop {
            if only_statuses {
                match tokio::time::timeout(GAP, lines.fill_buf()).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return End::Lost(error.to_string()),
                    Err(_) => tokio::time::sleep(BETWEEN_STATUSES).await,
                }
            }
            match tokio::time::timeout(self.silence, next_line(&mut lines, &mut line)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return End::Closed,
                Ok(Err(error)) => return End::Lost(error.to_string()),
                Err(_) => {
                    return End::Lost(format!(
                        "it said nothing for {} s, and a bookmark was due",
                        self.silence.as_secs()
                    ));
                }
            }
            let understood = self.understand(&line);
            only_statuses = matches!(understood, Ok(None));
            match understood {
                Ok(None) => {}
                Ok(Some(told)) => {
                    if news.send(told).await.is_err() {
                        return End::Unheard;
                    }
                }
                Err(end) => return end,
            }
        }
    }

    /// What a line tells; nothing where it only says how far the watch is.
    fn understand(&mut self, line: &[u8]) -> Result<Option<News>, End> {
        let broken = |error: serde_json::Error| End::Lost(format!("it said what cannot be read: {error}"));
        let line: Line<'_> = serde_json::from_slice(line).map_err(broken)?;
        if line.what == "ERROR" {
            let status: Status<'_> = serde_json::from_str(line.object.get()).map_err(broken)?;
            return Err(match status.code {
                410 => End::Forgotten,
                code => End::Lost(format!("{code}: {}", status.message)),
            });
        }
        let text = line.object.get();
        let object = self.heard.read(text).map_err(broken)?;
        let is_gone = match line.what.as_ref() {
            "ADDED" | "MODIFIED" => false,
            "DELETED" => true,
            // BOOKMARK, and whatever a later server says beside it.
            _ => {
                self.version = object.version.into_owned();
                return Ok(None);
            }
        };
        let is_news = self.heard.is_news(&object, is_gone);
        let (listing, at, id) = (self.number, Timestamp::now(), self.id_of(&object));
        self.version = object.version.into_owned();
        Ok(is_news.then(|| News::Object { listing, at, id, object: line.object.to_owned(), is_gone }))
    }

    fn id_of(&self, object: &Said<'_>) -> ObjectId {
        ObjectId {
            group: self.listing.resource.group.clone(),
            kind: self.listing.kind.clone(),
            namespace: object.namespace.as_deref().map(str::to_owned),
            name: object.name.to_string(),
        }
    }
}

impl Heard {
    fn read<'a>(&self, object: &'a str) -> Result<Said<'a>, serde_json::Error> {
        match self {
            Heard::Words { field_manager, .. } => said(object, field_manager),
            Heard::Everything => {
                let metadata = serde_json::from_str::<Head<'a>>(object)?.metadata;
                let namespace = metadata.namespace.filter(|text| !text.is_empty());
                Ok(Said { namespace, name: metadata.name, version: metadata.resource_version, ..Said::default() })
            }
        }
    }

    /// Whether this says another thing than the last that was told of the object.
    fn is_news(&mut self, object: &Said<'_>, is_gone: bool) -> bool {
        let Heard::Words { said, .. } = self else { return true };
        let name = said.hasher().hash_one((&object.namespace, &object.name));
        match is_gone {
            true => {
                said.remove(&name);
                true
            }
            false => said.insert(name, object.words) != Some(object.words),
        }
    }
}

/// Reads the next line, without its end; false where the stream has ended.
async fn next_line(lines: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    // One large object is no reason to keep so much room for all that follow.
    line.shrink_to(USUAL_LINE);
    loop {
        let read = lines.fill_buf().await?;
        if read.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(read.len(), |end| end + 1);
        line.extend_from_slice(&read[..end.unwrap_or(taken)]);
        lines.consume_unpin(taken);
        match end {
            Some(_) if line.is_empty() => {}
            Some(_) => return Ok(true),
            None if line.len() > LONGEST_LINE => return Err(std::io::Error::other("a line without an end")),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use futures::stream::{self, StreamExt};

    use super::super::discovery::Resource;
    use super::*;

    fn following() -> Following {
        let resource =
            Resource { group: String::new(), version: "v1".into(), plural: "configmaps".into(), namespaced: true };
        let listing = Listing {
            resource,
            kind: "ConfigMap".into(),
            namespace: None,
            selector: Some("a=b".into()),
            metadata_only: false,
        };
        Following { silence: Duration::from_millis(50), ..Following::new(listing, 7, "10".into()) }
    }

    /// Reads what these pieces of a stream say, however they are cut.
    async fn read(pieces: &[&str], then_hangs: bool) -> (Vec<News>, End, String) {
        read_by(following(), pieces, then_hangs).await
    }

    async fn read_by(mut following: Following, pieces: &[&str], then_hangs: bool) -> (Vec<News>, End, String) {
        let pieces: Vec<std::io::Result<Vec<u8>>> = pieces.iter().map(|piece| Ok(piece.as_bytes().to_vec())).collect();
        let rest = if then_hangs { stream::pending().left_stream() } else { stream::empty().right_stream() };
        let lines = stream::iter(pieces).chain(rest).boxed().into_async_read();
        let (send, mut receive) = mpsc::channel(16);
        let end = following.read(lines, &send).await;
        drop(send);
        let mut told = Vec::new();
        while let Some(news) = receive.recv().await {
            told.push(news);
        }
        (told, end, following.version)
    }

    const ADDED: &str = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"11\"}}}\n";
    const BOOKMARK: &str = "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"20\"}}}\n";

    #[tokio::test]
    async fn a_watch_tells_what_happens_and_remembers_its_place() {
        let (one, other) = ADDED.split_at(30);
        let gone = ADDED.replace("ADDED", "DELETED").replace("11", "12");
        let (told, end, version) = read(&[one, other, &gone, BOOKMARK], false).await;
        assert!(matches!(
            told.as_slice(),
            [News::Object { listing: 7, is_gone: false, .. }, News::Object { is_gone: true, .. }]
        ));
        assert!(matches!(end, End::Closed));
        assert_eq!(version, "20", "of the bookmark");
    }

    #[tokio::test]
    async fn a_watch_that_is_silent_past_its_bookmark_is_lost() {
        let (told, end, version) = read(&[BOOKMARK], true).await;
        assert!(told.is_empty());
        assert!(matches!(end, End::Lost(why) if why.contains("a bookmark was due")));
        assert_eq!(version, "20", "it goes on from there");
    }

    #[tokio::test]
    async fn a_place_that_the_server_has_forgotten_is_not_followed_on() {
        let gone = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}}\n";
        assert!(matches!(read(&[gone], false).await.1, End::Forgotten));
        let broken = gone.replace("410", "500");
        assert!(matches!(read(&[&broken], false).await.1, End::Lost(why) if why == "500: too old"));
        assert!(matches!(read(&["<html>\n"], false).await.1, End::Lost(_)));
    }

    #[tokio::test]
    async fn a_watch_without_statuses_tells_what_says_another_thing_than_before() {
        let line = |what: &str, version: u32, a: &str, status: u32| {
            format!(
                "{{\"type\":\"{what}\",\"object\":{{\"metadata\":{{\"name\":\"a\",\"resourceVersion\":\"{version}\"}},\"data\":\"{a}\",\"status\":{status}}}}}\n"
            )
        };
        let lines = [
            line("MODIFIED", 11, "one", 1),
            line("MODIFIED", 12, "one", 2),
            line("MODIFIED", 13, "two", 3),
            line("MODIFIED", 14, "one", 4),
            line("DELETED", 15, "one", 4),
            line("ADDED", 16, "one", 4),
            line("MODIFIED", 17, "one", 5),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let versions = |told: Vec<News>| -> Vec<String> {
            let version = |news| match news {
                News::Object { object, .. } => {
                    let object: serde_json::Value = serde_json::from_str(object.get()).expect("JSON");
                    object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
                }
                News::Lost { .. } | News::Again { .. } => "lost".to_owned(),
            };
            told.into_iter().map(version).collect()
        };
        let (told, _, version) = read_by(following().without_statuses("x".into()), &lines, false).await;
        assert_eq!(versions(told), ["11", "13", "14", "15", "16"]);
        assert_eq!(version, "17", "it goes on from there all the same");
        assert_eq!(versions(read(&lines, false).await.0).len(), lines.len(), "whoever waits hears it all");
    }

    #[test]
    fn a_watch_asks_for_bookmarks_from_its_place_on() {
        assert_eq!(
            following().path(),
            "/api/v1/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10&labelSelector=a%3Db"
        );
    }
}
