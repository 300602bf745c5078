//! What a failed call to AWS means for the run.

use std::error::Error;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use crate::unit::KindError;

/// Tells a service that did not answer from one that said no.
///
/// `deed` names what was tried and on what; AWS's own code and message follow it. The request is
/// never part of it: its body may hold a secret parameter.
pub fn failure<E, R>(deed: impl Into<String>, error: SdkError<E, R>) -> KindError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Send + Sync + std::fmt::Debug + 'static,
{
    let deed = deed.into();
    match &error {
        SdkError::TimeoutError(_) => KindError::unreachable(format!("{deed}: no answer in time")),
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() || dispatch.is_timeout() => {
            KindError::unreachable(format!("{deed}: {}", innermost(&error)))
        }
        SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            KindError::failed(format!("{deed}: {}", innermost(&error)))
        }
        SdkError::ServiceError(service) => said_no(&deed, service.err().code(), service.err().message()),
        _ => KindError::failed(format!("{deed}: {}", innermost(&error))),
    }
}

fn said_no(deed: &str, code: Option<&str>, message: Option<&str>) -> KindError {
    let code = code.unwrap_or("an error without a code");
    match message {
        Some(message) => KindError::failed(format!("{deed}: {message} ({code})")),
        None => KindError::failed(format!("{deed}: {code}")),
    }
}

/// Whether AWS asks to go slower, which says nothing of the thing asked about.
pub fn is_throttled(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" | "SlowDown")
    )
}

/// Whether as much is under way in the account and region as it bears: CloudFormation's API model has one
/// code for that (`ConcurrentResourcesLimitExceeded`, 429), with and without the ending that codes of
/// its errors have elsewhere. A quota of stacks (`LimitExceeded`) does not go away by waiting.
pub(super) fn is_crowded(code: Option<&str>) -> bool {
    matches!(code, Some("ConcurrentResourcesLimitExceeded" | "ConcurrentResourcesLimitExceededException"))
}

fn innermost(error: &dyn Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
