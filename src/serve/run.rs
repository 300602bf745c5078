//! Transports in, and what a killed process left half done.

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Service, TellError, health, records};
use crate::cases::CaseEvent;
use crate::slack::{self, Inbox, Signatures, SlackError};
use crate::unit::Secret;

/// More presses than this waiting for their turn are refused, so that people see that they failed.
const ROOM: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen for Slack's requests")]
    Listen(#[from] std::io::Error),
    #[error("Socket Mode ended")]
    Slack(#[from] SlackError),
    #[error("cases could not be taken up again")]
    Cases(#[from] TellError),
}

/// The way in by HTTP.
pub struct Door {
    pub listener: TcpListener,
    /// None where presses do not come this way.
    pub signatures: Option<Signatures>,
    /// What an API server must hold to tell of its audit; none where nobody may.
    pub audit: Option<Secret>,
}

impl Service {
    /// Serves until something makes going on useless, or until it is dropped.
    pub async fn run(self, http: Option<Door>, socket_mode: bool) -> Result<(), ServeError> {
        self.take_up().await?;
        let (inbox, mut presses) = Inbox::new(ROOM, self.metrics.clone());
        let web = async {
            match http {
                Some(Door { listener, signatures, audit }) => {
                    let presses = signatures.map(|signatures| slack::router(signatures, inbox.clone()));
                    let audit = audit.map(|token| records::router(self.records.clone(), &token));
                    let router = health::router(self.clone()).merge(presses.unwrap_or_default());
                    let router = router.merge(audit.unwrap_or_default());
                    axum::serve(listener, router).await
                }
                None => std::future::pending().await,
            }
        };
        let socket = async {
            match socket_mode {
                true => match &self.slack {
                    Some(slack) => slack.listen(inbox.clone()).await,
                    None => std::future::pending().await,
                },
                false => std::future::pending().await,
            }
        };
        let work = async {
            let mut followed = JoinSet::new();
            while let Some(press) = presses.recv().await {
                let service = self.clone();
                followed.spawn(async move { service.press(press).await });
                while followed.try_join_next().is_some() {}
                // A press that waits for a sync waits here no longer than until one is done.
                if followed.len() >= ROOM {
                    followed.join_next().await;
                }
            }
        };
        tokio::select! {
            ended = web => Ok(ended?),
            error = socket => Err(error.into()),
            () = work => Ok(()),
            error = self.keep_delivering() => Err(TellError::from(error).into()),
            never = self.keep_looking() => match never {},
            never = self.keep_watching() => match never {},
            never = self.keep_attributing() => match never {},
            never = self.keep_paging() => match never {},
            never = self.keep_reading_requests() => match never {},
        }
    }

    /// A case that was syncing when the process ended is nobody's work now: it says so, and the next
    /// look opens it again or finds it clean.
    async fn take_up(&self) -> Result<(), TellError> {
        for kept in self.store.unfinished_cases().await? {
            let reason = "the service was stopped in the middle; the next look tells what is left".to_owned();
            self.step(kept, CaseEvent::SyncFailed { reason }, Timestamp::now()).await?;
        }
        Ok(())
    }
}
