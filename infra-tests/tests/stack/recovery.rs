//! Statuses that nobody wants, and what is done about them: mostly nothing, with the next command.

use anyhow::{Context, Result};
use groundplan::unit::{Change, ErrorKind, Inputs, KindError, Look, Progress};
use infra_tests::proxy::PretendedEvent;

use super::stage::{QUEUE, Stage, look, owned, sync};

const CHANGED: &str = "Template: queue.yaml\nParameters: {Timeout: 60}\n";

pub(crate) fn event(logical_id: &str, status: &str, reason: &str) -> PretendedEvent {
    let is_stack = logical_id == "jobs";
    PretendedEvent {
        logical_id: logical_id.into(),
        r#type: if is_stack { "AWS::CloudFormation::Stack" } else { "AWS::SQS::Queue" }.into(),
        status: status.into(),
        reason: reason.into(),
        physical_id: String::new(),
    }
}

async fn error(stage: &Stage) -> Result<KindError> {
    look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await.err().context("it is left alone")
}

#[tokio::test]
async fn every_status_is_answered_as_the_table_says() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, "Template: queue.yaml\n")?).await?;
    let ready = [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "IMPORT_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    ];
    for status in ready {
        stage.sandbox.proxy().pretend("jobs", status);
        let prepared = look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await?;
        assert!(matches!(prepared.planned.change, Change::Update(_)), "{status}");
        prepared.deed.context("a change set")?.abandon().await?;
    }
    for status in ["DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"] {
        stage.sandbox.proxy().pretend("jobs", status);
        let prepared = look(&stage.one(QUEUE, CHANGED)?, Look::Quick).await?;
        assert!(matches!(prepared.planned.change, Change::Create(_)), "{status}");
    }
    let commands = [
        ("CREATE_FAILED", Some("rollback-stack")),
        ("UPDATE_FAILED", Some("rollback-stack")),
        ("ROLLBACK_FAILED", Some("delete-stack")),
        ("UPDATE_ROLLBACK_FAILED", Some("continue-update-rollback")),
        ("DELETE_FAILED", Some("delete-stack")),
        ("IMPORT_ROLLBACK_FAILED", Some("describe-stack-events")),
        ("SOMETHING_NEW", None),
    ];
    for (status, command) in commands {
        stage.sandbox.proxy().pretend("jobs", status);
        let error = error(&stage).await?;
        assert!(error.kind == ErrorKind::Refused && error.message.contains(status), "{error}");
        let hint = error.hint.context("a next step")?;
        let exact = command.map(|verb| format!("aws cloudformation {verb} --stack-name jobs --region eu-west-1"));
        match exact {
            Some(exact) => assert!(hint.starts_with(&exact), "{hint}"),
            None => assert!(!hint.contains("aws "), "{hint}"),
        }
    }
    for action in ["DeleteStack", "ContinueUpdateRollback", "RollbackStack"] {
        assert_eq!(stage.calls(action), 0, "{action}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stack_somebody_works_on_is_waited_for() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, "Template: queue.yaml\n")?).await?;
    stage.sandbox.proxy().pretend("jobs", "UPDATE_IN_PROGRESS");
    let unit = stage.one(QUEUE, "Template: queue.yaml\n")?;
    let ended = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        stage.sandbox.proxy().pretend("jobs", "UPDATE_COMPLETE");
    };
    let (prepared, ()) = tokio::join!(look(&unit, Look::Quick), ended);
    assert_eq!(prepared?.planned.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn a_stuck_rollback_is_diagnosed_and_only_its_second_failure_offers_to_skip() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, "Template: queue.yaml\n")?).await?;
    let stuck = [
        event("jobs", "UPDATE_IN_PROGRESS", "User Initiated"),
        event("Jobs", "UPDATE_FAILED", "no such timeout"),
        event("jobs", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
        event("Jobs", "UPDATE_FAILED", "the role may not touch the queue"),
        event("jobs", "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: [Jobs]."),
    ];
    stage.sandbox.proxy().pretend("jobs", "UPDATE_ROLLBACK_FAILED");
    stage.sandbox.proxy().pretend_events("jobs", stuck.to_vec());
    let first = error(&stage).await?;
    assert!(first.message.contains("the role may not touch the queue"), "{first}");
    assert!(first.message.contains("`Jobs`, AWS::SQS::Queue (templates/queue.yaml:4)"), "{first}");
    let command = "aws cloudformation continue-update-rollback --stack-name jobs --region eu-west-1";
    assert_eq!(first.hint.as_deref(), Some(command));

    stage.sandbox.proxy().pretend_events("jobs", [&stuck[..], &stuck[2..]].concat());
    let hint = error(&stage).await?.hint.context("a next step")?;
    assert!(hint.starts_with(&format!("{command} --resources-to-skip Jobs (")), "{hint}");
    assert_eq!((stage.calls("DeleteStack"), stage.calls("ContinueUpdateRollback")), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_failure_inside_a_nested_stack_is_told_from_there() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, "Template: queue.yaml\n")?).await?;
    let child = PretendedEvent {
        r#type: "AWS::CloudFormation::Stack".into(),
        physical_id: "arn:aws:cloudformation:eu-west-1:111111111111:stack/jobs-Inner-1A2B/7".into(),
        ..event("Inner", "DELETE_FAILED", "Embedded stack was not successfully deleted")
    };
    let begun = event("jobs", "DELETE_IN_PROGRESS", "User Initiated");
    stage.sandbox.proxy().pretend("jobs", "DELETE_FAILED");
    stage.sandbox.proxy().pretend_events("jobs", vec![begun, child]);
    stage.sandbox.proxy().pretend_events("jobs-Inner-1A2B", vec![event("Data", "DELETE_FAILED", "it is not empty")]);
    let error = error(&stage).await?;
    assert!(error.message.contains("`Inner/Data`, AWS::SQS::Queue: it is not empty"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("--retain-resources Inner")));
    Ok(())
}

