//! The sandbox itself: what every other test on real parts stands on.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_cloudformation::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use base64::prelude::{BASE64_STANDARD, Engine};
use groundplan::aws::{Aws, AwsSettings, Session};
use infra_tests::sandbox::{
    self, ACCOUNTS, Caller, Credentials, EXTERNAL_ID, Parts, ROLE, Sandbox, controlplane, eks_token, element, role_arn,
    until,
};
use jiff::Timestamp;
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::{Value, json};

const ACCOUNT: &str = ACCOUNTS[1];
const REGION: &str = "eu-west-1";
const TEMPLATE: &str = include_str!("sandbox/cluster.yaml");

#[tokio::test]
async fn a_stack_makes_a_cluster_that_a_signed_token_opens_and_a_wrong_one_does_not() -> Result<()> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let credentials = assume(&sandbox, ACCOUNT, EXTERNAL_ID).await?;
    let caller = Caller::new(sandbox.aws_endpoint(), credentials.clone())?;
    let parameters = stack_parameters();
    caller.query("cloudformation", REGION, "CreateStack", &parameters).await?;

    let cluster = until("the cluster to become ACTIVE", Duration::from_secs(60), async || {
        let answer = caller.rest("eks", REGION, Method::GET, "/clusters/production", &Value::Null).await?;
        Ok(Some(answer["cluster"].clone()).filter(|cluster| cluster["status"] == "ACTIVE"))
    })
    .await?;
    let token = |credentials: &Credentials, name: &str| eks_token(credentials, REGION, name, Timestamp::now());

    // The access entry becomes a role binding a moment after the cluster is ACTIVE.
    let right = token(&credentials, "production");
    until("the right token to be let in", Duration::from_secs(20), async || {
        Ok((ask(&cluster, &right).await? == StatusCode::OK).then_some(()))
    })
    .await?;
    assert_eq!(ask(&cluster, &token(&credentials, "staging")).await?, StatusCode::UNAUTHORIZED);
    let forged = Credentials { secret: "guessed".to_owned(), ..credentials.clone() };
    assert_eq!(ask(&cluster, &token(&forged, "production")).await?, StatusCode::UNAUTHORIZED);

    let product = session(&sandbox, ACCOUNT).await?;
    assert_eq!(ask(&cluster, product.eks_token("production").await?.expose()).await?, StatusCode::OK);

    let log = sandbox.eks_folder(ACCOUNT, REGION, "production").join("audit.log");
    let own = sandbox::requests(&log)?.into_iter().filter(|request| request.user.contains("assumed-role/groundplan"));
    assert!(own.into_iter().any(|request| request.verb == "list" && request.status == 200));

    caller.query("cloudformation", REGION, "DeleteStack", &[("StackName", "platform")]).await?;
    until("the cluster to stop", Duration::from_secs(20), async || {
        Ok(ask(&cluster, &right).await.is_err().then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_operator_gets_into_an_account_only_by_its_role_and_external_id() -> Result<()> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    for account in ACCOUNTS {
        let session = assume(&sandbox, account, EXTERNAL_ID).await?;
        let caller = Caller::new(sandbox.aws_endpoint(), session)?;
        let identity = caller.query("sts", REGION, "GetCallerIdentity", &[]).await?;
        assert_eq!(element(&identity, "Account")?, account);
        caller.query("cloudformation", REGION, "DescribeStacks", &[]).await?;
    }
    assert!(assume(&sandbox, ACCOUNT, "guessed").await.is_err());
    let operator = Caller::new(sandbox.aws_endpoint(), sandbox.operator().clone())?;
    assert!(operator.query("cloudformation", REGION, "DescribeStacks", &[]).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_deployment_becomes_available_on_the_fake_node_and_a_stuck_one_does_not() -> Result<()> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    let (api, folder) = (sandbox.cluster().api(), "/apis/apps/v1/namespaces/default/deployments");
    api.create(folder, &deployment("web", json!({}))).await?;
    api.create(folder, &deployment("stuck", json!({"sandbox/stuck": "true"}))).await?;
    until("the deployment to become available", Duration::from_secs(20), async || {
        let found = api.find(&format!("{folder}/web")).await?.context("it was made")?;
        Ok((found["status"]["availableReplicas"] == 2).then_some(()))
    })
    .await?;
    let stuck = api.find(&format!("{folder}/stuck")).await?.context("it was made")?;
    assert!(stuck["status"]["availableReplicas"].is_null());

    let kubectl = Command::new(controlplane::path(controlplane::Tool::Kubectl)?)
        .args(["version", "--output=json"])
        .env("KUBECONFIG", sandbox.kubeconfig())
        .output()?;
    let version: Value = serde_json::from_slice(&kubectl.stdout)?;
    assert_eq!(version["serverVersion"]["minor"], "36");
    assert!(sandbox.cluster().requests()?.iter().any(|request| request.verb == "create" && request.uri == folder));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_and_pushes_over_http() -> Result<()> {
    let sandbox = Sandbox::start(Parts::GIT).await?;
    let work = tempfile::tempdir()?;
    let seed = work.path().join("seed");
    std::fs::create_dir_all(seed.join("stacks"))?;
    std::fs::write(seed.join("stacks/vpc.yaml"), "one\n")?;
    let first = sandbox.push(&seed, "shop")?;
    assert_eq!(sandbox.push(&seed, "shop")?, first);

    let clone = work.path().join("clone");
    git(work.path(), &["clone", "--quiet", &sandbox.git_url("shop"), "clone"])?;
    assert_eq!(git(&clone, &["rev-parse", "HEAD"])?, first);
    std::fs::write(clone.join("stacks/vpc.yaml"), "two\n")?;
    git(&clone, &["commit", "--quiet", "--all", "-m", "two"])?;
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"])?;
    assert_eq!(git(&clone, &["rev-parse", "HEAD"])?, git(&clone, &["ls-remote", "origin", "main"])?[..40]);
    assert!(git(work.path(), &["clone", "--quiet", &sandbox.git_url("absent"), "absent"]).is_err());
    Ok(())
}

/// Only Linux tells in `/proc` whose child a process is.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_sandbox_leaves_no_process() -> Result<()> {
    use std::io::{BufRead, BufReader};

    tokio::task::spawn_blocking(|| sandbox::build(Parts::ALL)).await??;
    let mut running = Killed(
        Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args(["--only", "aws,cluster"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let lines = BufReader::new(running.0.stdout.take().context("stdout is piped")?);
    let printed: Vec<_> = lines.lines().map_while(Result::ok).take_while(|line| !line.starts_with("# Ready")).collect();
    let value = |name: &str| {
        let line = printed.iter().find_map(|line| line.strip_prefix(&format!("export {name}='")));
        line.and_then(|rest| rest.strip_suffix('\'')).context("the sandbox printed no such variable")
    };
    // A cluster of a stack is the deepest: its programs are children of a child of ministack.
    let folder = PathBuf::from(value("AWS_CONFIG_FILE")?);
    let owner = Caller::root(value("AWS_ENDPOINT_URL")?, ACCOUNT)?;
    let parameters = stack_parameters();
    owner.query("cloudformation", REGION, "CreateStack", &parameters).await?;
    until("both API servers to run", Duration::from_secs(30), async || {
        let api_servers =
            descendants(running.0.id())?.into_iter().filter(|pid| command(*pid).contains("kube-apiserver"));
        // Each has a keeper, whose command line names it too.
        Ok((api_servers.count() == 4).then_some(()))
    })
    .await?;

    let left_over = descendants(running.0.id())?;
    drop(running);
    let gone = until("every process to end", Duration::from_secs(15), async || {
        Ok(left_over.iter().all(|pid| command(*pid).is_empty()).then_some(()))
    })
    .await;
    std::fs::remove_dir_all(folder.parent().context("the file lies in the sandbox's folder")?)?;
    ensure!(left_over.len() > 12, "only {} processes were found", left_over.len());
    gone
}

/// Ends it as `kill -9` does, also when the test fails before it wants to.
#[cfg(target_os = "linux")]
struct Killed(std::process::Child);

#[cfg(target_os = "linux")]
impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
fn descendants(of: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        if let Some(parent) = after_name.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| pid));
        next += 1;
    }
    Ok(found.split_off(1))
}

/// Empty when it has ended.
#[cfg(target_os = "linux")]
fn command(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn stack_parameters() -> [(&'static str, &'static str); 3] {
    [("StackName", "platform"), ("TemplateBody", TEMPLATE), ("Capabilities.member.1", "CAPABILITY_IAM")]
}

/// As the product gets into an account: by its own hand, from the operator's base credentials.
async fn session(sandbox: &Sandbox, account: &str) -> Result<Session> {
    let Credentials { key, secret, .. } = sandbox.operator().clone();
    let base = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(sandbox.aws_endpoint())
        .credentials_provider(SharedCredentialsProvider::new(aws_sdk_cloudformation::config::Credentials::new(
            key, secret, None, None, "sandbox",
        )))
        .build();
    let (role, external_id) = (Some(ROLE.to_owned()), Some(EXTERNAL_ID.to_owned()));
    let settings = AwsSettings { role, external_id, ..AwsSettings::default() };
    Ok(Aws::over(settings, base).session(account, REGION).await?)
}

async fn assume(sandbox: &Sandbox, account: &str, external_id: &str) -> Result<Credentials> {
    let operator = Caller::new(sandbox.aws_endpoint(), sandbox.operator().clone())?;
    let role = role_arn(account);
    let parameters = [("RoleArn", role.as_str()), ("RoleSessionName", "test"), ("ExternalId", external_id)];
    let answer = operator.query("sts", REGION, "AssumeRole", &parameters).await?;
    Ok(Credentials {
        key: element(&answer, "AccessKeyId")?.to_owned(),
        secret: element(&answer, "SecretAccessKey")?.to_owned(),
        session_token: element(&answer, "SessionToken")?.to_owned(),
    })
}

/// Lists the namespaces of a cluster as DescribeCluster shows it, with nothing but its CA and a token.
async fn ask(cluster: &Value, token: &str) -> Result<StatusCode> {
    let text = |value: &Value| value.as_str().map(String::from).context("DescribeCluster tells it");
    let authority = BASE64_STANDARD.decode(text(&cluster["certificateAuthority"]["data"])?)?;
    let client = Client::builder().no_proxy().tls_certs_only([Certificate::from_pem(&authority)?]).build()?;
    let url = format!("{}/api/v1/namespaces", text(&cluster["endpoint"])?);
    Ok(client.get(url).bearer_auth(token).send().await?.status())
}

fn deployment(name: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations},
            "spec": {"containers": [{"name": "main", "image": "example.com/web:1"}]},
        }},
    })
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").current_dir(folder).envs(sandbox::clean_environment()).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
