//! What AWS refuses or rolls back, told before it is begun where that can be known, and with its cause.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use groundplan::repo::CommitId;
use groundplan::unit::{ErrorKind, Inputs, Look, Owner, Progress};

use super::recovery::event;
use super::stage::{QUEUE, Stage, look, owned, perform, sync};

const FILE: &str = "Template: queue.yaml\n";
const CHANGED: &str = "Template: queue.yaml\nParameters: {Timeout: 60}\n";
const READER: &str = "Resources:
  More: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub ['${W}-more', {W: !ImportValue base-word}]}}
";

/// A queue, with the word exported or not.
fn base(timeout: u32, exports: bool) -> String {
    let outputs = "Outputs:\n  Word: {Value: word, Export: {Name: base-word}}\n";
    let queue = format!("Resources:\n  Q: {{Type: AWS::SQS::Queue, Properties: {{VisibilityTimeout: {timeout}}}}}\n");
    if exports { format!("{queue}{outputs}") } else { queue }
}

#[tokio::test]
async fn an_export_in_use_is_not_taken_away_and_its_importers_are_named() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.read("shop", &base(30, true), &[("base", FILE)])?.units[0]).await?;
    let without = stage.read("shop", &base(60, false), &[("base", FILE)])?;
    let planned = look(&without.units[0], Look::Quick).await?;
    // Nobody imported it then; somebody does before it is done.
    sync(&stage.read("shop", READER, &[("reader", FILE)])?.units[0]).await?;
    let error = perform(&without.units[0], planned).await.expect_err("AWS rolls it back");
    assert!(error.message.contains("Export base-word cannot be deleted as it is in use by reader"), "{error}");
    stage.sandbox.proxy().clear_faults();

    let sets = stage.calls("CreateChangeSet");
    let again = stage.read("shop", &base(60, false), &[("base", FILE)])?;
    let refused = look(&again.units[0], Look::Quick).await.err().context("it is known by now")?;
    assert_eq!(refused.kind, ErrorKind::Refused);
    let said = "the template of `base` no longer exports `base-word`, which is imported by `reader`";
    assert!(refused.message.contains(said), "{refused}");
    assert_eq!(stage.calls("CreateChangeSet"), sets, "nothing was begun");

    // Whatever else changes goes on, as long as the export stays.
    sync(&stage.read("shop", &base(60, true), &[("base", FILE)])?.units[0]).await?;
    Ok(())
}

#[tokio::test]
async fn what_early_validation_finds_is_told_with_its_resource_and_property() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, FILE)?).await?;
    let proxy = stage.sandbox.proxy();
    proxy.find_invalid("Jobs", "/Properties/VisibilityTimeout", "expected maximum of 43200");
    let error = look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await.err().context("it cannot be")?;
    let said = "`Jobs` at /Properties/VisibilityTimeout: expected maximum of 43200";
    assert!(error.message.contains(said), "{error}");

    // Whoever may not ask for it is told what AWS says of itself.
    proxy.refuse("DescribeEvents", 1, "AccessDenied");
    let error = look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await.err().context("it cannot be")?;
    assert!(error.message.contains("use the DescribeEvents API"), "{error}");
    Ok(())
}

#[tokio::test]
async fn no_status_but_a_settled_one_is_deleted_or_looked_at_for_drift() -> Result<()> {
    let stage = Stage::set().await?.with_operator(|settings| settings.patience = Some(Duration::from_millis(1)));
    sync(&stage.one(QUEUE, FILE)?).await?;
    let reading = stage.read("shop", QUEUE, &[("jobs", FILE)])?;
    let found = owned(&reading).await?.pop().context("it is there")?;
    let table = [
        ("REVIEW_IN_PROGRESS", "somebody's review"),
        ("CREATE_IN_PROGRESS", "is in CREATE_IN_PROGRESS"),
        ("IMPORT_IN_PROGRESS", "is in IMPORT_IN_PROGRESS"),
        ("IMPORT_ROLLBACK_IN_PROGRESS", "is in IMPORT_ROLLBACK_IN_PROGRESS"),
        ("ROLLBACK_IN_PROGRESS", "is in ROLLBACK_IN_PROGRESS"),
        ("UPDATE_IN_PROGRESS", "is in UPDATE_IN_PROGRESS"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is in UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "is in UPDATE_ROLLBACK_IN_PROGRESS"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "is in UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("CREATE_FAILED", "real resources"),
        ("UPDATE_FAILED", "rollback switched off"),
        ("ROLLBACK_FAILED", "a person's decision"),
        ("UPDATE_ROLLBACK_FAILED", "continue the rollback"),
        ("IMPORT_ROLLBACK_FAILED", "could not be undone"),
        ("SOMETHING_NEW", "newer than this program"),
    ];
    for (status, why) in table {
        stage.sandbox.proxy().pretend("jobs", status);
        stage.sandbox.proxy().pretend_events("jobs", vec![event("jobs", status, "")]);
        let refused = reading.sites[0].destroy(&found, &Inputs::default(), &Progress::silent()).await;
        let error = refused.expect_err("it is not to be deleted");
        assert!(error.message.contains(why), "{status}: {error}");
        if status != "REVIEW_IN_PROGRESS" {
            let drift = look(&stage.one(QUEUE, FILE)?, Look::Close).await;
            assert!(drift.is_err(), "{status}: what cannot be asked is not clean");
        }
    }
    assert_eq!((stage.calls("DeleteStack"), stage.calls("DetectStackDrift")), (0, 0));
    stage.sandbox.proxy().clear_faults();
    reading.sites[0].destroy(&found, &Inputs::default(), &Progress::silent()).await?;
    Ok(())
}

#[tokio::test]
async fn what_happens_to_each_resource_is_told_while_it_happens() -> Result<()> {
    let stage = Stage::set().await?;
    let unit = stage.one(QUEUE, FILE)?;
    let planned = look(&unit, Look::Quick).await?;
    let told = Arc::new(Mutex::new(Vec::new()));
    let (kept, owner) = (told.clone(), Owner { unit: unit.id.clone(), commit: CommitId::new("c0ffee") });
    let progress = Progress::new(move |said| kept.lock().expect("no holder panics").push(said.to_owned()));
    stage.sandbox.proxy().pretend("jobs", "CREATE_IN_PROGRESS");
    let ended = async {
        // It is told of once the first word was due.
        while !told.lock().expect("no holder panics").iter().any(|said: &String| said.contains("Jobs")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stage.sandbox.proxy().clear_faults();
    };
    let deed = planned.deed.context("it is made")?;
    let (done, waited) =
        tokio::join!(deed.perform(&owner, &progress), tokio::time::timeout(Duration::from_secs(60), ended));
    done?;
    waited?;
    let told = told.lock().expect("no holder panics");
    assert!(told.iter().any(|said| said == "CREATE_COMPLETE Jobs"), "{told:?}");
    Ok(())
}
