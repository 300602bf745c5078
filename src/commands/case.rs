//! `groundplan case`: what the buttons in Slack do, at a terminal.

use std::os::unix::fs::MetadataExt;

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Format, Target};
use super::exit::{CommandError, Done, Exit};
use super::output::{print, print_json};
use super::serve::service;
use super::session::Session;
use super::settings::{OperatorArguments, Settings};
use crate::cases::{Action, AuditRecord, Case, CaseState, verify};
use crate::serve::{Answer, Service, Transport, Wanted, Wish};
use crate::store::Store;
use crate::terminal::{audit_text, case_text, cases_text};

/// List and show the cases of drift, and do with them what the buttons in Slack do.
///
/// The same rules decide as in Slack; at a terminal you are `login:NAME`, as the system knows you.
#[derive(Args)]
pub struct CaseArguments {
    /// The repository: a path, or a file:// or http(s):// address.
    #[arg(long, default_value = ".", value_name = "PATH|URL", env = "GROUNDPLAN_REPO", global = true)]
    repo: String,

    /// Text for people, or JSON that obeys schemas/.
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    format: Format,

    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// The cases that are not resolved.
    List {
        /// Resolved ones, too.
        #[arg(long)]
        all: bool,
    },
    /// One case with everything that is known of it.
    Show { case: String },
    /// Put a case right: the plan that the case shows, planned again, and nothing else.
    Sync {
        case: String,
        /// The environment's name: what a risky case asks for.
        #[arg(long, value_name = "ENVIRONMENT")]
        confirm: Option<String>,
        /// Outside the hours of a rule that lets you: why it cannot wait. It stands in the audit and the thread.
        #[arg(long, value_name = "REASON")]
        break_glass: Option<String>,
    },
    /// Say that you look after a case.
    Ack {
        case: String,
        /// For how long, as `4h`; until it is resolved or grows riskier where it is not said.
        #[arg(long = "for", value_name = "TIME")]
        span: Option<SignedDuration>,
    },
    /// Put a case off.
    Snooze {
        case: String,
        /// For how long, as `4h`; at most thirty days.
        #[arg(long = "for", value_name = "TIME", default_value = "24h")]
        span: SignedDuration,
    },
    /// Look at a case again, now.
    Recheck { case: String },
    /// Propose in Git that a drift be ignored: a branch with a rule, and a pull request where a forge is set up.
    ///
    /// The case ends when the rule is merged and seen; until then it stays as it is.
    Ignore {
        case: String,
        /// Why it is no matter; it stands in the rule.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The rule's last day, at most 180 days away.  [default: in 90 days]
        #[arg(long, value_name = "DATE")]
        until: Option<jiff::civil::Date>,
        /// Only what differs at this path or below it.
        #[arg(long, value_name = "PATH")]
        path: Option<String>,
    },
    /// Propose in Git what the world holds: a branch with the live values where they are authored.
    ///
    /// Before anything is pushed it is proven that merging changes nothing live.
    Adopt {
        case: String,
        /// Only what differs at this path or below it.
        #[arg(long, value_name = "PATH")]
        path: Option<String>,
    },
    /// Who asked for what, and what came of it; fails where the list was changed afterwards.
    Audit,
}

/// `case list --format json` and `case show --format json`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CaseOutput {
    cases: Vec<Case>,
}

/// `case audit --format json`.
#[derive(Serialize, JsonSchema)]
pub(super) struct AuditOutput {
    /// Whether every record follows from the one before it.
    intact: bool,
    records: Vec<AuditRecord>,
}

pub(super) async fn run(operator: OperatorArguments, arguments: CaseArguments) -> Done {
    let CaseArguments { repo, format, deed } = arguments;
    let settings = Settings::load(&operator)?;
    let target = Target { repo, revision: None, environment: None, only: Vec::new(), format };
    let wish = |action, span, confirmed| (action, span, Transport::Terminal { confirmed });
    let (mut wanted, mut glass) = (Wanted::default(), None);
    let (case, (action, span, transport)) = match deed {
        Deed::List { all } => return list(&settings, format, all).await,
        Deed::Show { case } => return show(&settings, format, &case).await,
        Deed::Audit => return audit(&settings, format).await,
        Deed::Sync { case, confirm, break_glass } => {
            glass = break_glass;
            (case, wish(Action::Sync, None, confirm))
        }
        Deed::Ack { case, span } => (case, wish(Action::Acknowledge, span, None)),
        Deed::Snooze { case, span } => (case, wish(Action::Snooze, Some(span), None)),
        Deed::Recheck { case } => (case, wish(Action::Recheck, None, None)),
        Deed::Ignore { case, reason, until, path } => {
            wanted = Wanted { reason: Some(reason), until, path };
            (case, wish(Action::Ignore, None, None))
        }
        Deed::Adopt { case, path } => {
            wanted.path = path;
            (case, wish(Action::Adopt, None, None))
        }
    };
    let session = Session::begin(&operator, target).await?;
    let service = service(&session).await?;
    let case = named(&service.store, &case).await?.id;
    let done = act(&service, Wish { case, action, who: login(), transport, span, break_glass: glass }, &wanted).await;
    service.deliver(std::time::Duration::from_secs(30)).await?;
    let case = done?;
    tell(format, std::slice::from_ref(&case))?;
    match case.state {
        CaseState::SyncFailed { .. } => Ok(Exit::Failed),
        CaseState::Open
        | CaseState::Acknowledged { .. }
        | CaseState::Snoozed { .. }
        | CaseState::AwaitingApproval { .. }
        | CaseState::SyncRequested { .. }
        | CaseState::Syncing { .. }
        | CaseState::Resolved { .. }
        | CaseState::Stale { .. } => Ok(Exit::Done),
    }
}

