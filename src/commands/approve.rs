//! From a plan to an approved one: a policy, a flag, or a person at the terminal.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

use jiff::{SignedDuration, Timestamp};

use super::arguments::Approval;
use super::exit::CommandError;
use crate::declaration::SyncPolicy;
use crate::plan::{Approved, By, Consent, Guard, Plan, Refusal};

/// How long a yes at the terminal or in a flag counts before the run must have begun.
const COUNTS_FOR: SignedDuration = SignedDuration::from_mins(30);

/// Asks for what the flags and the environment's policy do not say already.
///
/// None where the person said no.
pub(super) fn approve(plan: Plan, approval: &Approval, policy: SyncPolicy) -> Result<Option<Approved>, CommandError> {
    let digest = plan.digest();
    let (by, mut agreed) = match (&approval.approve, approval.yes, policy) {
        (Some(given), _, _) if digest.starts_with(given.as_str()) && given.len() >= 12 => {
            (terminal(), approval.agree.clone())
        }
        (Some(_), _, _) => {
            let error =
                CommandError::failed("the plan is another one now than the one that was approved; nothing was changed");
            return Err(error.hint("look at the plan above, and approve its digest"));
        }
        (None, true, _) => (terminal(), approval.agree.clone()),
        (None, false, SyncPolicy::Automatic) => (By::Policy, approval.agree.clone()),
        (None, false, SyncPolicy::Approval) if can_ask() => {
            match ask("Do this? Only `yes` is taken for a yes: ", "yes")? {
                true => (terminal(), approval.agree.clone()),
                false => return Ok(None),
            }
        }
        (None, false, SyncPolicy::Approval) => {
            let error = CommandError::usage("this environment asks for an approval, and nobody sits at this terminal");
            return Err(error
                .hint(format!("pass --approve {} for exactly this plan, or --yes for whatever it is", &digest[..12])));
        }
    };
    for guard in plan.guards() {
        if !agreed.contains(&guard.name()) && can_ask() && approval.agree.is_empty() && !approval.yes {
            let question = format!("{guard}. Type `{}` to agree to this too: ", guard.name());
            if !ask(&question, &guard.name())? {
                return Ok(None);
            }
            agreed.push(guard.name());
        }
    }
    let expires = Timestamp::now() + COUNTS_FOR;
    let consent = Consent { digest, by, guards: agreed, expires };
    plan.approve(&consent, Timestamp::now()).map(Some).map_err(|refusal| {
        let words = match &refusal {
            Refusal::Guarded(guards) => guards.iter().map(Guard::name).collect(),
            Refusal::Moved | Refusal::Expired => BTreeSet::new(),
        };
        let error = CommandError::failed(format!("{refusal}; nothing was changed"));
        match words.is_empty() {
            true => error,
            false => error.hint(words.iter().map(|word| format!("--agree {word}")).collect::<Vec<_>>().join(" ")),
        }
    })
}

fn terminal() -> By {
    By::Terminal { user: std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()) }
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether the answer is exactly the expected word.
fn ask(question: &str, expected: &str) -> Result<bool, CommandError> {
    anstream::eprint!("{question}");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == expected)
}
