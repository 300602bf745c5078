//! Whole repositories, read offline.

use super::*;
use crate::aws::AwsSettings;
use crate::repo::CommitId;
use crate::unit::{Promised, Target};

const VPC: &str = "Parameters: {Env: {Type: String, Default: prod}}\nResources: {Vpc: {Type: 'AWS::EC2::VPC'}}\nOutputs: {VpcId: {Value: !Ref Vpc, Export: {Name: !Sub '${Env}-vpc'}}}\n";
const APP: &str = "Parameters: {VpcId: {Type: String}}\nResources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !ImportValue prod-vpc}\n";

fn read_files(files: &[(&str, &str)]) -> (Reading, Problems) {
    let snapshot = Snapshot::of_files(CommitId::new("c"), files.iter().copied());
    let settings = ReadSettings { repository: "shop".into(), ..ReadSettings::default() };
    let mut problems = Problems::default();
    let reading = read(&Aws::new(AwsSettings::default()), &Arc::default(), &snapshot, &settings, &mut problems);
    (reading, problems)
}

fn messages(files: &[(&str, &str)]) -> Vec<(String, usize, String)> {
    let (_, mut problems) = read_files(files);
    problems.sort();
    problems.errors.into_iter().map(|problem| (problem.place.file, problem.place.line, problem.message)).collect()
}

#[test]
fn stacks_are_read_with_their_edges_offers_and_promises() {
    let (reading, problems) = read_files(&[
        ("groundplan.yaml", ""),
        ("templates/vpc.yaml", VPC),
        ("templates/app.yaml", APP),
        ("stacks/prod.111122223333/eu-west-1/network/vpc.yaml", "Template: vpc.yaml\n"),
        (
            "stacks/prod.111122223333/eu-west-1/app.yaml",
            "Template: app.yaml\nParameters:\n- {Name: VpcId, Type: Output, Value: network/vpc.VpcId}\nDependsOn: [network/vpc]\n",
        ),
    ]);
    assert!(problems.errors.is_empty(), "{:?}", problems.errors);
    assert_eq!(reading.sites.len(), 1);
    assert_eq!(reading.sites[0].name().as_str(), "111122223333/eu-west-1");
    let [app, vpc] = reading.units.as_slice() else { panic!("two stacks") };
    assert_eq!(app.id.as_str(), "stacks/prod.111122223333/eu-west-1/app");
    let targets: Vec<String> = app
        .unit
        .references()
        .iter()
        .map(|reference| match &reference.target {
            Target::Output(name) => format!("output {name} line {}", reference.place.line),
            Target::Unit(unit) => format!("unit {unit} line {}", reference.place.line),
            Target::Offer(offer) => format!("offer {offer} line {}", reference.place.line),
        })
        .collect();
    assert_eq!(
        targets,
        [
            "output network/vpc.VpcId line 3",
            "offer export:111122223333/eu-west-1/prod-vpc line 5",
            "unit network/vpc line 4",
        ]
    );
    assert_eq!(
        vpc.unit.offers(),
        ["export:111122223333/eu-west-1/prod-vpc", "stack:111122223333/eu-west-1/network-vpc"]
    );
    assert_eq!(vpc.unit.promised(), Promised::Exactly(["VpcId".to_owned()].into()));
}

#[test]
fn every_fault_of_a_repository_is_told_in_one_run() {
    let seen = messages(&[
        ("groundplan.yaml", ""),
        ("templates/app.yaml", APP),
        ("stacks/111122223333/eu-west-1/missing.yaml", "Template: ap.yaml\n"),
        ("stacks/111122223333/eu-west-1/needs.yaml", "Template: app.yaml\n"),
        ("stacks/111122223333/eu-west-1/wrong.yaml", "Template: app.yaml\nParameters: {VpcID: x, VpcId: y}\n"),
        ("stacks/111122223333/eu-west-1/a-b.yaml", "Template: app.yaml\nParameters: {VpcId: y}\n"),
        ("stacks/111122223333/eu-west-1/a/b.yaml", "Template: app.yaml\nParameters: {VpcId: y}\n"),
        ("stacks/prod/eu-west-1/x.yaml", "Template: app.yaml\n"),
    ]);
    let of = |file: &str| {
        seen.iter().find(|(path, _, _)| path.ends_with(file)).map(|(_, line, text)| (*line, text.as_str()))
    };
    assert_eq!(of("missing.yaml"), Some((1, "there is no template `templates/ap.yaml`")));
    assert_eq!(of("needs.yaml"), Some((1, "the template `templates/app.yaml` needs the parameter `VpcId`")));
    assert_eq!(of("wrong.yaml"), Some((2, "the template `templates/app.yaml` has no parameter `VpcID`")));
    let twice = "`stacks/111122223333/eu-west-1/a-b.yaml` declares the same stack, `a-b` in 111122223333/eu-west-1";
    assert_eq!(of("a/b.yaml"), Some((0, twice)));
    assert_eq!(of("prod/eu-west-1/x.yaml"), Some((0, "`prod` names no account")));
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn stackctls_defaults_stand_behind_what_a_stack_says() {
    let (reading, problems) = read_files(&[
        (
            ".stackctl/config.yaml",
            "required_version: '>= 1'\ndefaults: {parameters: {VpcId: vpc-1}, tags: {Team: shop}}\n",
        ),
        ("templates/app.yaml", APP),
        ("stacks/111122223333.prod/eu-west-1/app.yaml", "Template: app.yaml\nDepends: [other]\n"),
    ]);
    assert!(problems.errors.is_empty(), "{:?}", problems.errors);
    let targets: Vec<Target> =
        reading.units[0].unit.references().into_iter().map(|reference| reference.target).collect();
    assert!(targets.contains(&Target::Offer("stack:111122223333/eu-west-1/other".into())));
}

#[test]
fn a_template_larger_than_any_bucket_helps_is_an_error_at_the_template() {
    let large = |bytes| format!("{VPC}# {}", "x".repeat(bytes));
    let seen = |template: &str| {
        messages(&[
            ("templates/vpc.yaml", template),
            ("stacks/111122223333/eu-west-1/vpc.yaml", "Template: vpc.yaml\n"),
        ])
    };
    assert!(seen(&large(1_000_000))[0].2.contains("1000000"));
    assert!(seen(&large(60_000)).is_empty(), "the operator may name a bucket for it");
}
