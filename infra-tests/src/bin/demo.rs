//! The main job, told step by step: each step is really done and checked, and the first that does
//! not hold ends the story with an error.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use infra_tests::product::Product;
use infra_tests::sandbox::{ACCOUNTS, Caller, Chromium, EXTERNAL_ID, Parts, ROLE, Sandbox, requests, until};
use infra_tests::shop;
use infra_tests::slack::{OPERATOR, Simulator};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return ExitCode::FAILURE;
    };
    let result = tokio::select! {
        result = Demo::tell() => result,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo does not hold: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Demo {
    product: Product,
    slack: Simulator,
    url: String,
    /// What took how long, for the summary.
    times: Vec<(&'static str, Duration)>,
    // Last, so that the parts outlive whoever speaks to them.
    sandbox: Sandbox,
}

impl Demo {
    async fn tell() -> Result<()> {
        let mut demo = Self::start().await?;
        demo.build_from_nothing().await?;
        demo.sync_again().await?;
        demo.change_by_hand().await?;
        demo.find_drift().await?;
        demo.press_sync().await?;
        demo.wipe().await?;
        demo.rebuild().await?;
        demo.summary();
        Ok(())
    }

    async fn start() -> Result<Self> {
        heading("Real parts are started: an AWS emulator, a Git server, a Slack simulator");
        let sandbox = Sandbox::start(Parts { aws: true, git: true, ..Parts::default() }).await?;
        let slack = Simulator::start().await?;
        let commit = sandbox.push(&shop::folder(), "shop")?;
        let url = sandbox.git_url("shop");
        println!("The example repository is pushed to {url} as {}.", &commit[..7]);
        let operator = sandbox.logs().join("demo-operator.yaml");
        fs::write(&operator, shop::operator(ROLE, EXTERNAL_ID, &slack))?;
        let product = Product::at(&sandbox)?
            .with("GROUNDPLAN_CONFIG", operator.display().to_string())
            .with("GROUNDPLAN_SLACK_BOT_TOKEN", slack.bot_token())
            .with("GROUNDPLAN_SLACK_APP_TOKEN", slack.app_token())
            .with("GROUNDPLAN_REPO", &url)
            .with("XDG_CACHE_HOME", sandbox.logs().join("cache").display().to_string());
        Ok(Self { product, slack, url, times: Vec::new(), sandbox })
    }

    async fn build_from_nothing(&mut self) -> Result<()> {
        heading("sync builds everything from nothing: five stacks in two accounts, a cluster, two workloads");
        self.command("first sync", &["sync", "--yes", "--agree", "iam"], 0).await?;
        self.shop_runs().await?;
        let config = self.kube("/api/v1/namespaces/shop/configmaps/web").await?.context("the shop's ConfigMap")?;
        let queue = config["data"]["jobs-queue"].as_str().unwrap_or_default();
        ensure!(queue.starts_with("http"), "the queue's address reached the ConfigMap, not `{queue}`");
        println!("Checked: the shop's pods are ready, and its ConfigMap holds the outputs of three stacks ({queue}).");
        Ok(())
    }

    async fn sync_again(&mut self) -> Result<()> {
        heading("a second sync does nothing");
        let (calls, written) = (self.sandbox.proxy().counts(), self.writes()?);
        self.command("second sync", &["sync"], 0).await?;
        let calls = self.sandbox.proxy().counts().since(&calls);
        let changing = ["CreateChangeSet", "ExecuteChangeSet", "CreateStack", "UpdateStack", "DeleteStack"];
        let changes: u64 = changing.iter().map(|action| calls.of(action)).sum();
        ensure!(changes == 0, "a quiet sync changed something: {}", calls.json());
        ensure!(self.writes()? == written, "a quiet sync wrote to the cluster");
        println!(
            "Checked: {} calls to AWS and none that changes anything; no write to the cluster.",
            calls.total().calls
        );
        Ok(())
    }

    async fn change_by_hand(&mut self) -> Result<()> {
        heading("someone changes a queue and a Deployment by hand");
        shop::set_visibility(&self.owner()?, "77").await?;
        println!("$ aws sqs set-queue-attributes … --attributes VisibilityTimeout=77");
        shop::set_image(&self.kubeconfig(), "registry.example/shop/web:9.9.9").await?;
        println!("$ kubectl -n shop set image deployment/web web=registry.example/shop/web:9.9.9");
        Ok(())
    }

    async fn find_drift(&mut self) -> Result<()> {
        heading("drift finds exactly these two, and tells them in Slack");
        self.command("drift", &["drift", "--notify"], 2).await?;
        let report = self.product.run(&["drift", "--format", "json"]).await?.expect(2)?.json()?;
        let found = shop::drifted(&report);
        let expected = [
            ("clusters/shop/web", "registry.example/shop/web:9.9.9", "registry.example/shop/web:1.4.2"),
            ("stacks/shop.111111111111/eu-west-1/jobs", "77", "30"),
        ];
        let expected = expected.map(|(unit, from, to)| (unit.to_owned(), from.to_owned(), to.to_owned()));
        ensure!(found == expected, "drift found {found:?}");
        let messages = self.slack.messages(shop::CHANNEL);
        ensure!(messages.len() == 1, "{} messages instead of one", messages.len());
        println!("\nThe channel, as the simulator received it:\n\n{}", self.slack.show(shop::CHANNEL));
        self.picture("open").await
    }

    async fn press_sync(&mut self) -> Result<()> {
        heading("Sync is pressed in Slack");
        let service = self.product.start(&["serve"], &self.sandbox.logs().join("serve.log"))?;
        ensure!(self.slack.connected(1, Duration::from_secs(30)).await, "`groundplan serve` does not connect");
        let began = Instant::now();
        let ts = self.slack.messages(shop::CHANNEL)[0].ts.clone();
        let delivery = self.slack.press(shop::CHANNEL, &ts, "case_sync", OPERATOR).await.context("the press")?;
        println!(
            "Acknowledged after {} ms.",
            delivery.acknowledged_after.context("the press was not acknowledged")?.as_millis()
        );
        until("the case to be resolved", Duration::from_secs(120), async || {
            Ok(self.slack.show(shop::CHANNEL).contains("esolved").then_some(()))
        })
        .await
        .with_context(|| self.slack.show(shop::CHANNEL))?;
        drop(service);
        self.times.push(("press to resolved", began.elapsed()));
        let seconds = shop::visibility(&self.owner()?).await?;
        ensure!(seconds == "30", "the queue's VisibilityTimeout is {seconds}");
        let deployment = self.kube(shop::DEPLOYMENT).await?.context("the Deployment")?;
        let image = shop::image(&deployment);
        ensure!(image == "registry.example/shop/web:1.4.2", "the image is {image}");
        println!("{}", self.slack.show(shop::CHANNEL));
        self.picture("resolved").await?;
        println!("Checked: VisibilityTimeout is 30 again, and the image is {image}.");
        Ok(())
    }

    async fn wipe(&mut self) -> Result<()> {
        heading("the whole environment is wiped: objects and stacks, behind our back");
        let began = Instant::now();
        for (account, region, stack) in shop::STACKS.iter().rev() {
            let caller = self.sandbox.account_owner(account)?;
            caller.query("cloudformation", region, "DeleteStack", &[("StackName", stack)]).await?;
        }
        for account in ACCOUNTS {
            for region in ["eu-west-1", "us-east-1"] {
                let left =
                    self.sandbox.account_owner(account)?.query("cloudformation", region, "DescribeStacks", &[]).await?;
                ensure!(!left.contains("<StackName>"), "something is left in {account}: {left}");
            }
        }
        self.times.push(("wipe", began.elapsed()));
        println!("Checked: no stack is left in either account, and the cluster went with its stack.");
        Ok(())
    }

    async fn rebuild(&mut self) -> Result<()> {
        heading("rebuild brings it all back from Git");
        self.command("rebuild", &["rebuild", "--yes", "--agree", "iam"], 0).await?;
        self.shop_runs().await?;
        heading("a last drift is clean");
        self.command("last drift", &["drift"], 0).await
    }

    fn summary(&self) {
        heading("Summary");
        for (what, took) in &self.times {
            println!("{what:<18} {:>7.1} s", took.as_secs_f64());
        }
        let calls = self.sandbox.proxy().counts().total().calls;
        println!("\n{calls} calls to AWS in all, {} to Slack; one message in the channel.", self.slack.calls().len());
        println!("From {} alone: everything was built, drifted, put right, lost and rebuilt.", self.url);
    }

    /// The channel as a browser draws it, beside the programs that were built.
    async fn picture(&self, name: &str) -> Result<()> {
        let Some(chromium) = Chromium::find() else {
            println!("No picture: there is no Chromium here (the package `chromium`).");
            return Ok(());
        };
        let folder = std::env::current_exe()?.parent().context("programs lie in a folder")?.join("demo-pictures");
        fs::create_dir_all(&folder)?;
        let picture = folder.join(format!("{name}.png"));
        let url = format!("{}/control/page?channel={}", self.slack.url(), shop::CHANNEL);
        chromium.picture(&url, &picture).await?;
        println!("A picture of the channel: {}", picture.display());
        Ok(())
    }

    /// Runs a command on this terminal, and wants this exit code.
    async fn command(&mut self, what: &'static str, arguments: &[&str], wanted: i32) -> Result<()> {
        println!("$ groundplan {}", arguments.join(" "));
        let (code, took) = self.product.show(arguments).await?;
        self.times.push((what, took));
        ensure!(code == wanted, "`groundplan {}` ended with {code} instead of {wanted}", arguments.join(" "));
        Ok(())
    }

    async fn shop_runs(&self) -> Result<()> {
        let deployment = self.kube(shop::DEPLOYMENT).await?.context("there is no Deployment")?;
        let ready = deployment["status"]["readyReplicas"].as_u64().unwrap_or(0);
        ensure!(ready > 0, "no pod of the shop is ready: {}", deployment["status"]);
        Ok(())
    }

    /// Requests of the product's role that wrote to the cluster, as its own audit log has them.
    fn writes(&self) -> Result<usize> {
        let log = self.cluster_folder().join("audit.log");
        Ok(requests(&log)?.into_iter().filter(shop::is_write_of_ours).count())
    }

    async fn kube(&self, path: &str) -> Result<Option<serde_json::Value>> {
        shop::kube(&self.kubeconfig(), path).await
    }

    fn kubeconfig(&self) -> PathBuf {
        self.cluster_folder().join("kubeconfig")
    }

    fn cluster_folder(&self) -> PathBuf {
        self.sandbox.eks_folder(ACCOUNTS[0], "eu-west-1", "shop")
    }

    fn owner(&self) -> Result<Caller> {
        self.sandbox.account_owner(ACCOUNTS[0])
    }
}

fn heading(text: &str) {
    println!("\n── {text}\n");
}
