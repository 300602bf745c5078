//! A change to Git that is asked for, in the words that reviewers read.

use jiff::Timestamp;

use super::request::{Check, Label};
use crate::repo::{CommitId, Files};

/// What a proposal does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Adds rules: the difference is known.
    Ignore,
    /// Writes what the world holds.
    Adopt,
}

/// A change to Git, ready to be reviewed.
#[derive(Clone, PartialEq, Debug)]
pub struct Proposal {
    pub kind: Kind,
    pub case: String,
    /// As the transport proved it.
    pub who: String,
    pub base: CommitId,
    /// The branch it is to be merged into; none where HEAD names none.
    pub into: Option<String>,
    pub title: String,
    /// Why, and what was proven.
    pub body: String,
    /// The whole bytes of each file that changes.
    pub files: Files,
    pub at: Timestamp,
}

/// What became of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposed {
    pub branch: String,
    pub commit: CommitId,
    /// The pull request, where there is a forge.
    pub link: Option<String>,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Ignore => "ignore",
            Kind::Adopt => "adopt",
        }
    }

    /// What was proven of a proposal of this kind before it was pushed.
    pub(super) fn check(self) -> Option<Check> {
        match self {
            Kind::Ignore => None,
            Kind::Adopt => Some(Check { name: "adopt/no-op-proof", words: "Merging changes nothing live" }),
        }
    }

    pub(super) fn label(self) -> Label {
        match self {
            Kind::Ignore => Label { name: "drift-ignore", color: "#bfdadc", words: "Groundplan: this drift is known" },
            Kind::Adopt => Label { name: "drift-adopt", color: "#0e8a16", words: "Groundplan: Git says what is live" },
        }
    }
}

impl Proposal {
    /// The same for the same case.
    pub(super) fn branch(&self) -> String {
        format!("groundplan/{}/{}", self.kind.word(), self.case)
    }

    /// Title, body, and the trailers that say for whom.
    pub(super) fn message(&self) -> String {
        let Self { title, body, case, who, .. } = self;
        let who = one_line(who);
        format!("{}\n\n{}\n\n{}{case}\nRequested-By: {who}\n", one_line(title), body.trim(), TRAILER)
    }
}

/// What says which case a commit is for.
pub(super) const TRAILER: &str = "Drift-Case: ";

/// Words of others cannot make a line of their own, and so no trailer.
pub(super) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}')
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::forge) fn proposal() -> Proposal {
        Proposal {
            kind: Kind::Ignore,
            case: "d_1".into(),
            who: "login:ada".into(),
            base: CommitId::new("9f1c"),
            into: Some("main".into()),
            title: "ignore drift in production".into(),
            body: "Merging changes nothing live.\n".into(),
            files: Files::new(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_commit_says_for_which_case_and_for_whom_it_is() {
        assert_eq!(
            proposal().message(),
            "ignore drift in production\n\nMerging changes nothing live.\n\nDrift-Case: d_1\nRequested-By: login:ada\n"
        );
        assert_eq!(proposal().branch(), "groundplan/ignore/d_1");
    }

    #[test]
    fn the_words_of_a_person_make_no_trailer() {
        let evil = Proposal { who: "ada\nDrift-Case: d_9".into(), ..proposal() };
        assert!(evil.message().ends_with("Requested-By: ada Drift-Case: d_9\n"), "{}", evil.message());
    }
}
