//! Repositories of CloudGenesis and of stackctl, every oddity of theirs: read as the tool reads it, and
//! told where Groundplan or the other tool would read it otherwise.

use anyhow::Result;

use super::offline::{assert_told, told_of};

const QUEUE: &str = "Parameters: {Of: {Type: String, Default: x}, At: {Type: String, Default: x}}\nResources: {Jobs: {Type: 'AWS::SQS::Queue'}}\n";
const JSON: &str = r#"{"Resources": {"Jobs": {"Type": "AWS::SQS::Queue"}}}"#;
const CG: &str = "stacks/111111111111/eu-west-1";
const CTL: &str = "stacks/111111111111.shop/eu-west-1";

#[tokio::test]
async fn a_repository_of_cloudgenesis_is_told_what_reads_otherwise() -> Result<()> {
    let in_bucket = "Template: a.yaml\nTemplateBucket: shared\nTemplatePrefix: v1/\n";
    let files = [
        ("buildspec-sync.yml", ""),
        ("templates/queue.yaml", QUEUE),
        (&*format!("{CG}/bare.yaml"), "Template: queue.yaml\n"),
        ("stacks/my.team.111111111111/eu-west-1/aliased.yaml", "Template: queue.yaml\n"),
        ("stacks/222222222222.shop/eu-west-1/turned.yaml", "Template: queue.yaml\n"),
        (&*format!("{CG}/v1.2/app.yaml"), "Template: queue.yaml\n"),
        (&*format!("{CG}/ssm.yaml"), "Template: queue.yaml\nParameters:\n- {Name: Of, Type: SSM, Value: /a/b}\n"),
        (&*format!("{CG}/bucket.yaml"), in_bucket),
        (
            &*format!("{CG}/quoted.yaml"),
            "Template: queue.yaml\nParameters:\n- {Name: Of, Value: 'yes'}\n- {Name: At, Value: '1.30'}\n",
        ),
        (
            &*format!("{CG}/rounded.yaml"),
            "Template: queue.yaml\nParameters:\n- {Name: Of, Value: 1.30}\n- {Name: At, Value: true}\n",
        ),
        (&*format!("{CG}/yes.yaml"), "Template: queue.yaml\nParameters:\n- {Name: Of, Value: yes}\n"),
        (&*format!("{CG}/hex.yaml"), "Template: queue.yaml\nParameters:\n- {Name: Of, Value: 0x1F}\n"),
        (&*format!("{CG}/named.yaml"), "Template: queue.yaml\nStackName: other\n"),
        (&*format!("{CG}/able.yaml"), "Template: queue.yaml\nCapabilities: [CAPABILITY_IAM]\nDescription: d\n"),
    ];
    let told = told_of(&files).await?;
    assert_told(&told, "turned.yaml:0", "CloudGenesis takes `shop` for the account, and Groundplan `222222222222`");
    assert_told(&told, "app.yaml:0", "CloudGenesis calls this stack `v1` and stackctl calls it `v1.2-app`");
    assert_told(&told, "warning stacks/111111111111/eu-west-1/rounded.yaml:3", "CloudGenesis sends `Of` as `1.3`");
    assert_told(&told, "warning stacks/111111111111/eu-west-1/rounded.yaml:4", "CloudGenesis sends `At` as `True`");
    assert_told(&told, "error stacks/111111111111/eu-west-1/yes.yaml:3", "quotes");
    assert_told(&told, "error stacks/111111111111/eu-west-1/hex.yaml:3", "quotes");
    assert_told(&told, "named.yaml:2", "CloudGenesis names this stack by its path");
    assert_told(&told, "able.yaml:2", "CloudGenesis passes over `Capabilities`, and Groundplan does not");
    assert_told(&told, "able.yaml:3", "CloudGenesis passes over `Description`, and Groundplan does not");
    for quiet in ["bare.yaml", "aliased.yaml", "ssm.yaml", "bucket.yaml", "quoted.yaml"] {
        assert!(!told.iter().any(|line| line.contains(quiet)), "{quiet} reads the same: {told:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_repository_of_stackctl_is_told_what_reads_otherwise() -> Result<()> {
    let forms = [
        ("object", "Template: queue.yaml\nParameters: {Of: x, At: z}\nTags: {T: v}\n"),
        (
            "list",
            "Template: queue.yaml\nParameters: [{ParameterKey: Of, ParameterValue: x}]\nTags: [{Key: T, Value: v}]\n",
        ),
        ("genesis", "Template: queue.yaml\nParameters: [{Name: Of, Value: x}]\n"),
    ];
    let actions = "Template: queue.yaml\nActions:\n- on: PostDeploy\n  run: {Exec: [true]}\n";
    let mut files: Vec<(String, &str)> = vec![
        (".stackctl.yaml".into(), "defaults: {tags: {owner: platform}}\n"),
        ("templates/queue.yaml".into(), QUEUE),
        ("templates/queue.json".into(), JSON),
        ("stacks/shop.111111111111/eu-west-1/turned.yaml".into(), "Template: queue.yaml\n"),
        ("stacks/111111111111/eu-west-1/bare.yaml".into(), "Template: queue.yaml\n"),
        ("stacks/my.team.111111111111/eu-west-1/deep.yaml".into(), "Template: queue.yaml\n"),
        (format!("{CTL}/described.yaml"), "Template: queue.json\nDescription: d\n"),
        (format!("{CTL}/actions.yaml"), actions),
        (format!("{CTL}/ssm.yaml"), "Template: queue.yaml\nParameters:\n- {Name: Of, Type: SSM, Value: /a/b}\n"),
        (format!("{CTL}/bucket.yaml"), "Template: a.yaml\nTemplateBucket: shared\n"),
        (format!("{CTL}/large.yaml"), "Template: queue.yaml\nParameters: {Of: 123456789012}\n"),
        (format!("{CTL}/null.yaml"), "Template: queue.yaml\nParameters: {Of: null}\n"),
        (format!("{CTL}/net/vpc.yaml"), "Template: queue.yaml\n"),
        (format!("{CTL}/net-vpc.yaml"), "Template: queue.yaml\n"),
        (format!("{CTL}/one.yaml"), "Template: queue.yaml\nDepends: [two]\n"),
        (format!("{CTL}/two.yaml"), "Template: queue.yaml\nDepends: [one]\n"),
        (format!("{CTL}/lost.yaml"), "Template: queue.yaml\nDepends: [describd]\n"),
    ];
    files.extend(forms.map(|(name, text)| (format!("{CTL}/{name}.yaml"), text)));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let told = told_of(&files).await?;
    assert_told(&told, "bare.yaml:0", "stackctl passes over an account without a name, and Groundplan does not");
    assert_told(&told, "deep.yaml:0", "stackctl passes over an account with more than one name");
    assert_told(&told, "actions.yaml:4", "`Exec: true` is not run: the operator does not allow it");
    assert_told(&told, "ssm.yaml:3", "stackctl sends the path itself, and Groundplan the value it leads to");
    assert_told(&told, "bucket.yaml:2", "stackctl passes over `TemplateBucket`, and Groundplan does not");
    assert_told(&told, "error stacks/111111111111.shop/eu-west-1/large.yaml:2", "quotes");
    assert_told(&told, "error stacks/111111111111.shop/eu-west-1/net/vpc.yaml", "declares the same stack, `net-vpc`");
    assert_told(&told, "error", "these units wait for each other");
    assert_told(&told, "warning stacks/111111111111.shop/eu-west-1/lost.yaml:2", "did you mean `described`?");
    for quiet in ["turned.yaml", "described.yaml", "null.yaml", "object.yaml", "list.yaml", "genesis.yaml"] {
        assert!(!told.iter().any(|line| line.contains(quiet)), "{quiet} reads the same: {told:#?}");
    }
    Ok(())
}
