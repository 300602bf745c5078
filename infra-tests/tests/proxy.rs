//! The proxy in front of a real emulator, seen through the AWS SDK.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    AfterValueFrom, AttributeChangeType, BeforeValueFrom, ChangeAction, ChangeSetStatus, DeploymentMode,
    ExecutionStatus, Parameter, Replacement, Stack, StackDriftStatus, StackResourceDriftStatus, Tag,
};
use infra_tests::proxy::Proxy;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";

const QUEUE: &str = r#"{
  "Parameters": {"Seconds": {"Type": "Number", "Default": 5}},
  "Resources": {
    "Queue": {
      "Type": "AWS::SQS::Queue",
      "Properties": {"VisibilityTimeout": {"Ref": "Seconds"}, "Tags": [{"Key": "tier", "Value": "gold"}]}
    },
    "Address": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}
  },
  "Outputs": {"QueueUrl": {"Value": {"Ref": "Queue"}}}
}"#;

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

/// A running emulator; it ends with the test.
struct Emulator {
    process: Child,
    url: String,
}

impl Emulator {
    async fn start() -> Self {
        let python = std::env::var("GROUNDPLAN_MINISTACK_PYTHON").expect("an interpreter with ministack is named");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let process = Command::new(python)
            .args(["-m", "ministack"])
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AUTH", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let emulator = Self { process, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..600 {
            if reqwest::get(format!("{}/_ministack/health", emulator.url)).await.is_ok() {
                return emulator;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the emulator does not answer after 30 seconds");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An emulator, the proxy before it, and clients of the proxy.
struct World {
    proxy: Proxy,
    client: Client,
    http: reqwest::Client,
    _emulator: Emulator,
}

impl World {
    async fn start() -> Self {
        let emulator = Emulator::start().await;
        let proxy = Proxy::start(emulator.url.clone()).await.expect("the proxy starts");
        let client = client(&proxy, ACCOUNT);
        Self { proxy, client, http: reqwest::Client::new(), _emulator: emulator }
    }

    async fn create(&self, name: &str, template: &str) -> Stack {
        let tag = Tag::builder().key("owner").value("shop").build();
        let request = self.client.create_stack().stack_name(name).template_body(template).tags(tag);
        let capability = aws_sdk_cloudformation::types::Capability::CapabilityIam;
        request.capabilities(capability).send().await.expect("the stack is created");
        self.settled(name).await
    }

    async fn settled(&self, name: &str) -> Stack {
        for _ in 0..500 {
            let stacks = self.client.describe_stacks().stack_name(name).send().await.expect("the stack is there");
            let stack = stacks.stacks().first().expect("one stack was asked for").clone();
            if !stack.stack_status().expect("a stack has a status").as_str().ends_with("_IN_PROGRESS") {
                return stack;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} does not settle");
    }

    async fn drift(&self, name: &str) -> StackDriftStatus {
        let detection = self.client.detect_stack_drift().stack_name(name).send().await.expect("drift is detected");
        let id = detection.stack_drift_detection_id().expect("a detection has an id");
        let status = self.client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        status.send().await.expect("the detection is known").stack_drift_status().expect("it is done").clone()
    }

    async fn plan_revert(&self, name: &str) -> DescribeChangeSetOutput {
        let request =
            self.client.create_change_set().stack_name(name).change_set_name("revert").use_previous_template(true);
        let capability = aws_sdk_cloudformation::types::Capability::CapabilityIam;
        let request = request.capabilities(capability).deployment_mode(DeploymentMode::RevertDrift);
        request.send().await.expect("the change set is created");
        let described = self.client.describe_change_set().stack_name(name).change_set_name("revert");
        described.include_property_values(true).send().await.expect("the change set is described")
    }

    async fn execute(&self, change_set: &DescribeChangeSetOutput) {
        let id = change_set.change_set_id().expect("a change set has an id");
        self.client.execute_change_set().change_set_name(id).send().await.expect("the change set is executed");
    }

    async fn sqs(&self, action: &str, body: Value) -> Value {
        self.json("sqs", "AmazonSQS", action, body).await
    }

    async fn query(&self, service: &str, action: &str, fields: &[(&str, &str)]) {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={ACCOUNT}/20261121/eu-west-1/{service}/aws4_request, Signature=0");
        let request = self.http.post(self.proxy.url()).header("authorization", scope);
        let answer =
            request.form(&[&[("Action", action)], fields].concat()).send().await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{action}: {}", answer.status());
    }

    async fn json(&self, service: &str, prefix: &str, action: &str, body: Value) -> Value {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={ACCOUNT}/20261121/eu-west-1/{service}/aws4_request, Signature=0");
        let request = self.http.post(self.proxy.url()).header("authorization", scope);
        let request = request.header("x-amz-target", format!("{prefix}.{action}"));
        let request = request.header("content-type", "application/x-amz-json-1.0").body(body.to_string());
        let answer = request.send().await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{action}: {}", answer.status());
        let text = answer.text().await.expect("the answer is whole");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn visibility(&self, queue: &str) -> String {
        let asked = json!({"QueueUrl": queue, "AttributeNames": ["All"]});
        let attributes = self.sqs("GetQueueAttributes", asked).await;
        attributes["Attributes"]["VisibilityTimeout"].as_str().expect("a queue has one").to_owned()
    }

    async fn set_visibility(&self, queue: &str, seconds: &str) {
        self.sqs("SetQueueAttributes", json!({"QueueUrl": queue, "Attributes": {"VisibilityTimeout": seconds}})).await;
    }
}

fn client(proxy: &Proxy, account: &str) -> Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(proxy.url())
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(account, "test", None, None, "test"));
    Client::from_conf(config.build())
}

fn output(stack: &Stack, key: &str) -> String {
    let found = stack.outputs().iter().find(|output| output.output_key() == Some(key));
    found.and_then(|output| output.output_value()).expect("the output is there").to_owned()
}

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
async fn a_change_set_is_told_without_values_unless_they_are_asked_for() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    world.plan_revert("shop").await;
    let plain = world.client.describe_change_set().stack_name("shop").change_set_name("revert");
    let plain = plain.send().await.expect("the change set is described");
    let resource = plain.changes()[0].resource_change().expect("a change of a resource");
    let target = resource.details()[0].target().expect("a detail has a target");
    assert_eq!((target.name(), target.before_value()), (Some("VisibilityTimeout"), None));
    assert_eq!(resource.before_context(), None);
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
    let notes = "a,".repeat(20_000);
    let template = format!(
        "Resources: {{Queue: {{Type: AWS::SQS::Queue, Metadata: {{Notes: [{notes}b]}}, Properties: {{VisibilityTimeout: 5}}}}}}\nOutputs: {{QueueUrl: {{Value: !Ref Queue}}}}\n"
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
async fn a_change_set_without_drift_fails_in_the_words_of_aws() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let plan = world.plan_revert("shop").await;
    assert_eq!(plan.status(), Some(&ChangeSetStatus::Failed));
    assert_eq!(plan.execution_status(), Some(&ExecutionStatus::Unavailable));
    assert!(
        plan.status_reason().is_some_and(|why| why.starts_with("The submitted information didn't contain changes."))
    );
    assert_eq!(plan.stack_drift_status(), Some(&StackDriftStatus::InSync));

    let id = plan.change_set_id().expect("a change set has an id");
    let refused = world.client.execute_change_set().change_set_name(id).send().await.expect_err("nothing to execute");
    assert_eq!(refused.code(), Some("InvalidChangeSetStatus"));

    let listed = world.client.list_change_sets().stack_name("shop").send().await.expect("change sets are listed");
    assert_eq!(listed.summaries().len(), 1);
    world.client.delete_change_set().change_set_name(id).send().await.expect("the change set is deleted");
    let listed = world.client.list_change_sets().stack_name("shop").send().await.expect("change sets are listed");
    assert_eq!(listed.summaries().len(), 0);
    let gone = world.client.describe_change_set().change_set_name(id).send().await.expect_err("it is gone");
    assert_eq!(gone.code(), Some("ChangeSetNotFound"));
}

#[tokio::test]
async fn a_change_set_of_a_stack_that_moved_on_is_obsolete() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    let plan = world.plan_revert("shop").await;
    let changed = QUEUE.replace("gold", "silver");
    // The emulator's clock tells milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.client.update_stack().stack_name("shop").template_body(changed).send().await.expect("the stack is updated");
    world.settled("shop").await;

    let id = plan.change_set_id().expect("a change set has an id");
    let described = world.client.describe_change_set().change_set_name(id).send().await.expect("it is still known");
    assert_eq!(described.execution_status(), Some(&ExecutionStatus::Obsolete));
    let refused = world.client.execute_change_set().change_set_name(id).send().await.expect_err("it is obsolete");
    assert_eq!(refused.code(), Some("InvalidChangeSetStatus"));
    let again =
        world.client.create_change_set().stack_name("shop").change_set_name("revert").use_previous_template(true);
    assert_eq!(again.send().await.expect_err("the name is taken").code(), Some("AlreadyExistsException"));
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
async fn an_ordinary_change_set_tells_the_values_it_changes() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let template = QUEUE.replace("\"Tags\": [{", "\"DelaySeconds\": 3, \"Tags\": [{");
    let seconds = Parameter::builder().parameter_key("Seconds").parameter_value("9").build();
    let request = world.client.create_change_set().stack_name("shop").change_set_name("change");
    let request = request.template_body(template).parameters(seconds);
    request.send().await.expect("the change set is created");
    let described = world.client.describe_change_set().stack_name("shop").change_set_name("change");
    let described = described.include_property_values(true).send().await.expect("the change set is described");

    assert_eq!(described.status(), Some(&ChangeSetStatus::CreateComplete));
    let changes = described.changes().iter().filter_map(|change| change.resource_change());
    let queue =
        changes.clone().find(|change| change.logical_resource_id() == Some("Queue")).expect("the queue changes");
    let targets = queue.details().iter().filter_map(|detail| detail.target());
    let mut values: Vec<_> = targets.map(|told| (told.path(), told.before_value(), told.after_value())).collect();
    values.sort();
    values.dedup();
    let delay = (Some("/Properties/DelaySeconds"), None, Some("3"));
    let visibility = (Some("/Properties/VisibilityTimeout"), Some("5"), Some("9"));
    assert_eq!(values, [delay, visibility]);
    let context = |text: Option<&str>| serde_json::from_str::<Value>(text.expect("a context")).expect("JSON");
    assert_eq!(context(queue.before_context())["Properties"]["VisibilityTimeout"], "5");
    assert_eq!(context(queue.after_context())["Properties"]["VisibilityTimeout"], "9");
}

#[tokio::test]
async fn two_accounts_with_the_same_names_do_not_meet() {
    let world = World::start().await;
    let queue = output(&world.create("shop", QUEUE).await, "QueueUrl");
    world.set_visibility(&queue, "77").await;
    world.plan_revert("shop").await;

    let other = client(&world.proxy, "222233334444");
    other.create_stack().stack_name("shop").template_body(QUEUE).send().await.expect("the stack is created");
    let unknown = other.describe_change_set().stack_name("shop").change_set_name("revert").send().await;
    assert_eq!(unknown.expect_err("it is another account's").code(), Some("ChangeSetNotFound"));
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let (proxy, http) = echoing().await;
    let address = format!("{}/bucket/a%2Fb%20c?versionId=%2B", proxy.url());
    let request = http.put(address).header("host", "s3.eu-west-1.amazonaws.com").header("authorization", "AWS4 signed");
    let answer = request.header("x-amz-content-sha256", "abc").body(vec![0_u8, 255, 10]).send().await.expect("an echo");
    assert_eq!(answer.status(), 207);
    assert_eq!(answer.headers()["x-echo"], "yes");
    let text = answer.text().await.expect("the answer is whole");
    let echo: Value = serde_json::from_str(&text).expect("an echo is JSON");
    assert_eq!(echo["line"], "PUT /bucket/a%2Fb%20c?versionId=%2B");
    assert_eq!(echo["host"], "s3.eu-west-1.amazonaws.com");
    assert_eq!(echo["authorization"], "AWS4 signed");
    assert_eq!(echo["x-amz-content-sha256"], "abc");
    assert_eq!(echo["body"], json!([0, 255, 10]));
}

/// A proxy in front of a server that tells what reached it.
async fn echoing() -> (Proxy, reqwest::Client) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = format!("http://{}", listener.local_addr().expect("a bound port"));
    let router = axum::Router::new().fallback(async |request: axum::extract::Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1000).await.expect("a small body");
        let mut echo = json!({"line": format!("{} {}", parts.method, parts.uri), "body": body.to_vec()});
        for (name, value) in &parts.headers {
            echo[name.as_str()] = json!(value.to_str().expect("a readable header"));
        }
        (axum::http::StatusCode::MULTI_STATUS, [("x-echo", "yes")], echo.to_string())
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Proxy::start(upstream).await.expect("the proxy starts"), reqwest::Client::new())
}

