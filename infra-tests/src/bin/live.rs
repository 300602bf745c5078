//! `make live`: asks a real AWS account for what the proxy of the sandbox supplies in its place.
//!
//! Off by default: without an account it only lists what would be asked.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use infra_tests::live::{self, Ends, Place, Seen};
use infra_tests::sandbox::Credentials;

/// The account that may be used for it, written out on purpose.
const ACCOUNT: &str = "GROUNDPLAN_LIVE_ACCOUNT";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool> {
    let Ok(account) = std::env::var(ACCOUNT) else {
        println!("Nothing is asked of AWS without {ACCOUNT}, the id of an account that stacks may be made in.");
        for (name, why_not) in live::table() {
            match why_not {
                None => println!("asked         {name}"),
                Some(why) => println!("not asked     {name}: {why}"),
            }
        }
        return Ok(true);
    };
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let region = variable("AWS_REGION")?;
    let keys = Credentials {
        key: variable("AWS_ACCESS_KEY_ID")?,
        secret: variable("AWS_SECRET_ACCESS_KEY")?,
        session_token: std::env::var("AWS_SESSION_TOKEN").unwrap_or_default(),
    };
    let prefix = format!("groundplan-live-{}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    let place = Place::open(&account, &region, &prefix, Ends::Aws, keys).await?;
    println!("account {account}, {region}: every stack is named {prefix}-… and taken away again");
    let rows = tokio::select! {
        rows = live::ask(&place) => rows,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    let cleared = place.clear().await;
    let rows = match (rows, cleared) {
        (Ok(rows), Ok(())) => rows,
        (Err(error), Ok(())) => return Err(error),
        (_, Err(error)) => bail!("{error:#}"),
    };
    rows.iter().for_each(|row| println!("{}", row.line()));
    Ok(!rows.iter().any(|row| matches!(row.seen, Seen::Otherwise(_))))
}
