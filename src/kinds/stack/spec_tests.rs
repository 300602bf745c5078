//! Stack files in every form.

use super::*;
use crate::yaml;

fn read_as(dialect: Dialect, text: &str) -> (Option<Spec>, Problems) {
    let address = Address { account: "111122223333".into(), region: "eu-west-1".into(), name: "net-vpc".into() };
    let node = yaml::parse_one("stacks/111122223333/eu-west-1/net/vpc.yaml", text.as_bytes()).expect("valid YAML");
    let mut problems = Problems::default();
    let spec = read(&node, dialect, &address, &mut problems);
    (spec, problems)
}

fn values(spec: &Spec) -> Vec<(&str, &ParameterValue)> {
    spec.parameters.iter().map(|(name, parameter)| (name.as_str(), &parameter.value)).collect()
}

#[test]
fn every_form_of_parameters_and_tags_reads_the_same() {
    let forms = [
        "Template: a.yaml\nParameters: {A: x, B: z}\nTags: {T: v}\n",
        "Template: a.yaml\nParameters: [{Name: A, Value: x}, {Name: B, Value: z}]\nTags: [{Key: T, Value: v}]\n",
        "Template: a.yaml\nParameters: [{ParameterKey: A, ParameterValue: x}, {Key: B, Value: z}]\nTags: [{Name: T, Value: v}]\n",
    ];
    for form in forms {
        for dialect in [Dialect::Native, Dialect::CloudGenesis, Dialect::Stackctl] {
            let (spec, problems) = read_as(dialect, form);
            let spec = spec.expect("readable");
            let (a, b) = (ParameterValue::Text("x".into()), ParameterValue::Text("z".into()));
            assert_eq!(values(&spec), [("A", &a), ("B", &b)], "{form}");
            assert_eq!(spec.tags, BTreeMap::from([("T".to_owned(), "v".to_owned())]));
            assert!(problems.errors.is_empty(), "{:?}", problems.errors);
        }
    }
}

#[test]
fn a_value_may_come_from_ssm_or_from_another_stacks_output() {
    let (spec, problems) = read_as(
        Dialect::Native,
        "Template: a.yaml\nParameters:\n- {Name: S, Type: SSM, Value: /db/password}\n- {Name: V, Type: Output, Value: network/vpc.VpcId}\n- {Name: W, Type: Output, Value: nothing}\n",
    );
    let spec = spec.expect("readable");
    let output = OutputName { unit: "network/vpc".into(), output: "VpcId".into() };
    assert_eq!(spec.parameters["S"].value, ParameterValue::Ssm { path: "/db/password".into(), at: None });
    assert_eq!(spec.parameters["V"].value, ParameterValue::Output(output));
    assert_eq!(problems.errors.len(), 1);
    assert_eq!(problems.errors[0].place.line, 5);
}

#[test]
fn an_unknown_key_is_an_error_in_our_files_and_a_word_in_others() {
    let (_, problems) = read_as(Dialect::Native, "Template: a.yaml\nParamters: {A: x}\n");
    assert_eq!(problems.errors[0].hint.as_deref(), Some("did you mean `Parameters`?"));
    let (_, problems) = read_as(Dialect::CloudGenesis, "Template: a.yaml\nParamters: {A: x}\n");
    assert!(problems.errors.is_empty() && problems.warnings.len() == 1);
}

#[test]
fn a_name_of_its_own_counts_only_in_our_files() {
    let text = "Template: a.yaml\nStackName: legacy\n";
    assert_eq!(read_as(Dialect::Native, text).0.expect("readable").name.as_deref(), Some("legacy"));
    let (spec, problems) = read_as(Dialect::CloudGenesis, text);
    assert_eq!(spec.expect("readable").name, None);
    assert!(problems.warnings[0].message.contains("net-vpc"));
}

