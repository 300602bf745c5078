//! One fetch: every branch, every tag, and where the remote's HEAD points.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use gix::bstr::BString;
use gix::credentials::helper::{Action, NextAction};
use gix::credentials::protocol::Outcome;
use gix::protocol::handshake::Ref;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};
use gix::remote::Direction;

use super::location::shown;
use super::{Access, RepoError, Token};

/// Servers that check a user name beside a token take this one.
const USER: &str = "x-access-token";

pub(super) fn fetch(
    repository: &gix::Repository,
    url: &gix::Url,
    access: &Access,
    stop: &AtomicBool,
) -> Result<(), RepoError> {
    let specs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
    let failed = |error: gix::Error| failure(url, access.token.is_some(), error);
    let remote = repository.remote_at(url.clone()).map_err(failed)?;
    let remote = remote.with_refspecs(specs, Direction::Fetch).map_err(failed)?;
    let remote = remote.with_fetch_tags(gix::remote::fetch::Tags::None);
    let connection = remote.connect(Direction::Fetch).map_err(failed)?;
    let connection = connection.with_credentials(|action| Ok(answer(action, url, access.token.as_ref())));
    // Unfiltered, so that HEAD is among the references told.
    let options = gix::remote::ref_map::Options { prefix_from_spec_as_filter_on_remote: false, ..Default::default() };
    let prepared = connection.prepare_fetch(gix::progress::Discard, options).map_err(failed)?;
    let told = prepared.ref_map().remote_refs.clone();
    if !told.iter().any(|reference| name(reference).starts_with(b"refs/heads/")) {
        return Err(RepoError::Empty { location: shown(url) });
    }
    // First, or a branch `a` that is gone would stand in the way of a new branch `a/b`.
    prune(repository, &told).map_err(failed)?;
    prepared.receive(gix::progress::Discard, stop).map_err(failed)?;
    point_head(repository, &told).map_err(failed)
}

/// Gives the token to the host that the operator named, and to no other a redirect leads to.
fn answer(action: Action, url: &gix::Url, token: Option<&Token>) -> Option<Outcome> {
    let (Action::Get(context), Some(token)) = (action, token) else { return None };
    let asking = gix::url::parse(context.url.as_ref()?).ok()?;
    if (&asking.scheme, asking.host(), asking.port) != (&url.scheme, url.host(), url.port) {
        return None;
    }
    let identity = gix::sec::identity::Account {
        username: url.user().unwrap_or(USER).to_owned(),
        password: token.expose().to_owned(),
        oauth_refresh_token: None,
    };
    Some(Outcome { identity, next: NextAction::from(context) })
}

fn name(reference: &Ref) -> &BString {
    match reference {
        Ref::Peeled { full_ref_name, .. }
        | Ref::Direct { full_ref_name, .. }
        | Ref::Symbolic { full_ref_name, .. }
        | Ref::Unborn { full_ref_name, .. } => full_ref_name,
    }
}

/// Removes the branches and tags that the remote no longer has.
fn prune(repository: &gix::Repository, told: &[Ref]) -> gix::Result<()> {
    let told: BTreeSet<&BString> = told.iter().map(name).collect();
    let mut gone = Vec::new();
    for reference in repository.references()?.all()? {
        let reference = reference?;
        if !told.contains(&reference.name().as_bstr().to_owned()) {
            gone.push(RefEdit {
                change: Change::Delete { expected: PreviousValue::Any, log: RefLog::AndReference },
                name: reference.name().to_owned(),
                deref: false,
            });
        }
    }
    repository.edit_references(gone)?;
    Ok(())
}

/// Lets the copy's HEAD point where the remote's does: the branch that is meant when none is named.
fn point_head(repository: &gix::Repository, told: &[Ref]) -> gix::Result<()> {
    let new = told.iter().find(|reference| name(reference) == "HEAD").and_then(|head| match head {
        Ref::Symbolic { target, .. } => FullName::try_from(target.clone()).ok().map(Target::Symbolic),
        Ref::Direct { object, .. } if repository.has_object(object) => Some(Target::Object(*object)),
        Ref::Direct { .. } | Ref::Peeled { .. } | Ref::Unborn { .. } => None,
    });
    let Some(new) = new else { return Ok(()) };
    repository.edit_reference(RefEdit {
        change: Change::Update { log: LogChange::default(), expected: PreviousValue::Any, new },
        name: "HEAD".try_into().expect("HEAD is a reference's name"),
        deref: false,
    })?;
    Ok(())
}

/// Tells "not reachable", "not there" and "not allowed" apart.
fn failure(url: &gix::Url, token: bool, error: gix::Error) -> RepoError {
    let told = texts(&error);
    let told = told.as_str();
    let status = |code: &str| told.contains(&format!("HTTP status {code}"));
    let url_shown = shown(url);
    let source = Box::new(error);
    if told.contains("in clear text") {
        return RepoError::ClearText { url: url_shown, source };
    }
    if source.is_unauthenticated() || status("401") || status("403") {
        return RepoError::Denied { url: url_shown, token, source };
    }
    if status("404") || status("410") || is_absent_file(url) {
        return RepoError::Missing { url: url_shown, source };
    }
    if source.can_retry_lenient() {
        return RepoError::Unreachable { url: url_shown, source };
    }
    RepoError::Fetch { url: url_shown, source }
}

fn is_absent_file(url: &gix::Url) -> bool {
    url.scheme == gix::url::Scheme::File && !std::path::Path::new(&url.path.to_string()).exists()
}

fn texts(error: &gix::Error) -> String {
    error.iter_errors().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
