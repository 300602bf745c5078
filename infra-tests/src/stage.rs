//! A small repository of a user, pushed to a sandbox: what the stories of the tests happen to.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Child;

use crate::product::{Product, Ran};
use crate::sandbox::{ACCOUNTS, Caller, OPERATOR_FILE, Parts, Sandbox, clean_environment, element, until};

pub const REGION: &str = "eu-west-1";
/// The unit of the queue's stack.
pub const QUEUE: &str = "stacks/111111111111/eu-west-1/jobs";
pub const QUEUE_TEMPLATE: &str = "Parameters:
  Timeout: {Type: Number}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${AWS::StackName}-jobs'
      VisibilityTimeout: !Ref Timeout
Outputs:
  Name: {Value: !GetAtt Jobs.QueueName}
";

/// A repository, the parts it speaks of, and the product pointed at both.
pub struct Stage {
    pub product: Product,
    folder: TempDir,
    // Last, so that it outlives whoever speaks to it.
    pub sandbox: Sandbox,
}

impl Stage {
    /// One queue in one account; with a cluster, also a workload that holds the queue's name.
    pub async fn set(parts: Parts) -> Result<Self> {
        let sandbox = Sandbox::start(Parts { git: true, ..parts }).await?;
        let product = Product::at(&sandbox)?
            .with("GROUNDPLAN_REPO", sandbox.git_url("shop"))
            .with("XDG_CACHE_HOME", sandbox.logs().join("cache").display().to_string());
        let stage = Self { product, folder: tempfile::tempdir()?, sandbox };
        stage.write("groundplan.yaml", "repository: shop\n")?;
        stage.write("templates/queue.yaml", QUEUE_TEMPLATE)?;
        stage.queue("jobs", 30)?;
        if parts.cluster {
            stage.write("clusters/shop/cluster.yaml", "kubeconfig: {context: sandbox}\n")?;
            stage.write("clusters/shop/web/workload.yaml", "values: {QUEUE: {output: jobs.Name}}\n")?;
            stage.write("clusters/shop/web/config.yaml", &config("web", "${QUEUE}"))?;
        }
        stage.push()?;
        Ok(stage)
    }

    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        write(self.folder.path(), path, text)
    }

    /// Has the operator's file say something else.
    pub fn operator(&self, text: &str) -> Result<()> {
        write(self.sandbox.logs(), OPERATOR_FILE, text)
    }

    pub fn remove(&self, path: &str) -> Result<()> {
        Ok(fs::remove_file(self.folder.path().join(path))?)
    }

    /// A stack file of a queue.
    pub fn queue(&self, name: &str, timeout: u32) -> Result<()> {
        let text = format!("Template: queue.yaml\nParameters: {{Timeout: {timeout}}}\n");
        self.write(&format!("stacks/{}/{REGION}/{name}.yaml", ACCOUNTS[0]), &text)
    }

    pub fn push(&self) -> Result<String> {
        self.sandbox.push(self.folder.path(), "shop")
    }

    /// Runs a command, and wants this exit code.
    pub async fn run(&self, arguments: &[&str], code: i32) -> Result<Ran> {
        self.product.run(arguments).await?.expect(code).with_context(|| arguments.join(" "))
    }

    /// Starts a command whose output goes into the sandbox's folder.
    pub fn start(&self, arguments: &[&str]) -> Result<Child> {
        self.product.start(arguments, &self.sandbox.logs().join("started.log"))
    }

    /// Where `serve --listen`, started here, takes presses.
    pub async fn listening(&self) -> Result<String> {
        until("the service to listen", Duration::from_secs(30), async || {
            let said = fs::read_to_string(self.sandbox.logs().join("started.log"))?;
            Ok(said.lines().find_map(|line| line.strip_prefix("Listening on ")).map(str::to_owned))
        })
        .await
    }

    pub fn owner(&self) -> Result<Caller> {
        self.sandbox.account_owner(ACCOUNTS[0])
    }

    /// Names of the stacks there are, as often as there are such.
    pub async fn stacks(&self) -> Result<Vec<String>> {
        let answer = self.owner()?.query("cloudformation", REGION, "DescribeStacks", &[]).await?;
        let mut names: Vec<_> =
            answer.split("<StackName>").skip(1).filter_map(|rest| rest.split('<').next()).map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    /// The text of DescribeStacks for one stack.
    pub async fn stack(&self, name: &str) -> Result<String> {
        self.owner()?.query("cloudformation", REGION, "DescribeStacks", &[("StackName", name)]).await
    }

    /// What a queue's VisibilityTimeout is.
    pub async fn timeout_of(&self, stack: &str) -> Result<String> {
        let url = self.queue_url(stack);
        let wanted = [("QueueUrl", url.as_str()), ("AttributeName.1", "VisibilityTimeout")];
        let answer = self.owner()?.query("sqs", REGION, "GetQueueAttributes", &wanted).await?;
        Ok(element(&answer, "Value")?.to_owned())
    }

    /// Sets it past CloudFormation.
    pub async fn set_timeout_of(&self, stack: &str, seconds: &str) -> Result<()> {
        let url = self.queue_url(stack);
        let change =
            [("QueueUrl", url.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", seconds)];
        self.owner()?.query("sqs", REGION, "SetQueueAttributes", &change).await.map(drop)
    }

    /// An object of the standing cluster, by its path.
    pub async fn object(&self, path: &str) -> Result<Option<serde_json::Value>> {
        self.sandbox.cluster().api().find(path).await
    }

    fn queue_url(&self, stack: &str) -> String {
        format!("{}/{}/{stack}-jobs", self.sandbox.aws_endpoint(), ACCOUNTS[0])
    }
}

/// A ConfigMap with one value, in the namespace `default`.
pub fn config(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{value: '{value}'}}\n"
    )
}

/// Writes a file and the folders above it.
pub fn write(folder: &Path, path: &str, text: &str) -> Result<()> {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    Ok(fs::write(path, text)?)
}

/// Makes a folder a repository with one commit of all that is in it.
pub fn commit(folder: &Path) -> Result<()> {
    let add: &[&str] = &["add", "--all", "--force", "."];
    let commit: &[&str] = &["commit", "--quiet", "--allow-empty", "-m", "as it is"];
    for arguments in [&["init", "--quiet", "--initial-branch=main", "."], add, commit] {
        let output = Command::new("git").current_dir(folder).envs(clean_environment()).args(arguments).output()?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Sends a signal to a program that was started here.
pub fn signal(child: &Child, name: &str) -> Result<()> {
    let pid = child.id().context("it has ended already")?.to_string();
    let status = Command::new("kill").args([&format!("-{name}"), &pid]).status()?;
    ensure!(status.success(), "`kill -{name} {pid}` failed");
    Ok(())
}

/// The code with which a program ends by itself, within a minute.
pub async fn ended(child: &mut Child) -> Result<i32> {
    let status = tokio::time::timeout(Duration::from_secs(60), child.wait()).await.context("it does not end")??;
    Ok(status.code().unwrap_or(-1))
}

/// Until a fact of the world is so.
pub async fn becomes(what: &str, fact: impl AsyncFn() -> Result<bool>) -> Result<()> {
    until(what, Duration::from_secs(60), async || Ok(fact().await?.then_some(()))).await
}
