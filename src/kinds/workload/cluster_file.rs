//! `cluster.yaml`: which cluster the workloads of a folder run in.

use super::connect::Where;
use super::folders::ClusterFolder;
use super::read::{document, reference};
use super::spec::{ClusterSpec, EksSpec};
use crate::aws::is_account;
use crate::problem::{Place, Problem, Problems};
use crate::repo::Snapshot;
use crate::unit::{OutputName, Reference, Target, UnitId, Why};
use crate::yaml::{self, Node};

/// Which cluster a folder means, and what must be known before it can be asked; none where nothing
/// says so, which is told.
pub(super) fn read_cluster(
    snapshot: &Snapshot,
    path: &str,
    folder: &ClusterFolder,
    problems: &mut Problems,
) -> Option<(Where, Vec<Reference>)> {
    let file = format!("{path}/cluster.yaml");
    if snapshot.entry(&file).is_none() {
        if !folder.workloads.is_empty() || !folder.stray.is_empty() {
            problems.error(
                Problem::new(Place::file(&file), format!("there is no `{file}`"))
                    .hint("it says which cluster is meant: `eks: {stack: platform/cluster, output: ClusterName}`, `eks: {name, account, region}` or `kubeconfig: {context}`"),
            );
        }
        return None;
    }
    let node = document(snapshot, &file, problems)?;
    let spec: ClusterSpec = problems.keep(yaml::read(&node))?;
    problems.keep(place_of(snapshot, &node, spec))
}

fn place_of(snapshot: &Snapshot, node: &Node, spec: ClusterSpec) -> Result<(Where, Vec<Reference>), Problem> {
    let wrong = |at: &Node, what: &str| {
        at.problem(what).hint("write one of `eks: {stack: platform/cluster, output: ClusterName}`, `eks: {name, account, region}` and `kubeconfig: {context}`")
    };
    let (eks, at) = match (spec.eks, spec.kubeconfig) {
        (None, Some(kubeconfig)) => {
            return Ok((Where::Kubeconfig { context: kubeconfig.context, uid: kubeconfig.uid }, Vec::new()));
        }
        (Some(eks), None) => (eks, node.get("eks").unwrap_or(node)),
        (Some(_), Some(_)) => return Err(wrong(node, "both `eks` and `kubeconfig` are written")),
        (None, None) => return Err(wrong(node, "no cluster is named")),
    };
    let EksSpec { stack, output, name, account, region } = eks;
    match (stack, output, name, account, region) {
        (None, None, Some(name), Some(account), Some(region)) => {
            check_account(at, &account)?;
            Ok((Where::Eks { name, account, region }, Vec::new()))
        }
        (Some(stack), Some(output), None, account, region) => {
            let (account, region) = match (account, region) {
                (Some(account), Some(region)) => (account, region),
                (None, None) => stack_site(snapshot, at.get("stack").unwrap_or(at), &stack)?,
                (Some(_), None) | (None, Some(_)) => {
                    return Err(at.problem("`account` and `region` are written together or not at all"));
                }
            };
            check_account(at, &account)?;
            let name = OutputName { unit: stack, output };
            let why = Why::Cluster(name.output.clone());
            let reference = reference(at, Target::Output(name.clone()), why);
            Ok((Where::Output { name, account, region }, vec![reference]))
        }
        _ => Err(wrong(at, "an EKS cluster is named by `stack` and `output`, or by `name`, `account` and `region`")),
    }
}

fn check_account(at: &Node, account: &str) -> Result<(), Problem> {
    match is_account(account) {
        true => Ok(()),
        false => Err(at
            .get("account")
            .unwrap_or(at)
            .problem(format!("`{account}` is no account"))
            .hint("twelve digits, in quotes")),
    }
}

/// The account and region in the path of the one stack that this tail names.
fn stack_site(snapshot: &Snapshot, at: &Node, tail: &str) -> Result<(String, String), Problem> {
    let ids: Vec<UnitId> = snapshot
        .below("stacks")
        .filter_map(|(path, _)| path.strip_suffix(".yaml").or_else(|| path.strip_suffix(".yml")))
        .map(UnitId::new)
        .collect();
    let named: Vec<&UnitId> = ids.iter().filter(|id| id.ends_with(tail)).collect();
    match named.as_slice() {
        [] => Err(at
            .problem(format!("there is no stack `{tail}`"))
            .hint("a cluster made by a stack outside this repository needs `account` and `region` beside it")
            .did_you_mean(tail, ids.iter().map(UnitId::as_str))),
        [id] => {
            let mut parts = id.as_str().split('/').skip(1);
            let site = parts.next().zip(parts.next());
            let (account, region) = site.ok_or_else(|| at.problem(format!("`{id}` names no account and region")))?;
            Ok((account.rsplit('.').next().unwrap_or(account).to_owned(), region.to_owned()))
        }
        [first, second, ..] => {
            Err(at.problem(format!("`{tail}` names `{first}` and `{second}`")).hint("write more of the path"))
        }
    }
}
