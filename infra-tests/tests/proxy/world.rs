//! An emulator with the proxy before it, and clients of the proxy.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{Capability, DeploymentMode, Stack, StackDriftStatus, Tag};
use infra_tests::proxy::Proxy;
use infra_tests::sandbox::python;
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";

/// A queue whose one number is a parameter, and something that refers to it.
pub(crate) const QUEUE: &str = r#"{
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

/// A running emulator; it ends with the test.
struct Emulator {
    process: Child,
    url: String,
}

impl Emulator {
    async fn start() -> Self {
        let python = tokio::task::spawn_blocking(python::interpreter).await.expect("building does not panic");
        let python = python.expect("the emulator can be installed");
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
pub(crate) struct World {
    pub(crate) proxy: Proxy,
    pub(crate) client: Client,
    pub(crate) http: reqwest::Client,
    _emulator: Emulator,
}

impl World {
    pub(crate) async fn start() -> Self {
        let emulator = Emulator::start().await;
        let proxy = Proxy::start(emulator.url.clone()).await.expect("the proxy starts");
        let client = client(&proxy, ACCOUNT);
        Self { proxy, client, http: reqwest::Client::new(), _emulator: emulator }
    }

    pub(crate) async fn create(&self, name: &str, template: &str) -> Stack {
        let tag = Tag::builder().key("owner").value("shop").build();
        let request = self.client.create_stack().stack_name(name).template_body(template).tags(tag);
        let capability = Capability::CapabilityIam;
        request.capabilities(capability).send().await.expect("the stack is created");
        self.settled(name).await
    }

    pub(crate) async fn settled(&self, name: &str) -> Stack {
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

    pub(crate) async fn drift(&self, name: &str) -> StackDriftStatus {
        let detection = self.client.detect_stack_drift().stack_name(name).send().await.expect("drift is detected");
        let id = detection.stack_drift_detection_id().expect("a detection has an id");
        let status = self.client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
        status.send().await.expect("the detection is known").stack_drift_status().expect("it is done").clone()
    }

    pub(crate) async fn plan_revert(&self, name: &str) -> DescribeChangeSetOutput {
        let request =
            self.client.create_change_set().stack_name(name).change_set_name("revert").use_previous_template(true);
        let capability = Capability::CapabilityIam;
        let request = request.capabilities(capability).deployment_mode(DeploymentMode::RevertDrift);
        request.send().await.expect("the change set is created");
        let described = self.client.describe_change_set().stack_name(name).change_set_name("revert");
        described.include_property_values(true).send().await.expect("the change set is described")
    }

    pub(crate) async fn execute(&self, change_set: &DescribeChangeSetOutput) {
        let id = change_set.change_set_id().expect("a change set has an id");
        self.client.execute_change_set().change_set_name(id).send().await.expect("the change set is executed");
    }

    pub(crate) async fn sqs(&self, action: &str, body: Value) -> Value {
        self.json("sqs", "AmazonSQS", action, body).await
    }

    pub(crate) async fn query(&self, service: &str, action: &str, fields: &[(&str, &str)]) {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={ACCOUNT}/20261121/eu-west-1/{service}/aws4_request, Signature=0");
        let request = self.http.post(self.proxy.url()).header("authorization", scope);
        let answer =
            request.form(&[&[("Action", action)], fields].concat()).send().await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{action}: {}", answer.status());
    }

    pub(crate) async fn json(&self, service: &str, prefix: &str, action: &str, body: Value) -> Value {
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

    pub(crate) async fn visibility(&self, queue: &str) -> String {
        let asked = json!({"QueueUrl": queue, "AttributeNames": ["All"]});
        let attributes = self.sqs("GetQueueAttributes", asked).await;
        attributes["Attributes"]["VisibilityTimeout"].as_str().expect("a queue has one").to_owned()
    }

    pub(crate) async fn set_visibility(&self, queue: &str, seconds: &str) {
        self.sqs("SetQueueAttributes", json!({"QueueUrl": queue, "Attributes": {"VisibilityTimeout": seconds}})).await;
    }
}

pub(crate) fn client(proxy: &Proxy, account: &str) -> Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(proxy.url())
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(account, "test", None, None, "test"));
    Client::from_conf(config.build())
}

pub(crate) fn output(stack: &Stack, key: &str) -> String {
    let found = stack.outputs().iter().find(|output| output.output_key() == Some(key));
    found.and_then(|output| output.output_value()).expect("the output is there").to_owned()
}
