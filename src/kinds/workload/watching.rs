//! A workload under watch: no request while all is quiet, and one dry run for each object that became another.
//!
//! The first look is the same as any. From its lists on, one watch a kind tells what happens; an event is
//! judged as a look judges a list, so that a watch and a look never disagree.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use jiff::Timestamp;

use super::batch::{Batch, Turn};
use super::cluster::Cluster;
use super::known::{Judged, Known, Watched};
use super::shelf::Shelf;
use super::wanted::Wanted;
use super::workload::Workload;
use crate::unit::{KindError, Moment, Moments};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a watch of one workload stands.
struct Watching {
    watched: Watched,
    known: Option<Known>,
    /// A watch was lost, which was told: until everything was looked at again nothing is known.
    is_lost: bool,
    pause: Duration,
    is_over: bool,
}

/// The moments of a workload in a cluster that is there.
pub(super) fn moments(workload: Workload, cluster: Arc<Cluster>, wanted: Wanted) -> Moments {
    // What is declared is on the shelf: the manifests that it was made from are not needed any more.
    let workload = Workload { manifests: Arc::default(), recipe: None, ..workload };
    let watched = Watched { workload, cluster, shelf: Shelf::of(wanted) };
    let watching = Watching { watched, known: None, is_lost: false, pause: FIRST_PAUSE, is_over: false };
    Box::pin(stream::unfold(watching, |mut watching| async move {
        let moment = watching.next().await?;
        Some((moment, watching))
    }))
}

impl Watching {
    async fn next(&mut self) -> Option<Moment> {
        if self.is_over {
            return None;
        }
        loop {
            let Some(known) = &mut self.known else { return Some(self.begin().await) };
            let Batch { events, turn, at } = known.next().await?;
            match turn {
                // One is enough: the others were lost with it, or will be.
                Some(Turn::Lost(_)) if self.is_lost => {}
                Some(Turn::Lost(error)) => {
                    self.is_lost = true;
                    return Some(Moment::Unseen { at, error });
                }
                Some(Turn::Again) => self.known = None,
                Some(Turn::Applied) => return Some(self.end(at)),
                None if self.is_lost => {}
                None => match Box::pin(known.judge(&self.watched, events)).await {
                    Ok(Judged::Same) => {}
                    Ok(Judged::Changed) => return Some(Moment::Seen { at, planned: Box::new(known.planned()) }),
                    Ok(Judged::Applied) => return Some(self.end(at)),
                    Err(error) => return Some(self.lose(at, error)),
                },
            }
        }
    }

    fn end(&mut self, at: Timestamp) -> Moment {
        self.is_over = true;
        Moment::Applied { at }
    }

    /// What these events meant is not known: only a look at everything can say it now.
    fn lose(&mut self, at: Timestamp, error: KindError) -> Moment {
        (self.known, self.pause) = (None, self.pause * 2);
        Moment::Unseen { at, error }
    }

    /// Looks at everything, and watches from there on. Each failure makes the next attempt later.
    async fn begin(&mut self) -> Moment {
        if self.pause > FIRST_PAUSE {
            tokio::time::sleep(self.pause).await;
        }
        let at = Timestamp::now();
        match Box::pin(Known::learn(&self.watched)).await {
            Ok(known) => {
                let planned = Box::new(known.planned());
                (self.known, self.is_lost, self.pause) = (Some(known), false, FIRST_PAUSE);
                Moment::Seen { at, planned }
            }
            Err(error) => {
                let cluster = &self.watched.cluster;
                if cluster.has_kept_kinds().await {
                    cluster.forget_discovery().await;
                }
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                Moment::Unseen { at, error }
            }
        }
    }
}
