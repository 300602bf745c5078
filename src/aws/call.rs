//! One call, tried until AWS has an answer to it.
//!
//! Throttling says nothing of the thing asked about, so it fails nothing: the family of calls goes
//! slower, and the call is made again in its turn. An answer that got lost is asked for again a few times; who
//! calls for a write must know how to see that it was done already.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use tokio::time::Instant;

use super::failure::is_crowded;
use super::session::Session;
use super::{Api, is_throttled};

/// So long is a call put off for throttling; after that something else is wrong.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// So long is a call put off because as much is under way in the account as it bears: then what is under
/// way should have ended.
const LONGEST_CROWD: Duration = Duration::from_secs(60 * 60);
/// The longest pause between two such calls.
const CROWD_PAUSE: Duration = Duration::from_secs(30);
/// So often is a call made whose answer did not arrive.
const TRIES: u32 = 4;

impl Session {
    /// Makes a call in its turn, again while AWS asks to go slower or does not answer.
    pub async fn call<T, E, R, F>(&self, api: Api, mut send: impl FnMut() -> F) -> Result<T, SdkError<E, R>>
    where
        F: Future<Output = Result<T, SdkError<E, R>>>,
        E: ProvideErrorMetadata + Error,
    {
        let (mut refused, mut crowded, mut lost) = (None, None, 0);
        let (mut pause, mut crowd_pause) = (Duration::from_millis(200), Duration::from_secs(1));
        let mut turn = self.turn(api).await;
        loop {
            // Boxed: a call's future is large, and a deed holds several.
            let error = match Box::pin(send()).await {
                Ok(answer) => {
                    turn.passed();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if is_crowded(error.code()) && crowded.get_or_insert_with(Instant::now).elapsed() < LONGEST_CROWD {
                // Nothing was begun. Others may call meanwhile, and bring what is under way to its end.
                drop(turn);
                tracing::info!(pause = ?crowd_pause, "the account bears no more operations at once: waiting");
                tokio::time::sleep(crowd_pause.mul_f64(jitter())).await;
                crowd_pause = (crowd_pause * 2).min(CROWD_PAUSE);
                turn = self.turn(api).await;
                continue;
            }
            match (is_throttled(error.code()), is_lost(&error)) {
                (true, _) if refused.get_or_insert_with(Instant::now).elapsed() > LONGEST => return Err(error),
                // Its turn comes again when the pace allows it: who waits longer than that wastes what is granted.
                (true, _) => turn.again().await,
                (false, true) => {
                    lost += 1;
                    if lost >= TRIES {
                        return Err(error);
                    }
                    drop(turn);
                    tokio::time::sleep(pause.mul_f64(jitter())).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                    turn = self.turn(api).await;
                }
                (false, false) => return Err(error),
            }
        }
    }
}

/// Whether the call may have been made or not: no answer, or one that says nothing.
fn is_lost<E, R>(error: &SdkError<E, R>) -> bool
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        // A connection that closes before its answer is of neither kind, and of one that may be tried again.
        SdkError::DispatchFailure(dispatch) => {
            dispatch.is_io() || dispatch.is_timeout() || dispatch.as_other().is_some()
        }
        SdkError::ServiceError(_) => {
            matches!(error.code(), Some("InternalFailure" | "InternalError" | "ServiceUnavailable"))
        }
        _ => false,
    }
}

/// Between a half and one and a half, so that those refused together do not come back together.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    0.5 + (RandomState::new().hash_one(0) % 1024) as f64 / 1024.0
}
