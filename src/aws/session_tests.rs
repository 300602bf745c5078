//! A session against an STS of a few lines.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::aws::{Aws, AwsSettings};
use crate::unit::ErrorKind;

/// Answers every AssumeRole, and every GetCallerIdentity with one account.
async fn sts_of(account: &'static str) -> String {
    sts(account, "2099-01-01T00:00:00Z").await.0
}

/// What was asked of STS for a role, each as it was sent.
type Asked = Arc<Mutex<Vec<String>>>;

/// The same, with when the keys end, and what it was asked for some.
async fn sts(account: &'static str, end: &'static str) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let assumed = Asked::default();
    let counted = assumed.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while let Ok(read) = stream.read_buf(&mut asked).await {
                    let text = String::from_utf8_lossy(&asked).into_owned();
                    if read == 0 || text.contains("Action=") {
                        break;
                    }
                }
                let body = answer(&String::from_utf8_lossy(&asked), account, end);
                if body.starts_with("<AssumeRole") {
                    counted.lock().expect("no holder panics").push(String::from_utf8_lossy(&asked).into_owned());
                }
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            });
        }
    });
    (format!("http://{address}"), assumed)
}

fn answer(asked: &str, account: &str, end: &str) -> String {
    match asked.contains("Action=AssumeRole") {
        true => format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ),
        false => format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    }
}

async fn base(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .timeout_config(crate::aws::timeouts())
        .retry_config(crate::aws::retries())
        .load()
        .await
}

#[tokio::test]
async fn a_role_of_the_declared_account_opens_a_session_for_writing() {
    let aws = Aws::over(
        AwsSettings { role: Some("deployer".into()), ..AwsSettings::default() },
        base(&sts_of("111122223333").await).await,
    );
    let session = aws.session("111122223333", "eu-west-1").await.expect("the account is right");
    session.for_writing().await.expect("proven");
    assert!(session.eks_token("prod").await.expect("signed").expose().starts_with("k8s-aws-v1."));
}

#[tokio::test]
async fn a_role_is_asked_for_in_its_partition_with_external_id_and_tags() {
    let (endpoint, asked) = sts("111122223333", "2099-01-01T00:00:00Z").await;
    let settings = AwsSettings {
        role: Some("deployer".into()),
        external_id: Some("long".into()),
        session_tags: [("team".to_owned(), "platform".to_owned())].into(),
        ..AwsSettings::default()
    };
    let aws = Aws::over(settings, base(&endpoint).await);
    for region in ["eu-west-1", "cn-north-1", "us-gov-west-1"] {
        aws.session("111122223333", region).await.expect("the account is right");
    }
    let asked = asked.lock().expect("no holder panics").clone();
    for (asked, partition) in asked.iter().zip(["aws", "aws-cn", "aws-us-gov"]) {
        for part in [
            format!("RoleArn=arn%3A{partition}%3Aiam%3A%3A111122223333%3Arole%2Fdeployer"),
            "ExternalId=long".to_owned(),
            "Tags.member.1.Key=team&Tags.member.1.Value=platform".to_owned(),
        ] {
            assert!(asked.contains(&part), "{part}: {asked}");
        }
    }
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn a_cluster_with_a_role_of_its_own_is_asked_as_that_role_and_nothing_else_is() {
    let (endpoint, asked) = sts("111122223333", "2099-01-01T00:00:00Z").await;
    let settings = AwsSettings {
        role: Some("deployer".into()),
        cluster_roles: [("shop".to_owned(), "in-shop".to_owned())].into(),
        ..AwsSettings::default()
    };
    let aws = Aws::over(settings, base(&endpoint).await);
    aws.cluster_session("111122223333", "eu-west-1", "shop").await.expect("the account is right");
    aws.cluster_session("111122223333", "eu-west-1", "other").await.expect("the account is right");
    aws.session("111122223333", "eu-west-1").await.expect("the account is right");
    let asked = asked.lock().expect("no holder panics").clone();
    let roles: Vec<bool> = asked.iter().map(|asked| asked.contains("role%2Fin-shop")).collect();
    assert_eq!(roles, [true, false], "one session each: {asked:?}");
}

#[tokio::test]
async fn keys_that_end_within_a_run_are_replaced_and_proven_again() {
    let role = || AwsSettings { role: Some("deployer".into()), ..AwsSettings::default() };
    let (lasting, once) = sts("111122223333", "2099-01-01T00:00:00Z").await;
    let (ending, often) = sts("111122223333", "2020-01-01T00:00:00Z").await;
    for endpoint in [lasting, ending] {
        let aws = Aws::over(role(), base(&endpoint).await);
        let session = aws.session("111122223333", "eu-west-1").await.expect("the account is right");
        for _ in 0..3 {
            session.for_writing().await.expect("proven");
        }
    }
    let count = |asked: &Asked| asked.lock().expect("no holder panics").len();
    assert_eq!((count(&once), count(&often)), (1, 4));
}

#[tokio::test]
async fn credentials_of_another_account_are_refused_by_both_names() {
    let aws = Aws::over(AwsSettings::default(), base(&sts_of("999900001111").await).await);
    let error = aws.session("111122223333", "eu-west-1").await.err().expect("another account");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("999900001111") && error.message.contains("111122223333"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_named_within_seconds() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr().expect("an address");
    let started = Instant::now();
    let aws = Aws::over(AwsSettings::default(), base(&format!("http://{free}")).await);
    let error = aws.session("111122223333", "eu-west-1").await.err().expect("nothing listens");
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.message.contains(&free.to_string()) && error.message.contains("eu-west-1"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(15));
}
