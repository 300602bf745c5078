//! Kustomizations and charts, made into plain manifests by the programs that define what they mean.
//!
//! Only what the folder holds and refers to is written out, into a folder of its own that is gone
//! afterwards. What came of the same files by the same program is kept and not made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::{Manifest, unfold_all};
use super::program::{Programs, Renderer};
use super::spec::ChartSpec;
use crate::problem::{Place, Problem, Problems};
use crate::repo::{Entry, Snapshot};
use crate::yaml::{self, Node};

const KUSTOMIZATIONS: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Bases may stand on bases.
const MOST_FOLDERS: usize = 500;

/// What must be rendered, and from what.
pub(super) struct Rendering {
    renderer: Renderer,
    /// The file that says so, for errors.
    file: String,
    arguments: Vec<String>,
    /// Every file that is written out, by its path in the repository.
    files: BTreeMap<String, Vec<u8>>,
}

/// What makes a folder's manifests, where it is not the folder itself.
pub(super) fn rendering_of(
    snapshot: &Snapshot,
    folder: &str,
    chart: Option<&ChartSpec>,
    values: Option<&Node>,
    namespace: &str,
) -> Option<Result<Rendering, Problem>> {
    let kustomization =
        KUSTOMIZATIONS.iter().map(|name| format!("{folder}/{name}")).find(|path| snapshot.entry(path).is_some());
    let own_chart = format!("{folder}/Chart.yaml");
    match (chart, kustomization) {
        (Some(_), Some(file)) => {
            Some(Err(Problem::new(Place::file(file), "a workload is a kustomization or a chart, and not both")))
        }
        (Some(chart), None) => Some(of_chart(snapshot, folder, chart, values, namespace)),
        (None, _) if snapshot.entry(&own_chart).is_some() => {
            Some(of_chart(snapshot, folder, &ChartSpec::default(), None, namespace))
        }
        (None, Some(file)) => Some(of_kustomization(snapshot, folder, file)),
        (None, None) => None,
    }
}

