//! Executing a drift-aware change set puts things back.

use aws_sdk_cloudformation::types::{
    AfterValueFrom, AttributeChangeType, BeforeValueFrom, ChangeAction, ChangeSetStatus, DeploymentMode,
    ExecutionStatus, Parameter, Replacement, StackDriftStatus, StackResourceDriftStatus,
};
use serde_json::{Value, json};

use super::world::{ACCOUNT, QUEUE, World, output};

const SHORT_FORMS: &str = r#"
Parameters:
  Size: {Type: String, Default: small}
Conditions:
  IsSmall: !Equals [!Ref Size, small]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${AWS::StackName}-jobs'
      VisibilityTimeout: !If [IsSmall, 30, 300]
      DelaySeconds: !If [IsSmall, !Ref AWS::NoValue, 10]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: lambda.amazonaws.com}}
  Address:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !GetAtt Queue.Arn}
Outputs:
  QueueUrl: {Value: !Ref Queue}
  Arn: {Value: !GetAtt Queue.Arn}
"#;

const MANY_TYPES: &str = r#"{
  "Resources": {
    "Setting": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Name": "/shop/setting", "Value": "wanted"}},
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "shop-events", "DisplayName": "wanted"}},
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/shop/logs", "RetentionInDays": 7}},
    "Table": {
      "Type": "AWS::DynamoDB::Table",
      "Properties": {
        "TableName": "shop-carts",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]
      }
    }
  }
}"#;

