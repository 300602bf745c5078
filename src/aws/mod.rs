//! One account and region to credentials that were proven to belong there.
//!
//! The only room that knows how a session comes about: the base credentials of the process, a role
//! assumed in the declared account, its external id. Whoever wants to write asks for
//! [`Session::for_writing`], which proves first that the account that signs is the account
//! declared (safety rule 3).

use std::collections::BTreeSet;

use crate::unit::KindError;

/// What an operator says of AWS, outside the repository.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// The name of the role to assume in every declared account; none: the credentials at hand must
    /// already belong to it.
    pub role: Option<String>,
    pub external_id: Option<String>,
    /// The name of the role that CloudFormation itself works with.
    pub service_role: Option<String>,
    /// `CAPABILITY_IAM` and others sent with every change set, as CloudGenesis' deployer did.
    pub capabilities: BTreeSet<String>,
}

/// Every session of this process: one an account and region, made when first asked for.
#[derive(Clone)]
pub struct Aws {
    settings: AwsSettings,
}

/// Access to one account in one region.
#[derive(Clone)]
pub struct Session {
    pub account: String,
    pub region: String,
    config: aws_config::SdkConfig,
}

impl Aws {
    pub fn new(settings: AwsSettings) -> Self {
        Self { settings }
    }

    pub fn settings(&self) -> &AwsSettings {
        &self.settings
    }

    /// The session of an account and region. Errors name the account, the role and what was tried.
    pub async fn session(&self, account: &str, region: &str) -> Result<Session, KindError> {
        let _ = (account, region);
        todo!()
    }
}

impl Session {
    /// For calls that only read.
    pub fn for_reading(&self) -> &aws_config::SdkConfig {
        &self.config
    }

    /// For calls that write: asks AWS who signs whenever the credentials changed since last asked,
    /// and refuses when it is another account.
    pub async fn for_writing(&self) -> Result<&aws_config::SdkConfig, KindError> {
        todo!()
    }
}
