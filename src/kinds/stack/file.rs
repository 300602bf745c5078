//! What a stack file may say: the source of its schema, and of the list of known keys.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

/// One CloudFormation stack.
///
/// The forms of CloudGenesis and of stackctl are both taken, in every repository.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schemars(rename = "Stack")]
#[expect(dead_code, reason = "the schema; files are read as nodes, whose places and scalar styles are needed")]
pub(super) struct StackFile {
    /// The template, as a path below `templates/`.
    template: String,
    /// An S3 bucket that holds the template, instead of this repository.
    template_bucket: Option<String>,
    /// What stands before `Template`, with its slash at the end: `templates/` where it is not said.
    template_prefix: Option<String>,
    /// The stack's name, where it is not the file's path joined by dashes.
    stack_name: Option<String>,
    /// Given to the template where it has no description of its own.
    description: Option<String>,
    parameters: Option<Parameters>,
    tags: Option<Tags>,
    /// `CAPABILITY_IAM`, `CAPABILITY_NAMED_IAM`, `CAPABILITY_AUTO_EXPAND`.
    capabilities: Option<Vec<String>>,
    /// Whether the stack refuses to be deleted; what it is now stays where nothing is said.
    termination_protection: Option<bool>,
    /// A JSON file, as a path below `templates/`, that says which resources an update may touch:
    /// CloudFormation's stack policy. As it is now where nothing is said.
    stack_policy: Option<String>,
    /// SNS topics that are told of the stack's events; those it has now where nothing is said, and none
    /// for an empty list.
    notification_arns: Option<Vec<String>>,
    /// Units to wait for, each by its path or a tail of it.
    depends_on: Option<Vec<String>>,
    /// Stacks of the same account and region to wait for, each by its name (stackctl).
    depends: Option<Vec<String>>,
    /// How long one operation of the stack is waited for, in minutes; the operator's time where nothing
    /// is said. What takes longer is told as under way, and the next run waits for it again.
    timeout_minutes: Option<u32>,
    /// What is there already and to become part of the stack: by its logical id, what the service knows
    /// it by, as `{Items: {TableName: orders}}`. Means nothing more once the stack holds it.
    import: Option<BTreeMap<String, BTreeMap<String, String>>>,
    /// What is run after each deployment, as far as the operator's settings allow it (stackctl).
    actions: Option<Vec<Action>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema")]
struct Action {
    on: ActionEvent,
    run: Runs,
}

#[derive(Deserialize, JsonSchema)]
enum ActionEvent {
    PostDeploy,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema")]
enum Runs {
    One(Run),
    Many(Vec<Run>),
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "the schema")]
enum Run {
    /// The function that an output of the stack names.
    InvokeLambdaByStackOutput(String),
    InvokeLambdaByName(String),
    /// A program and its arguments.
    Exec(Vec<String>),
    /// A line for `sh`.
    Shell(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema")]
enum Parameters {
    ByName(BTreeMap<String, Scalar>),
    List(Vec<Parameter>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema")]
struct Parameter {
    #[serde(alias = "Key", alias = "ParameterKey")]
    name: String,
    #[serde(alias = "ParameterValue")]
    value: Option<Scalar>,
    r#type: Option<ParameterType>,
    /// With `SSM`: another account and region to read from, as `111122223333/eu-west-1`.
    at: Option<String>,
}

/// What a parameter's value means.
#[derive(Deserialize, JsonSchema)]
enum ParameterType {
    /// The path of an SSM parameter, whose decrypted value is sent.
    #[serde(rename = "SSM")]
    Ssm,
    /// An output of another stack: `network/vpc.VpcId`.
    Output,
    /// A secret of Secrets Manager, `NAME` or `NAME:KEY`, which only CloudFormation itself reads.
    Secret,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema")]
enum Tags {
    ByName(BTreeMap<String, Scalar>),
    List(Vec<Tag>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema")]
struct Tag {
    #[serde(alias = "Name")]
    key: String,
    value: Scalar,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema")]
enum Scalar {
    Text(String),
    Number(f64),
    Bool(bool),
}

/// The schema of a stack file.
pub(super) fn schema() -> Schema {
    schema_for!(StackFile)
}

/// The keys a stack file may have.
pub(super) fn keys() -> &'static [String] {
    static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let schema = schema();
        let properties = schema.get("properties").and_then(|properties| properties.as_object());
        properties.into_iter().flatten().map(|(key, _)| key.clone()).collect()
    });
    &KEYS
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_known_keys_are_those_of_the_schema() {
        let keys = super::keys();
        assert!(keys.iter().any(|key| key == "Template") && keys.iter().any(|key| key == "DependsOn"), "{keys:?}");
    }
}