const DATA: &str = "Resources:
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: items
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
Outputs:
  Name: {Value: !Ref Items, Export: {Name: shop-items}}
";
const READER: &str = "Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub ['${Items}-jobs', {Items: !ImportValue shop-items}]
";

#[tokio::test]
async fn what_holds_data_or_is_imported_says_so_before_it_goes() -> Result<()> {
    let stage = Stage::set().await?;
    let file = "Template: queue.yaml\n";
    sync(&stage.read("shop", DATA, &[("data", file)])?.units[0]).await?;
    sync(&stage.read("shop", READER, &[("reader", file)])?.units[0]).await?;

    let declared = owned(&stage.read("shop", DATA, &[("data", file)])?).await?;
    let data = declared.iter().find(|owned| owned.id.ends_with("data")).context("it is there")?;
    assert_eq!(data.guards.len(), 1, "known from the template, without a call: {:?}", data.guards);

    let rest = stage.read("shop", READER, &[("reader", file)])?;
    let left = owned(&rest).await?;
    let data = left.iter().find(|owned| owned.id.ends_with("data")).context("it is left over")?;
    assert!(data.guards[0].contains("`Items` (AWS::DynamoDB::Table)"), "{:?}", data.guards);
    assert!(data.guards[1].contains("`shop-items` is imported by `reader`"), "{:?}", data.guards);
    assert!(data.needed_by.len() == 1 && data.needed_by[0].ends_with("reader"), "{:?}", data.needed_by);
    let reader = left.iter().find(|owned| owned.id.ends_with("reader")).context("it is there")?;
    assert!(reader.guards.is_empty() && reader.created > data.created, "the reader goes first: {left:?}");

    let (inputs, silent) = (Inputs::default(), Progress::silent());
    let refused = rest.sites[0].destroy(data, &inputs, &silent).await.expect_err("it is in use");
    assert!(refused.kind == ErrorKind::Refused && refused.message.contains("`reader`"), "{refused}");
    assert_eq!(stage.calls("DeleteStack"), 0);
    rest.sites[0].destroy(reader, &inputs, &silent).await?;
    Ok(rest.sites[0].destroy(data, &inputs, &silent).await?)
}

#[tokio::test]
async fn protection_is_switched_in_git_before_a_stack_can_go() -> Result<()> {
    let stage = Stage::set().await?;
    sync(&stage.one(QUEUE, "Template: queue.yaml\nTerminationProtection: true\n")?).await?;
    let unsaid = stage.read("shop", QUEUE, &[("jobs", "Template: queue.yaml\n")])?;
    assert_eq!(look(&unsaid.units[0], Look::Quick).await?.planned.change, Change::Nothing, "what is not said stays");
    let found = owned(&unsaid).await?;
    assert!(found[0].guards[0].contains("termination protection"), "{:?}", found[0].guards);
    let refused = unsaid.sites[0].destroy(&found[0], &Inputs::default(), &Progress::silent()).await;
    assert_eq!(refused.expect_err("it is protected").kind, ErrorKind::Refused);

    let off = stage.one(QUEUE, "Template: queue.yaml\nTerminationProtection: false\n")?;
    let planned = look(&off, Look::Quick).await?;
    let Change::Update(items) = &planned.planned.change else { panic!("it differs") };
    assert_eq!((items.len(), items[0].path.as_str()), (1, "/TerminationProtection"));
    let outputs = super::stage::perform(&off, planned).await?;
    assert_eq!(outputs["Name"], "jobs-jobs", "who waits for the stack still gets its outputs");
    let later = stage.read("shop", QUEUE, &[("jobs", "Template: queue.yaml\n")])?;
    let found = owned(&later).await?;
    assert!(found[0].guards.is_empty(), "{:?}", found[0].guards);
    Ok(later.sites[0].destroy(&found[0], &Inputs::default(), &Progress::silent()).await?)
}
