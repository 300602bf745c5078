//! A press does what was shown, once, for those who may; and Slack being down changes nothing else.

use std::time::Duration;

use anyhow::{Context, Result};
use infra_tests::sandbox::{Parts, until};
use infra_tests::slack::{ALERTS, Message, OPERATOR, REVIEWER, TEAM_ID};
use infra_tests::stage::{Stage, becomes};

const PARTS: Parts = Parts { aws: true, git: true, cluster: false, slack: true };

fn posts(stage: &Stage) -> Vec<Message> {
    let messages = stage.sandbox.slack().messages(ALERTS);
    let in_channel = |message: &Message| message.ephemeral_to.is_none() && message.now()["thread_ts"].is_null();
    messages.into_iter().filter(in_channel).collect()
}

/// In an environment that tells its alerts, with a queue that somebody changed.
async fn drifted(seconds: &str) -> Result<Stage> {
    let stage = Stage::set(PARTS).await?;
    let settings = "repository: shop\nenvironments:\n  production: {paths: [stacks/*], alerts: platform}\n";
    stage.write("groundplan.yaml", settings)?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.set_timeout_of("jobs", seconds).await?;
    Ok(stage)
}

#[tokio::test]
async fn presses_by_socket_mode() -> Result<()> {
    let mut stage = drifted("77").await?;
    let there = stage.product.clone();
    stage.product = there.clone().with("GROUNDPLAN_SLACK_API_URL", "http://127.0.0.1:1/api");
    let ran = stage.run(&["drift", "--notify"], 2).await?;
    assert!(
        ran.stderr.contains("Slack could not be told") && ran.stdout.contains("77"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let listed = stage.run(&["case", "list"], 0).await?.stderr;
    assert!(listed.contains("warning: 1 message is not in Slack yet: cannot "), "{listed}");
    stage.product = there;
    stage.run(&["drift", "--notify"], 2).await?;
    stage.run(&["drift", "--notify"], 2).await?;
    let told = posts(&stage);
    assert_eq!(told.len(), 1, "one message for one case");

    let slack = stage.sandbox.slack();
    let _service = stage.start(&["serve"])?;
    assert!(slack.connected(1, Duration::from_secs(30)).await);
    let ts = told[0].ts.clone();
    slack.press(ALERTS, &ts, "case_sync", REVIEWER).await?;
    let whisper = until("the refusal", Duration::from_secs(20), async || {
        Ok(slack.messages(ALERTS).into_iter().find(|message| message.ephemeral_to.is_some()))
    })
    .await?;
    assert_eq!(whisper.ephemeral_to.as_deref(), Some(REVIEWER));
    assert_eq!(stage.timeout_of("jobs").await?, "77");

    let before = stage.sandbox.proxy().counts();
    let (first, second) =
        tokio::join!(slack.press(ALERTS, &ts, "case_sync", OPERATOR), slack.press(ALERTS, &ts, "case_sync", OPERATOR),);
    first?;
    second?;
    becomes("the case to be resolved", async || Ok(slack.show(ALERTS).contains("esolved"))).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "30");
    assert_eq!(stage.sandbox.proxy().counts().since(&before).of("ExecuteChangeSet"), 1, "two presses, one sync");

    // The world moves again after the message was shown.
    stage.set_timeout_of("jobs", "88").await?;
    stage.run(&["drift", "--notify"], 2).await?;
    let ts = posts(&stage).last().context("a second case")?.ts.clone();
    stage.set_timeout_of("jobs", "99").await?;
    slack.press(ALERTS, &ts, "case_sync", OPERATOR).await?;
    becomes("the sync to be refused", async || Ok(slack.show(ALERTS).contains("another one now"))).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "99", "what was not shown is not done");
    Ok(())
}

