//! The sandbox on the command line: real parts to try the product on.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use infra_tests::sandbox::{self, ACCOUNTS, Cluster, EXTERNAL_ID, Parts, ROLE, Sandbox, cluster, controlplane, keeper};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Starts an AWS emulator, a Git server, a Kubernetes cluster and a Slack simulator on this machine.
///
/// Everything listens on 127.0.0.1 on free ports, keeps its files in a temporary folder, and stops
/// on Ctrl-C. Once ready, the variables are printed that point groundplan, aws and kubectl at it;
/// paste them into a shell of your own.
///
/// AWS is ministack: two accounts, 111111111111 and 222222222222, each with a role `groundplan` that
/// the printed access key may assume with the external id `groundplan-sandbox`. A stack with an
/// AWS::EKS::Cluster gets a real API server; IAM tokens open it. The cluster has a real control plane
/// and one fake node (kwok), on which pods are ready at once.
///
/// The first start builds the control plane with Go (some minutes) and installs the emulator with
/// Python 3 into $GROUNDPLAN_CACHE, else $XDG_CACHE_HOME/groundplan, else ~/.cache/groundplan.
/// Programs in $KUBEBUILDER_ASSETS are used instead of building.
#[derive(Parser)]
#[command(name = "sandbox", version)]
struct Arguments {
    /// Start only these parts [default: all]
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Aws,
    Git,
    Cluster,
    Slack,
}

#[derive(Subcommand)]
enum Command {
    /// Only build what the parts need, telling how it goes
    Build,
    /// Run a program until stdin closes (what the sandbox starts its programs with)
    #[command(hide = true)]
    Keep {
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
    /// Run one cluster until stdin closes (what the EKS of the emulator starts)
    #[command(hide = true)]
    Cluster {
        #[arg(long)]
        folder: PathBuf,
        #[arg(long)]
        port: u16,
        #[arg(long)]
        webhook: Option<PathBuf>,
        #[arg(long)]
        api_server_option: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    let Arguments { only, command } = Arguments::parse();
    match command {
        None => Runtime::new()?.block_on(run(parts(&only)))?,
        Some(Command::Build) => sandbox::build(Parts::ALL)?,
        Some(Command::Keep { program }) => return keeper::keep(&program),
        Some(Command::Cluster { folder, port, webhook, api_server_option: api_server_options }) => {
            let settings = cluster::Settings { port, webhook, api_server_options };
            Runtime::new()?.block_on(run_cluster(&folder, settings))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn parts(only: &[Part]) -> Parts {
    let wanted = |part| only.is_empty() || only.contains(&part);
    Parts { aws: wanted(Part::Aws), git: wanted(Part::Git), cluster: wanted(Part::Cluster), slack: wanted(Part::Slack) }
}

async fn run(parts: Parts) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = async {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    };
    tokio::pin!(stop);
    // A signal while the parts start drops what has started so far.
    let sandbox = tokio::select! {
        started = Sandbox::start(parts) => started?,
        () = &mut stop => return Ok(()),
    };
    tell(parts, &sandbox)?;
    stop.await;
    eprintln!("stopping");
    drop(sandbox);
    Ok(())
}

fn tell(parts: Parts, sandbox: &Sandbox) -> Result<()> {
    let mut out = io::stdout().lock();
    for (name, value) in sandbox.environment() {
        writeln!(out, "export {name}='{value}'")?;
    }
    writeln!(out)?;
    if parts.aws {
        writeln!(out, "# AWS: accounts {}: assume the role {ROLE}, external id {EXTERNAL_ID}", ACCOUNTS.join(", "))?;
        writeln!(out, "#   aws sts get-caller-identity")?;
    }
    if parts.git {
        writeln!(out, "# Git: an empty repository to push to")?;
        sandbox.git().create("shop")?;
        writeln!(out, "#   git clone {}", sandbox.git_url("shop"))?;
    }
    if parts.cluster {
        let kubectl = controlplane::path(controlplane::Tool::Kubectl)?;
        writeln!(out, "# Kubernetes: {}", sandbox.cluster().url())?;
        writeln!(out, "#   {} get nodes", kubectl.display())?;
    }
    if parts.slack {
        writeln!(out, "# Slack: the channel as it stands, and what a script may ask of it")?;
        writeln!(out, "#   curl {}/control/show", sandbox.slack().url())?;
    }
    writeln!(out, "# Logs: {}", sandbox.logs().display())?;
    writeln!(out, "# Ready. Ctrl-C stops everything.")?;
    Ok(out.flush()?)
}

async fn run_cluster(folder: &Path, settings: cluster::Settings) -> Result<()> {
    // A thread that nobody joins: a failed start must end this process while stdin is still open.
    let (closed, mut nobody_wants_it) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = closed.send(());
    });
    let cluster = tokio::select! {
        started = Cluster::start(folder, settings) => started?,
        _ = &mut nobody_wants_it => return Ok(()),
    };
    println!("ready");
    let _ = nobody_wants_it.await;
    drop(cluster);
    Ok(())
}
