//! The running service: drift told as cases, and what people ask for.
//!
//! Whatever way a wish came, it takes the same road: the case is read again, the rules are read from
//! Git again, the world is planned again, and only what was shown is done. Slack is told from an
//! outbox: that it does not answer stops no look and no sync.

mod act;
mod adopt;
mod attribute;
mod backlog;
mod card;
mod deliver;
mod digest;
mod health;
mod held;
mod ignore;
mod lists;
mod look;
mod observe;
mod page;
mod press;
mod propose;
mod records;
mod requests;
mod run;
mod source;
mod sync;
mod tell;
pub mod underway;
mod watch;

pub use act::{Answer, Transport, Wish};
pub use attribute::ASK_AFTER;
pub use backlog::LIST_AFTER;
pub use card::Card;
pub use health::Health;
pub use observe::Observation;
pub use propose::Wanted;
pub use records::Records;
pub use requests::OpenRequests;
pub use run::{Door, ServeError};
pub use source::Source;
pub use tell::TellError;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alertmanager::Alertmanager;
use crate::engine::Engine;
use crate::forge::Forge;
use crate::metrics::Metrics;
use crate::slack::Slack;
use crate::store::Store;

/// Everything that telling and syncing a case takes. A copy is another handle to the same.
#[derive(Clone)]
pub struct Service {
    pub engine: Arc<Engine>,
    pub source: Arc<Source>,
    pub store: Store,
    /// None where nobody is told: cases are kept all the same.
    pub slack: Option<Slack>,
    /// Where risky cases are told while Slack does not take them.
    pub alertmanager: Option<Alertmanager>,
    /// Where changes to Git are proposed.
    pub forge: Forge,
    /// Who may act where no rule in Git names the environment; nobody where it is empty.
    pub approvers: BTreeSet<String>,
    /// How long a world that was put right must stay so before a case counts as resolved.
    pub settle: jiff::SignedDuration,
    /// When the records of the world are asked who it was, counted from the first sight.
    pub ask_after: Vec<jiff::SignedDuration>,
    /// What piled up is told in one list once Slack took nothing for so long.
    pub list_after: jiff::SignedDuration,
    /// Syncs of cases take turns.
    pub turn: Arc<tokio::sync::Mutex<()>>,
    /// Rung when there is something to tell.
    pub news: Arc<tokio::sync::Notify>,
    /// This process, among the replicas that share a store.
    pub owner: String,
    pub health: Health,
    pub metrics: Metrics,
    /// How long what a watch saw waits for more of the same.
    pub group_wait: std::time::Duration,
    /// What the API servers' audit webhooks told.
    pub records: Records,
    /// The pull requests that are open at the forge.
    pub requests: OpenRequests,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Repository(#[from] crate::repo::RepoError),
    #[error("the repository is invalid at {commit}: {first}")]
    Invalid { commit: String, first: String },
}
