//! A change to Git that was asked for in a case's name: it waits for whoever reviews it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Case};

/// A change that is proposed and, as far as is known, not merged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// `ignore` or `adopt`.
    pub action: Action,
    pub by: String,
    pub branch: String,
    /// The pull request, where there is one.
    pub link: Option<String>,
}

/// A pull request that somebody opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    pub number: u64,
    pub link: String,
    pub branch: String,
}

impl Proposal {
    /// What is waited for, in a few words.
    pub fn word(&self) -> &'static str {
        match self.action {
            Action::Adopt => "adopting it is proposed",
            Action::Ignore => "ignoring it is proposed",
            Action::Sync | Action::Acknowledge | Action::Snooze | Action::Recheck => "a change is proposed",
        }
    }
}

impl Case {
    /// The open pull requests of others that change what its units are made of; none where that is not known.
    pub fn others_requests(&self) -> Option<Vec<&PullRequest>> {
        let own = self.proposal.as_ref().map(|proposal| proposal.branch.as_str());
        let all = self.open_requests.as_ref()?;
        Some(all.iter().filter(|request| Some(request.branch.as_str()) != own).collect())
    }

    /// The case once a change is proposed. Its state stays: a change that nobody merges ends nothing.
    pub fn with_proposal(&self, proposal: Proposal) -> Case {
        let revision = self.revision + 1;
        Case { proposal: Some(proposal), quiet: false, revision, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::tests::open;
    use super::*;
    use crate::cases::{CaseEvent, CaseState, How};

    fn proposed() -> Case {
        let proposal =
            Proposal { action: Action::Ignore, by: "U1".into(), branch: "groundplan/ignore/d_1".into(), link: None };
        open().with_proposal(proposal)
    }

    #[test]
    fn a_proposed_change_mutes_nothing() {
        let case = proposed();
        assert_eq!((&case.state, case.revision), (&CaseState::Open, 2));
    }

    #[test]
    fn a_case_that_comes_back_has_nothing_proposed_any_more() {
        let now = case_now();
        let settle = jiff::SignedDuration::ZERO;
        let ignored = proposed().after(CaseEvent::RuledOut { how: How::Ignored }, now, settle).expect("legal");
        assert!(ignored.proposal.is_some());
        let back = ignored.after(CaseEvent::SeenDrifted, now, settle).expect("legal");
        assert_eq!((back.state, back.proposal), (CaseState::Open, None));
    }

    fn case_now() -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000).expect("a time in this century")
    }
}
