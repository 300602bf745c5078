//! What each status of a stack means for us, matched by its exact value.
//!
//! `ROLLBACK_COMPLETE` is a part of `UPDATE_ROLLBACK_COMPLETE`, and means something else entirely:
//! one must be deleted before anything can be done, the other must never be.

/// The statuses of a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Status {
    CreateComplete,
    CreateFailed,
    CreateInProgress,
    DeleteComplete,
    DeleteFailed,
    DeleteInProgress,
    ImportComplete,
    ImportInProgress,
    ImportRollbackComplete,
    ImportRollbackFailed,
    ImportRollbackInProgress,
    ReviewInProgress,
    RollbackComplete,
    RollbackFailed,
    RollbackInProgress,
    UpdateComplete,
    UpdateCompleteCleanupInProgress,
    UpdateFailed,
    UpdateInProgress,
    UpdateRollbackComplete,
    UpdateRollbackCompleteCleanupInProgress,
    UpdateRollbackFailed,
    UpdateRollbackInProgress,
    /// Newer than this program.
    Unknown(String),
}

/// What may be done to a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Nothing is there.
    Absent,
    /// Only change sets are there: one of ours creates it.
    Review,
    /// May be updated.
    Ready,
    /// Its first creation failed and was rolled back: nothing can be done but delete it.
    NeverCreated,
    /// Somebody is at work; wait.
    Busy,
    /// Somebody must look first; the exact command, where there is one.
    HandsOff { why: &'static str, command: Option<&'static str> },
}

/// How an operation stands, seen from the stack's status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Good,
    Bad,
    /// Deleted.
    Gone,
    Going,
}

