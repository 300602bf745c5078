//! `groundplan serve`: answer the buttons in Slack.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;

use super::arguments::{Format, Target};
use super::exit::{CommandError, Done, Exit};
use super::session::Session;
use super::settings::{OperatorArguments, Settings};
use crate::serve::{Service, Source};
use crate::slack::{Signatures, Slack};
use crate::store::Store;

/// Answer the buttons of cases in Slack, until it is stopped.
///
/// By Socket Mode where GROUNDPLAN_SLACK_APP_TOKEN is set (nothing has to reach this machine), by
/// HTTP on --listen where GROUNDPLAN_SLACK_SIGNING_SECRET is set.
#[derive(Args)]
pub struct ServeArguments {
    /// The repository: a path, or a file:// or http(s):// address.
    #[arg(long, default_value = ".", value_name = "PATH|URL", env = "GROUNDPLAN_REPO")]
    repo: String,

    /// Where to listen for Slack's requests; Slack posts to /slack/interactions there.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(operator: OperatorArguments, arguments: ServeArguments) -> Done {
    let ServeArguments { repo, listen } = arguments;
    let target = Target { repo, revision: None, environment: None, only: Vec::new(), format: Format::Text };
    let session = Session::begin(&operator, target).await?;
    let service = service(&session).await?;
    let socket_mode = session.settings.slack.app_token.is_some();
    let http = match (listen, &session.settings.slack.signing_secret) {
        (None, _) => None,
        (Some(_), None) => {
            return Err(CommandError::usage("--listen needs GROUNDPLAN_SLACK_SIGNING_SECRET, or anyone could press"));
        }
        (Some(address), Some(secret)) => {
            let listener = TcpListener::bind(address).await?;
            anstream::eprintln!("Listening on http://{}/slack/interactions", listener.local_addr()?);
            Some((listener, Signatures::new(secret.clone())))
        }
    };
    if http.is_none() && !socket_mode {
        let error = CommandError::usage("there is no way in for presses");
        return Err(error.hint("set GROUNDPLAN_SLACK_APP_TOKEN for Socket Mode, or --listen for HTTP"));
    }
    anstream::eprintln!("Serving; Ctrl-C stops.");
    tokio::select! {
        ended = service.run(http, socket_mode) => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Done)
}

pub(super) async fn service(session: &Session) -> Result<Service, CommandError> {
    // Without a token nobody can be told; cases are kept all the same.
    let slack = match session.settings.slack.bot_token {
        Some(_) => Some(Slack::new(session.settings.slack.clone())?),
        None => None,
    };
    let Settings { cache, git, .. } = &session.settings;
    let source = Source::new(session.target.repo.clone(), cache.clone(), git.clone(), Arc::clone(&session.repository));
    let store = Store::open(&session.settings.store).await?;
    Ok(Service {
        engine: Arc::clone(&session.engine),
        source: Arc::new(source),
        store,
        slack,
        approvers: session.settings.approvers.clone(),
        settle: session.settings.settle,
        turn: Arc::default(),
        news: Arc::default(),
    })
}
