//! Stacks compared without asking for a change set.

use std::collections::BTreeMap;

use super::*;
use crate::kinds::stack::status::Status;
use crate::kinds::stack::unit::Body;
use crate::kinds::stack::veil::Veil;
use crate::unit::{Secret, Text};

const TEMPLATE: &str = "Parameters: {Size: {Type: String, Default: small}, Key: {Type: String, NoEcho: true, Default: x}}\nResources: {Q: {Type: 'AWS::SQS::Queue'}}\n";

fn template() -> Template {
    Template::parse("templates/q.yaml", TEMPLATE.as_bytes()).expect("valid")
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn wanted(parameters: &[(&str, Text)], tags: &[(&str, &str)]) -> Wanted {
    Wanted {
        name: "q".into(),
        body: Body::Text(TEMPLATE.into()),
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        tags: pairs(tags),
        earlier: vec!["shop/stacks/old.yaml".into()],
        capabilities: Vec::new(),
        role: None,
        longest: std::time::Duration::from_secs(60),
        protection: None,
        policy: None,
        notifications: None,
        veil: Veil::default(),
    }
}

fn live(parameters: &[(&str, &str)], tags: &[(&str, &str)]) -> Live {
    Live {
        drift: super::super::live::Drift::default(),
        exports: Vec::new(),
        notifications: std::collections::BTreeSet::new(),
        id: "arn:q".into(),
        name: "q".into(),
        status: Status::CreateComplete,
        parameters: pairs(parameters),
        tags: pairs(tags),
        capabilities: Vec::new(),
        outputs: BTreeMap::new(),
        is_protected: false,
        is_nested: false,
        created: None,
        revision: String::new(),
    }
}

#[test]
fn a_stack_that_is_as_declared_asks_for_nothing() {
    let wanted = wanted(&[], &[("T", "v"), (MARK, "stacks/q.yaml")]);
    let as_deployed = [("Size", "small"), ("Key", "****")];
    for tags in [
        &[("T", "v"), (MARK, "stacks/q.yaml")][..],
        &[("T", "v")],
        &[("T", "v"), ("aws:x", "y")],
        &[("T", "v"), (MARK, "shop/stacks/old.yaml")],
    ] {
        assert_eq!(quick(&wanted, Some(&template()), &live(&as_deployed, tags), Sent::Same), Quick::Equal, "{tags:?}");
    }
}

#[test]
fn parameters_tags_and_template_are_each_told() {
    let wanted = wanted(&[("Size", Text::Plain("large".into()))], &[("T", "new"), (MARK, "stacks/q.yaml")]);
    let tags = [("T", "old"), ("Gone", "x"), (MARK, "stacks/other.yaml")];
    let live = live(&[("Size", "small"), ("Old", "x"), ("Key", "****")], &tags);
    let Quick::Differs(seen) = quick(&wanted, Some(&template()), &live, Sent::Other) else { panic!("it differs") };
    let seen: Vec<String> = seen.iter().map(|one| format!("{}{}", one.item, one.path)).collect();
    assert_eq!(
        seen,
        ["Parameters/Old", "Parameters/Size", "Tags/CloudGenesis:stack-file", "Tags/Gone", "Tags/T", "Template"]
    );
}

#[test]
fn a_masked_parameter_or_a_template_outside_is_asked_of_cloudformation() {
    let masked = wanted(&[("Key", Text::Secret(Secret::new("k")))], &[]);
    let live = live(&[("Size", "small"), ("Key", "****")], &[]);
    assert_eq!(quick(&masked, Some(&template()), &live, Sent::Same), Quick::Ask);
    assert_eq!(quick(&wanted(&[], &[]), None, &live, Sent::Other), Quick::Ask);
}

#[test]
fn a_secret_is_no_part_of_a_change_sets_name() {
    let name = |secret: &str| wanted(&[("Key", Text::Secret(Secret::new(secret)))], &[]).change_set_name();
    assert_eq!(name("a"), name("b"));
    assert_ne!(name("a"), wanted(&[], &[]).change_set_name());
}

#[test]
fn topics_differ_only_where_the_file_says_some() {
    let with = |topics: Option<&[&str]>| Wanted {
        notifications: topics.map(|topics| topics.iter().map(|topic| (*topic).to_owned()).collect()),
        ..wanted(&[], &[])
    };
    let live =
        Live { notifications: ["arn:one".to_owned()].into(), ..live(&[("Size", "small"), ("Key", "****")], &[]) };
    let told = |wanted: &Wanted| match quick(wanted, Some(&template()), &live, Sent::Same) {
        Quick::Differs(seen) => seen.iter().map(|one| format!("{:?} {:?}", one.from, one.to)).collect(),
        Quick::Equal | Quick::Ask => String::new(),
    };
    assert_eq!(told(&with(None)), "", "an adopted stack keeps what its tool gave it");
    assert_eq!(told(&with(Some(&["arn:one"]))), "");
    assert_eq!(told(&with(Some(&[]))), r#"Some(Text("arn:one")) Some(Text("none"))"#);
    assert_ne!(with(None).change_set_name(), with(Some(&[])).change_set_name());
}

#[test]
fn a_role_and_topics_that_nobody_declares_are_not_sent_and_stay() {
    let client = aws_sdk_cloudformation::Client::from_conf(
        aws_sdk_cloudformation::Config::builder()
            .behavior_version(aws_sdk_cloudformation::config::BehaviorVersion::latest())
            .build(),
    );
    let sent = |wanted: Wanted| {
        let call = wanted.fill(&wanted.body, client.create_change_set());
        (call.get_role_arn().clone(), call.get_notification_arns().clone())
    };
    assert_eq!(sent(wanted(&[], &[])), (None, None));
    let said = Wanted {
        role: Some("arn:aws:iam::111122223333:role/deployer".into()),
        notifications: Some(std::collections::BTreeSet::new()),
        ..wanted(&[], &[])
    };
    assert_eq!(sent(said), (Some("arn:aws:iam::111122223333:role/deployer".into()), Some(Vec::new())));
}