impl Status {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "CREATE_COMPLETE" => Status::CreateComplete,
            "CREATE_FAILED" => Status::CreateFailed,
            "CREATE_IN_PROGRESS" => Status::CreateInProgress,
            "DELETE_COMPLETE" => Status::DeleteComplete,
            "DELETE_FAILED" => Status::DeleteFailed,
            "DELETE_IN_PROGRESS" => Status::DeleteInProgress,
            "IMPORT_COMPLETE" => Status::ImportComplete,
            "IMPORT_IN_PROGRESS" => Status::ImportInProgress,
            "IMPORT_ROLLBACK_COMPLETE" => Status::ImportRollbackComplete,
            "IMPORT_ROLLBACK_FAILED" => Status::ImportRollbackFailed,
            "IMPORT_ROLLBACK_IN_PROGRESS" => Status::ImportRollbackInProgress,
            "REVIEW_IN_PROGRESS" => Status::ReviewInProgress,
            "ROLLBACK_COMPLETE" => Status::RollbackComplete,
            "ROLLBACK_FAILED" => Status::RollbackFailed,
            "ROLLBACK_IN_PROGRESS" => Status::RollbackInProgress,
            "UPDATE_COMPLETE" => Status::UpdateComplete,
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => Status::UpdateCompleteCleanupInProgress,
            "UPDATE_FAILED" => Status::UpdateFailed,
            "UPDATE_IN_PROGRESS" => Status::UpdateInProgress,
            "UPDATE_ROLLBACK_COMPLETE" => Status::UpdateRollbackComplete,
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => Status::UpdateRollbackCompleteCleanupInProgress,
            "UPDATE_ROLLBACK_FAILED" => Status::UpdateRollbackFailed,
            "UPDATE_ROLLBACK_IN_PROGRESS" => Status::UpdateRollbackInProgress,
            other => Status::Unknown(other.to_owned()),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let hands_off = |why, command| Standing::HandsOff { why, command };
        match self {
            Status::DeleteComplete => Standing::Absent,
            Status::ReviewInProgress => Standing::Review,
            Status::CreateComplete
            | Status::UpdateComplete
            | Status::ImportComplete
            | Status::UpdateRollbackComplete
            | Status::ImportRollbackComplete => Standing::Ready,
            Status::RollbackComplete => Standing::NeverCreated,
            Status::CreateInProgress
            | Status::DeleteInProgress
            | Status::ImportInProgress
            | Status::ImportRollbackInProgress
            | Status::RollbackInProgress
            | Status::UpdateInProgress
            | Status::UpdateCompleteCleanupInProgress
            | Status::UpdateRollbackInProgress
            | Status::UpdateRollbackCompleteCleanupInProgress => Standing::Busy,
            Status::CreateFailed => hands_off(
                "its creation failed with rollback switched off, and it holds real resources",
                Some("rollback-stack"),
            ),
            Status::UpdateFailed => hands_off("its update failed with rollback switched off", Some("rollback-stack")),
            Status::RollbackFailed => hands_off(
                "its creation failed and could not be undone; deleting it is a person's decision",
                Some("delete-stack"),
            ),
            Status::UpdateRollbackFailed => hands_off(
                "its update could not be undone; mend what the events name, then continue the rollback",
                Some("continue-update-rollback"),
            ),
            Status::DeleteFailed => {
                hands_off("its deletion failed; the events name what is in the way", Some("delete-stack"))
            }
            Status::ImportRollbackFailed => {
                hands_off("an import into it could not be undone", Some("describe-stack-events"))
            }
            Status::Unknown(_) => hands_off("this status is newer than this program", None),
        }
    }

    /// How an operation stands, whichever it is. Where one is to be undone, that is its end.
    pub(super) fn end(&self) -> End {
        match self {
            // The new state is there: what is left is removing the old.
            Status::UpdateCompleteCleanupInProgress => End::Good,
            Status::CreateComplete | Status::UpdateComplete | Status::ImportComplete => End::Good,
            Status::DeleteComplete => End::Gone,
            Status::CreateFailed
            | Status::DeleteFailed
            | Status::ImportRollbackComplete
            | Status::ImportRollbackFailed
            | Status::RollbackComplete
            | Status::RollbackFailed
            | Status::UpdateFailed
            | Status::UpdateRollbackComplete
            | Status::UpdateRollbackFailed
            | Status::Unknown(_) => End::Bad,
            Status::CreateInProgress
            | Status::DeleteInProgress
            | Status::ImportInProgress
            | Status::ImportRollbackInProgress
            | Status::ReviewInProgress
            | Status::RollbackInProgress
            | Status::UpdateInProgress
            | Status::UpdateRollbackInProgress
            | Status::UpdateRollbackCompleteCleanupInProgress => End::Going,
        }
    }

    /// Whether the stack holds outputs that others may take.
    pub(super) fn has_outputs(&self) -> bool {
        match self.standing() {
            Standing::Ready => true,
            Standing::Busy => matches!(self, Status::UpdateInProgress | Status::UpdateCompleteCleanupInProgress),
            Standing::Absent | Standing::Review | Standing::NeverCreated | Standing::HandsOff { .. } => false,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Status::CreateComplete => "CREATE_COMPLETE",
            Status::CreateFailed => "CREATE_FAILED",
            Status::CreateInProgress => "CREATE_IN_PROGRESS",
            Status::DeleteComplete => "DELETE_COMPLETE",
            Status::DeleteFailed => "DELETE_FAILED",
            Status::DeleteInProgress => "DELETE_IN_PROGRESS",
            Status::ImportComplete => "IMPORT_COMPLETE",
            Status::ImportInProgress => "IMPORT_IN_PROGRESS",
            Status::ImportRollbackComplete => "IMPORT_ROLLBACK_COMPLETE",
            Status::ImportRollbackFailed => "IMPORT_ROLLBACK_FAILED",
            Status::ImportRollbackInProgress => "IMPORT_ROLLBACK_IN_PROGRESS",
            Status::ReviewInProgress => "REVIEW_IN_PROGRESS",
            Status::RollbackComplete => "ROLLBACK_COMPLETE",
            Status::RollbackFailed => "ROLLBACK_FAILED",
            Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Status::UpdateComplete => "UPDATE_COMPLETE",
            Status::UpdateCompleteCleanupInProgress => "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            Status::UpdateFailed => "UPDATE_FAILED",
            Status::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Status::UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
            Status::UpdateRollbackCompleteCleanupInProgress => "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            Status::UpdateRollbackFailed => "UPDATE_ROLLBACK_FAILED",
            Status::UpdateRollbackInProgress => "UPDATE_ROLLBACK_IN_PROGRESS",
            Status::Unknown(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_standing_and_end() {
        let table = [
            ("CREATE_COMPLETE", "ready", End::Good),
            ("CREATE_FAILED", "hands off", End::Bad),
            ("CREATE_IN_PROGRESS", "busy", End::Going),
            ("DELETE_COMPLETE", "absent", End::Gone),
            ("DELETE_FAILED", "hands off", End::Bad),
            ("DELETE_IN_PROGRESS", "busy", End::Going),
            ("IMPORT_COMPLETE", "ready", End::Good),
            ("IMPORT_IN_PROGRESS", "busy", End::Going),
            ("IMPORT_ROLLBACK_COMPLETE", "ready", End::Bad),
            ("IMPORT_ROLLBACK_FAILED", "hands off", End::Bad),
            ("IMPORT_ROLLBACK_IN_PROGRESS", "busy", End::Going),
            ("REVIEW_IN_PROGRESS", "review", End::Going),
            ("ROLLBACK_COMPLETE", "never created", End::Bad),
            ("ROLLBACK_FAILED", "hands off", End::Bad),
            ("ROLLBACK_IN_PROGRESS", "busy", End::Going),
            ("UPDATE_COMPLETE", "ready", End::Good),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "busy", End::Good),
            ("UPDATE_FAILED", "hands off", End::Bad),
            ("UPDATE_IN_PROGRESS", "busy", End::Going),
            ("UPDATE_ROLLBACK_COMPLETE", "ready", End::Bad),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "busy", End::Going),
            ("UPDATE_ROLLBACK_FAILED", "hands off", End::Bad),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "busy", End::Going),
            ("SOMETHING_NEW", "hands off", End::Bad),
        ];
        assert_eq!(table.len(), 24);
        for (text, standing, end) in table {
            let status = Status::of(text);
            let seen = match status.standing() {
                Standing::Absent => "absent",
                Standing::Review => "review",
                Standing::Ready => "ready",
                Standing::NeverCreated => "never created",
                Standing::Busy => "busy",
                Standing::HandsOff { .. } => "hands off",
            };
            assert_eq!((seen, status.end(), status.as_str()), (standing, end, text));
            assert_eq!(matches!(status, Status::Unknown(_)), text == "SOMETHING_NEW");
        }
    }

    #[test]
    fn a_stuck_update_is_never_answered_with_a_deletion() {
        let Standing::HandsOff { command, .. } = Status::UpdateRollbackFailed.standing() else {
            panic!("a stuck update is left alone");
        };
        assert_eq!(command, Some("continue-update-rollback"));
    }
}
