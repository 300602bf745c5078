//! What would be asked of a real account, asked of the sandbox: the checks themselves hold.

use anyhow::Result;
use infra_tests::live::{self, Ends, Place, Seen};
use infra_tests::proxy::SUPPLIED;
use infra_tests::sandbox::{ACCOUNTS, Credentials, Parts, REGIONS, Sandbox};

const PREFIX: &str = "groundplan-live-1";

/// As the root user of an account, whose number is its key.
fn keys(account: &str) -> Credentials {
    Credentials { key: account.to_owned(), secret: "test".to_owned(), session_token: String::new() }
}

#[tokio::test]
async fn every_check_passes_on_what_is_supplied_and_leaves_nothing_behind() -> Result<()> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let ends = Ends::At(sandbox.aws_endpoint());
    let place = Place::open(ACCOUNTS[0], REGIONS[0], PREFIX, ends, keys(ACCOUNTS[0])).await?;
    // Somebody else's stack, which is none of its business.
    let owner = sandbox.account_owner(ACCOUNTS[0])?;
    let template = r#"{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}"#;
    let other = [("StackName", "groundplan-live-12"), ("TemplateBody", template)];
    owner.query("cloudformation", REGIONS[0], "CreateStack", &other).await?;

    let rows = live::ask(&place).await?;
    let otherwise: Vec<String> =
        rows.iter().filter(|row| matches!(row.seen, Seen::Otherwise(_))).map(live::Row::line).collect();
    assert!(otherwise.is_empty(), "{otherwise:#?}");
    assert_eq!(rows.len(), SUPPLIED.len(), "a row for each behaviour that is supplied");
    assert_eq!(rows.iter().filter(|row| row.seen == Seen::AsSupplied).count(), 5);
    assert_eq!(place.left().await?, [""; 0]);
    let left = owner.query("cloudformation", REGIONS[0], "DescribeStacks", &[]).await?;
    assert!(left.contains("<StackName>groundplan-live-12<") && left.matches("<StackName>").count() == 1, "{left}");
    Ok(())
}

#[tokio::test]
async fn what_a_failed_check_made_is_taken_away_too() -> Result<()> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let ends = Ends::At(sandbox.aws_endpoint());
    let place = Place::open(ACCOUNTS[0], REGIONS[0], PREFIX, ends, keys(ACCOUNTS[0])).await?;
    sandbox.proxy().refuse("CreateChangeSet", 1000, "AccessDenied");
    sandbox.proxy().refuse("ExecuteChangeSet", 1000, "AccessDenied");
    let rows = live::ask(&place).await?;
    assert_eq!(rows.iter().filter(|row| matches!(row.seen, Seen::Otherwise(_))).count(), 5, "{rows:#?}");
    assert!(sandbox.proxy().counts().of("DeleteStack") >= 3);
    assert_eq!(place.left().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn another_account_than_the_one_that_was_named_is_refused_before_anything_is_made() -> Result<()> {
    let sandbox = Sandbox::start(Parts::AWS).await?;
    let ends = Ends::At(sandbox.aws_endpoint());
    let refused = Place::open(ACCOUNTS[0], REGIONS[0], PREFIX, ends, keys(ACCOUNTS[1])).await;
    let said = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains(&format!("belong to account {}", ACCOUNTS[1])), "{said}");
    let made = sandbox.proxy().counts();
    assert_eq!(made.total().calls, made.of("GetCallerIdentity"));
    Ok(())
}
