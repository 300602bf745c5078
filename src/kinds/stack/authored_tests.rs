//! Through the kind's own reader.

use crate::aws::{Aws, AwsSettings};
use crate::kinds::stack::declare;
use crate::problem::Problems;
use crate::repo::{CommitId, Snapshot};
use crate::unit::{Cause, Difference, Effect, ReadSettings, Shown};

const STACK: &str = "stacks/111111111111/eu-west-1/jobs.yaml";
const TEMPLATE: &str = "templates/queue.yaml";
const QUEUE: &str = "Parameters:
  Timeout: {Type: Number, Default: 30}
  Twice: {Type: Number, Default: 1}
  Secret: {Type: String, NoEcho: true, Default: x}
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !Ref Timeout
      DelaySeconds: 5   # by experience
      MaximumMessageSize: {Ref: Twice}
      MessageRetentionPeriod: !Sub '${Twice}0'
      KmsMasterKeyId: !Ref Secret
      QueueName: !Sub 'jobs-${AWS::Region}'
      RedrivePolicy: {maxReceiveCount: 3}
      Tags:
        - {Key: team, Value: shop}
";

/// The file that changes and its text afterwards.
fn adopted(stack: &str, path: &str, live: &str) -> Result<(String, String), String> {
    let files = [(STACK, stack), (TEMPLATE, QUEUE), ("groundplan.yaml", "")];
    let snapshot = Snapshot::of_files(CommitId::new("c"), files);
    let mut problems = Problems::default();
    let aws = Aws::new(AwsSettings::default());
    let reading = declare::read(&aws, &std::sync::Arc::default(), &snapshot, &ReadSettings::default(), &mut problems);
    assert!(problems.errors.is_empty(), "{:?}", problems.errors);
    let difference = Difference {
        item: "Jobs (AWS::SQS::Queue)".into(),
        path: format!("/Properties/{path}"),
        from: Some(Shown::text(live)),
        to: Some(Shown::text("x")),
        cause: Cause::Drifted,
        effect: Effect::InPlace,
        who: None,
    };
    let (file, bytes) = reading.units[0].unit.authored(&snapshot, &difference)?.pop_first().expect("one file");
    Ok((file, String::from_utf8(bytes).expect("text")))
}

const PLAIN: &str = "Template: queue.yaml\n";

#[test]
fn a_literal_is_changed_in_the_template() {
    for (path, live, old, new) in [
        ("DelaySeconds", "9", "DelaySeconds: 5 ", "DelaySeconds: 9 "),
        ("RedrivePolicy/maxReceiveCount", "7", "maxReceiveCount: 3", "maxReceiveCount: 7"),
        ("Tags/0/Value", "ops", "Value: shop", "Value: ops"),
    ] {
        assert_eq!(adopted(PLAIN, path, live), Ok((TEMPLATE.to_owned(), QUEUE.replacen(old, new, 1))), "{path}");
    }
}

#[test]
fn a_parameter_is_changed_in_the_stack_file_or_added_to_it() {
    for (before, after) in [
        ("Template: queue.yaml\nParameters: {Timeout: 30}\n", "Template: queue.yaml\nParameters: {Timeout: 77}\n"),
        (
            "Template: queue.yaml\nParameters:\n  - Name: Timeout\n    Value: \"30\" # s\n",
            "Template: queue.yaml\nParameters:\n  - Name: Timeout\n    Value: \"77\" # s\n",
        ),
        (
            "Template: queue.yaml\nParameters:\n  - Name: Twice\n    Value: 2\n",
            "Template: queue.yaml\nParameters:\n  - Name: Twice\n    Value: 2\n  - Name: Timeout\n    Value: '77'\n",
        ),
        (PLAIN, "Template: queue.yaml\nParameters:\n  Timeout: '77'\n"),
    ] {
        assert_eq!(adopted(before, "VisibilityTimeout", "77"), Ok((STACK.to_owned(), after.to_owned())), "{before}");
    }
}

#[test]
fn what_comes_from_elsewhere_or_is_worked_out_is_refused() {
    let ssm = "Template: queue.yaml\nParameters:\n  - {Name: Timeout, Type: SSM, Value: /a}\n";
    let secret = "Template: queue.yaml\nParameters:\n  - {Name: Timeout, Type: Secret, Value: 'shop/db:seconds'}\n";
    for (stack, path, why) in [
        (PLAIN, "MaximumMessageSize", "stands in 2 places"),
        (PLAIN, "KmsMasterKeyId", "is a secret"),
        (PLAIN, "QueueName", "by a function"),
        (PLAIN, "RedrivePolicy", "more than one value"),
        (PLAIN, "FifoQueue", "does not say it"),
        (ssm, "VisibilityTimeout", "SSM parameter `/a`"),
        (secret, "VisibilityTimeout", "is a reference to a secret"),
    ] {
        let refused = adopted(stack, path, "77").expect_err(path);
        assert!(refused.contains(why), "{path}: {refused}");
    }
}