async fn act(service: &Service, wish: Wish, wanted: &Wanted) -> Result<Case, CommandError> {
    let answer = match service.act(&wish).await? {
        Answer::Propose(kept) => match service.propose(*kept, &wish, wanted).await? {
            Answer::Refused(why) | Answer::Closed { why, .. } => return Err(CommandError::failed(why)),
            proposed => proposed,
        },
        answer => answer,
    };
    match answer {
        Answer::Propose(kept) => Ok(kept.case),
        Answer::Done(case) | Answer::Waits(case) => Ok(case),
        Answer::Go(kept) => Ok(service.sync(*kept, &wish).await?),
        Answer::Look(case) => Ok(service.recheck(&case).await?),
        Answer::Closed { why, .. } => Err(CommandError::failed(why)),
        Answer::Refused(why) => {
            let error = CommandError::failed(why);
            Err(error.hint(format!(
                "at this terminal you are `{}`: a rule in `access` of groundplan.yaml, or `slack.approvers` of the \
                 operator's settings, may name you so",
                wish.who
            )))
        }
    }
}

async fn list(settings: &Settings, format: Format, all: bool) -> Done {
    let store = Store::at(&settings.store).await?;
    let cases = store.all_cases().await?.into_iter().map(|kept| kept.case);
    let cases: Vec<_> = cases.filter(|case| all || !case.state.is_resolved()).collect();
    match format {
        Format::Json => print_json(&CaseOutput { cases })?,
        Format::Text => print(&cases_text(&cases))?,
    }
    // Who looks here may wonder why the channel is silent.
    if let (unsent, Some(why)) = store.unsent().await? {
        let messages = if unsent == 1 { "1 message is".to_owned() } else { format!("{unsent} messages are") };
        anstream::eprintln!("warning: {messages} not in Slack yet: {why}");
    }
    Ok(Exit::Done)
}

async fn show(settings: &Settings, format: Format, case: &str) -> Done {
    let case = named(&Store::at(&settings.store).await?, case).await?;
    tell(format, &[case])?;
    Ok(Exit::Done)
}

fn tell(format: Format, cases: &[Case]) -> Result<(), CommandError> {
    match format {
        Format::Json => print_json(&CaseOutput { cases: cases.to_vec() }),
        Format::Text => print(&cases.iter().map(case_text).collect::<String>()),
    }
}

async fn audit(settings: &Settings, format: Format) -> Done {
    let records = Store::at(&settings.store).await?.audit().await?;
    let checked = verify(&records);
    match format {
        Format::Json => print_json(&AuditOutput { intact: checked.is_ok(), records })?,
        Format::Text => print(&audit_text(&records))?,
    }
    checked?;
    Ok(Exit::Done)
}

/// The case with this id, or the only one whose id begins so.
async fn named(store: &Store, name: &str) -> Result<Case, CommandError> {
    let all = store.all_cases().await?;
    let mut found = all.into_iter().map(|kept| kept.case).filter(|case| case.id.starts_with(name));
    match (found.next(), found.next()) {
        (Some(case), None) => Ok(case),
        (Some(_), Some(_)) => Err(CommandError::usage(format!("more than one case begins with `{name}`"))),
        (None, _) => {
            Err(CommandError::usage(format!("there is no case `{name}`")).hint("`groundplan case list` shows them"))
        }
    }
}

/// Whoever runs this process, by the system's word: a variable could say anything.
pub(super) fn login() -> String {
    let owner = std::fs::metadata("/proc/self").map(|own| own.uid());
    let Ok(owner) = owner else { return format!("login:{}", std::env::var("USER").unwrap_or_default()) };
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_theirs = |line: &&str| line.split(':').nth(2).is_some_and(|id| id.parse() == Ok(owner));
    match users.lines().find(is_theirs).and_then(|line| line.split(':').next()) {
        Some(name) => format!("login:{name}"),
        None => format!("login:{owner}"),
    }
}
