//! What a stack file has run after a deployment: as far as the operator allows it, once, and in silence.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use infra_tests::sandbox::{ACCOUNTS, EXTERNAL_ID, Parts, ROLE};
use infra_tests::stage::{REGION, Stage, becomes};

use super::story::{assert_says, here};

/// A stage whose operator allows one program; what it writes shows how often it ran.
struct Deployed {
    stage: Stage,
    folder: PathBuf,
}

impl Deployed {
    /// `script`: what the program does, after `$OUT`, a folder of its own, is set.
    async fn set(script: &str, more: &str) -> Result<Self> {
        let mut stage = Stage::set(Parts::AWS).await?;
        let folder = stage.sandbox.logs().join("actions");
        std::fs::create_dir_all(&folder)?;
        let program = folder.join("program");
        std::fs::write(&program, format!("#!/bin/sh\nOUT={}\n{script}\n", folder.display()))?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        let operator = folder.join("operator.yaml");
        let allowed = format!("exec: [[{}, jobs]]", program.display());
        std::fs::write(
            &operator,
            format!(
                "aws: {{role: {ROLE}, externalId: {EXTERNAL_ID}, capabilities: [CAPABILITY_IAM], actions: {{{allowed}{more}}}}}\n"
            ),
        )?;
        stage.product = stage.product.clone().with("GROUNDPLAN_CONFIG", operator.display().to_string());
        Ok(Self { stage, folder })
    }

    fn declare(&self, timeout: u32, actions: &str) -> Result<()> {
        let text = format!("Template: queue.yaml\nParameters: {{Timeout: {timeout}}}\nActions:\n{actions}");
        self.stage.write(&here("jobs"), &text)?;
        self.stage.push().map(drop)
    }

    fn program(&self) -> String {
        let program = self.folder.join("program");
        format!("- on: PostDeploy\n  run: {{Exec: [{}, jobs]}}\n", program.display())
    }

