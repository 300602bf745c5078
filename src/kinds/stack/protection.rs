//! Whether a stack refuses to be deleted.
//!
//! No change set carries it, so it is a call of its own after the change. A stack whose file is gone
//! keeps it: it must be switched off in Git before the file goes.

use super::realm::Realm;
use crate::aws::{Api, failure};
use crate::unit::{Cause, Difference, Effect, KindError, Shown};

/// Its change, as a plan shows it.
pub(super) fn difference(to: bool) -> Difference {
    let shown = |on: bool| Some(Shown::text(if on { "on" } else { "off" }));
    Difference {
        item: "Stack".to_owned(),
        path: "/TerminationProtection".to_owned(),
        from: shown(!to),
        to: shown(to),
        cause: Cause::Declared,
        effect: Effect::InPlace,
        who: None,
    }
}

/// Switches it; done twice is done once.
pub(super) async fn set(realm: &Realm, name: &str, on: bool) -> Result<(), KindError> {
    let (session, client) = (realm.session().await?, realm.writer().await?);
    realm.touch(name);
    let call = || client.update_termination_protection().stack_name(name).enable_termination_protection(on).send();
    let done = session.call(Api::Write, call).await;
    let deed = format!("cannot switch the termination protection of the stack `{name}`");
    done.map(drop).map_err(|error| session.name_the_target(failure(deed, error)))
}
