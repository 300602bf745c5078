//! `groundplan serve`: look for drift on schedule, and answer the buttons in Slack.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use tokio::net::TcpListener;

use super::arguments::{Format, Target};
use super::exit::{CommandError, Done, Exit};
use super::session::Session;
use super::settings::{OperatorArguments, Settings};
use crate::alertmanager::Alertmanager;
use crate::forge::Forge;
use crate::metrics::Metrics;
use crate::serve::{Door, Health, LIST_AFTER, OpenRequests, Records, Service, Source};
use crate::slack::{Signatures, Slack};

/// Look for drift when each environment's schedule says so, tell it in Slack, and answer the
/// buttons there, until it is stopped.
///
/// Presses come by Socket Mode where GROUNDPLAN_SLACK_APP_TOKEN is set (nothing has to reach this
/// machine), by HTTP on --listen where GROUNDPLAN_SLACK_SIGNING_SECRET is set. Clean looks are
/// silent: GET /healthz on --listen answers 200 while every environment is seen in time, else 503,
/// and GET /metrics is for Prometheus.
#[derive(Args)]
pub struct ServeArguments {
    /// The repository: a path, or a file:// or http(s):// address.
    #[arg(long, default_value = ".", value_name = "PATH|URL", env = "GROUNDPLAN_REPO")]
    repo: String,

    /// Where to listen: Slack posts to /slack/interactions there, /healthz is the heartbeat, /metrics is for Prometheus, and where
    /// GROUNDPLAN_AUDIT_TOKEN is set, API servers post their audit to /kubernetes/audit.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// How long a change that a watch saw waits for others, so that one `kubectl apply` is one message; `0s` for none.
    #[arg(long, value_name = "TIME", default_value = "300ms")]
    group_wait: SignedDuration,
}

pub(super) async fn run(operator: OperatorArguments, arguments: ServeArguments) -> Done {
    let ServeArguments { repo, listen, group_wait } = arguments;
    let target = Target { repo, revision: None, environment: None, only: Vec::new(), format: Format::Text };
    let session = Session::begin(&operator, target).await?;
    let group_wait = Duration::try_from(group_wait).map_err(|_| CommandError::usage("--group-wait is below zero"))?;
    let service = Service { group_wait, ..service(&session).await? };
    let socket_mode = session.settings.slack.app_token.is_some();
    let signatures = session.settings.slack.signing_secret.as_ref().map(Signatures::new);
    let by_http = listen.is_some() && signatures.is_some();
    let http = match listen {
        None => None,
        Some(address) => {
            let listener = TcpListener::bind(address).await?;
            let local = listener.local_addr()?;
            anstream::eprintln!("Listening on http://{local}/slack/interactions");
            Some(Door { listener, signatures, audit: session.settings.audit_token.clone() })
        }
    };
    if !by_http && !socket_mode {
        anstream::eprintln!(
            "warning: there is no way in for presses: set GROUNDPLAN_SLACK_APP_TOKEN for Socket Mode, or --listen and \
             GROUNDPLAN_SLACK_SIGNING_SECRET for HTTP"
        );
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
    let alertmanager = session.settings.alertmanager.clone().map(Alertmanager::new).transpose()?;
    let Settings { cache, git, .. } = &session.settings;
    let source = Source::new(session.target.repo.clone(), cache.clone(), git.clone(), Arc::clone(&session.repository));
    let store = session.open_store().await?;
    Ok(Service {
        engine: Arc::clone(&session.engine),
        source: Arc::new(source),
        store,
        slack,
        alertmanager,
        forge: Forge::new(session.settings.forge.clone()),
        approvers: session.settings.approvers.clone(),
        settle: session.settings.settle,
        ask_after: session.settings.ask_after.clone(),
        list_after: LIST_AFTER,
        turn: Arc::default(),
        news: Arc::default(),
        owner: owner(),
        health: Health::default(),
        metrics: Metrics::default(),
        group_wait: Duration::ZERO,
        records: Records::default(),
        requests: OpenRequests::default(),
    })
}

/// A name that no other process has, also not one after a restart with the same number.
fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}:{}", host.trim(), std::process::id(), jiff::Timestamp::now().as_nanosecond())
}
