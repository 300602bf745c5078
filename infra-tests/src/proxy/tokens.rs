//! ClientRequestToken: the same call again is answered as before, and has no second effect.
//!
//! The emulator keeps the token and refuses the second call. Here the answer is kept with it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;

use super::answer::Answer;
use super::call::Call;
use super::form::Form;

/// More than this are not kept: then all are forgotten.
const MOST_KEPT: usize = 10_000;

/// Who called what, by which token.
type Key = (String, String, String);

/// Every call with a token that was performed.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<Key, (Form, Answer)>>);

impl Tokens {
    /// The answer of a call that was made before; another call with its token is refused.
    pub(super) fn answer(&self, call: &Call) -> Option<Answer> {
        let key = key(call)?;
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (form, answer) = all.get(&key)?;
        if *form == call.form {
            return Some(answer.clone());
        }
        let said = format!("A client request token {} already exists", key.2);
        Some(Answer::error(call.protocol, StatusCode::BAD_REQUEST, "TokenAlreadyExistsException", &said))
    }

    pub(super) fn keep(&self, call: &Call, answer: &Answer) {
        let Some(key) = key(call).filter(|_| answer.status == StatusCode::OK) else { return };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEPT {
            all.clear();
        }
        all.insert(key, (call.form.clone(), answer.clone()));
    }
}

fn key(call: &Call) -> Option<Key> {
    let token = call.form.get("ClientRequestToken").filter(|_| call.service == "cloudformation")?;
    Some((call.caller.clone(), call.action.clone(), token.to_owned()))
}