    fn written(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    fn runs(&self) -> usize {
        self.written("runs").lines().count()
    }
}

const NOTE: &str = "echo \"$1 $AWS_REGION ${GROUNDPLAN_CONFIG:-none} $(pwd)\" >> $OUT/runs";

#[tokio::test]
async fn an_allowed_action_runs_after_a_deployment_and_not_without_one() -> Result<()> {
    let given = Deployed::set(NOTE, "").await?;
    given.declare(30, &given.program())?;
    assert_says(&given.stage.run(&["plan", "--verbose"], 2).await?, "Exec: ");
    assert_eq!(given.runs(), 0, "a plan runs nothing");
    given.stage.run(&["sync", "--yes"], 0).await?;
    let written = given.written("runs");
    assert!(written.starts_with(&format!("jobs {REGION} none /")), "{written}");
    assert!(!Path::new(written.trim().rsplit(' ').next().context("a folder")?).exists(), "its folder is gone");

    given.stage.run(&["plan"], 0).await?;
    given.stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(given.runs(), 1, "nothing was deployed");
    given.declare(60, &given.program())?;
    given.stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(given.runs(), 2);
    Ok(())
}

#[tokio::test]
async fn what_the_operator_does_not_allow_is_told_and_never_run() -> Result<()> {
    let given = Deployed::set(NOTE, "").await?;
    let touched = given.folder.join("touched");
    let program = given.folder.join("program");
    let evil = format!(
        "- on: PostDeploy\n  run:\n  - Shell: touch {}\n  - Exec: [{}, jobs, more]\n  - InvokeLambdaByName: other\n  - Exec: [./local]\n",
        touched.display(),
        program.display()
    );
    given.declare(30, &evil)?;
    let told = given.stage.run(&["check"], 0).await?;
    for word in ["Shell: touch", "jobs more` is not run: the operator does not allow it", "InvokeLambdaByName: other"] {
        assert_says(&told, word);
    }
    assert_says(&told, "no file of the repository is there to be run");
    assert_says(&told, "aws: {actions: {lambda: [\"other\"]}}");
    assert_says(&given.stage.run(&["plan", "--verbose"], 2).await?, "(not run: the operator does not allow it)");
    given.stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!((given.runs(), touched.exists()), (0, false));
    Ok(())
}

#[tokio::test]
async fn a_sync_killed_before_its_actions_leaves_them_to_the_next_one() -> Result<()> {
    let given = Deployed::set(NOTE, "").await?;
    given.declare(30, &given.program())?;
    // Deployed, and nobody heard of it.
    given.stage.sandbox.proxy().hold("ExecuteChangeSet", Duration::from_secs(60));
    let mut killed = given.stage.start(&["sync", "--yes"])?;
    let stage = &given.stage;
    becomes("the stack", async || {
        Ok(stage.stacks().await?.contains(&"jobs".to_owned())
            && stage.stack("jobs").await?.contains("<StackStatus>CREATE_"))
    })
    .await?;
    killed.kill().await?;
    stage.sandbox.proxy().clear_faults();
    assert_eq!(given.runs(), 0);
    assert_says(&stage.run(&["plan", "--verbose"], 2).await?, "/PostDeploy/1");
    stage.run(&["sync", "--yes"], 0).await?;
    assert_eq!(given.runs(), 1);
    stage.run(&["plan"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn an_action_that_fails_fails_its_unit_and_is_due_again_and_what_it_prints_is_shown_nowhere() -> Result<()> {
    let script =
        "echo run >> $OUT/runs\necho canary-of-an-action; echo canary-of-an-action >&2; env\n[ -e $OUT/mended ]";
    let given = Deployed::set(script, "").await?;
    given.declare(30, &given.program())?;
    let stage = &given.stage;
    let failed = stage.run(&["sync", "--yes", "--verbose", "--verbose"], 1).await?;
    assert_says(&failed, "the stack `jobs` is deployed, and its action `Exec: ");
    assert_says(&failed, "it ended with exit status: 1");
    assert!(stage.stack("jobs").await?.contains("CREATE_COMPLETE"));
    std::fs::write(given.folder.join("mended"), "")?;
    let again = stage.run(&["sync", "--yes", "--verbose", "--verbose"], 0).await?;
    assert_eq!(given.runs(), 2);
    stage.run(&["plan"], 0).await?;
    for ran in [&failed, &again] {
        assert!(!ran.stdout.contains("canary") && !ran.stderr.contains("canary"), "{}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("AWS_SECRET_ACCESS_KEY"), "{}", ran.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_rollback_leaves_nothing_to_be_run() -> Result<()> {
    let given = Deployed::set(NOTE, "").await?;
    given.declare(30, &given.program())?;
    given.stage.run(&["sync", "--yes"], 0).await?;
    let bad = "Parameters: {Timeout: {Type: String}}\nResources:\n  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${AWS::StackName}-jobs', VisibilityTimeout: !Sub 'x${Timeout}'}}\n";
    given.stage.write("templates/queue.yaml", bad)?;
    given.stage.push()?;
    given.stage.run(&["sync", "--yes"], 1).await?;
    assert_eq!(given.runs(), 1);
    let whole = "Parameters: {Timeout: {Type: Number}}\nResources:\n  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub '${AWS::StackName}-jobs', VisibilityTimeout: !Ref Timeout}}\n";
    given.stage.write("templates/queue.yaml", whole)?;
    given.stage.push()?;
    given.stage.run(&["sync", "--yes"], 0).await?;
    given.stage.run(&["plan"], 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_function_is_invoked_in_the_stacks_own_account_by_name_or_by_output() -> Result<()> {
    let given = Deployed::set(NOTE, ", lambda: [warm]").await?;
    let seen = given.folder.join("seen");
    let role = format!("arn:aws:iam::{}:role/{ROLE}", ACCOUNTS[0]);
    let template = format!(
        "Parameters: {{Timeout: {{Type: Number}}}}
Resources:
  Warm:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: warm
      Handler: index.handler
      Runtime: python3.11
      Role: {role}
      Timeout: !Ref Timeout
      Code:
        ZipFile: |
          def handler(event, context):
              open('{seen}', 'a').write(event['event'] + ' ' + event['stack'] + chr(10))
              if event['stack'] == 'broken': raise ValueError('canary')
              return 'canary'
Outputs:
  Function: {{Value: !Ref Warm}}
  Timeout: {{Value: !Ref Timeout}}
",
        seen = seen.display()
    );
    given.stage.write("templates/queue.yaml", &template)?;
    let both = "- on: PostDeploy\n  run: [{InvokeLambdaByName: warm}, {InvokeLambdaByStackOutput: Function}]\n";
    given.declare(30, both)?;
    let ran = given.stage.run(&["sync", "--yes", "--verbose", "--verbose"], 0).await?;
    assert_eq!(std::fs::read_to_string(&seen)?, "PostDeploy jobs\nPostDeploy jobs\n");
    assert!(!ran.stderr.contains("canary") && !ran.stdout.contains("canary"), "{}", ran.stderr);

    // An output may come to name another function than the one that is allowed.
    given.declare(31, "- on: PostDeploy\n  run: {InvokeLambdaByStackOutput: Timeout}\n")?;
    let refused = given.stage.run(&["sync", "--yes"], 1).await?;
    assert_says(&refused, "the operator does not allow the function `31`");
    Ok(())
}
