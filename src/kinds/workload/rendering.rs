//! Kustomizations and charts, made into plain manifests by the programs that define what they mean.
//!
//! Only what the folder holds and refers to is written out, into a folder of its own that is gone
//! afterwards. What came of the same files by the same program is kept and not made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::chart::Elsewhere;
use super::manifest::{Manifest, unfold_all};
use super::program::{Fault, Programs, Tool};
use super::sealed;
use super::spec::ChartSpec;
use crate::problem::{Place, Problem, Problems};
use crate::repo::{Entry, Snapshot};
use crate::yaml::{self, Node};

const KUSTOMIZATIONS: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Bases may stand on bases.
const MOST_FOLDERS: usize = 500;

/// What must be rendered, and from what. It has no `Debug`: it may hold what sops decrypted.
pub(super) struct Rendering {
    tool: Tool,
    /// The file that says so, for errors.
    file: String,
    arguments: Vec<String>,
    files: Files,
}

/// Every file that is written out, by its path in the repository.
#[derive(Default)]
struct Files {
    bytes: BTreeMap<String, Vec<u8>>,
    /// What sops decrypted of them: nothing that is made of these files is kept anywhere.
    secrets: BTreeSet<String>,
}

impl Files {
    /// Adds a file, decrypted where sops encrypted it.
    fn add(&mut self, programs: &Programs, path: &str, bytes: &[u8]) -> Result<(), Problem> {
        let bytes = match sealed::is_sealed(path, bytes) {
            false => bytes.to_vec(),
            true => {
                let opened = sealed::open(programs, path, bytes)?;
                self.secrets.extend(opened.values);
                opened.text.into_bytes()
            }
        };
        self.bytes.insert(path.to_owned(), bytes);
        Ok(())
    }
}

/// A chart as workload.yaml names it, with its node.
pub(super) type Chart<'a> = Option<(&'a ChartSpec, &'a Node)>;

/// What makes a folder's manifests, where it is not the folder itself.
pub(super) fn rendering_of(
    snapshot: &Snapshot,
    programs: &Programs,
    folder: &str,
    chart: Chart<'_>,
    namespace: &str,
) -> Option<Result<Rendering, Problem>> {
    let kustomization =
        KUSTOMIZATIONS.iter().map(|name| format!("{folder}/{name}")).find(|path| snapshot.entry(path).is_some());
    let own_chart = format!("{folder}/Chart.yaml");
    match (chart, kustomization) {
        (Some(_), Some(file)) => {
            Some(Err(Problem::new(Place::file(file), "a workload is a kustomization or a chart, and not both")))
        }
        (Some((chart, node)), None) => {
            Some(ChartReader { snapshot, programs, folder, namespace }.read(chart, Some(node)))
        }
        (None, _) if snapshot.entry(&own_chart).is_some() => {
            Some(ChartReader { snapshot, programs, folder, namespace }.read(&ChartSpec::default(), None))
        }
        (None, Some(file)) => Some(of_kustomization(snapshot, programs, folder, file)),
        (None, None) => None,
    }
}

fn of_kustomization(
    snapshot: &Snapshot,
    programs: &Programs,
    folder: &str,
    file: String,
) -> Result<Rendering, Problem> {
    let (mut open, mut seen, mut files) = (vec![folder.to_owned()], BTreeSet::new(), Files::default());
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.clone()) {
            continue;
        }
        if seen.len() > MOST_FOLDERS {
            return Err(Problem::new(Place::file(file), format!("it stands on more than {MOST_FOLDERS} folders")));
        }
        take(snapshot, programs, &folder, &mut files)?;
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
    Ok(Rendering { tool: Tool::Kustomize, file, arguments: vec!["build".into(), folder.to_owned()], files })
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

/// Reads what a chart is rendered from.
struct ChartReader<'a> {
    snapshot: &'a Snapshot,
    programs: &'a Programs,
    folder: &'a str,
    namespace: &'a str,
}