#[tokio::test]
async fn a_stopped_proxy_no_longer_listens() {
    let (proxy, http) = echoing().await;
    let url = proxy.url().to_owned();
    http.get(&url).send().await.expect("an echo");
    drop(proxy);
    for _ in 0..100 {
        // The first call's connection is still in the client's pool.
        if http.get(&url).send().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the proxy still answers a second after it was dropped");
}

#[tokio::test]
async fn every_call_is_counted_once_with_its_bytes() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let earlier = world.proxy.counts();
    for _ in 0..3 {
        world.client.describe_stacks().stack_name("shop").send().await.expect("the stack is there");
    }
    world.client.describe_stacks().stack_name("nothing").send().await.expect_err("no such stack");
    // The proxy asks the emulator much more for this, in its own name.
    world.plan_revert("shop").await;

    let counts = world.proxy.counts().since(&earlier);
    assert_eq!(counts.of("DescribeStacks"), 4);
    assert_eq!(counts.total().calls, 6);
    let rows: Vec<_> = counts.iter().map(|(row, tally)| (row.action.as_str(), row.status, tally.calls)).collect();
    let expected = [
        ("CreateChangeSet", 200, 1),
        ("DescribeChangeSet", 200, 1),
        ("DescribeStacks", 200, 3),
        ("DescribeStacks", 400, 1),
    ];
    assert_eq!(rows, expected);
    assert!(counts.iter().all(|(row, tally)| {
        row.service == "cloudformation" && row.caller == ACCOUNT && tally.sent > 0 && tally.received > 0
    }));

    let address = format!("{}/_proxy/counts", world.proxy.url());
    let shown =
        world.http.get(&address).send().await.expect("counts are shown").text().await.expect("the answer is whole");
    let shown: Value = serde_json::from_str(&shown).expect("counts are JSON");
    assert_eq!(shown, world.proxy.counts().json());
    world.http.delete(&address).send().await.expect("counts are reset");
    assert_eq!(world.proxy.counts().total().calls, 0);
}