#[tokio::test]
async fn a_property_changed_by_hand_is_described_and_put_back() {
    let world = World::start().await;
    let before = world.create("shop", QUEUE).await;
    let queue = output(&before, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    assert_eq!(world.drift("shop").await, StackDriftStatus::Drifted);

    let plan = world.plan_revert("shop").await;
    assert_eq!(plan.status(), Some(&ChangeSetStatus::CreateComplete));
    assert_eq!(plan.execution_status(), Some(&ExecutionStatus::Available));
    assert_eq!(plan.deployment_mode(), Some(&DeploymentMode::RevertDrift));
    assert_eq!(plan.stack_drift_status(), Some(&StackDriftStatus::Drifted));
    assert!(
        plan.change_set_id()
            .is_some_and(|id| id.starts_with("arn:aws:cloudformation:eu-west-1:111122223333:changeSet/revert/"))
    );
    let [change] = plan.changes() else { panic!("one resource drifted: {:?}", plan.changes()) };
    let resource = change.resource_change().expect("a change of a resource");
    assert_eq!(resource.action(), Some(&ChangeAction::Modify));
    assert_eq!(resource.logical_resource_id(), Some("Queue"));
    assert_eq!(resource.physical_resource_id(), Some(queue.as_str()));
    assert_eq!(resource.replacement(), Some(&Replacement::False));
    assert_eq!(resource.resource_drift_status(), Some(&StackResourceDriftStatus::Modified));
    let [detail] = resource.details() else { panic!("one property drifted: {:?}", resource.details()) };
    let target = detail.target().expect("a detail has a target");
    assert_eq!((target.name(), target.path()), (Some("VisibilityTimeout"), Some("/Properties/VisibilityTimeout")));
    assert_eq!((target.before_value(), target.after_value()), (Some("77"), Some("5")));
    assert_eq!(target.before_value_from(), Some(&BeforeValueFrom::ActualState));
    assert_eq!(target.after_value_from(), Some(&AfterValueFrom::Template));
    assert_eq!(target.attribute_change_type(), Some(&AttributeChangeType::Modify));
    let template = world.client.get_template().stack_name("shop").change_set_name("revert").send().await;
    assert_eq!(template.expect("a change set has a template").template_body(), Some(QUEUE));
    let drift = target.drift().expect("a drifted property tells its drift");
    assert_eq!((drift.previous_value(), drift.actual_value()), (Some("5"), Some("77")));

    world.execute(&plan).await;
    let after = world.settled("shop").await;
    assert_eq!(after.stack_status().map(|status| status.as_str()), Some("UPDATE_COMPLETE"));
    assert_eq!(world.visibility(&queue).await, "5");
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
    assert_eq!(after.tags(), before.tags());
    assert_eq!(after.parameters(), before.parameters());
    assert_eq!(after.outputs(), before.outputs());
    let template = world.client.get_template().stack_name("shop").send().await.expect("the template is there");
    assert_eq!(template.template_body(), Some(QUEUE));
}

#[tokio::test]
async fn a_template_with_short_forms_survives_a_revert() {
    let world = World::start().await;
    let before = world.create("shop", SHORT_FORMS).await;
    let queue = output(&before, "QueueUrl");
    world.set_visibility(&queue, "77").await;

    let plan = world.plan_revert("shop").await;
    world.execute(&plan).await;

    let after = world.settled("shop").await;
    assert_eq!(after.stack_status().map(|status| status.as_str()), Some("UPDATE_COMPLETE"));
    assert_eq!(world.visibility(&queue).await, "30");
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
    assert_eq!(after.outputs(), before.outputs());
    assert_eq!(after.tags(), before.tags());
    let template = world.client.get_template().stack_name("shop").send().await.expect("the template is there");
    assert_eq!(template.template_body().map(str::trim), Some(SHORT_FORMS.trim()));
}

#[tokio::test]
async fn a_template_that_grows_too_large_for_a_call_survives_a_revert() {
    let world = World::start().await;
    // The proxy writes JSON, where each of these needs a backslash.
    let notes = "\"".repeat(30_000);
    let template = format!(
        "Resources: {{Queue: {{Type: AWS::SQS::Queue, Metadata: {{Notes: '{notes}'}}, Properties: {{VisibilityTimeout: 5}}}}}}\nOutputs: {{QueueUrl: {{Value: !Ref Queue}}}}\n"
    );
    let queue = output(&world.create("shop", &template).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;

    let plan = world.plan_revert("shop").await;
    world.execute(&plan).await;

    assert_eq!(world.visibility(&queue).await, "5");
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
    let deployed = world.client.get_template().stack_name("shop").send().await.expect("the template is there");
    assert_eq!(deployed.template_body().map(str::trim), Some(template.trim()));
}

#[tokio::test]
async fn a_deleted_queue_comes_back() {
    let world = World::start().await;
    let before = world.create("shop", QUEUE).await;
    let queue = output(&before, "QueueUrl");
    world.sqs("DeleteQueue", json!({"QueueUrl": queue})).await;

    let plan = world.plan_revert("shop").await;
    let [change] = plan.changes() else { panic!("one resource is gone: {:?}", plan.changes()) };
    let resource = change.resource_change().expect("a change of a resource");
    assert_eq!(resource.action(), Some(&ChangeAction::Add));
    assert_eq!(resource.resource_drift_status(), Some(&StackResourceDriftStatus::Deleted));
    world.execute(&plan).await;

    let after = world.settled("shop").await;
    assert_eq!(after.stack_status().map(|status| status.as_str()), Some("UPDATE_COMPLETE"));
    assert_eq!(world.visibility(&output(&after, "QueueUrl")).await, "5");
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
    assert_eq!(after.tags(), before.tags());
}

#[tokio::test]
async fn resources_of_many_types_are_put_back() {
    let world = World::start().await;
    world.create("shop", MANY_TYPES).await;
    let topic = format!("arn:aws:sns:eu-west-1:{ACCOUNT}:shop-events");
    let setting = json!({"Name": "/shop/setting", "Value": "by hand", "Type": "String", "Overwrite": true});
    world.json("ssm", "AmazonSSM", "PutParameter", setting).await;
    let retention = json!({"logGroupName": "/shop/logs", "retentionInDays": 30});
    world.json("logs", "Logs_20140328", "PutRetentionPolicy", retention).await;
    let protection = json!({"TableName": "shop-carts", "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}});
    world.json("dynamodb", "DynamoDB_20120810", "UpdateTable", protection).await;
    let name = [("TopicArn", topic.as_str()), ("AttributeName", "DisplayName"), ("AttributeValue", "by hand")];
    world.query("sns", "SetTopicAttributes", &name).await;

    let plan = world.plan_revert("shop").await;
    assert_eq!(plan.changes().len(), 4);
    world.execute(&plan).await;
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);

    world.json("ssm", "AmazonSSM", "DeleteParameter", json!({"Name": "/shop/setting"})).await;
    world.json("logs", "Logs_20140328", "DeleteLogGroup", json!({"logGroupName": "/shop/logs"})).await;
    world.json("dynamodb", "DynamoDB_20120810", "DeleteTable", json!({"TableName": "shop-carts"})).await;
    world.query("sns", "DeleteTopic", &[("TopicArn", topic.as_str())]).await;
    world.client.delete_change_set().stack_name("shop").change_set_name("revert").send().await.expect("it is deleted");
    let plan = world.plan_revert("shop").await;
    assert_eq!(plan.changes().len(), 4);
    world.execute(&plan).await;
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
    assert_eq!(world.settled("shop").await.stack_status().map(|status| status.as_str()), Some("UPDATE_COMPLETE"));
}

#[tokio::test]
async fn a_tag_of_the_template_comes_back_and_a_foreign_one_stays() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.sqs("UntagQueue", json!({"QueueUrl": queue, "TagKeys": ["tier"]})).await;
    world.sqs("TagQueue", json!({"QueueUrl": queue, "Tags": {"owner": "thief", "foreign": "yes"}})).await;

    let plan = world.plan_revert("shop").await;
    world.execute(&plan).await;

    let tags = world.sqs("ListQueueTags", json!({"QueueUrl": queue})).await;
    let tags = tags["Tags"].as_object().expect("a queue has tags").clone();
    let tags = tags.into_iter().filter(|(key, _)| !key.starts_with("aws:"));
    let tags = Value::Object(tags.collect());
    assert_eq!(tags, json!({"tier": "gold", "owner": "shop", "foreign": "yes"}));
    world.client.delete_change_set().stack_name("shop").change_set_name("revert").send().await.expect("it is deleted");
    assert_eq!(world.plan_revert("shop").await.status(), Some(&ChangeSetStatus::Failed));
}

#[tokio::test]
async fn a_new_template_and_the_drift_are_applied_together() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    let template = QUEUE.replace("\"Outputs\"", "\"Description\": \"new\", \"Outputs\"").replace(
        "\"Address\":",
        "\"Extra\": {\"Type\": \"AWS::SSM::Parameter\", \"Properties\": {\"Type\": \"String\", \"Value\": \"x\"}}, \"Address\":",
    );
    let request = world.client.create_change_set().stack_name("shop").change_set_name("both").template_body(template);
    let created = request.deployment_mode(DeploymentMode::RevertDrift).send().await.expect("the change set is created");
    let id = created.id().expect("a change set has an id");
    let plan = world.client.describe_change_set().change_set_name(id).send().await.expect("it is described");
    let names =
        plan.changes().iter().map(|change| change.resource_change().and_then(|change| change.logical_resource_id()));
    assert_eq!(names.collect::<Vec<_>>(), [Some("Queue"), Some("Extra")]);

    world.execute(&plan).await;
    assert_eq!(world.visibility(&queue).await, "5");
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
    let extra = world.client.describe_stack_resource().stack_name("shop").logical_resource_id("Extra");
    extra.send().await.expect("the new resource is there");
}

#[tokio::test]
async fn what_a_template_says_as_it_is_by_now_is_synced_and_not_written() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;

    let request = world.client.create_change_set().stack_name("shop").change_set_name("adopt");
    let seconds = Parameter::builder().parameter_key("Seconds").parameter_value("77").build();
    let request = request.use_previous_template(true).parameters(seconds).deployment_mode(DeploymentMode::RevertDrift);
    request.send().await.expect("the change set is created");
    let described = world.client.describe_change_set().stack_name("shop").change_set_name("adopt");
    let plan = described.include_property_values(true).send().await.expect("the change set is described");
    // The emulator also names what refers to the queue.
    let mut changes = plan.changes().iter().filter_map(|change| change.resource_change());
    let resource = changes.find(|change| change.logical_resource_id() == Some("Queue")).expect("the queue drifted");
    assert_eq!(resource.action(), Some(&ChangeAction::SyncWithActual));
    let target = resource.details()[0].target().expect("a detail has a target");
    assert_eq!(target.attribute_change_type(), Some(&AttributeChangeType::SyncWithActual));
    assert_eq!((target.before_value(), target.after_value()), (Some("77"), Some("77")));

    world.execute(&plan).await;
    assert_eq!(world.visibility(&queue).await, "77");
    assert_eq!(world.drift("shop").await, StackDriftStatus::InSync);
}
