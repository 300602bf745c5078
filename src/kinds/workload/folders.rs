//! Which folders below `clusters/` are workloads.

use std::collections::BTreeMap;

use super::manifest::is_manifest;
use crate::repo::Snapshot;

/// What lies in one cluster's folder.
#[derive(Default, PartialEq, Debug)]
pub(super) struct ClusterFolder {
    /// Each workload's folder, the topmost ones only, and the file that made it one.
    pub(super) workloads: BTreeMap<String, String>,
    /// Files that stand beside `cluster.yaml` and belong to no workload.
    pub(super) stray: Vec<String>,
}

/// The folders below `clusters/`, by their path (`clusters/prod`).
pub(super) fn cluster_folders(snapshot: &Snapshot) -> BTreeMap<String, ClusterFolder> {
    let mut folders: BTreeMap<String, ClusterFolder> = BTreeMap::new();
    let mut making: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, _) in snapshot.below("clusters") {
        let Some((cluster, rest)) = path.strip_prefix("clusters/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        let cluster = format!("clusters/{cluster}");
        let folder = folders.entry(cluster.clone()).or_default();
        let makes = is_manifest(path) || is_maker(path);
        match rest.rsplit_once('/') {
            None if rest == "cluster.yaml" => {}
            None if makes => folder.stray.push(path.to_owned()),
            Some((within, _)) if makes => {
                let of = making.entry(cluster.clone()).or_default();
                of.entry(format!("{cluster}/{within}")).or_insert_with(|| path.to_owned());
            }
            None | Some(_) => {}
        }
    }
    for (cluster, found) in making {
        folders.entry(cluster).or_default().workloads = topmost(found);
    }
    folders
}

fn is_maker(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "workload.yaml" | "kustomization.yaml" | "kustomization.yml" | "Kustomization" | "Chart.yaml")
}

fn topmost(found: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let names: Vec<String> = found.keys().cloned().collect();
    let above =
        |folder: &str| names.iter().any(|other| folder.strip_prefix(other).is_some_and(|rest| rest.starts_with('/')));
    found.into_iter().filter(|(folder, _)| !above(folder)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::CommitId;

    #[test]
    fn the_topmost_folder_with_a_manifest_is_the_workload() {
        let files = [
            "clusters/prod/cluster.yaml",
            "clusters/prod/stray.yaml",
            "clusters/prod/README.md",
            "clusters/prod/shop/base/web.yaml",
            "clusters/prod/shop/web.yaml",
            "clusters/prod/team/a/workload.yaml",
            "clusters/prod/team/ab/x.json",
            "clusters/prod/docs/notes.md",
        ];
        let snapshot = Snapshot::of_files(CommitId::new("c"), files.map(|file| (file, "")));
        let folders = cluster_folders(&snapshot);
        let prod = &folders["clusters/prod"];
        assert_eq!(
            prod.workloads.keys().collect::<Vec<_>>(),
            ["clusters/prod/shop", "clusters/prod/team/a", "clusters/prod/team/ab"]
        );
        assert_eq!(prod.stray, ["clusters/prod/stray.yaml"]);
    }
}