#[tokio::test]
async fn faults_come_as_asked_and_end() {
    let world = World::start().await;
    world.create("shop", QUEUE).await;
    let describe = || world.client.describe_stacks().stack_name("shop").send();

    world.proxy.refuse("DescribeStacks", 1, "Throttling");
    let refused = describe().await.expect_err("it is throttled");
    assert_eq!((refused.code(), refused.message()), (Some("Throttling"), Some("Rate exceeded")));
    describe().await.expect("only one call is throttled");

    world.proxy.lose_reply("UpdateStack");
    let changed = QUEUE.replace("gold", "silver");
    let lost = world.client.update_stack().stack_name("shop").template_body(changed).send().await;
    let lost = lost.expect_err("the answer is lost");
    assert!(lost.as_service_error().is_none() && lost.raw_response().is_none(), "no answer at all: {lost:?}");
    let stack = world.settled("shop").await;
    assert_eq!(stack.stack_status().map(|status| status.as_str()), Some("UPDATE_COMPLETE"));

    world.proxy.hold("DescribeStacks", Duration::from_millis(300));
    let start = std::time::Instant::now();
    describe().await.expect("a held call is answered");
    assert!(start.elapsed() >= Duration::from_millis(300));
    world.proxy.clear_faults();
    let start = std::time::Instant::now();
    describe().await.expect("the stack is there");
    assert!(start.elapsed() < Duration::from_millis(300));
}
