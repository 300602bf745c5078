//! Stacks inside of stacks: what would change inside is told before, and what failed or drifted there
//! by its own file and line.

use anyhow::{Context, Result};
use groundplan::unit::{Cause, Change, Declared, Difference, Look, Shown};
use infra_tests::proxy::PretendedEvent;

use super::recovery::event;
use super::stage::{ACCOUNT, REGION, Stage, look, perform, sync};

const BUCKET: &str = "copies";

fn child(timeout: &str, more: &str) -> String {
    format!(
        "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {{QueueName: inner, VisibilityTimeout: {timeout}}}\n{more}Outputs:\n  Name: {{Value: !GetAtt Queue.QueueName}}\n"
    )
}

/// A stage with copies of three child templates in a bucket, as tools that sync `templates/` make them.
struct Family {
    stage: Stage,
    children: [(&'static str, String); 3],
}

impl Family {
    async fn set() -> Result<Self> {
        let stage = Stage::set().await?;
        let role = "  Worker:\n    Type: AWS::IAM::Role\n    Properties: {AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: []}}\n";
        let children =
            [("one.yaml", child("30", "")), ("two.yaml", child("60", role)), ("bad.yaml", child("soon", role))];
        let owner = stage.sandbox.account_owner(ACCOUNT)?;
        owner.make_bucket(REGION, BUCKET).await?;
        for (name, text) in &children {
            owner.put_object(REGION, BUCKET, &format!("templates/inner/{name}"), text).await?;
        }
        Ok(Self { stage, children })
    }

    /// The outer stack with one of the children.
    fn outer(&self, child: &str) -> Result<Declared> {
        let url = format!("{}/{BUCKET}/templates/inner/{child}", self.stage.sandbox.account_owner(ACCOUNT)?.endpoint());
        let outer = format!(
            "Resources:\n  Inner:\n    Type: AWS::CloudFormation::Stack\n    Properties: {{TemplateURL: '{url}'}}\nOutputs:\n  Name: {{Value: !GetAtt Inner.Outputs.Name}}\n"
        );
        let file = "Template: outer.yaml\nCapabilities: [CAPABILITY_IAM]\n";
        let mut files = vec![
            ("groundplan.yaml".to_owned(), String::new()),
            ("templates/outer.yaml".to_owned(), outer),
            (format!("stacks/{ACCOUNT}/{REGION}/outer.yaml"), file.to_owned()),
        ];
        files.extend(self.children.iter().map(|(name, text)| (format!("templates/inner/{name}"), text.clone())));
        self.stage.read_files("shop", files)?.units.pop().context("one stack")
    }

    /// The change sets of the inner stack that could be executed.
    async fn open_change_sets(&self) -> Result<usize> {
        let owner = self.stage.sandbox.account_owner(ACCOUNT)?;
        let told = owner.query("cloudformation", REGION, "DescribeStackResources", &[("StackName", "outer")]).await?;
        let inner = told.split("<PhysicalResourceId>").nth(1).and_then(|rest| rest.split('<').next());
        // The emulator finds change sets by the stack's name only.
        let name = inner.and_then(|id| id.split('/').nth(1)).context("the inner stack")?;
        let inner = [("StackName", name)];
        let sets = owner.query("cloudformation", REGION, "ListChangeSets", &inner).await?;
        Ok(sets.matches("<ExecutionStatus>AVAILABLE<").count())
    }
}

fn items(change: &Change) -> Vec<&str> {
    let mut items: Vec<&str> = change.differences().iter().map(|difference| difference.item.as_str()).collect();
    items.dedup();
    items
}

#[tokio::test]
async fn what_changes_inside_is_planned_agreed_to_and_then_made() -> Result<()> {
    let family = Family::set().await?;
    let planned = look(&family.outer("one.yaml")?, Look::Quick).await?;
    assert_eq!(items(&planned.planned.change), ["Inner (AWS::CloudFormation::Stack)", "Inner/Queue (AWS::SQS::Queue)"]);
    assert!(planned.planned.words.is_empty(), "all of it is seen, and none is a role");
    sync(&family.outer("one.yaml")?).await?;

    let unit = family.outer("two.yaml")?;
    let planned = look(&unit, Look::Quick).await?;
    let seen = items(&planned.planned.change);
    assert_eq!(
        seen,
        ["Inner/Queue (AWS::SQS::Queue)", "Inner/Worker (AWS::IAM::Role)"],
        "{:?}",
        planned.planned.change
    );
    assert!(planned.planned.words[0].why.contains("`Inner/Worker` (AWS::IAM::Role), with CAPABILITY_IAM"));
    assert_eq!(family.open_change_sets().await?, 1);
    planned.deed.context("a change set")?.abandon().await?;
    assert_eq!(family.open_change_sets().await?, 0, "the inner one goes with the outer one");

    assert_eq!(sync(&unit).await?["Name"], "inner");
    assert_eq!(look(&unit, Look::Quick).await?.planned.change, Change::Nothing);
    Ok(())
}

#[tokio::test]
async fn a_failure_inside_names_the_file_and_line_of_the_nested_template() -> Result<()> {
    let family = Family::set().await?;
    // The emulator's own event does not say which stack the inner one is.
    let inner = PretendedEvent {
        r#type: "AWS::CloudFormation::Stack".into(),
        physical_id: "arn:aws:cloudformation:eu-west-1:111111111111:stack/outer-Inner-1A2B/7".into(),
        ..event("Inner", "CREATE_FAILED", "Embedded stack was not successfully created")
    };
    let proxy = family.stage.sandbox.proxy();
    proxy.pretend_events("outer", vec![inner]);
    proxy.pretend_events("outer-Inner-1A2B", vec![event("Queue", "CREATE_FAILED", "no such timeout")]);
    let error = sync(&family.outer("bad.yaml")?).await.expect_err("no such timeout");
    assert!(error.message.contains("`Inner/Queue`, AWS::SQS::Queue (templates/inner/bad.yaml:2)"), "{error}");
    Ok(())
}

#[tokio::test]
async fn drift_inside_is_told_by_the_way_to_it_and_left_to_a_person() -> Result<()> {
    let family = Family::set().await?;
    let unit = family.outer("one.yaml")?;
    sync(&unit).await?;
    let url = format!("{}/{ACCOUNT}/inner", family.stage.sandbox.aws_endpoint());
    let change = [("QueueUrl", url.as_str()), ("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", "99")];
    family.stage.sandbox.account_owner(ACCOUNT)?.query("sqs", REGION, "SetQueueAttributes", &change).await?;
    let close = look(&unit, Look::Close).await?;
    let Change::Update(found) = &close.planned.change else { panic!("it drifted: {:?}", close.planned.change) };
    let [Difference { item, path, from, to, cause, .. }] = found.as_slice() else { panic!("one value: {found:?}") };
    assert_eq!((item.as_str(), path.as_str()), ("Inner/Queue (AWS::SQS::Queue)", "/Properties/VisibilityTimeout"));
    assert_eq!((from, to, *cause), (&Some(Shown::text("99")), &Some(Shown::text("30")), Cause::Drifted));
    let error = perform(&unit, close).await.expect_err("no change set reaches inside");
    assert!(error.message.contains("is in a nested stack"), "{error}");
    Ok(())
}
