//! One watch of an API server: it stays open, is opened again where it left off, and its silence is noticed.
//!
//! An API server that has nothing to say sends a bookmark every minute. A watch that says less than that
//! is not quiet, it is dead: a firewall forgot the connection, or the server hangs.

use std::borrow::Cow;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::cluster::Listing;
use super::managed::Head;
use super::server::{Server, Stream, encode};
use crate::unit::KindError;

/// A bookmark is due every minute.
pub(super) const SILENCE: Duration = Duration::from_secs(90);
/// The server ends each watch after this, so that watches move between its replicas.
const LONGEST_WATCH: u32 = 290;
/// An object has a mebibyte and a half, and its `managedFields` beside it.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What a watch tells.
pub(super) enum News {
    /// An object appeared or changed.
    Put { listing: usize, at: Timestamp, object: Box<RawValue> },
    /// An object went, or lost the label that is watched.
    Gone { listing: usize, at: Timestamp, object: Box<RawValue> },
    /// Nothing is known any more; told once.
    Lost { at: Timestamp, error: KindError },
    /// It is heard again after it was lost, or its place was forgotten: what it says from there on is no whole story.
    Again { at: Timestamp },
}

/// What is watched, and from which version on.
pub(super) struct Following {
    pub(super) listing: Listing,
    /// Its place among those that are watched.
    pub(super) number: usize,
    pub(super) version: String,
    pub(super) silence: Duration,
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
        loop {
            let line = match tokio::time::timeout(self.silence, next_line(&mut lines)).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return End::Closed,
                Ok(Err(error)) => return End::Lost(error.to_string()),
                Err(_) => {
                    return End::Lost(format!(
                        "it said nothing for {} s, and a bookmark was due",
                        self.silence.as_secs()
                    ));
                }
            };
            match self.understand(&line) {
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
        let head: Head<'_> = serde_json::from_str(line.object.get()).map_err(broken)?;
        self.version = head.metadata.resource_version.into_owned();
        let (listing, at, object) = (self.number, Timestamp::now(), || line.object.to_owned());
        Ok(match line.what.as_ref() {
            "ADDED" | "MODIFIED" => Some(News::Put { listing, at, object: object() }),
            "DELETED" => Some(News::Gone { listing, at, object: object() }),
            // BOOKMARK, and whatever a later server says beside it.
            _ => None,
        })
    }
}

/// The next line, without its end; nothing where the stream has ended.
async fn next_line(lines: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let read = lines.fill_buf().await?;
        if read.is_empty() {
            return Ok((!line.is_empty()).then_some(line));
        }
        let end = read.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(read.len(), |end| end + 1);
        line.extend_from_slice(&read[..end.unwrap_or(taken)]);
        lines.consume_unpin(taken);
        match end {
            Some(_) if line.is_empty() => {}
            Some(_) => return Ok(Some(line)),
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
        Following { listing, number: 7, version: "10".into(), silence: Duration::from_millis(50) }
    }

    /// Reads what these pieces of a stream say, however they are cut.
    async fn read(pieces: &[&str], then_hangs: bool) -> (Vec<News>, End, String) {
        let pieces: Vec<std::io::Result<Vec<u8>>> = pieces.iter().map(|piece| Ok(piece.as_bytes().to_vec())).collect();
        let rest = if then_hangs { stream::pending().left_stream() } else { stream::empty().right_stream() };
        let lines = stream::iter(pieces).chain(rest).boxed().into_async_read();
        let (send, mut receive) = mpsc::channel(16);
        let mut following = following();
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
        assert!(matches!(told.as_slice(), [News::Put { listing: 7, .. }, News::Gone { .. }]));
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

    #[test]
    fn a_watch_asks_for_bookmarks_from_its_place_on() {
        assert_eq!(
            following().path(),
            "/api/v1/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=10&labelSelector=a%3Db"
        );
    }
}