#[tokio::test]
async fn presses_by_http() -> Result<()> {
    let mut stage = drifted("77").await?;
    stage.product = stage.product.clone().with("GROUNDPLAN_SLACK_APP_TOKEN", "");
    stage.run(&["drift", "--notify"], 2).await?;
    let slack = stage.sandbox.slack();
    let ts = posts(&stage).pop().context("the case's message")?.ts;
    let _service = stage.start(&["serve", "--listen", "127.0.0.1:0"])?;
    let url = stage.listening().await?;
    slack.send_presses_to(&url);
    let pressed = slack.press(ALERTS, &ts, "case_sync", REVIEWER).await?;
    assert_eq!(pressed.status, Some(200));
    let request = pressed.request.context("it was sent by HTTP")?;
    let send = async |signature: &str, body: &str| -> Result<u16> {
        let request = reqwest::Client::builder().no_proxy().build()?.post(&url).body(body.to_owned());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("x-slack-request-timestamp", request_time());
        Ok(request.header("x-slack-signature", signature).send().await?.status().as_u16())
    };
    let forged = request.body.replace(REVIEWER, OPERATOR);
    assert_eq!(send(&request.signature, &forged).await?, 401);
    assert_eq!(stage.timeout_of("jobs").await?, "77", "a forged press does nothing");

    // An app that is installed in two workspaces has one secret: whoever presses in the other one has no say here.
    let elsewhere = forged.replace(TEAM_ID, "T0OTHER");
    assert_ne!(elsewhere, forged);
    assert_eq!(send(&slack.sign(now(), &elsewhere), &elsewhere).await?, 200);
    becomes("the stranger to be refused", async || Ok(slack.show(ALERTS).contains("another workspace"))).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "77");

    // The case is seen again with another value: a press on what was shown before is an old one.
    stage.set_timeout_of("jobs", "78").await?;
    stage.run(&["drift", "--notify"], 2).await?;
    let signature = slack.sign(now(), &forged);
    assert_eq!(send(&signature, &forged).await?, 200);
    becomes("the old press to be refused", async || Ok(slack.show(ALERTS).contains("moved on"))).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "78");

    slack.press(ALERTS, &ts, "case_sync", OPERATOR).await?;
    becomes("the case to be resolved", async || Ok(slack.show(ALERTS).contains("esolved"))).await?;
    assert_eq!(stage.timeout_of("jobs").await?, "30");
    Ok(())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn request_time() -> String {
    now().to_string()
}

#[tokio::test]
async fn serve_looks_by_itself_and_its_heartbeat_says_when() -> Result<()> {
    let stage = drifted("77").await?;
    let settings = "repository: shop\nenvironments:\n  production:\n    paths: [stacks/*]\n    alerts: platform\n    \
                    schedule: 0 6 * * 1-5 Europe/Berlin\n";
    stage.write("groundplan.yaml", settings)?;
    stage.push()?;
    let _service = stage.start(&["serve", "--listen", "127.0.0.1:0"])?;
    becomes("the drift to be told", async || Ok(stage.sandbox.slack().show(ALERTS).contains("77"))).await?;
    let url = stage.listening().await?;
    let health = reqwest::Client::builder().no_proxy().build()?.get(url.replace("slack/interactions", "healthz"));
    let answer = health.send().await?;
    assert_eq!(answer.status(), 200);
    let told: serde_json::Value = answer.json().await?;
    let production = &told["environments"]["production"];
    assert!(production["seen"].is_string() && production["overdue"] == false, "{told}");
    let next: jiff::Timestamp = production["next"].as_str().context("the next look")?.parse()?;
    assert_eq!(next.to_zoned(jiff::tz::TimeZone::get("Europe/Berlin")?).hour(), 6);
    let metrics = reqwest::Client::builder().no_proxy().build()?.get(url.replace("slack/interactions", "metrics"));
    let told = metrics.send().await?.text().await?;
    assert!(told.contains("groundplan_open_cases{environment=\"production\"} 1"), "{told}");
    assert!(told.contains("groundplan_last_look_timestamp_seconds{environment=\"production\"} 1"), "{told}");
    Ok(())
}

#[tokio::test]
async fn acceptance_20_a_rebuild_is_one_card_that_ends_with_what_was_verified() -> Result<()> {
    let stage = Stage::set(PARTS).await?;
    let settings = "repository: shop\nenvironments:\n  production: {paths: [stacks/*], alerts: platform}\n";
    stage.write("groundplan.yaml", settings)?;
    stage.push()?;
    let ran = stage.run(&["rebuild", "--yes", "--notify"], 0).await?;
    let told = posts(&stage);
    assert_eq!(told.len(), 1, "one card and nothing else");
    let (first, last) = (told[0].versions[0]["text"].to_string(), told[0].now()["text"].to_string());
    assert!(first.contains("Rebuild of production") && first.contains(" units"), "{first}");
    assert!(last.contains("verified") && last.contains("0 drifted") && last.contains("\u{2705}"), "{last}");
    assert!(ran.stderr.contains("verified"), "{}", ran.stderr);
    // Nothing to do is nothing to tell.
    stage.run(&["rebuild", "--yes", "--notify"], 0).await?;
    assert_eq!(posts(&stage).len(), 1);
    Ok(())
}