#[test]
fn depends_means_a_stack_for_stackctl_and_a_unit_for_us() {
    let on = |dialect| {
        let spec = read_as(dialect, "Template: a.yaml\nDepends: [network-vpc]\nDependsOn: [network/vpc]\n").0;
        spec.expect("readable").depends.into_iter().map(|depends| depends.on).collect::<Vec<_>>()
    };
    let unit = |text: &str| DependsOn::Unit(text.into());
    assert_eq!(on(Dialect::Native), [unit("network-vpc"), unit("network/vpc")]);
    assert_eq!(on(Dialect::Stackctl), [DependsOn::Stack("network-vpc".into()), unit("network/vpc")]);
}

#[test]
fn a_template_may_stand_in_a_bucket_outside() {
    let (spec, _) = read_as(Dialect::CloudGenesis, "Template: a.yaml\nTemplateBucket: shared\nTemplatePrefix: v1/\n");
    let url = TemplateAt::Url("https://shared.s3.eu-west-1.amazonaws.com/v1/a.yaml".into());
    assert_eq!(spec.expect("readable").template, url);
}

#[test]
fn actions_are_read_in_every_dialect_and_cloudgenesis_knows_none() {
    let text = "Template: a.yaml\nActions:\n- on: PostDeploy\n  run: {Shell: x}\n";
    for (dialect, warnings) in [(Dialect::Native, 0), (Dialect::Stackctl, 0), (Dialect::CloudGenesis, 1)] {
        let (spec, problems) = read_as(dialect, text);
        assert_eq!((spec.expect("readable").actions.len(), problems.warnings.len()), (1, warnings), "{dialect:?}");
        assert!(problems.errors.is_empty());
    }
}

#[test]
fn a_value_that_a_tool_would_change_is_said() {
    let (spec, problems) = read_as(Dialect::CloudGenesis, "Template: a.yaml\nParameters: {V: 1.30, Y: yes}\n");
    let spec = spec.expect("readable");
    assert_eq!(spec.parameters["V"].value, ParameterValue::Text("1.3".into()));
    assert_eq!((problems.warnings.len(), problems.errors.len()), (1, 1));
}

#[test]
fn a_secret_becomes_a_reference_and_ssm_may_be_read_elsewhere() {
    let (spec, problems) = read_as(
        Dialect::Native,
        "Template: a.yaml\nParameters:\n- {Name: A, Type: Secret, Value: shop/db}\n- {Name: B, Type: Secret, Value: 'shop/db:password'}\n- {Name: C, Type: Secret, Value: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-1a:key'}\n- {Name: D, Type: SSM, Value: /shared, At: 444455556666/eu-central-1}\n- {Name: E, Type: SSM, Value: /shared, At: nowhere}\n- {Name: F, Type: Secret, Value: '{{x}}'}\n",
    );
    let spec = spec.expect("readable");
    let text = |name: &str| match &spec.parameters[name].value {
        ParameterValue::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text("A"), "{{resolve:secretsmanager:shop/db}}");
    assert_eq!(text("B"), "{{resolve:secretsmanager:shop/db:SecretString:password}}");
    let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-1a";
    assert_eq!(text("C"), format!("{{{{resolve:secretsmanager:{arn}:SecretString:key}}}}"));
    let at = Some(("444455556666".to_owned(), "eu-central-1".to_owned()));
    assert_eq!(spec.parameters["D"].value, ParameterValue::Ssm { path: "/shared".into(), at });
    let lines: Vec<usize> = problems.errors.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [7, 8]);
}

#[test]
fn topics_are_five_arns_at_most_and_an_empty_list_is_a_wish() {
    let read = |list: &str| read_as(Dialect::Native, &format!("Template: a.yaml\nNotificationArns: {list}\n"));
    let topics = |list: &str| read(list).0.expect("readable").notifications.map(|topics| topics.len());
    assert_eq!(topics("[]"), Some(0));
    assert_eq!(topics("['arn:aws-cn:sns:cn-north-1:111122223333:t']"), Some(1));
    assert_eq!(read_as(Dialect::Native, "Template: a.yaml\n").0.expect("readable").notifications, None);
    assert_eq!(read("[topic]").1.errors.len(), 1);
    let six: Vec<String> = (0..6).map(|n| format!("arn:aws:sns:eu-west-1:111122223333:t{n}")).collect();
    assert_eq!(read(&format!("[{}]", six.join(", "))).1.errors.len(), 1);
}
