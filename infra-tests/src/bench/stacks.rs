//! The load on the AWS side: small stacks of one account and region, and a client that only calls.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

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

/// Those of which something is changed by hand: one in a hundred, and at least one.
pub(super) fn drifted(names: &[String]) -> impl Iterator<Item = &String> {
    names.iter().step_by(100)
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
        self.each(names.iter(), |name| async move {
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
        self.pages().await.map(drop)
    }

    async fn pages(&self) -> Result<Vec<String>> {
        let (mut pages, mut next) = (Vec::new(), String::new());
        loop {
            let page = [("NextToken", next.as_str())];
            let page = if next.is_empty() { &page[..0] } else { &page[..] };
            let answer = self.call("DescribeStacks", page).await?;
            let token = element(&answer, "NextToken").ok().map(str::to_owned);
            pages.push(answer);
            match token {
                Some(token) => next = token,
                None => return Ok(pages),
            }
        }
    }

    /// A call a stack to look for drift, one list that says which are done, and what is known of those that drifted.
    pub(super) async fn detect(&self, names: &[String], drifted: impl Iterator<Item = &String>) -> Result<()> {
        self.each(
            names.iter(),
            |name| async move { self.call("DetectStackDrift", &[("StackName", name)]).await.map(drop) },
        )
        .await?;
        self.list().await?;
        self.each(drifted, |name| async move {
            self.call("DescribeStackResourceDrifts", &[("StackName", name)]).await.map(drop)
        })
        .await
    }

    /// Somebody changes the queues of these stacks by hand, past the proxy that counts.
    pub(super) async fn change(&self, owner: &Caller, names: impl Iterator<Item = &String>) -> Result<()> {
        for name in names {
            let answer = owner.query("cloudformation", REGION, "DescribeStacks", &[("StackName", name)]).await?;
            let url = element(&answer, "OutputValue")?;
            let changed = json!({"QueueUrl": url, "Attributes": {"VisibilityTimeout": "77"}});
            owner.json("sqs", REGION, "AmazonSQS.SetQueueAttributes", &changed).await?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, names: &[String]) -> Result<()> {
        self.each(names.iter(), |name| async move { self.call("DeleteStack", &[("StackName", name)]).await.map(drop) })
            .await
    }

    /// How many of these there are, all made.
    pub(super) async fn there(&self, run: &str) -> Result<usize> {
        let own = format!("<StackName>{run}-");
        Ok(self.pages().await?.iter().map(|page| page.matches(&own).count()).sum())
    }

    async fn each<'n, F: Future<Output = Result<()>>>(
        &self,
        names: impl Iterator<Item = &'n String>,
        deed: impl Fn(&'n str) -> F,
    ) -> Result<()> {
        let deeds = names.map(|name| deed(name));
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
