//! What the operator says, outside the repository: whoever may open a pull request could change
//! what stands in it.
//!
//! From a file, the environment and flags, in that rising order.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exit::CommandError;
use crate::alertmanager::AlertmanagerSettings;
use crate::aws::{AllowedActions, AwsSettings};
use crate::forge::{ForgeKind, ForgeSettings};
use crate::problem::Problems;
use crate::repo::{Access, Token};
use crate::serve::ASK_AFTER;
use crate::slack::SlackSettings;
use crate::store::StoreLocation;
use crate::terminal::problems_text;
use crate::unit::Secret;
use crate::yaml;

/// What is set for the process as a whole.
#[derive(Args, Clone, Debug)]
pub struct OperatorArguments {
    /// The operator's settings: roles, Slack, where the store is. Never in the repository.
    /// [default: groundplan/config.yaml in the user's configuration folder, where it exists]
    #[arg(long, global = true, value_name = "FILE", env = "GROUNDPLAN_CONFIG")]
    config: Option<PathBuf>,

    /// Where history and cases are kept: a SQLite file, or a postgres:// address that replicas share.
    #[arg(long, global = true, value_name = "FILE|URL", env = "GROUNDPLAN_STORE", hide_env_values = true)]
    #[arg(value_parser = |text: &str| Ok::<_, Infallible>(StoreLocation::parse(text)))]
    store: Option<StoreLocation>,

    /// Say more: once for each step, twice for each request.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The operator's file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OperatorFile {
    #[serde(default)]
    aws: AwsFile,
    /// The kubeconfig whose contexts `cluster.yaml` may name.
    kubeconfig: Option<PathBuf>,
    #[serde(default)]
    slack: SlackFile,
    #[serde(default)]
    forge: ForgeFile,
    /// Who is told of risky cases while Slack does not take them; nobody where it is not said.
    alertmanager: Option<AlertmanagerFile>,
    /// Where history and cases are kept: a file, or a `postgres://` address; one with a password
    /// belongs into GROUNDPLAN_STORE.
    store: Option<String>,
    /// How long a world that was put right must stay so before a case counts as resolved.
    settle_seconds: Option<u32>,
    /// When CloudTrail is asked who it was, counted from the first sight of a drift; it is minutes
    /// late itself. [default: 60, 360, 1200]
    attribution_seconds: Option<Vec<u32>>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AwsFile {
    /// The name of the role to assume in every declared account.
    role: Option<String>,
    external_id: Option<String>,
    /// By the name of an EKS cluster: the role to assume for that cluster, instead of the one for its account.
    #[serde(default)]
    cluster_roles: BTreeMap<String, String>,
    /// Tags of each assumed session, as policies and an account's records see them.
    #[serde(default)]
    session_tags: BTreeMap<String, String>,
    /// The name of the role that CloudFormation itself works with.
    service_role: Option<String>,
    /// Capabilities sent with every change set, beside those that a stack declares.
    #[serde(default)]
    capabilities: BTreeSet<String>,
    /// The bucket for templates over 51,200 bytes; `{account}` and `{region}` stand for the stack's own.
    template_bucket: Option<String>,
    /// Accounts and regions (`111122223333/eu-west-1`) to look for leftovers in, though no file declares
    /// a stack there any more.
    #[serde(default)]
    sites: Vec<yaml::Spanned<String>>,
    /// How long somebody else's operation on a stack is waited for.
    patience_seconds: Option<u32>,
    /// How long one operation on a stack is waited for, where its file does not say. [default: 240]
    timeout_minutes: Option<u32>,
    /// What stack files may have run after a deployment (`Actions`); nothing where it is not said.
    #[serde(default)]
    actions: ActionsFile,
}

/// Each word for word, as a stack file says it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ActionsFile {
    /// Lambda functions, by name or ARN.
    #[serde(default)]
    lambda: BTreeSet<String>,
    /// Programs, each with all its arguments.
    #[serde(default)]
    exec: BTreeSet<Vec<String>>,
    /// Lines for `sh`.
    #[serde(default)]
    shell: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SlackFile {
    /// Channel ids by the names that environments use in `alerts:`.
    #[serde(default)]
    channels: BTreeMap<String, String>,
    /// The ids of those who may press Sync.
    #[serde(default)]
    approvers: BTreeSet<String>,
    /// Where the Web API is, where it is not Slack's own.
    api_url: Option<String>,
}

/// An Alertmanager, told by its API.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AlertmanagerFile {
    /// `https://alertmanager.example.com`
    url: String,
    /// How long Slack may fail to take a message first. [default: 600]
    after_seconds: Option<u32>,
}

/// Where changes to Git are proposed; without a kind, a branch is pushed and nothing more.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForgeFile {
    kind: Option<ForgeName>,
    /// Where the forge is, as `https://git.example.com`.
    url: Option<String>,
    /// Who commits are by.
    name: Option<String>,
    email: Option<String>,
}

/// The forges that pull requests can be opened at.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ForgeName {
    Gitea,
}

impl ForgeFile {
    fn settings(self) -> Result<ForgeSettings, CommandError> {
        let Self { kind, url, name, email } = self;
        if kind.is_some() != url.is_some() {
            return Err(CommandError::usage("`forge` of the operator's settings takes a kind and a url, both or none"));
        }
        let defaults = ForgeSettings::default();
        Ok(ForgeSettings {
            kind: kind.map(|ForgeName::Gitea| ForgeKind::Gitea),
            url,
            token: secret("GROUNDPLAN_FORGE_TOKEN"),
            git_token: secret("GROUNDPLAN_GIT_TOKEN"),
            name: name.unwrap_or(defaults.name),
            email: email.unwrap_or(defaults.email),
        })
    }
}

