//! A sandbox with the product's own way to its stacks.

use anyhow::{Context, Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use groundplan::aws::{Aws, AwsSettings};
use groundplan::kinds::stack::StackKind;
use groundplan::problem::Problems;
use groundplan::repo::{CommitId, Snapshot};
use groundplan::unit::{
    Declared, Inputs, Kind, KindError, Look, Outputs, Owned, Owner, Prepared, Progress, ReadSettings, Reading,
};
use infra_tests::sandbox::{ACCOUNTS, EXTERNAL_ID, Parts, ROLE, Sandbox};
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = ACCOUNTS[0];
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const QUEUE: &str = "Parameters:
  Timeout: {Type: String, Default: '30'}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${AWS::StackName}-jobs'
      VisibilityTimeout: !Ref Timeout
Outputs:
  Name: {Value: !GetAtt Jobs.QueueName}
";

/// A sandbox, and the way to it that the product takes.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) aws: Aws,
    base: SdkConfig,
    cache: TempDir,
}

impl Stage {
    pub(crate) async fn set() -> Result<Self> {
        let sandbox = Sandbox::start(Parts::AWS).await?;
        let operator = sandbox.operator().clone();
        let credentials = Credentials::new(operator.key, operator.secret, None, None, "sandbox");
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(sandbox.aws_endpoint())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let (role, external_id) = (Some(ROLE.to_owned()), Some(EXTERNAL_ID.to_owned()));
        let folder = tempfile::tempdir()?;
        let cache = Some(folder.path().to_owned());
        let template_bucket = Some("templates-{account}-{region}".to_owned());
        let settings = AwsSettings { role, external_id, cache, template_bucket, ..AwsSettings::default() };
        Ok(Self { sandbox, aws: Aws::over(settings, base.clone()), base, cache: folder })
    }

    /// A new run over a repository of these stack files; their template is given.
    pub(crate) fn read(&self, repository: &str, template: &str, stacks: &[(&str, &str)]) -> Result<Reading> {
        let stacks =
            stacks.iter().map(|(name, text)| (format!("stacks/{ACCOUNT}/{REGION}/{name}.yaml"), (*text).to_owned()));
        let rest =
            [("groundplan.yaml".to_owned(), String::new()), ("templates/queue.yaml".to_owned(), template.to_owned())];
        self.read_files(repository, stacks.chain(rest))
    }

    /// A new run over a repository of these files.
    pub(crate) fn read_files(
        &self,
        repository: &str,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Reading> {
        let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), files);
        let mut problems = Problems::default();
        let settings = ReadSettings { repository: repository.to_owned(), ..ReadSettings::default() };
        let reading = StackKind::new(self.aws.clone()).read(&snapshot, &settings, &mut problems);
        ensure!(problems.errors.is_empty(), "{:?}", problems.errors);
        Ok(reading)
    }

    pub(crate) fn one(&self, template: &str, text: &str) -> Result<Declared> {
        self.read("shop", template, &[("jobs", text)])?.units.pop().context("one stack")
    }

    pub(crate) fn kind(&self) -> StackKind {
        StackKind::new(self.aws.clone())
    }

    /// As an operator who says something else.
    pub(crate) fn with_operator(mut self, change: impl FnOnce(&mut AwsSettings)) -> Self {
        let mut settings = self.aws.settings().clone();
        change(&mut settings);
        self.aws = Aws::over(settings, self.base.clone());
        self
    }

    /// Loses what was remembered of the stacks.
    pub(crate) fn forget(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.cache.path().join("stacks.json"))?)
    }

    pub(crate) fn calls(&self, action: &str) -> u64 {
        self.sandbox.proxy().counts().of(action)
    }
}

pub(crate) async fn look(unit: &Declared, look: Look) -> Result<Prepared, KindError> {
    unit.unit.prepare(&Inputs::default(), look).await
}

pub(crate) async fn perform(unit: &Declared, prepared: Prepared) -> Result<Outputs, KindError> {
    let owner = Owner { unit: unit.id.clone(), commit: CommitId::new("c0ffee") };
    prepared.deed.expect("there is something to do").perform(&owner, &Progress::silent()).await
}

pub(crate) async fn sync(unit: &Declared) -> Result<Outputs, KindError> {
    perform(unit, look(unit, Look::Quick).await?).await
}

pub(crate) async fn owned(reading: &Reading) -> Result<Vec<Owned>> {
    Ok(reading.sites[0].owned(&Inputs::default()).await?)
}
