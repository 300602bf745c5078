//! Those who deploy stacks: groundplan, Sceptre and the AWS CDK, each from the same templates.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};
use tokio::process::Command;

use super::graph::Step;
use super::runner::commit;
use crate::product::Product;
use crate::sandbox::peers::{self, Peer};
use crate::sandbox::{ACCOUNTS, REGIONS, Sandbox, clean_environment};

/// One queue, as small as a stack can be.
const TEMPLATE: &str = r#"{
  "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 86400}}}
}"#;
/// What ministack takes as the secret of every account's root user.
const ROOT_SECRET: &str = "test";
/// The cloud assembly's schema that the pinned command line reads.
const ASSEMBLY: &str = "39.0.0";

/// Who deploys.
#[derive(Clone, Debug)]
pub(super) enum Deployer {
    Groundplan,
    Sceptre(Peer),
    Cdk { peer: Peer, slots: u32 },
}

impl Deployer {
    /// Everybody who is there, and why the others are not.
    pub(super) fn all(slots: u32, peers: bool) -> (Vec<Self>, Vec<String>) {
        let (mut there, mut absent) = (vec![Self::Groundplan], Vec::new());
        if !peers {
            return (there, absent);
        }
        match peers::sceptre() {
            Ok(peer) => there.push(Self::Sceptre(peer)),
            Err(error) => {
                absent.push(format!("Sceptre is not in this table, since it could not be installed: {error:#}"))
            }
        }
        match peers::cdk() {
            Ok(peer) => there.push(Self::Cdk { peer, slots }),
            Err(error) => {
                absent.push(format!("the CDK is not in this table, since it could not be installed: {error:#}"))
            }
        }
        (there, absent)
    }

    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::Groundplan => "groundplan",
            Self::Sceptre(_) => "sceptre",
            Self::Cdk { .. } => "cdk",
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Groundplan => "**groundplan sync**".to_owned(),
            Self::Sceptre(peer) => format!("Sceptre {} launch", peer.version),
            Self::Cdk { peer, slots } => format!("CDK {} deploy --concurrency {slots}", peer.version),
        }
    }

    /// An account and region of its own, so that nobody reads a page of another's stacks.
    pub(super) fn place(&self) -> (&'static str, &'static str) {
        match self {
            Self::Groundplan => (ACCOUNTS[0], REGIONS[0]),
            Self::Sceptre(_) => (ACCOUNTS[0], REGIONS[1]),
            Self::Cdk { .. } => (ACCOUNTS[1], REGIONS[2]),
        }
    }

    /// The name that a step's stack gets.
    pub(super) fn stack(&self, at: usize) -> String {
        format!("{}-{at:03}", self.id())
    }

    /// Writes that AWS cannot be spared to make one stack.
    pub(super) fn writes_a_stack(&self) -> f64 {
        match self {
            // A change set is made and executed.
            Self::Groundplan | Self::Cdk { .. } => 2.0,
            Self::Sceptre(_) => 1.0,
        }
    }

    /// Writes down the steps as the deployer wants them.
    pub(super) fn write(&self, steps: &[Step], folder: &Path) -> Result<()> {
        match self {
            Self::Groundplan => self.write_repository(steps, folder),
            Self::Sceptre(_) => self.write_project(steps, folder),
            Self::Cdk { .. } => self.write_assembly(steps, folder),
        }
    }

    /// The program that brings all of it about.
    pub(super) fn deploy(&self, sandbox: &Sandbox, folder: &Path) -> Result<Command> {
        let text = |path: PathBuf| path.display().to_string();
        let (peer, arguments, work) = match self {
            Self::Groundplan => return Ok(product(sandbox, folder)?.command(&["sync", "--yes"])),
            Self::Sceptre(peer) => {
                (peer, vec!["--no-colour".to_owned(), "launch".into(), "--yes".into(), "run".into()], folder)
            }
            Self::Cdk { peer, slots } => {
                let words = format!(
                    "deploy --app {} --all --require-approval never --no-notices --ci --progress events",
                    text(folder.join("cdk.out"))
                );
                let words = words.split(' ').map(str::to_owned).chain(["--concurrency".to_owned(), slots.to_string()]);
                (peer, words.collect(), folder)
            }
        };
        let (account, region) = self.place();
        let mut command = Command::new(&peer.program);
        command.args(&peer.arguments).args(arguments).current_dir(work).env_clear().envs(clean_environment());
        let own = [
            "AWS_ENDPOINT_URL",
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_EC2_METADATA_DISABLED",
            "NO_PROXY",
        ];
        command.envs(sandbox.environment().into_iter().filter(|(name, _)| own.contains(name)));
        command.env("AWS_ACCESS_KEY_ID", account).env("AWS_SECRET_ACCESS_KEY", ROOT_SECRET);
        command.env("AWS_REGION", region).env("AWS_DEFAULT_REGION", region).env("HOME", work);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Ok(command)
    }

    /// groundplan's look for what others changed; nobody else's is asked for.
    pub(super) fn drift(&self, sandbox: &Sandbox, folder: &Path) -> Result<Command> {
        Ok(product(sandbox, folder)?.command(&["drift"]))
    }

    fn write_repository(&self, steps: &[Step], folder: &Path) -> Result<()> {
        let (account, region) = self.place();
        let stacks = folder.join("stacks").join(account).join(region);
        fs::create_dir_all(&stacks)?;
        fs::create_dir_all(folder.join("templates"))?;
        fs::write(folder.join("groundplan.yaml"), "repository: bench\n")?;
        fs::write(folder.join("templates/queue.json"), TEMPLATE)?;
        for (at, step) in steps.iter().enumerate() {
            let after: Vec<String> = step.after.iter().map(|before| self.stack(*before)).collect();
            let text = json!({"Template": "queue.json", "DependsOn": after});
            fs::write(stacks.join(format!("{}.yaml", self.stack(at))), text.to_string())?;
        }
        commit(folder)
    }

    fn write_project(&self, steps: &[Step], folder: &Path) -> Result<()> {
        let (config, templates) = (folder.join("config/run"), folder.join("templates"));
        fs::create_dir_all(&config)?;
        fs::create_dir_all(&templates)?;
        fs::write(templates.join("queue.json"), TEMPLATE)?;
        let project = json!({"project_code": "bench", "region": self.place().1});
        fs::write(folder.join("config/config.yaml"), project.to_string())?;
        for (at, step) in steps.iter().enumerate() {
            let after: Vec<String> =
                step.after.iter().map(|before| format!("run/{}.yaml", self.stack(*before))).collect();
            let text = json!({
                "template": {"path": "queue.json", "type": "file"},
                "stack_name": self.stack(at),
                "dependencies": after,
            });
            fs::write(config.join(format!("{}.yaml", self.stack(at))), text.to_string())?;
        }
        Ok(())
    }

    /// What `cdk synth` writes: a program that makes it would only be measured with it.
    fn write_assembly(&self, steps: &[Step], folder: &Path) -> Result<()> {
        let assembly = folder.join("cdk.out");
        fs::create_dir_all(&assembly)?;
        let (account, region) = self.place();
        let mut artifacts = Map::new();
        for (at, step) in steps.iter().enumerate() {
            let (name, file) = (self.stack(at), format!("{}.template.json", self.stack(at)));
            fs::write(assembly.join(&file), TEMPLATE)?;
            let after: Vec<String> = step.after.iter().map(|before| self.stack(*before)).collect();
            let properties = json!({"templateFile": file, "stackName": name, "validateOnSynth": false});
            let artifact: Value = json!({
                "type": "aws:cloudformation:stack",
                "environment": format!("aws://{account}/{region}"),
                "properties": properties,
                "dependencies": after,
                "displayName": name,
            });
            artifacts.insert(name, artifact);
        }
        let manifest = json!({"version": ASSEMBLY, "artifacts": artifacts});
        fs::write(assembly.join("manifest.json"), manifest.to_string())?;
        Ok(())
    }
}

fn product(sandbox: &Sandbox, folder: &Path) -> Result<Product> {
    let cache = folder.with_extension("cache").display().to_string();
    Ok(Product::at(sandbox)?.with("GROUNDPLAN_REPO", folder.display().to_string()).with("XDG_CACHE_HOME", cache))
}
