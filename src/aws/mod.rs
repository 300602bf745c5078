//! One account and region to credentials that were proven to belong there.
//!
//! The only room that knows how a session comes about: the base credentials of the process, a role
//! assumed in the declared account, its external id. Whoever wants to write asks for
//! [`Session::for_writing`], which proves first that the account that signs is the account
//! declared (safety rule 3).

mod call;
mod credentials;
mod eks_token;
mod failure;
mod pace;
pub mod partition;
mod session;
pub mod ssm;
mod turns;

pub use failure::{failure, is_throttled};
pub use session::Session;
pub use turns::{Api, Turn};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use tokio::sync::{Mutex, OnceCell};

use crate::unit::KindError;

/// What an operator says of AWS, outside the repository.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The name of the role to assume in every declared account; none: the credentials at hand must
    /// already belong to it.
    pub role: Option<String>,
    pub external_id: Option<String>,
    /// By the name of an EKS cluster: the role to assume for that cluster alone.
    pub cluster_roles: BTreeMap<String, String>,
    /// Tags of each assumed session, for whoever writes policies and reads the account's records.
    pub session_tags: BTreeMap<String, String>,
    /// The name of the role that CloudFormation itself works with.
    pub service_role: Option<String>,
    /// `CAPABILITY_IAM` and others sent with every change set, as CloudGenesis' deployer did.
    pub capabilities: BTreeSet<String>,
    /// The bucket for templates that are too large to be sent; `{account}` and `{region}` stand for
    /// the stack's own.
    pub template_bucket: Option<String>,
    /// Accounts and regions where stacks may have been left behind, beside those that are declared.
    pub sites: BTreeSet<(String, String)>,
    /// How long somebody else's operation on a stack is waited for; two minutes where it is not said.
    pub patience: Option<Duration>,
    /// How long one operation on a stack is waited for, where its file does not say.
    pub longest: Option<Duration>,
    /// What stack files may have run after a deployment.
    pub actions: AllowedActions,
    /// Where may be remembered what was read of AWS and cannot have changed since.
    pub cache: Option<std::path::PathBuf>,
}

/// What may be run after a deployment, each word for word; nothing where it is empty.
#[derive(Clone, Debug, Default)]
pub struct AllowedActions {
    /// Functions, by name or ARN.
    pub lambda: BTreeSet<String>,
    /// Programs with all their arguments.
    pub exec: BTreeSet<Vec<String>>,
    /// Lines for `sh`.
    pub shell: BTreeSet<String>,
}

/// Whether a text can be the number of an account.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// By account, region and the role of a cluster; each is made once, by whoever asks first.
type Sessions = HashMap<(String, String, String), Arc<OnceCell<Session>>>;

/// Every session of this process: one an account and region, made when first asked for.
#[derive(Clone)]
pub struct Aws {
    settings: Arc<AwsSettings>,
    base: Arc<OnceCell<SdkConfig>>,
    home: Arc<OnceCell<Session>>,
    sessions: Arc<Mutex<Sessions>>,
}

impl Aws {
    pub fn new(settings: AwsSettings) -> Self {
        Self { settings: Arc::new(settings), base: Arc::default(), home: Arc::default(), sessions: Arc::default() }
    }

    /// Over a configuration already there instead of the process's own; how long to wait and how
    /// often to ask again is ours.
    pub fn over(settings: AwsSettings, base: SdkConfig) -> Self {
        let base = base.into_builder().timeout_config(timeouts()).retry_config(retries()).build();
        Self { base: Arc::new(OnceCell::new_with(Some(base))), ..Self::new(settings) }
    }

    pub fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// The session of an account and region. Errors name the account, the role and what was tried.
    ///
    /// A session that could not be made is tried again by the next who asks.
    pub async fn session(&self, account: &str, region: &str) -> Result<Session, KindError> {
        self.opened((account, region), "", &self.settings).await
    }

    /// The session for what is asked of one EKS cluster, and in it.
    pub async fn cluster_session(&self, account: &str, region: &str, cluster: &str) -> Result<Session, KindError> {
        match self.settings.cluster_roles.get(cluster) {
            None => self.session(account, region).await,
            Some(role) => {
                let settings = AwsSettings { role: Some(role.clone()), ..(*self.settings).clone() };
                self.opened((account, region), role, &settings).await
            }
        }
    }

    /// `of` tells the sessions of one account and region apart.
    async fn opened(
        &self,
        (account, region): (&str, &str),
        of: &str,
        settings: &AwsSettings,
    ) -> Result<Session, KindError> {
        let key = (account.to_owned(), region.to_owned(), of.to_owned());
        let cell = self.sessions.lock().await.entry(key).or_default().clone();
        let session = cell.get_or_try_init(|| async {
            let base = self.base.get_or_init(|| base(region)).await;
            Session::open(account, region, base, settings).await
        });
        session.await.cloned()
    }

    /// The account and region of the process itself, where CloudGenesis reads SSM parameters.
    ///
    /// `region` serves where neither the environment nor the profile says one.
    pub async fn home(&self, region: &str) -> Result<Session, KindError> {
        let session = self.home.get_or_try_init(|| async {
            let base = self.base.get_or_init(|| base(region)).await;
            Session::at_home(base).await
        });
        session.await.cloned()
    }
}

/// The process's own configuration: environment, profile, web identity, attached role, in this order.
async fn base(region: &str) -> SdkConfig {
    // The whole default chain would ask an instance's metadata service, which takes seconds to not be there.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(Region::new(region.to_owned()));
    let loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
    loader.timeout_config(timeouts()).retry_config(retries()).load().await
}

/// An endpoint that cannot be reached is known within seconds.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(15))
        .operation_timeout(Duration::from_secs(40))
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(5))
}
