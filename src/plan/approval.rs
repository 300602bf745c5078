//! A plan that may be applied.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Guard, Plan};

/// Who approved, for the record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Terminal {
        user: String,
    },
    Slack {
        user: String,
    },
    /// The environment's own `sync: automatic`, written in Git.
    Policy,
}

/// What somebody said yes to.
#[derive(Clone, PartialEq, Debug)]
pub struct Consent {
    /// The [`Plan::digest`] that was shown.
    pub digest: String,
    pub by: By,
    /// Guarded things that were named and agreed to, by [`Guard::name`].
    pub guards: Vec<String>,
    /// From then on it counts no more.
    pub expires: Timestamp,
}

/// Why a consent does not cover a plan.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the plan is another one now than the one that was approved")]
    Moved,
    #[error("the approval has expired")]
    Expired,
    #[error("this needs a word of its own: {}", .0.iter().map(Guard::to_string).collect::<Vec<_>>().join("; "))]
    Guarded(Vec<Guard>),
}

/// A plan somebody approved: the only thing that applying takes, and it takes it once.
#[derive(Debug)]
pub struct Approved {
    plan: Plan,
    by: By,
}

impl Plan {
    /// Binds a consent to this plan, or says why it does not cover it.
    pub fn approve(self, consent: &Consent, now: Timestamp) -> Result<Approved, Refusal> {
        if now >= consent.expires {
            return Err(Refusal::Expired);
        }
        if consent.digest != self.digest() {
            return Err(Refusal::Moved);
        }
        let open: Vec<_> = self.guards().into_iter().filter(|guard| !consent.guards.contains(&guard.name())).collect();
        match open.is_empty() {
            true => Ok(Approved { plan: self, by: consent.by.clone() }),
            false => Err(Refusal::Guarded(open)),
        }
    }
}

impl Approved {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn by(&self) -> &By {
        &self.by
    }
}
