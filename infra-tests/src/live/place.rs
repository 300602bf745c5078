//! One account and region, and the prefix below which everything is made and taken away.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use groundplan::aws::partition;

use crate::sandbox::{Caller, Credentials, element, until};

/// One stack is made, changed or deleted within it.
const PATIENCE: Duration = Duration::from_secs(300);
/// A stack whose export another one imports goes after it.
const ROUNDS: usize = 4;

/// Where services are called.
#[derive(Clone, Copy, Debug)]
pub enum Ends<'a> {
    /// Their own addresses at AWS.
    Aws,
    /// One address for all.
    At(&'a str),
}

/// An account and region, and the prefix that the names of all stacks in it begin with.
pub struct Place {
    cloudformation: Caller,
    sqs: Caller,
    region: String,
    prefix: String,
}

impl Place {
    /// Only where the credentials belong to exactly this account.
    pub async fn open(account: &str, region: &str, prefix: &str, ends: Ends<'_>, keys: Credentials) -> Result<Self> {
        let of = |service: &str| match ends {
            Ends::Aws => {
                let suffix = partition::of(region).dns_suffix();
                Caller::new(&format!("https://{service}.{region}.{suffix}"), keys.clone())
            }
            Ends::At(address) => Caller::new(address, keys.clone()),
        };
        ensure!(!prefix.is_empty(), "without a prefix every stack would be taken away");
        let who = of("sts")?.query("sts", region, "GetCallerIdentity", &[("Version", "2011-06-15")]).await?;
        let signs = element(&who, "Account")?;
        ensure!(signs == account, "the credentials belong to account {signs}, and account {account} was named");
        let (region, prefix) = (region.to_owned(), prefix.to_owned());
        Ok(Self { cloudformation: of("cloudformation")?, sqs: of("sqs")?, region, prefix })
    }

    pub(super) async fn ask(&self, action: &str, fields: &[(&str, &str)]) -> Result<String> {
        let fields = [&[("Version", "2010-05-15")], fields].concat();
        self.cloudformation.query("cloudformation", &self.region, action, &fields).await
    }

    /// Changes a queue by hand.
    pub(super) async fn set_timeout(&self, queue: &str, seconds: &str) -> Result<()> {
        let fields = [
            ("Version", "2012-11-05"),
            ("QueueUrl", queue),
            ("Attribute.1.Name", "VisibilityTimeout"),
            ("Attribute.1.Value", seconds),
        ];
        self.sqs.query("sqs", &self.region, "SetQueueAttributes", &fields).await.map(drop)
    }

    pub(super) fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    pub(super) async fn settles(&self, stack: &str) -> Result<String> {
        until("a stack to settle", PATIENCE, async || {
            let told = self.ask("DescribeStacks", &[("StackName", stack)]).await?;
            let status = element(&told, "StackStatus")?.to_owned();
            Ok((!status.ends_with("_IN_PROGRESS")).then_some(status))
        })
        .await
    }

    /// Makes a stack; its description.
    pub(super) async fn make(&self, stack: &str, template: &str) -> Result<String> {
        self.ask("CreateStack", &[("StackName", stack), ("TemplateBody", template)]).await?;
        let status = self.settles(stack).await?;
        ensure!(status == "CREATE_COMPLETE", "`{stack}` ended in {status}");
        self.ask("DescribeStacks", &[("StackName", stack)]).await
    }

    /// Makes a change set and waits until it is worked out; its description, with the values.
    pub(super) async fn change_set(&self, stack: &str, name: &str, more: &[(&str, &str)]) -> Result<String> {
        let asked = [("StackName", stack), ("ChangeSetName", name)];
        self.ask("CreateChangeSet", &[&asked[..], more].concat()).await?;
        until("a change set", PATIENCE, async || {
            let told = [&asked[..], &[("IncludePropertyValues", "true")]].concat();
            let told = self.ask("DescribeChangeSet", &told).await?;
            Ok(matches!(element(&told, "Status")?, "CREATE_COMPLETE" | "FAILED").then_some(told))
        })
        .await
    }

    /// Until a look for drift has ended.
    pub(super) async fn detect(&self, stack: &str) -> Result<()> {
        let begun = self.ask("DetectStackDrift", &[("StackName", stack)]).await?;
        let id = element(&begun, "StackDriftDetectionId")?;
        until("a look for drift", PATIENCE, async || {
            let told = self.ask("DescribeStackDriftDetectionStatus", &[("StackDriftDetectionId", id)]).await?;
            Ok((element(&told, "DetectionStatus")? != "DETECTION_IN_PROGRESS").then_some(()))
        })
        .await
    }

    /// The stacks that begin with the prefix, the newest first.
    pub async fn left(&self) -> Result<Vec<String>> {
        let (mut names, mut next) = (Vec::new(), String::new());
        loop {
            let page = [("NextToken", next.as_str())];
            let told = self.ask("DescribeStacks", if next.is_empty() { &[] } else { &page }).await?;
            let named = told.split("<StackName>").skip(1).filter_map(|rest| rest.split('<').next());
            names.extend(named.filter(|name| name.starts_with(&format!("{}-", self.prefix))).map(str::to_owned));
            match element(&told, "NextToken") {
                Ok(token) => next = token.to_owned(),
                Err(_) => break,
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Takes every stack away that begins with the prefix, whatever became of it.
    pub async fn clear(&self) -> Result<()> {
        for _ in 0..ROUNDS {
            let left = self.left().await?;
            if left.is_empty() {
                return Ok(());
            }
            for stack in &left {
                // What another one imports is refused, and goes in the next round.
                if self.ask("DeleteStack", &[("StackName", stack)]).await.is_err() {
                    continue;
                }
                until("a stack to go", PATIENCE, async || {
                    let told = self.ask("DescribeStacks", &[("StackName", stack)]).await;
                    let status = told.as_deref().map_or(Ok("DELETE_COMPLETE"), |told| element(told, "StackStatus"))?;
                    Ok((status != "DELETE_IN_PROGRESS").then_some(()))
                })
                .await?;
            }
        }
        match self.left().await?.as_slice() {
            [] => Ok(()),
            left => bail!("left behind in {}: {}", self.region, left.join(", ")),
        }
    }
}
