//! The load on the AWS side: small stacks of one account and region, and a client that only calls.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::{StreamExt, TryStreamExt};

use super::runner::commit;
use crate::sandbox::{ACCOUNTS, Caller, element, until};

/// Stacks under way at a time.
const AT_ONCE: usize = 16;
const LIMIT: Duration = Duration::from_secs(60);
pub(super) const ACCOUNT: &str = ACCOUNTS[0];
pub(super) const REGION: &str = "eu-west-1";

const TEMPLATE: &str = "\
Parameters:
  Seconds: {Type: Number, Default: 30}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: !Ref Seconds, MessageRetentionPeriod: 86400}
Outputs:
  QueueUrl: {Value: !Ref Queue}
";

/// The names of the stacks of one run, which no other run has.
pub(super) fn names(run: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{run}-{at:03}")).collect()
}

/// A repository that declares them.
pub(super) fn write(folder: &Path, names: &[String]) -> Result<()> {
    let stacks = folder.join("stacks").join(ACCOUNT).join(REGION);
    fs::create_dir_all(&stacks)?;
    fs::create_dir_all(folder.join("templates"))?;
    fs::write(folder.join("templates/queue.yaml"), TEMPLATE)?;
    for name in names {
        fs::write(stacks.join(format!("{name}.yaml")), "Template: queue.yaml\n")?;
    }
    commit(folder)
}

/// Calls in the documented order, with nothing to read, decide or remember.
pub(super) struct BareCaller(pub Caller);

impl BareCaller {
    /// Five calls a stack: is it there, make a change set, is that made, execute it, is that done.
    pub(super) async fn create(&self, names: &[String]) -> Result<()> {
        self.each(names, |name| async move {
            let stack = [("StackName", name)];
            if self.call("DescribeStacks", &stack).await.is_ok() {
                bail!("{name} is there already");
            }
            let wanted = [
                ("StackName", name),
                ("ChangeSetName", "bare"),
                ("ChangeSetType", "CREATE"),
                ("TemplateBody", TEMPLATE),
            ];
            self.call("CreateChangeSet", &wanted).await?;
            let change_set = [("StackName", name), ("ChangeSetName", "bare")];
            self.call_until("DescribeChangeSet", &change_set, "Status", "CREATE_COMPLETE").await?;
            self.call("ExecuteChangeSet", &change_set).await?;
            self.call_until("DescribeStacks", &stack, "StackStatus", "CREATE_COMPLETE").await
        })
        .await
    }

    /// One call, and one more for each further page.
    pub(super) async fn list(&self) -> Result<()> {
        let mut next = String::new();
        loop {
            let page = [("NextToken", next.as_str())];
            let page = if next.is_empty() { &page[..0] } else { &page[..] };
            let answer = self.call("DescribeStacks", page).await?;
            match element(&answer, "NextToken") {
                Ok(token) => next = token.to_owned(),
                Err(_) => return Ok(()),
            }
        }
    }

    /// Three calls a stack: look for drift, is that done, what is it.
    pub(super) async fn detect(&self, names: &[String]) -> Result<()> {
        self.each(names, |name| async move {
            let answer = self.call("DetectStackDrift", &[("StackName", name)]).await?;
            let id = element(&answer, "StackDriftDetectionId")?;
            let detection = [("StackDriftDetectionId", id)];
            let (status, done) = ("DetectionStatus", "DETECTION_COMPLETE");
            self.call_until("DescribeStackDriftDetectionStatus", &detection, status, done).await?;
            self.call("DescribeStackResourceDrifts", &[("StackName", name)]).await.map(drop)
        })
        .await
    }

    pub(super) async fn delete(&self, names: &[String]) -> Result<()> {
        self.each(names, |name| async move { self.call("DeleteStack", &[("StackName", name)]).await.map(drop) }).await
    }

    /// How many of these there are, all made.
    pub(super) async fn there(&self, run: &str) -> Result<usize> {
        let answer = self.call("DescribeStacks", &[]).await?;
        Ok(answer.matches(&format!("<StackName>{run}-")).count())
    }

    async fn each<'n, F: Future<Output = Result<()>>>(
        &self,
        names: &'n [String],
        deed: impl Fn(&'n str) -> F,
    ) -> Result<()> {
        let deeds = names.iter().map(|name| deed(name));
        futures::stream::iter(deeds).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await.map(drop)
    }

    async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        self.0.query("cloudformation", REGION, action, parameters).await
    }

    async fn call_until(&self, action: &str, parameters: &[(&str, &str)], name: &str, wanted: &str) -> Result<()> {
        until(wanted, LIMIT, async || {
            let answer = self.call(action, parameters).await?;
            Ok((element(&answer, name)? == wanted).then_some(()))
        })
        .await
    }
}
