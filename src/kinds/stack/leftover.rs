//! What speaks against deleting a stack whose file is gone: data inside, and others who import from it.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use super::live::Live;
use super::realm::Realm;
use super::resources;
use super::stateful;
use crate::aws::{Api, failure};
use crate::unit::KindError;

/// What there is to know of a stack before it goes.
#[derive(Default)]
pub(super) struct Standing {
    /// Why it must not go without a word of its own.
    pub(super) guards: Vec<String>,
    /// The names of the stacks that import from it.
    pub(super) importers: BTreeSet<String>,
}

/// Asks what it holds, and who imports from it.
pub(super) async fn standing(realm: &Realm, live: &Live) -> Result<Standing, KindError> {
    let Standing { mut guards, mut importers } = Standing::default();
    for resource in resources::of(realm, live).await? {
        let is_there = resource.status != "DELETE_COMPLETE" && !resource.physical_id.is_empty();
        guards.extend(stateful::guard(&resource.logical_id, &resource.r#type).filter(|_| is_there));
    }
    for (export, names) in imported(realm, &live.exports).await? {
        guards.push(format!("its export `{export}` is imported by {}", quoted(&names)));
        importers.extend(names);
    }
    Ok(Standing { guards, importers })
}

/// Refuses while somebody imports from the stack: AWS would refuse too, and say less.
pub(super) async fn check_exports(realm: &Realm, live: &Live) -> Result<(), KindError> {
    let imported = imported(realm, &live.exports).await?;
    let Some((export, importers)) = imported.first() else { return Ok(()) };
    let said =
        format!("the stack `{}` cannot go while its export `{export}` is imported by {}", live.name, quoted(importers));
    Err(KindError::refused(said).hint("first let them take the value from elsewhere, or delete them; then run again"))
}

/// Refuses an update that takes away what somebody imports: AWS would begin it, and roll it back.
pub(super) async fn check_exports_kept(realm: &Realm, live: &Live, kept: &[String]) -> Result<(), KindError> {
    let gone: Vec<String> = live.exports.iter().filter(|export| !kept.contains(export)).cloned().collect();
    let imported = imported(realm, &gone).await?;
    let Some((export, importers)) = imported.first() else { return Ok(()) };
    let said = format!(
        "the template of `{}` no longer exports `{export}`, which is imported by {}",
        live.name,
        quoted(importers)
    );
    let hint = "keep the export until they take the value from elsewhere and are synced; then take it out";
    Err(KindError::refused(said).hint(hint))
}

/// Each export that is in use, with the stacks that import it.
async fn imported(realm: &Realm, exports: &[String]) -> Result<Vec<(String, Vec<String>)>, KindError> {
    let mut found = Vec::new();
    for export in exports {
        let importers = importers(realm, export).await?;
        if !importers.is_empty() {
            found.push((export.clone(), importers));
        }
    }
    Ok(found)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

async fn importers(realm: &Realm, export: &str) -> Result<Vec<String>, KindError> {
    let (session, client) = (realm.session().await?, realm.reader().await?);
    let (mut names, mut next) = (Vec::new(), None);
    loop {
        let call = || client.list_imports().export_name(export).set_next_token(next.clone()).send();
        let page = match session.call(Api::Read, call).await {
            Ok(page) => page,
            // The API's way to say "nobody", and "no such export".
            Err(error)
                if error.code() == Some("ValidationError")
                    && error
                        .message()
                        .is_some_and(|said| said.contains("not imported") || said.contains("not exist")) =>
            {
                return Ok(names);
            }
            Err(error) => {
                let deed = format!("cannot ask who imports `{export}`");
                return Err(session.name_the_target(failure(deed, error)));
            }
        };
        names.extend(page.imports.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(names);
        }
    }
}
