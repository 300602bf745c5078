//! Two accounts to be managed, and an operator who may only assume a role in each.
//!
//! To ministack an access key id of twelve digits is the root user of that account. That is how this
//! file makes the accounts' users and roles; what is handed out to the product is an ordinary key of
//! an ordinary user in a third account, so nothing works there without the right AssumeRole.

use std::time::Duration;

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::aws::{Caller, element};
use super::signature::{Credentials, percent};

/// The accounts that the product manages.
pub const ACCOUNTS: [&str; 2] = ["111111111111", "222222222222"];
/// Where the operator's user lives.
pub(super) const HOME_ACCOUNT: &str = "999999999999";
/// The role in each account.
pub const ROLE: &str = "groundplan";
pub const EXTERNAL_ID: &str = "groundplan-sandbox";
/// The regions in which the owner looks for clusters.
pub const REGIONS: [&str; 3] = ["eu-west-1", "eu-central-1", "us-east-1"];

const GLOBAL: &str = "us-east-1";
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The ARN of the role in an account.
pub fn role_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/{ROLE}")
}

/// Makes the roles and the operator, and returns the operator's key.
pub(super) async fn set_up(endpoint: &str) -> Result<Credentials> {
    for account in ACCOUNTS {
        let owner = Caller::root(endpoint, account)?;
        let (trust, anything) = (trust().to_string(), allow("*", "*").to_string());
        let role = [("RoleName", ROLE), ("AssumeRolePolicyDocument", &trust)];
        owner.query("iam", GLOBAL, "CreateRole", &role).await?;
        let policy = [("RoleName", ROLE), ("PolicyName", "anything"), ("PolicyDocument", &anything)];
        owner.query("iam", GLOBAL, "PutRolePolicy", &policy).await?;
    }
    let home = Caller::root(endpoint, HOME_ACCOUNT)?;
    home.query("iam", GLOBAL, "CreateUser", &[("UserName", "operator")]).await?;
    let assume = allow("sts:AssumeRole", &role_arn("*")).to_string();
    let policy = [("UserName", "operator"), ("PolicyName", "assume"), ("PolicyDocument", &assume)];
    home.query("iam", GLOBAL, "PutUserPolicy", &policy).await?;
    let made = home.query("iam", GLOBAL, "CreateAccessKey", &[("UserName", "operator")]).await?;
    Ok(Credentials {
        key: element(&made, "AccessKeyId")?.to_owned(),
        secret: element(&made, "SecretAccessKey")?.to_owned(),
        session_token: String::new(),
    })
}

fn trust() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{HOME_ACCOUNT}:user/operator")},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }]})
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
}

/// Gives the role an administrator's access entry in every cluster that appears, for ever.
///
/// The one thing that the emulator lacks: on AWS whoever creates a cluster gets such an entry by
/// default, also through CloudFormation. ministack makes none for CloudFormation's clusters and does
/// not know `AWS::EKS::AccessEntry`, so the accounts' owner stands in for AWS here.
pub(super) async fn let_creators_in(endpoint: String) -> Result<()> {
    loop {
        for account in ACCOUNTS {
            let owner = Caller::root(&endpoint, account)?;
            for region in REGIONS {
                // ministack may be stopping, a cluster may go while it is looked at.
                let _ = let_in(&owner, account, region).await;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn let_in(owner: &Caller, account: &str, region: &str) -> Result<()> {
    let clusters = owner.rest("eks", region, Method::GET, "/clusters", &Value::Null).await?;
    let names = clusters["clusters"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let role = role_arn(account);
    for name in names {
        let entries_path = format!("/clusters/{name}/access-entries");
        let entries = owner.rest("eks", region, Method::GET, &entries_path, &Value::Null).await?;
        if entries["accessEntries"].as_array().is_some_and(|all| all.iter().any(|one| *one == role)) {
            continue;
        }
        owner.rest("eks", region, Method::POST, &entries_path, &json!({"principalArn": role})).await?;
        let policy = json!({
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "accessScope": {"type": "cluster"},
        });
        let path = format!("{entries_path}/{}/access-policies", percent(&role));
        owner.rest("eks", region, Method::POST, &path, &policy).await?;
    }
    Ok(())
}
