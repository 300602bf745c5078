//! What a kustomization is made of: its folder, and every folder that it stands on.

use std::collections::BTreeSet;

use super::gathered::{Gathered, join};
use super::program::{Programs, Tool};
use super::rendering::{Rendering, Step};
use crate::problem::{Place, Problem};
use crate::repo::Snapshot;
use crate::yaml::{self, Node};

pub(super) const KUSTOMIZATIONS: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Bases may stand on bases.
const MOST_FOLDERS: usize = 500;

/// The kustomization of a folder, where it holds one.
pub(super) fn file_in(snapshot: &Snapshot, folder: &str) -> Option<String> {
    KUSTOMIZATIONS.iter().map(|name| format!("{folder}/{name}")).find(|path| snapshot.entry(path).is_some())
}

/// Reads what the kustomization of a folder needs.
pub(super) fn of_kustomization(
    snapshot: &Snapshot,
    programs: &Programs,
    folder: &str,
    file: String,
) -> Result<Rendering, Problem> {
    let (mut open, mut seen, mut files) = (vec![folder.to_owned()], BTreeSet::new(), Gathered::default());
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        if seen.len() > MOST_FOLDERS {
            return Err(Problem::new(Place::file(file), format!("it stands on more than {MOST_FOLDERS} folders")));
        }
        files.take(snapshot, programs, &folder)?;
        for name in KUSTOMIZATIONS {
            let path = format!("{folder}/{name}");
            let Some(bytes) = snapshot.file(&path) else { continue };
            let node = yaml::parse_one(&path, bytes).map_err(|mut problems| problems.swap_remove(0))?;
            for list in ["resources", "bases", "components", "crds", "generators", "transformers", "validators"] {
                for item in node.get(list).map(Node::items).unwrap_or_default() {
                    open.extend(referred(snapshot, &folder, item)?);
                }
            }
        }
    }
    Ok(Rendering::new(file, Step::new(Tool::Kustomize, vec!["build".into(), folder.to_owned()], files)))
}

/// The folder that an entry names, where it names one; a file beside it is written out already.
fn referred(snapshot: &Snapshot, folder: &str, item: &Node) -> Result<Option<String>, Problem> {
    let Some(text) = item.text().filter(|text| !text.contains('\n')) else { return Ok(None) };
    let path = join(folder, text).ok_or_else(|| item.problem(format!("`{text}` lies outside the repository")))?;
    let (is_file, is_folder) = (snapshot.entry(&path).is_some(), snapshot.below(&path).next().is_some());
    match (is_file, is_folder) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(path)),
        (false, false) => Err(item
            .problem(format!("there is no `{path}` in the repository"))
            .hint("what stands elsewhere is not fetched, because it may change without a commit: put a copy below `clusters/`, `bases/`, `components/` or `charts/`")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendering::rendering_of;
    use super::*;
    use crate::repo::CommitId;

    #[test]
    fn a_kustomization_takes_its_bases_along_and_nothing_else() {
        let files = [
            ("clusters/prod/shop/kustomization.yaml", "resources: [../../../bases/web, more.yaml]\n"),
            ("clusters/prod/shop/more.yaml", ""),
            ("clusters/prod/other/secret.yaml", ""),
            ("bases/web/kustomization.yaml", "resources: [../common]\n"),
            ("bases/common/kustomization.yml", "resources: []\n"),
            ("bases/unused/x.yaml", ""),
        ];
        let snapshot = Snapshot::of_files(CommitId::new("c"), files);
        let programs = Programs::at("helm".into(), "kustomize".into());
        let rendering = rendering_of(&snapshot, &programs, "clusters/prod/shop", None, "default");
        let Some(Ok(rendering)) = rendering else { panic!("it is a kustomization") };
        let taken: Vec<&str> = rendering.inputs().collect();
        assert_eq!(
            taken,
            [
                "bases/common/kustomization.yml",
                "bases/web/kustomization.yaml",
                "clusters/prod/shop/kustomization.yaml",
                "clusters/prod/shop/more.yaml",
            ]
        );
    }

    #[test]
    fn what_stands_elsewhere_is_refused_with_its_line() {
        let remote = "resources:\n- https://github.com/acme/base?ref=v1\n";
        let snapshot = Snapshot::of_files(CommitId::new("c"), [("clusters/prod/shop/kustomization.yaml", remote)]);
        let programs = Programs::at("helm".into(), "kustomize".into());
        let rendering = rendering_of(&snapshot, &programs, "clusters/prod/shop", None, "default");
        let Some(Err(problem)) = rendering else { panic!("it is refused") };
        assert_eq!(problem.place.line, 2);
    }
}
