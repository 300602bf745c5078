//! Where a session's credentials come from, kept until shortly before they end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::types::Tag;
use tokio::sync::Mutex;

use super::failure;
use crate::unit::KindError;

/// Credentials are replaced this long before their end, so that no call is signed with a dead key.
const SPARE: Duration = Duration::from_secs(120);

/// How the name of a session shows in the account's own records.
const SESSION_NAME: &str = "groundplan";

/// What credentials are made from.
#[derive(Debug)]
pub(super) enum Source {
    /// Those of the process itself.
    Base(SharedCredentialsProvider),
    /// A role assumed by those of the process.
    Role { sts: aws_sdk_sts::Client, arn: String, external_id: Option<String>, tags: BTreeMap<String, String> },
}

/// The credentials of one session.
///
/// The clients' own cache is switched off in favour of this one, so that what was proven to belong
/// to the declared account is what signs.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    source: Arc<Source>,
    kept: Arc<Mutex<Option<Credentials>>>,
}

impl Keys {
    pub(super) fn new(source: Source) -> Self {
        Self { source: Arc::new(source), kept: Arc::default() }
    }

    pub(super) async fn current(&self) -> Result<Credentials, KindError> {
        let mut kept = self.kept.lock().await;
        if let Some(credentials) = kept.as_ref().filter(|credentials| lasts(credentials, SystemTime::now())) {
            return Ok(credentials.clone());
        }
        let fresh = self.source.fetch().await?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

fn lasts(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|end| end > now + SPARE)
}

impl Source {
    async fn fetch(&self) -> Result<Credentials, KindError> {
        match self {
            Source::Base(provider) => provider.provide_credentials().await.map_err(no_credentials),
            Source::Role { sts, arn, external_id, tags } => assume(sts, arn, external_id.as_deref(), tags).await,
        }
    }
}

async fn assume(
    sts: &aws_sdk_sts::Client,
    arn: &str,
    external_id: Option<&str>,
    tags: &BTreeMap<String, String>,
) -> Result<Credentials, KindError> {
    let tags: Result<Vec<Tag>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tags = tags.expect("a key and a value is all that a tag needs");
    let call = sts.assume_role().role_arn(arn).role_session_name(SESSION_NAME);
    let call = call.set_tags(Some(tags).filter(|tags| !tags.is_empty()));
    let answer = call.set_external_id(external_id.map(str::to_owned)).send().await;
    let answer = answer.map_err(|error| failure(format!("cannot assume role `{arn}`"), error))?;
    let Some(given) = answer.credentials else {
        return Err(KindError::failed(format!("cannot assume role `{arn}`: STS gave no credentials")));
    };
    let expiry = SystemTime::try_from(given.expiration).ok();
    Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), expiry, "AssumeRole"))
}

fn no_credentials(error: CredentialsError) -> KindError {
    KindError::failed("there are no AWS credentials to start from")
        .because(error)
        .hint("set AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached")
}

impl ProvideCredentials for Keys {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move { self.current().await.map_err(CredentialsError::provider_error) })
    }
}