#[tokio::test]
async fn acceptance_19_who_it_was_comes_late_and_the_message_is_edited_in_place() -> Result<()> {
    let stage = drifted("77").await?;
    stage.run(&["drift", "--notify"], 2).await?;
    let first = posts(&stage).pop().context("the case's message")?;
    assert!(first.now().to_string().contains("not known"), "{}", first.now());
    let _service = stage.start(&["serve"])?;
    // The history is minutes late: the first question finds nothing.
    becomes("the history to be asked", async || Ok(stage.sandbox.proxy().counts().of("LookupEvents") > 0)).await?;
    let event = serde_json::json!({
        "eventID": "e1",
        "eventName": "SetQueueAttributes",
        "eventSource": "sqs.amazonaws.com",
        "eventTime": "2026-11-21T05:41:00Z",
        "readOnly": false,
        "requestParameters": {"queueUrl": "https://sqs.example/jobs-jobs", "attributes": {"VisibilityTimeout": "77"}},
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/OpsBreakGlass/ada@example.com",
            "accessKeyId": "ASIAEXAMPLEEXAMPLE00",
            "sessionContext": {"sessionIssuer": {"userName": "OpsBreakGlass"}},
        },
        "sourceIPAddress": "198.51.100.7",
    });
    stage.sandbox.proxy().record("jobs-jobs", event);
    becomes("the author to be told", async || Ok(stage.sandbox.slack().show(ALERTS).contains("ada@example.com")))
        .await?;
    let told = posts(&stage);
    let now = told[0].now().to_string();
    assert_eq!((told.len(), &told[0].ts), (1, &first.ts), "the same message");
    assert!(now.contains("SetQueueAttributes as OpsBreakGlass") && now.contains("confidence high"), "{now}");
    assert!(!now.contains("198.51.100.7") && !now.contains("ASIAEXAMPLE"), "{now}");
    let asked = stage.sandbox.proxy().counts().of("LookupEvents");
    // What is known is kept by a look that cannot know it, and nobody is asked again.
    stage.run(&["drift", "--notify"], 2).await?;
    assert!(stage.sandbox.slack().show(ALERTS).contains("ada@example.com"));
    assert_eq!(stage.sandbox.proxy().counts().of("LookupEvents"), asked);
    Ok(())
}

#[tokio::test]
async fn without_a_signing_secret_nothing_is_taken_by_http() -> Result<()> {
    let mut stage = drifted("77").await?;
    stage.product = stage.product.clone().with("GROUNDPLAN_SLACK_SIGNING_SECRET", "");
    stage.run(&["drift", "--notify"], 2).await?;
    let slack = stage.sandbox.slack();
    let ts = posts(&stage).pop().context("the case's message")?.ts;
    let _service = stage.start(&["serve", "--listen", "127.0.0.1:0"])?;
    let url = stage.listening().await?;
    // Presses come by Socket Mode here; a signed request finds no door. The address is open before the socket is.
    assert!(slack.connected(1, Duration::from_secs(30)).await);
    slack.press(ALERTS, &ts, "case_acknowledge", REVIEWER).await?;
    let request = reqwest::Client::builder().no_proxy().build()?.post(&url).body("payload=%7B%7D");
    let request = request.header("x-slack-request-timestamp", request_time());
    let answer = request.header("x-slack-signature", slack.sign(now(), "payload=%7B%7D")).send().await?;
    assert_eq!(answer.status(), 404);
    Ok(())
}

#[tokio::test]
async fn a_drift_run_that_cannot_finish_in_its_time_says_what_it_did_not_check() -> Result<()> {
    let stage = Stage::set(PARTS).await?;
    let later = "stacks/111111111111/eu-west-1/later.yaml";
    stage.write(later, "Template: queue.yaml\nParameters: {Timeout: 30}\nDependsOn: [jobs]\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes"], 0).await?;
    stage.sandbox.proxy().hold("DetectStackDrift", Duration::from_secs(4));
    let ran = stage.run(&["drift", "--within", "1s", "--format", "json"], 1).await?;
    let report: serde_json::Value = serde_json::from_str(&ran.stdout)?;
    let verdict = |name: &str| {
        let units = report["units"].as_array().into_iter().flatten();
        let mut named = units.filter(|unit| unit["unit"].as_str().is_some_and(|unit| unit.ends_with(name)));
        named.next().map(|unit| unit["verdict"].to_string()).unwrap_or_default()
    };
    assert!(verdict("jobs").contains("clean"), "what was under way is looked at to its end: {report}");
    assert!(verdict("later").contains("unverifiable"), "{report}");
    stage.sandbox.proxy().clear_faults();
    stage.run(&["drift", "--within", "10m"], 0).await?;
    Ok(())
}
