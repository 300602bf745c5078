//! The example repository's shop, as the demo and the scenarios see it from outside of the product.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::sandbox::controlplane::{self, Tool};
use crate::sandbox::{Caller, Request, element};
use crate::slack::{ALERTS, OPERATOR, Simulator};

/// The channel that the example's `alerts:` means.
pub const CHANNEL: &str = ALERTS;
pub const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const REGION: &str = "eu-west-1";

/// Account, region and name of each stack, in an order in which they can be made.
pub const STACKS: [(&str, &str, &str); 5] = [
    ("111111111111", "eu-west-1", "network"),
    ("111111111111", "eu-west-1", "orders"),
    ("111111111111", "eu-west-1", "jobs"),
    ("222222222222", "us-east-1", "assets"),
    ("111111111111", "eu-west-1", "cluster"),
];

/// `examples/repo-layout`.
pub fn folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("infra-tests lies in the workspace");
    workspace.join("examples/repo-layout")
}

/// An operator's settings for the sandbox and the simulator.
pub fn operator(role: &str, external_id: &str, slack: &Simulator) -> String {
    format!(
        "aws: {{role: {role}, externalId: {external_id}}}\n\
         slack: {{apiUrl: '{}', channels: {{platform: {CHANNEL}}}, approvers: [{OPERATOR}]}}\n\
         settleSeconds: 1\n\
         attributionSeconds: [1, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 70, 80, 90]\n",
        slack.api_url()
    )
}

/// Sets the queue's VisibilityTimeout past CloudFormation.
pub async fn set_visibility(owner: &Caller, seconds: &str) -> Result<()> {
    let url = queue(owner).await?;
    let attribute =
        [("QueueUrl", url.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", seconds)];
    owner.query("sqs", REGION, "SetQueueAttributes", &attribute).await.map(drop)
}

pub async fn visibility(owner: &Caller) -> Result<String> {
    let url = queue(owner).await?;
    let wanted = [("QueueUrl", url.as_str()), ("AttributeName.1", "VisibilityTimeout")];
    let answer = owner.query("sqs", REGION, "GetQueueAttributes", &wanted).await?;
    Ok(element(&answer, "Value")?.to_owned())
}

async fn queue(owner: &Caller) -> Result<String> {
    let of = [("StackName", "jobs"), ("LogicalResourceId", "Jobs")];
    let answer = owner.query("cloudformation", REGION, "DescribeStackResource", &of).await?;
    Ok(element(&answer, "PhysicalResourceId")?.to_owned())
}

/// Sets the shop's image as somebody with kubectl does.
pub async fn set_image(kubeconfig: &Path, image: &str) -> Result<()> {
    let image = format!("web={image}");
    kubectl(kubeconfig, &["-n", "shop", "set", "image", "deployment/web", &image]).await.map(drop)
}

pub fn image(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default()
}

/// An object by its path, or nothing.
pub async fn kube(kubeconfig: &Path, path: &str) -> Result<Option<Value>> {
    match kubectl(kubeconfig, &["get", "--raw", path]).await {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(error) if error.to_string().contains("NotFound") => Ok(None),
        Err(error) => Err(error),
    }
}

pub async fn kubectl(kubeconfig: &Path, arguments: &[&str]) -> Result<String> {
    let program = controlplane::path(Tool::Kubectl)?;
    let output =
        Command::new(program).arg("--kubeconfig").arg(kubeconfig).args(arguments).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).context("kubectl says text")
}

/// Unit, live value and declared value of everything that a drift report calls drifted.
pub fn drifted(report: &Value) -> Vec<(String, String, String)> {
    let units = report["units"].as_array().into_iter().flatten();
    let differences = units.flat_map(|unit| {
        let differences = unit["drifted"].as_array().into_iter().flatten();
        differences.map(move |difference| (unit, difference))
    });
    let shown = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
    let told = differences.map(|(unit, difference)| {
        (unit["unit"].as_str().unwrap_or_default().to_owned(), shown(&difference["from"]), shown(&difference["to"]))
    });
    told.collect()
}

/// Whether a request was the product's and changed something.
pub fn is_write_of_ours(request: &Request) -> bool {
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    request.user.contains("groundplan") && writes.contains(&request.verb.as_str())
}