impl ChartReader<'_> {
    fn read(&self, chart: &ChartSpec, node: Option<&Node>) -> Result<Rendering, Problem> {
        let mut files = Files::default();
        let elsewhere = node.map(|node| Elsewhere::of(chart, node)).transpose()?.flatten();
        let (path, file) = match &elsewhere {
            Some(elsewhere) => self.fetched(elsewhere, &mut files)?,
            None => self.own(chart, &mut files)?,
        };
        let release =
            chart.release.clone().unwrap_or_else(|| self.folder.rsplit('/').next().unwrap_or(self.folder).to_owned());
        let mut arguments: Vec<String> =
            ["template", &release, &path, "--namespace", self.namespace, "--include-crds"].map(str::to_owned).to_vec();
        arguments.push("--skip-tests".into());
        for name in &chart.value_files {
            let path = self.inside(name)?;
            let missing = || Problem::new(self.at(), format!("there is no `{path}` in the repository"));
            files.add(self.programs, &path, self.snapshot.file(&path).ok_or_else(missing)?)?;
            arguments.extend(["--values".into(), path]);
        }
        if let Some(values) = node.and_then(|node| node.get("values")) {
            let path = format!("{}/.values-of-workload.json", self.folder);
            files.bytes.insert(path.clone(), yaml::kubernetes(values)?.to_string().into_bytes());
            arguments.extend(["--values".into(), path]);
        }
        Ok(Rendering { tool: Tool::Helm, file, arguments, files })
    }

    /// A chart of this repository: its folder, and the file that errors are told of.
    fn own(&self, chart: &ChartSpec, files: &mut Files) -> Result<(String, String), Problem> {
        let path = self.inside(chart.path.as_deref().unwrap_or("."))?;
        let file = format!("{path}/Chart.yaml");
        if self.snapshot.file(&file).is_none() {
            return Err(Problem::new(self.at(), format!("there is no chart `{path}`: it would hold `{file}`"))
                .hint("one that stands elsewhere is named by `from`, `version` and `digest`"));
        }
        take(self.snapshot, self.programs, &path, files)?;
        Ok((path, file))
    }

    fn fetched(&self, chart: &Elsewhere, files: &mut Files) -> Result<(String, String), Problem> {
        let archive = chart.archive(self.programs, cache().as_deref());
        let archive = archive.map_err(|why| Problem::new(self.at(), why))?;
        let path = format!("{}/.chart-of-workload.tgz", self.folder);
        files.bytes.insert(path.clone(), archive);
        Ok((path, self.at().file))
    }

    fn inside(&self, text: &str) -> Result<String, Problem> {
        join(self.folder, text).ok_or_else(|| Problem::new(self.at(), format!("`{text}` lies outside the repository")))
    }

    fn at(&self) -> Place {
        Place::file(format!("{}/workload.yaml", self.folder))
    }
}

/// Adds every file below a folder; what is no plain file is refused.
fn take(snapshot: &Snapshot, programs: &Programs, folder: &str, files: &mut Files) -> Result<(), Problem> {
    for (path, entry) in snapshot.below(folder) {
        match entry {
            Entry::Blob(bytes) => files.add(programs, path, bytes)?,
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
        let program = programs.find(self.tool)?;
        let is_secret = !self.files.secrets.is_empty();
        let kept = cache().filter(|_| !is_secret).map(|folder| folder.join("render").join(self.key(&program.version)));
        if let Some(text) = kept.as_ref().and_then(|path| fs::read_to_string(path).ok()) {
            return Ok((program.version, text));
        }
        let folder = workplace(is_secret).map_err(|error| error.to_string())?;
        for (path, bytes) in &self.files.bytes {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path))
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|error| error.to_string())?;
        }
        let text = program.run(folder.path(), &self.arguments).map_err(|fault| match fault {
            Fault::Said(_) if is_secret => format!(
                "{} refuses it; its own words are not told, because they may hold what sops decrypted",
                program.version
            ),
            fault => fault.told(),
        })?;
        if let Some(path) = kept {
            // A cache that cannot be written only costs time.
            _ = keep(&path, text.as_bytes());
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
        for (path, bytes) in &self.files.bytes {
            add(path.as_bytes());
            add(bytes);
        }
        format!("{}.yaml", hex::encode(hash.finalize()))
    }

    fn read(&self, version: &str, text: &str, problems: &mut Problems) -> Vec<Manifest> {
        let name = format!("{} (rendered by {version})", self.file);
        let mut manifests = Vec::new();
        let is_secret = !self.files.secrets.is_empty();
        match yaml::parse(&name, text.as_bytes()) {
            Ok(documents) if is_secret => unfold_all(self.veiled(documents, problems), true, &mut manifests, problems),
            Ok(documents) => unfold_all(documents, false, &mut manifests, problems),
            Err(_) if is_secret => problems.error(Problem::new(Place::file(&name), "what was rendered is no YAML")),
            Err(found) => found.into_iter().for_each(|problem| problems.error(problem)),
        }
        manifests
    }

    /// What was made of decrypted files, as long as only Secrets hold what was encrypted.
    fn veiled(&self, documents: Vec<Node>, problems: &mut Problems) -> Vec<Node> {
        let (mut kept, mut escaped) = (Vec::new(), false);
        for document in documents {
            escaped |= sealed::escapes(&document, &self.files.secrets);
            kept.push(sealed::veil(&document, &document.span));
        }
        if escaped {
            let message =
                "what sops decrypted comes out of it in an object that is no Secret, where everybody would read it";
            problems.error(
                Problem::new(Place::file(&self.file), message).hint("use a secretGenerator, or a Secret of the chart"),
            );
            kept.clear();
        }
        kept
    }
}

/// A folder of nobody else's; in memory where decrypted files are written out.
fn workplace(is_secret: bool) -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    match is_secret && memory.is_dir() {
        true => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
        false => tempfile::tempdir(),
    }
}

/// Readable by its owner alone: what is rendered may hold secrets that Git holds, too.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Where is kept what can be made again.
pub(super) fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(folder.join("groundplan"))
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
        let programs = Programs::at("helm".into(), "kustomize".into());
        let rendering = rendering_of(&snapshot, &programs, "clusters/prod/shop", None, "default");
        let Some(Ok(rendering)) = rendering else { panic!("it is a kustomization") };
        let taken: Vec<&str> = rendering.files.bytes.keys().map(String::as_str).collect();
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