fn of_kustomization(snapshot: &Snapshot, folder: &str, file: String) -> Result<Rendering, Problem> {
    let (mut open, mut seen, mut files) = (vec![folder.to_owned()], BTreeSet::new(), BTreeMap::new());
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        if seen.len() > MOST_FOLDERS {
            return Err(Problem::new(Place::file(file), format!("it stands on more than {MOST_FOLDERS} folders")));
        }
        take(snapshot, &folder, &mut files)?;
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
    Ok(Rendering { renderer: Renderer::Kustomize, file, arguments: vec!["build".into(), folder.to_owned()], files })
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

fn of_chart(
    snapshot: &Snapshot,
    folder: &str,
    chart: &ChartSpec,
    values: Option<&Node>,
    namespace: &str,
) -> Result<Rendering, Problem> {
    let workload = format!("{folder}/workload.yaml");
    let inside = |text: &str| {
        join(folder, text)
            .ok_or_else(|| Problem::new(Place::file(&workload), format!("`{text}` lies outside the repository")))
    };
    let path = inside(chart.path.as_deref().unwrap_or("."))?;
    let file = format!("{path}/Chart.yaml");
    if snapshot.file(&file).is_none() {
        return Err(Problem::new(Place::file(workload), format!("there is no chart `{path}`: it would hold `{file}`"))
            .hint("a chart from a registry is not fetched yet: put it into the repository, `helm pull --untar`"));
    }
    let mut files = BTreeMap::new();
    take(snapshot, &path, &mut files)?;
    let release = chart.release.clone().unwrap_or_else(|| folder.rsplit('/').next().unwrap_or(folder).to_owned());
    let mut arguments: Vec<String> =
        ["template", &release, &path, "--namespace", namespace, "--include-crds"].map(str::to_owned).to_vec();
    arguments.push("--skip-tests".into());
    for name in &chart.value_files {
        let path = inside(name)?;
        let bytes = snapshot
            .file(&path)
            .ok_or_else(|| Problem::new(Place::file(&workload), format!("there is no `{path}` in the repository")))?;
        files.insert(path.clone(), bytes.to_vec());
        arguments.extend(["--values".into(), path]);
    }
    if let Some(values) = values {
        let path = format!("{folder}/.values-of-workload.json");
        files.insert(path.clone(), yaml::kubernetes(values)?.to_string().into_bytes());
        arguments.extend(["--values".into(), path]);
    }
    Ok(Rendering { renderer: Renderer::Helm, file, arguments, files })
}

/// Adds every file below a folder; what is no plain file is refused.
fn take(snapshot: &Snapshot, folder: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Problem> {
    for (path, entry) in snapshot.below(folder) {
        match entry {
            Entry::Blob(bytes) => _ = files.insert(path.to_owned(), bytes.clone()),
            Entry::Symlink(_) | Entry::Submodule | Entry::LfsPointer => {
                return Err(Problem::new(Place::file(path), "this is no plain file").hint("put the file itself here"));
            }
        }
    }
    Ok(())
}

/// A path in the repository, from a folder and a relative path; none where that leaves the repository.
fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

impl Rendering {
    /// The manifests, from what was kept or by the program.
    pub(super) fn run(&self, programs: &Programs, problems: &mut Problems) -> Vec<Manifest> {
        match self.text(programs) {
            Ok((version, text)) => self.read(&version, &text, problems),
            Err(why) => {
                problems.error(Problem::new(Place::file(&self.file), format!("cannot render it: {why}")));
                Vec::new()
            }
        }
    }

    fn text(&self, programs: &Programs) -> Result<(String, String), String> {
        let program = programs.find(self.renderer)?;
        let kept = cache().map(|folder| folder.join(self.key(&program.version)));
        if let Some(text) = kept.as_ref().and_then(|path| fs::read_to_string(path).ok()) {
            return Ok((program.version, text));
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        for (path, bytes) in &self.files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path))
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|error| error.to_string())?;
        }
        let text = program.run(folder.path(), &self.arguments)?;
        if let Some(path) = kept {
            // A cache that cannot be written only costs time.
            _ = keep(&path, &text);
        }
        Ok((program.version, text))
    }

    /// Everything that the output is made of.
    fn key(&self, version: &str) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        add(version.as_bytes());
        self.arguments.iter().for_each(|argument| add(argument.as_bytes()));
        for (path, bytes) in &self.files {
            add(path.as_bytes());
            add(bytes);
        }
        format!("{}.yaml", hex::encode(hash.finalize()))
    }

    fn read(&self, version: &str, text: &str, problems: &mut Problems) -> Vec<Manifest> {
        let name = format!("{} (rendered by {version})", self.file);
        let mut manifests = Vec::new();
        match yaml::parse(&name, text.as_bytes()) {
            Ok(documents) => unfold_all(documents, &mut manifests, problems),
            Err(found) => found.into_iter().for_each(|problem| problems.error(problem)),
        }
        manifests.retain(|manifest| !is_hook(&manifest.node, problems));
        manifests
    }
}

/// A hook of a chart would be one more object for ever: it is left out, and told.
fn is_hook(node: &Node, problems: &mut Problems) -> bool {
    let annotations = node.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let Some(hook) = annotations.and_then(|annotations| annotations.get("helm.sh/hook")) else { return false };
    let when = hook.text().unwrap_or_default();
    problems.warn(
        hook.problem(format!("a chart's hook (`{when}`) is not run")).hint("what it does must be done otherwise"),
    );
    true
}

/// Readable by its owner alone: what is rendered may hold secrets that Git holds, too.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(folder.join("groundplan/render"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::CommitId;

    #[test]
    fn a_path_is_found_from_its_folder_and_never_outside_the_repository() {
        assert_eq!(join("clusters/prod/shop", "../../../bases/web").as_deref(), Some("bases/web"));
        assert_eq!(join("a/b", "./c//d").as_deref(), Some("a/b/c/d"));
        assert_eq!(join("a", "../../etc"), None);
        assert_eq!(join("a", "/etc"), None);
    }

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
        let rendering = rendering_of(&snapshot, "clusters/prod/shop", None, None, "default");
        let Some(Ok(rendering)) = rendering else { panic!("it is a kustomization") };
        let taken: Vec<&str> = rendering.files.keys().map(String::as_str).collect();
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
        let rendering = rendering_of(&snapshot, "clusters/prod/shop", None, None, "default");
        let Some(Err(problem)) = rendering else { panic!("it is refused") };
        assert_eq!(problem.place.line, 2);
    }
}