/// What the operator says, put together.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub aws: AwsSettings,
    pub kubeconfig: Option<PathBuf>,
    pub slack: SlackSettings,
    pub approvers: BTreeSet<String>,
    pub forge: ForgeSettings,
    pub alertmanager: Option<AlertmanagerSettings>,
    pub store: StoreLocation,
    pub git: Access,
    pub cache: PathBuf,
    pub settle: jiff::SignedDuration,
    pub ask_after: Vec<jiff::SignedDuration>,
    /// What an API server's audit webhook must hold.
    pub audit_token: Option<Secret>,
}

impl Settings {
    /// Reads the file and the environment. A file that was named must be there; the default may not.
    pub(super) fn load(arguments: &OperatorArguments) -> Result<Self, CommandError> {
        let file = match &arguments.config {
            Some(path) => read(path)?,
            None => match folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("config.yaml")) {
                Some(path) if path.exists() => read(&path)?,
                Some(_) | None => OperatorFile::default(),
            },
        };
        let OperatorFile { aws, kubeconfig, slack, forge, alertmanager, store, settle_seconds, attribution_seconds } =
            file;
        let AwsFile {
            role,
            external_id,
            cluster_roles,
            session_tags,
            service_role,
            capabilities,
            template_bucket,
            sites,
            patience_seconds,
            timeout_minutes,
            actions,
        } = aws;
        let ActionsFile { lambda, exec, shell } = actions;
        let sites = sites.iter().map(site).collect::<Result<_, _>>()?;
        let cache = folder("XDG_CACHE_HOME", ".cache");
        let nowhere = || CommandError::failed("neither HOME nor --store says where the store is");
        let default_store =
            || folder("XDG_STATE_HOME", ".local/state").map(|folder| StoreLocation::File(folder.join("groundplan.db")));
        Ok(Self {
            aws: AwsSettings {
                role,
                external_id,
                cluster_roles,
                session_tags,
                service_role,
                capabilities,
                template_bucket,
                sites,
                patience: patience_seconds.map(|seconds| Duration::from_secs(u64::from(seconds))),
                longest: timeout_minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes))),
                actions: AllowedActions { lambda, exec, shell },
                cache: cache.clone(),
            },
            kubeconfig: kubeconfig.or_else(|| std::env::var_os("KUBECONFIG").map(PathBuf::from)),
            slack: SlackSettings {
                bot_token: secret("GROUNDPLAN_SLACK_BOT_TOKEN"),
                app_token: secret("GROUNDPLAN_SLACK_APP_TOKEN"),
                signing_secret: secret("GROUNDPLAN_SLACK_SIGNING_SECRET"),
                api_url: std::env::var("GROUNDPLAN_SLACK_API_URL").ok().or(slack.api_url),
                channels: slack.channels,
            },
            approvers: slack.approvers,
            forge: forge.settings()?,
            alertmanager: alertmanager.map(|AlertmanagerFile { url, after_seconds }| AlertmanagerSettings {
                url,
                after: jiff::SignedDuration::from_secs(i64::from(after_seconds.unwrap_or(600))),
            }),
            store: arguments
                .store
                .clone()
                .or_else(|| store.as_deref().map(StoreLocation::parse))
                .or_else(default_store)
                .ok_or_else(nowhere)?,
            git: Access {
                token: secret("GROUNDPLAN_GIT_TOKEN").map(|token| Token::new(token.expose())),
                ..Access::default()
            },
            cache: cache.unwrap_or_else(std::env::temp_dir),
            settle: jiff::SignedDuration::from_secs(i64::from(settle_seconds.unwrap_or(60))),
            audit_token: secret("GROUNDPLAN_AUDIT_TOKEN"),
            ask_after: match attribution_seconds {
                Some(seconds) => {
                    let after = seconds.into_iter().map(|seconds| jiff::SignedDuration::from_secs(i64::from(seconds)));
                    after.collect()
                }
                None => ASK_AFTER.to_vec(),
            },
        })
    }
}

/// `ACCOUNT/REGION`.
fn site(text: &yaml::Spanned<String>) -> Result<(String, String), CommandError> {
    match text.value.split_once('/') {
        Some((account, region)) if account.len() == 12 && !region.is_empty() => {
            Ok((account.to_owned(), region.to_owned()))
        }
        _ => {
            let said = format!("`{}` names no account and region: write 111122223333/eu-west-1", text.value);
            Err(CommandError::usage(said))
        }
    }
}

fn read(path: &std::path::Path) -> Result<OperatorFile, CommandError> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| CommandError::usage(format!("cannot read `{name}`: {error}")))?;
    let broken = |errors| {
        anstream::eprint!(
            "{}",
            problems_text(&Problems { errors, warnings: Vec::new() })
                .replace(" in the repository; nothing", "; nothing")
        );
        CommandError::usage(format!("the operator's settings in `{name}` cannot be used"))
    };
    let node = yaml::parse_one(&name, &bytes).map_err(broken)?;
    yaml::read(&node).map_err(|problem| broken(vec![problem]))
}

/// Secrets come from the environment only, so that no file with one can be committed by mistake.
fn secret(variable: &str) -> Option<Secret> {
    std::env::var(variable).ok().filter(|value| !value.is_empty()).map(Secret::new)
}

fn folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home =
        || std::env::var_os("HOME").filter(|value| !value.is_empty()).map(|home| PathBuf::from(home).join(below_home));
    set.or_else(home).map(|folder| folder.join("groundplan"))
}
