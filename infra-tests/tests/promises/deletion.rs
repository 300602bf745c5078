//! Only what is ours goes, only with a word of its own, and an environment never reaches into another.

use anyhow::Result;
use infra_tests::product::Ran;
use infra_tests::sandbox::{ACCOUNTS, Parts};
use infra_tests::stage::{REGION, Stage, config};
use serde_json::json;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TEMPLATE: &str = "Resources: {Jobs: {Type: AWS::SQS::Queue}}";

async fn is_there(stage: &Stage, map: &str) -> Result<bool> {
    Ok(stage.object(&format!("{MAPS}/{map}")).await?.is_some())
}

fn digest(ran: &Ran) -> String {
    let rest = ran.stdout.split("Digest ").nth(1).expect("a plan with changes tells its digest");
    rest.split(':').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn only_what_is_ours_goes_and_only_with_its_word() -> Result<()> {
    let stage = Stage::set(Parts { aws: true, cluster: true, ..Parts::default() }).await?;
    stage.queue("mail", 30)?;
    stage.write("clusters/shop/old/config.yaml", &config("old", "here"))?;
    stage.push()?;
    let foreign = [("StackName", "foreign"), ("TemplateBody", TEMPLATE)];
    stage.owner()?.query("cloudformation", REGION, "CreateStack", &foreign).await?;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
    stage.sandbox.cluster().api().create(MAPS, &map).await?;

    // An approval counts for its plan alone, and a part leaves the rest alone.
    let shown = stage.run(&["plan", "--only", "mail"], 2).await?;
    let ran = stage.run(&["sync", "--approve", &digest(&shown)], 1).await?;
    assert!(ran.stderr.contains("the plan is another one now than the one that was approved"), "{}", ran.stderr);
    assert_eq!(stage.stacks().await?, ["foreign"]);
    stage.run(&["sync", "--only", "mail", "--approve", &digest(&shown)], 0).await?;
    assert_eq!(stage.stacks().await?, ["foreign", "mail"]);
    stage.run(&["sync", "--yes"], 0).await?;

    // Another repository, with the same account and cluster, sees nothing of it.
    let settings = "repository: other\nenvironments: {default: {paths: [stacks/*, clusters/*]}}\n";
    stage.write("groundplan.yaml", settings)?;
    stage.remove(&format!("stacks/{}/{REGION}/mail.yaml", ACCOUNTS[0]))?;
    stage.remove("clusters/shop/old/config.yaml")?;
    stage.push()?;
    let ran = stage.product.run(&["sync", "--yes", "--agree", "delete"]).await?;
    assert!(![0, 64, 65].contains(&ran.code), "another repository's stack is refused: {}", ran.stderr);
    assert!(is_there(&stage, "old").await?);
    assert_eq!(stage.stacks().await?, ["foreign", "jobs", "mail"]);

    // Nor does one without a name delete anything.
    stage.write("groundplan.yaml", "{}\n")?;
    stage.push()?;
    let _ = stage.product.run(&["sync", "--yes", "--agree", "delete"]).await?;
    assert!(is_there(&stage, "old").await?);
    assert_eq!(stage.stacks().await?, ["foreign", "jobs", "mail"]);

    stage.write("groundplan.yaml", "repository: shop\n")?;
    stage.push()?;
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert!(
        ran.stderr.contains("this needs a word of its own: 2 would be deleted; nothing was changed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("help: --agree delete"), "{}", ran.stderr);
    assert!(is_there(&stage, "old").await?);
    stage.run(&["sync", "--yes", "--agree", "delete"], 0).await?;
    assert!(!is_there(&stage, "old").await?);
    assert_eq!(stage.stacks().await?, ["foreign", "jobs"]);

    // Lost in part, it is brought back; destroyed, only what is foreign stays.
    stage.owner()?.query("cloudformation", REGION, "DeleteStack", &[("StackName", "jobs")]).await?;
    stage.run(&["rebuild", "--yes"], 0).await?;
    assert_eq!(stage.stacks().await?, ["foreign", "jobs"]);
    stage.run(&["plan"], 0).await?;
    let ran = stage.run(&["destroy", "--yes"], 1).await?;
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    let words = ["delete", "empty-tree", "destroy"];
    let agreed: Vec<_> = words.iter().flat_map(|word| ["--agree", word]).collect();
    stage.run(&[&["destroy", "--yes"][..], &agreed].concat(), 0).await?;
    assert_eq!(stage.stacks().await?, ["foreign"]);
    assert!(!is_there(&stage, "web").await? && is_there(&stage, "foreign").await?);
    Ok(())
}

#[tokio::test]
async fn a_wrong_account_is_refused_and_environments_do_not_touch_each_other() -> Result<()> {
    let mut stage = Stage::set(Parts::AWS).await?;
    let there = stage.product.clone();
    // The operator's own keys belong to none of the accounts.
    stage.write("operator.yaml", "{}\n")?;
    let operator = stage.sandbox.logs().join("no-role.yaml");
    std::fs::write(&operator, "{}\n")?;
    stage.product = there.clone().with("GROUNDPLAN_CONFIG", operator.display().to_string());
    stage.sandbox.proxy().reset_counts();
    let ran = stage.run(&["sync", "--yes"], 1).await?;
    assert!(
        ran.stderr.contains("belong to account 999999999999, and the files declare account 111111111111"),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.sandbox.proxy().counts().of("CreateChangeSet"), 0);
    assert_eq!(stage.stacks().await?, Vec::<String>::new());

    stage.product = there;
    stage.remove("operator.yaml")?;
    let settings = format!(
        "repository: shop\nenvironments:\n  one: {{paths: [stacks/{}]}}\n  two: {{paths: [stacks/{}]}}\n",
        ACCOUNTS[0], ACCOUNTS[1]
    );
    stage.write("groundplan.yaml", &settings)?;
    stage.write(
        "templates/bad.yaml",
        "Resources: {Bad: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: soon}}}\n",
    )?;
    stage.write(&format!("stacks/{}/{REGION}/jobs.yaml", ACCOUNTS[1]), "Template: bad.yaml\n")?;
    stage.push()?;
    stage.run(&["sync", "--yes", "--environment", "two"], 1).await?;
    assert_eq!(stage.stacks().await?, Vec::<String>::new());
    stage.run(&["sync", "--yes", "--environment", "one"], 0).await?;
    assert_eq!(stage.stacks().await?, ["jobs"]);
    stage.run(&["plan", "--environment", "one"], 0).await?;
    Ok(())
}
