//! What is to be done with a proposal's branch. Pure.

use super::ForgeError;
use super::proposal::TRAILER;
use crate::repo::{CommitId, Tip};

/// The next step for a branch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It says already what is proposed.
    Stands(CommitId),
    /// `over` is what it ends with now; none where it is to be made.
    Push { commit: CommitId, over: Option<CommitId> },
}

/// Compares what a branch ends with and what it should end with.
///
/// Only a branch whose end is our commit for this very case is written over: what somebody added to it
/// would be lost.
pub(super) fn step(branch: &str, tip: Option<Tip>, new: Tip, case: &str, email: &str) -> Result<Step, ForgeError> {
    let Some(tip) = tip else { return Ok(Step::Push { commit: new.commit, over: None }) };
    let trailer = format!("{TRAILER}{case}");
    let is_ours = tip.email == email && tip.parents.len() == 1 && tip.message.lines().any(|line| line == trailer);
    if !is_ours {
        return Err(ForgeError::BranchIsAnothers { branch: branch.to_owned() });
    }
    // When it was asked for is no reason to push again, by whom is.
    match (tip.tree == new.tree, tip.parents == new.parents, tip.message == new.message) {
        (true, true, true) => Ok(Step::Stands(tip.commit)),
        _ => Ok(Step::Push { commit: new.commit, over: Some(tip.commit) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(commit: &str, tree: &str) -> Tip {
        Tip {
            commit: CommitId::new(commit),
            parents: vec![CommitId::new("base")],
            tree: tree.into(),
            message: "ignore\n\nDrift-Case: d_1\nRequested-By: ada\n".into(),
            email: "us@example.com".into(),
        }
    }

    fn next(tip: Option<Tip>, new: Tip) -> Result<Step, ForgeError> {
        step("b", tip, new, "d_1", "us@example.com")
    }

    #[test]
    fn a_branch_is_made_brought_up_to_date_or_left_as_it_stands() {
        let push = |over: Option<&str>| Step::Push { commit: CommitId::new("new"), over: over.map(CommitId::new) };
        assert_eq!(next(None, tip("new", "t")).ok(), Some(push(None)));
        assert_eq!(next(Some(tip("old", "t")), tip("new", "t")).ok(), Some(Step::Stands(CommitId::new("old"))));
        assert_eq!(next(Some(tip("old", "t")), tip("new", "u")).ok(), Some(push(Some("old"))));
        let moved = Tip { parents: vec![CommitId::new("older")], ..tip("old", "t") };
        assert_eq!(next(Some(moved), tip("new", "t")).ok(), Some(push(Some("old"))));
    }

    #[test]
    fn what_somebody_else_wrote_is_never_written_over() {
        let others = [
            Tip { email: "ada@example.com".into(), ..tip("old", "t") },
            Tip { message: "ignore\n\nDrift-Case: d_2\n".into(), ..tip("old", "t") },
            Tip { message: "ignore\n\nnot Drift-Case: d_1\n".into(), ..tip("old", "t") },
            Tip { parents: Vec::new(), ..tip("old", "t") },
        ];
        for other in others {
            assert!(
                matches!(next(Some(other.clone()), tip("new", "u")), Err(ForgeError::BranchIsAnothers { .. })),
                "{other:?}"
            );
        }
    }
}
