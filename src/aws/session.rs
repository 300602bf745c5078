//! Access to one account in one region.

use std::sync::Arc;
use std::time::SystemTime;

use aws_config::identity::IdentityCache;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::Mutex;

use super::credentials::{Keys, Source};
use super::eks_token::eks_token;
use super::turns::{Api, Turn, Turns};
use super::{AwsSettings, failure, partition};
use crate::unit::{ErrorKind, KindError, Secret};

/// Access to one account in one region, its account proven.
#[derive(Clone)]
pub struct Session {
    pub account: String,
    pub region: String,
    config: SdkConfig,
    keys: Keys,
    /// The key that was last proven to belong to the account.
    proven: Arc<Mutex<Option<Credentials>>>,
    turns: Arc<Turns>,
}

impl Session {
    pub(super) async fn open(
        account: &str,
        region: &str,
        base: &SdkConfig,
        settings: &AwsSettings,
    ) -> Result<Self, KindError> {
        let base = base.to_builder().region(Region::new(region.to_owned())).build();
        let source = source(account, region, &base, settings)?;
        let session = Self::over(account, region, base, source);
        // Reading another account would show its absence of stacks as stacks to create.
        session.for_writing().await.map_err(|error| session.name_the_target(error))?;
        Ok(session)
    }

    /// The session of the process's own account and region.
    pub(super) async fn at_home(base: &SdkConfig) -> Result<Self, KindError> {
        let region = base.region().map_or(String::new(), |region| region.as_ref().to_owned());
        let Some(provider) = base.credentials_provider() else {
            return Err(KindError::failed("there are no AWS credentials to start from"));
        };
        let asked = aws_sdk_sts::Client::new(base).get_caller_identity().send().await;
        let who = asked.map_err(|error| failure("cannot ask STS who this process is", error))?;
        Ok(Self::over(&who.account.unwrap_or_default(), &region, base.clone(), Source::Base(provider)))
    }

    fn over(account: &str, region: &str, base: SdkConfig, source: Source) -> Self {
        let keys = Keys::new(source);
        let config = base
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(keys.clone()))
            .identity_cache(IdentityCache::no_cache())
            .build();
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            config,
            keys,
            proven: Arc::default(),
            turns: Arc::default(),
        }
    }

    /// For calls that only read.
    pub fn for_reading(&self) -> &SdkConfig {
        &self.config
    }

    /// For calls that write: asks AWS who signs whenever the credentials changed since last asked,
    /// and refuses when it is another account.
    ///
    /// What is returned signs with the very key that was proven, and is good for one call.
    pub async fn for_writing(&self) -> Result<SdkConfig, KindError> {
        let current = self.keys.current().await?;
        let pinned = SharedCredentialsProvider::new(current.clone());
        let config = self.config.to_builder().credentials_provider(pinned).build();
        let mut proven = self.proven.lock().await;
        if proven.as_ref() != Some(&current) {
            self.prove(&config).await?;
            *proven = Some(current);
        }
        Ok(config)
    }

    /// For a program that is to work in this account: the very key that was proven, and the region.
    pub async fn variables(&self) -> Result<Vec<(&'static str, Secret)>, KindError> {
        self.for_writing().await?;
        let proven = self.proven.lock().await.clone();
        let key = proven.ok_or_else(|| KindError::failed("no key was proven to belong to the account"))?;
        let token = key.session_token().map(|token| ("AWS_SESSION_TOKEN", token));
        let all = [
            ("AWS_ACCESS_KEY_ID", key.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", key.secret_access_key()),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ];
        Ok(all.into_iter().chain(token).map(|(name, value)| (name, Secret::new(value))).collect())
    }

    async fn prove(&self, config: &SdkConfig) -> Result<(), KindError> {
        let asked = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
        let who = asked.map_err(|error| failure("cannot ask STS who signs", error))?;
        match who.account.as_deref() {
            Some(account) if account == self.account => Ok(()),
            account => Err(KindError::refused(format!(
                "the credentials at hand belong to account {}, and the files declare account {}",
                account.unwrap_or("(unknown)"),
                self.account
            ))
            .hint("set the role to assume in every declared account, or use credentials of that account")),
        }
    }

    /// The token with which this session's identity talks to an EKS cluster of this region.
    pub async fn eks_token(&self, cluster: &str) -> Result<Secret, KindError> {
        eks_token(self.keys.current().await?, &self.region, cluster, SystemTime::now())
    }

    /// Waits until a call of this family may be made; the turn ends when it is dropped.
    pub async fn turn(&self, api: Api) -> Turn {
        self.turns.take(api).await
    }

    /// Adds to an error where it happened.
    pub fn name_the_target(&self, mut error: KindError) -> KindError {
        let site = format!("account {} in {}", self.account, self.region);
        error.message = match error.kind {
            ErrorKind::Unreachable => {
                let host = match self.config.endpoint_url() {
                    Some(endpoint) => endpoint.to_owned(),
                    None => format!("{}.{}", self.region, partition::of(&self.region).dns_suffix()),
                };
                format!("{site} cannot be reached at {host}: {}", error.message)
            }
            ErrorKind::Failed | ErrorKind::Moved | ErrorKind::Refused | ErrorKind::Unfinished => {
                format!("{site}: {}", error.message)
            }
        };
        if error.hint.is_none() && speaks_of_a_region_switched_off(&error.message) {
            error.hint = Some(format!("is the region {} switched on in account {}?", self.region, self.account));
        }
        error
    }
}

/// A region that an account has not opted in to knows none of its keys, and says so in several ways.
fn speaks_of_a_region_switched_off(message: &str) -> bool {
    let codes = ["OptInRequired", "RegionDisabledException", "InvalidClientTokenId", "UnrecognizedClientException"];
    codes.iter().any(|code| message.ends_with(&format!("({code})")))
}

fn source(account: &str, region: &str, base: &SdkConfig, settings: &AwsSettings) -> Result<Source, KindError> {
    match &settings.role {
        Some(role) => Ok(Source::Role {
            sts: aws_sdk_sts::Client::new(base),
            arn: format!("arn:{}:iam::{account}:role/{role}", partition::of(region).name()),
            external_id: settings.external_id.clone(),
            tags: settings.session_tags.clone(),
        }),
        None => match base.credentials_provider() {
            Some(provider) => Ok(Source::Base(provider)),
            None => Err(KindError::failed("there are no AWS credentials to start from")),
        },
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
